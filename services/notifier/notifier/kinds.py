"""The kinds of work of notifier."""

SEND_MAIL = "send_mail"
"""Sends one email about one problem. The key is `<problem id>:<kind of mail>`."""

SEND_LINK = "send_link"
"""Emails a login link. The key is the minute in which somebody asked for it."""

REFRESH_CONTACT = "refresh_contact"
"""Asks catalog for the merchant's name and email address."""
