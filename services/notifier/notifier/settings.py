"""The settings of notifier, beyond those of every service."""

import re
from dataclasses import dataclass, field
from email.errors import MessageError
from email.headerregistry import Address
from typing import Annotated, Self
from urllib.parse import unquote

from pydantic import AfterValidator, Field, SecretStr, model_validator

from common.settings import CommonSettings, Secrets, address
from common.text import MAILBOX

_TLS = {"smtp": (False, False), "smtp+starttls": (False, True), "smtps": (True, False)}
_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
_ADDRESS = re.compile(rf"(?:(?P<name>[^<>@]*)(?P<open><))?(?P<mailbox>{MAILBOX})(?(open)>)")


def parse_address(text: str) -> Address:
    """Return the address in `name@host` or `Name <name@host>`. Raises ValueError without quoting it.

    A text with two addresses is refused, and so is an address that catalog would refuse.
    """
    found = _ADDRESS.fullmatch(text)
    if found is None or not text.isprintable():
        raise ValueError("is not an email address")
    try:
        return Address((found["name"] or "").strip('" '), addr_spec=found["mailbox"])
    except (ValueError, MessageError):
        raise ValueError("is not an email address") from None


@dataclass(frozen=True)
class SmtpServer:
    """The mail server, and how to connect to it."""

    host: str
    port: int
    use_tls: bool
    start_tls: bool
    username: str | None = field(repr=False)
    password: str | None = field(repr=False)


def parse_smtp_url(url: str) -> SmtpServer:
    """Return the mail server of this URL. Raises ValueError without quoting it, as it may hold a password."""
    parts = address(url)
    if parts.scheme not in _TLS or not parts.hostname:
        raise ValueError("must be smtp://, smtp+starttls:// or smtps:// and a host")
    use_tls, start_tls = _TLS[parts.scheme]
    username = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    return SmtpServer(parts.hostname, parts.port or _PORTS[parts.scheme], use_tls, start_tls, username, password)


def _address(text: str) -> str:
    parse_address(text)
    return text


def _smtp_url(url: SecretStr) -> SecretStr:
    parse_smtp_url(url.get_secret_value())
    return url


def _public(url: str) -> str:
    parts = address(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("must be the address at which people open QuickSync, such as https://sync.example.com")
    return url.rstrip("/")


class Settings(CommonSettings):
    """`smtp_url` is smtp:// (no TLS, for a mail server on the same host), smtp+starttls:// or smtps://, with a login.

    `master_keys` seal email addresses: base64 of 32 bytes each.
    """

    master_keys: Annotated[Secrets, Field(min_length=1)]
    smtp_url: Annotated[SecretStr, AfterValidator(_smtp_url)]
    smtp_timeout: Annotated[float, Field(gt=0, le=60)] = 20.0
    mail_from: Annotated[str, AfterValidator(_address)]
    public_url: Annotated[str, AfterValidator(_public)]

    @model_validator(mode="after")
    def _is_private(self) -> Self:
        """Sign-in links and cookies travel to `public_url`; without TLS only within this machine."""
        parts = address(self.public_url)
        if self.env != "dev" and parts.scheme != "https" and parts.hostname not in {"127.0.0.1", "::1", "localhost"}:
            raise ValueError("QS_PUBLIC_URL: must be https outside QS_ENV=dev")
        return self

    @property
    def sender(self) -> Address:
        return parse_address(self.mail_from)

    @property
    def smtp_server(self) -> SmtpServer:
        return parse_smtp_url(self.smtp_url.get_secret_value())
