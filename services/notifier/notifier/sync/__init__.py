"""The kinds of work of notifier, with the functions that do it."""

from common.contracts.problems import Code
from common.work.batch import Kind
from notifier.kinds import REFRESH_CONTACT, SEND_MAIL
from notifier.sync.contacts import refresh_contact
from notifier.sync.mail import send_mail

SYNC = [
    Kind(SEND_MAIL, send_mail, refused=Code.EMAIL_REJECTED, delayed=Code.EMAIL_DELAYED, batch=1),
    Kind(REFRESH_CONTACT, refresh_contact, refused=Code.EMAIL_REJECTED, delayed=Code.EMAIL_DELAYED),
]
