"""The kinds of work of notifier."""

SEND_MAIL = "send_mail"
"""Sends one email about one problem. The key is `<problem id>:<kind of mail>`."""

REFRESH_CONTACT = "refresh_contact"
"""Asks catalog for the merchant's name and email address."""
