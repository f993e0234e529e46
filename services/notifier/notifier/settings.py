"""What notifier reads from the environment beyond what every service does."""

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
    """The one address in `name@host` or `Name <name@host>`. Raises ValueError without quoting it.

    Never a second address, and none that catalog would not take.
    """
    found = _ADDRESS.fullmatch(text)
    if found is None or not text.isprintable():
        raise ValueError("is not an e-mail address")
    try:
        return Address((found["name"] or "").strip('" '), addr_spec=found["mailbox"])
    except (ValueError, MessageError):
        raise ValueError("is not an e-mail address") from None


@dataclass(frozen=True)
class RelayAt:
    """Where the mail server is and how it is spoken to."""

    host: str
    port: int
    use_tls: bool
    start_tls: bool
    username: str | None = field(repr=False)
    password: str | None = field(repr=False)


def parse_relay(url: str) -> RelayAt:
    """Where this URL points. Raises ValueError without quoting it."""
    parts = address(url)
    if parts.scheme not in _TLS or not parts.hostname:
        raise ValueError("must be smtp://, smtp+starttls:// or smtps:// and a host")
    use_tls, start_tls = _TLS[parts.scheme]
    username = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    return RelayAt(parts.hostname, parts.port or _PORTS[parts.scheme], use_tls, start_tls, username, password)


def _address(text: str) -> str:
    parse_address(text)
    return text


def _relay(url: SecretStr) -> SecretStr:
    parse_relay(url.get_secret_value())
    return url


def _public(url: str) -> str:
    parts = address(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("must be the address people open QuickSync at, such as https://sync.example.com")
    return url.rstrip("/")


class Settings(CommonSettings):
    """`smtp_url` is smtp:// (no TLS, for a relay beside us), smtp+starttls:// or smtps://, with a login if needed.

    `master_keys` seal e-mail addresses: base64 of 32 bytes each.
    """

    master_keys: Annotated[Secrets, Field(min_length=1)]
    smtp_url: Annotated[SecretStr, AfterValidator(_relay)]
    smtp_timeout: Annotated[float, Field(gt=0, le=60)] = 20.0
    mail_from: Annotated[str, AfterValidator(_address)]
    public_url: Annotated[str, AfterValidator(_public)]

    @model_validator(mode="after")
    def _is_private(self) -> Self:
        """Sign-in links and cookies travel to `public_url`: in clear they may within this machine only."""
        parts = address(self.public_url)
        if self.env != "dev" and parts.scheme != "https" and parts.hostname not in {"127.0.0.1", "::1", "localhost"}:
            raise ValueError("QS_PUBLIC_URL: must be https outside QS_ENV=dev")
        return self

    @property
    def sender(self) -> Address:
        return parse_address(self.mail_from)

    @property
    def relay(self) -> RelayAt:
        return parse_relay(self.smtp_url.get_secret_value())
