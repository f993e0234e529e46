"""E-mail: whose address it goes to, how a message is made, and how it is given to the relay."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from http import HTTPStatus
from types import TracebackType
from typing import Annotated, Any, Self
from uuid import UUID

import aiohttp
import aiosmtplib
import structlog
from jinja2 import Environment
from pydantic import BaseModel, Field, StringConstraints, ValidationError

from common import messages
from common.errors import Ambiguous, NotFound, Rejected, Transient, Unavailable
from common.http.auth import mint_internal
from common.settings import CommonSettings
from notifier.domain import words
from notifier.domain.mails import MailKind
from notifier.settings import RelayAt, parse_address
from notifier.store import Problem

ASK_SECONDS = 5.0
LARGEST_ANSWER = 64 * 1024

_TRY_LATER = range(400, 500)
_OF_THE_MESSAGE = {552, 554}
"""Answers to a message that speak of its size, its words or who sends it, not of whom it is for."""

log = structlog.get_logger()


class ContactAnswer(BaseModel):
    """What catalog says of whom to write to."""

    account_email: Annotated[str, StringConstraints(min_length=3, max_length=254), Field(repr=False)]
    name: Annotated[str, StringConstraints(max_length=1000)] = ""


class Contacts:
    """Asks catalog for the address of the account a merchant belongs to."""

    def __init__(self, settings: CommonSettings, service: str) -> None:
        self._url = settings.catalog_url
        self._secrets = settings.internal_secrets
        self._service = service
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ASK_SECONDS))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def ask(self, merchant_id: str) -> ContactAnswer:
        """Whom to write to. Raises Unavailable, and NotFound when catalog does not know the merchant."""
        if self._session is None:
            raise Unavailable("the connection to catalog is not open")
        headers = {"Authorization": f"Bearer {mint_internal(self._secrets, 'catalog', self._service)}"}
        try:
            async with self._session.get(
                f"{self._url}/internal/merchants/{merchant_id}/contact", headers=headers, allow_redirects=False
            ) as response:
                status, body = response.status, await response.content.read(LARGEST_ANSWER)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(f"catalog does not answer ({type(error).__name__})") from None
        return _contact_in(status, body)


def _contact_in(status: int, body: bytes) -> ContactAnswer:
    match status:
        case HTTPStatus.OK:
            try:
                return ContactAnswer.model_validate_json(body)
            except ValidationError:
                raise Unavailable("catalog's answer about whom to write to cannot be read") from None
        case HTTPStatus.NOT_FOUND:
            raise NotFound("Catalog does not know whom to write to for this merchant.")
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            raise Unavailable("catalog does not accept our token; are the internal secrets the same?")
    raise Unavailable(f"catalog answered {status}")


@dataclass(frozen=True)
class Letter:
    """One e-mail about one problem, in the state it is in when the e-mail is made."""

    kind: MailKind
    problem: Problem
    timezone: str
    region: str


@dataclass(frozen=True)
class Office:
    """What all our e-mails have in common: the templates, who they are from, where their links lead."""

    templates: Environment
    sender: Address
    public_url: str

    def compose(self, letter: Letter, to: ContactAnswer, at: datetime) -> EmailMessage:
        """The message; the same letter always has the same Message-ID. Raises Rejected for a bad address."""
        try:
            recipient = parse_address(to.account_email)
        except ValueError:
            raise Rejected("The address of the account is not an e-mail address.") from None
        facts = self._facts(letter, words.one_line(to.name))
        message = EmailMessage(policy=SMTP_POLICY)
        message["From"] = self.sender
        message["To"] = recipient
        message["Subject"] = words.one_line(self._render(letter.kind, "subject.txt", facts))
        message["Date"] = at
        message["Message-ID"] = self._message_id(letter.problem.id, letter.kind)
        if letter.kind is MailKind.SOLVED:  # so that mail programs show both as one conversation
            message["In-Reply-To"] = message["References"] = self._message_id(letter.problem.id, MailKind.OPENED)
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(self._render(letter.kind, "body.txt", facts), cte="quoted-printable")
        message.add_alternative(self._render(letter.kind, "body.html", facts), subtype="html", cte="quoted-printable")
        return message

    def _message_id(self, problem_id: UUID, kind: MailKind) -> str:
        return f"<{problem_id}.{kind}@{self.sender.domain}>"

    def _render(self, kind: MailKind, part: str, facts: Mapping[str, Any]) -> str:
        return self.templates.get_template(f"email/{kind}/{part}").render(facts)

    def _facts(self, letter: Letter, name: str) -> dict[str, Any]:
        problem, where = letter.problem, words.zone(letter.timezone)
        texts = messages.for_locale()
        return {
            "title": texts.title(problem.code),
            "explanation": texts.explanation(problem.code),
            "remedy": texts.remedy(problem.code),
            "waiting": texts.waiting(problem.code, problem.waiting),
            "since": words.since(problem.since, where),
            "done": problem.done,
            "resumed": texts.resumed(problem.code, problem.done),
            "solved": texts.resolved(problem.code, problem.done),
            "solved_at": words.since(problem.closed_at, where) if problem.closed_at else "",
            "subject": words.one_line(problem.subject),
            "name": name,
            "store": words.masked(problem.merchant_id),
            "region": words.region(letter.region)[0],
            "link": f"{self.public_url}/dashboard/{problem.merchant_id}/",
        }


class Relay:
    """The mail server that takes our messages."""

    def __init__(self, at: RelayAt, timeout: float) -> None:
        self._at = at
        self._timeout = timeout

    async def send(self, message: EmailMessage) -> None:
        """Give it the message. What the server says may quote the address and is not repeated.

        Raises Unavailable or Rejected when it was not taken for certain, Ambiguous when it may have been.
        """
        at = self._at
        client = aiosmtplib.SMTP(
            hostname=at.host,
            port=at.port,
            username=at.username,
            password=at.password,
            use_tls=at.use_tls,
            start_tls=at.start_tls,
            timeout=self._timeout,
        )
        try:
            await _open(client, message)
            await _give(client, message)
        finally:
            client.close()


async def _open(client: aiosmtplib.SMTP, message: EmailMessage) -> None:
    """All that comes before the message itself: whatever breaks here, the server has not taken it."""
    try:
        await client.connect()
        await client.mail(message["From"].addresses[0].addr_spec)
        await client.rcpt(message["To"].addresses[0].addr_spec)
    except aiosmtplib.SMTPRecipientRefused as error:
        raise _refusal(error.code) from None
    except aiosmtplib.SMTPResponseException as error:
        raise _not_served(error.code) from None
    except (aiosmtplib.SMTPException, ssl.SSLError, OSError, ValueError) as error:
        raise Unavailable(f"the mail server cannot be reached or used ({type(error).__name__})") from None


async def _give(client: aiosmtplib.SMTP, message: EmailMessage) -> None:
    try:
        await client.data(message.as_bytes())
    except aiosmtplib.SMTPDataError as error:
        raise (_not_served if error.code in _OF_THE_MESSAGE else _refusal)(error.code) from None
    except (aiosmtplib.SMTPException, OSError) as error:
        said = f"the mail server did not say whether it took the message ({type(error).__name__})"
        raise Ambiguous(said) from None


def _refusal(code: int) -> Transient | Rejected:
    """What is told of the recipient: for good it is the merchant's to mend."""
    if code in _TRY_LATER:
        return Unavailable(f"the mail server asks to try later ({code})")
    return Rejected(f"The mail server refused the message ({code}).")


def _not_served(code: int) -> Unavailable:
    """What is told of us, whoever the recipient: no merchant can mend it, so it is tried again and logged."""
    if code not in _TRY_LATER:
        log.error("the mail server does not serve us: check QS_SMTP_URL and QS_MAIL_FROM", code=code)
    return Unavailable(f"the mail server does not serve us ({code})")
