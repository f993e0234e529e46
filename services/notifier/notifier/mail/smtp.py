"""Delivers messages to the mail server."""

import ssl
from email.message import EmailMessage

import aiosmtplib
import structlog

from common.errors import Ambiguous, Rejected, Transient, Unavailable
from notifier.settings import SmtpServer

_TEMPORARY = range(400, 500)

_ABOUT_THE_MESSAGE = {552, 554}
"""Refusals of a message for its size, its content or its sender: not for the recipient, so no merchant can fix it."""

log = structlog.get_logger()


class SmtpClient:
    """Sends messages through one mail server. `timeout` is in seconds, for each answer of the server."""

    def __init__(self, server: SmtpServer, timeout: float) -> None:
        self._server = server
        self._timeout = timeout

    async def send(self, message: EmailMessage) -> None:
        """Send the message. Errors never quote the server, whose answers may contain the recipient's address.

        Raises Unavailable or Rejected if the server certainly did not accept it, Ambiguous if it may have.
        """
        server = self._server
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.username,
            password=server.password,
            use_tls=server.use_tls,
            start_tls=server.start_tls,
            timeout=self._timeout,
        )
        try:
            await _send_envelope(client, message)
            await _send_content(client, message)
        finally:
            client.close()


async def _send_envelope(client: aiosmtplib.SMTP, message: EmailMessage) -> None:
    """Send everything before the content. After an error here the server certainly has no message."""
    try:
        await client.connect()
        await client.mail(message["From"].addresses[0].addr_spec)
        await client.rcpt(message["To"].addresses[0].addr_spec)
    except aiosmtplib.SMTPRecipientRefused as error:
        raise _recipient_refused(error.code) from None
    except aiosmtplib.SMTPResponseException as error:
        raise _sender_refused(error.code) from None
    except (aiosmtplib.SMTPException, ssl.SSLError, OSError, ValueError) as error:
        raise Unavailable(f"the mail server cannot be reached or used ({type(error).__name__})") from None


async def _send_content(client: aiosmtplib.SMTP, message: EmailMessage) -> None:
    try:
        await client.data(message.as_bytes())
    except aiosmtplib.SMTPDataError as error:
        raise (_sender_refused if error.code in _ABOUT_THE_MESSAGE else _recipient_refused)(error.code) from None
    except (aiosmtplib.SMTPException, OSError) as error:
        raise Ambiguous(f"the mail server did not confirm the message ({type(error).__name__})") from None


def _recipient_refused(code: int) -> Transient | Rejected:
    """Return the error for a refused recipient. A permanent refusal is for the merchant to fix."""
    if code in _TEMPORARY:
        return Unavailable(f"the mail server asks to try later ({code})")
    return Rejected(f"The mail server refused the message ({code}).")


def _sender_refused(code: int) -> Unavailable:
    """Return the error for a refusal of ourselves. No merchant can fix it, so it is logged and the mail is retried."""
    if code not in _TEMPORARY:
        log.error("the mail server refuses us: check QS_SMTP_URL and QS_MAIL_FROM", code=code)
    return Unavailable(f"the mail server refuses us ({code})")
