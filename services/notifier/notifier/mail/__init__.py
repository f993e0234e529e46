"""Email: the recipient's contact, the message, and its delivery to the mail server."""
