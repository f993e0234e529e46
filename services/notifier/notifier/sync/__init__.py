"""The kinds of work of notifier, with the functions that do it."""

from common.contracts.problems import Code
from common.work.kind import Kind
from notifier.kinds import REFRESH_CONTACT, SEND_LINK, SEND_MAIL
from notifier.sync.contacts import refresh_contact
from notifier.sync.links import send_link
from notifier.sync.mail import send_mail

REJECTED, DELAYED = Code.EMAIL_REJECTED, Code.EMAIL_DELAYED

SYNC = [
    Kind(SEND_MAIL, send_mail, REJECTED, batch=1, delayed=DELAYED),
    Kind(SEND_LINK, send_link, REJECTED, batch=1, delayed=DELAYED),
    Kind(REFRESH_CONTACT, refresh_contact, REJECTED, delayed=DELAYED),
]
