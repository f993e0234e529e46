"""The kinds of work of notifier, with the functions that do it."""

from datetime import timedelta

from common.contracts.problems import Code
from common.work.batch import Kind
from notifier.kinds import REFRESH_CONTACT, SEND_LINK, SEND_MAIL
from notifier.sync.contacts import refresh_contact
from notifier.sync.links import send_link
from notifier.sync.mail import send_mail

DELAYED_AFTER = timedelta(minutes=1)
"""Longer than for Clover: a mail server that is busy for a moment needs nobody's attention."""

REJECTED, DELAYED = Code.EMAIL_REJECTED, Code.EMAIL_DELAYED

SYNC = [
    Kind(SEND_MAIL, send_mail, REJECTED, batch=1, delayed=DELAYED, delayed_after=DELAYED_AFTER),
    Kind(SEND_LINK, send_link, REJECTED, batch=1, delayed=DELAYED),
    Kind(REFRESH_CONTACT, refresh_contact, REJECTED, delayed=DELAYED),
]
