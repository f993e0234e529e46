"""What notifier reads from the environment beyond what every service does."""

from email.headerregistry import Address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from common.settings import CommonSettings
from notifier.mail import parse_address, parse_relay


def _address(text: str) -> str:
    parse_address(text)
    return text


def _relay(url: SecretStr) -> SecretStr:
    parse_relay(url.get_secret_value())
    return url


def _public(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("must be the address people open QuickSync at, such as https://sync.example.com")
    return url.rstrip("/")


class Settings(CommonSettings):
    """`smtp_url` is smtp:// (no TLS, for a relay beside us), smtp+starttls:// or smtps://, with a login if needed."""

    smtp_url: Annotated[SecretStr, AfterValidator(_relay)]
    smtp_timeout: Annotated[float, Field(gt=0, le=60)] = 20.0
    mail_from: Annotated[str, AfterValidator(_address)]
    public_url: Annotated[str, AfterValidator(_public)]

    @property
    def sender(self) -> Address:
        return parse_address(self.mail_from)
