"""Email: the message, its headers, and its delivery to the mail server."""
