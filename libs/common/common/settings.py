"""The settings of every service, read once from the environment (prefix `QS_`)."""

from typing import Annotated, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


def _listed(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Secrets = Annotated[list[SecretStr], NoDecode, BeforeValidator(_listed)]
"""Several secrets, comma-separated; the first is used, all are accepted, so that they can be rotated."""


def address(url: str) -> SplitResult:
    """Return the parts of this address. Raise ValueError without quoting it, because it may hold a password."""
    try:
        parts = urlsplit(url)
        for host in parts.netloc.rpartition("@")[2].split(","):  # PostgreSQL accepts several hosts
            _ = urlsplit(f"//{host}").port
    except ValueError:
        raise ValueError("is not a valid URL; percent-encode special characters in its user and password") from None
    return parts


def _addressed(url: SecretStr) -> SecretStr:
    address(url.get_secret_value())
    return url


Url = Annotated[SecretStr, AfterValidator(_addressed)]
"""A URL that may hold a user and password."""

SHORTEST_SECRET = 16
"""Minimum length of a secret that strangers could try to guess."""

DEFAULT_SECRETS = {"development", "changeme", "secret", "test"}


class CommonSettings(BaseSettings):
    """The settings that each service reads at start.

    Outside `QS_ENV=dev` a missing, default or short secret is refused, and so are RabbitMQ's user `guest` and a Clover
    address without https.
    """

    # pydantic would quote the whole input, with its secrets, when one setting is missing or wrong
    model_config = SettingsConfigDict(env_prefix="QS_", extra="ignore", frozen=True, hide_input_in_errors=True)

    env: Literal["dev", "production"] = "production"
    postgres_dsn: Url
    amqp_url: Url
    bus_namespace: str = ""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    http_read_timeout: Annotated[float, Field(gt=0, le=60)] = 5.0

    clover_base_urls: dict[str, str] = {
        "us": "https://api.clover.com",
        "eu": "https://api.eu.clover.com",
        "la": "https://api.la.clover.com",
        "sandbox": "https://apisandbox.dev.clover.com",
    }
    clover_app_id: str = ""
    clover_webhook_secrets: Secrets = []
    clover_timeout: Annotated[float, Field(gt=0, le=120)] = 20.0

    jwt_public_keys: Annotated[list[str], NoDecode, BeforeValidator(_listed)] = []
    internal_secrets: Secrets = []
    catalog_url: str = "http://127.0.0.1:8080"
    compare_seconds: Annotated[float, Field(gt=0, le=86400)] = 300.0

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        if self.env != "dev":
            self._refuse_known_secrets()
            self._refuse_missing_secrets()
            if (address(self.amqp_url.get_secret_value()).username or "guest") == "guest":
                raise ValueError("QS_AMQP_URL: the user guest is not allowed outside QS_ENV=dev; name another user")
            for region, base in self.clover_base_urls.items():
                if not base.lower().startswith("https://"):
                    raise ValueError(f"QS_CLOVER_BASE_URLS: the address of {region} must be https outside QS_ENV=dev")
        return self

    def _refuse_known_secrets(self) -> None:
        for name in type(self).model_fields:
            value = getattr(self, name)
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, SecretStr) and each.get_secret_value().lower() in DEFAULT_SECRETS | {""}:
                    raise ValueError(f"QS_{name.upper()}: a default secret; set a secret of your own")

    def _refuse_missing_secrets(self) -> None:
        for required in ("clover_webhook_secrets", "jwt_public_keys", "internal_secrets"):
            if not getattr(self, required):
                raise ValueError(f"QS_{required.upper()}: not set; it is required outside QS_ENV=dev")
        for shared in ("clover_webhook_secrets", "internal_secrets"):
            if min(len(each.get_secret_value()) for each in getattr(self, shared)) < SHORTEST_SECRET:
                raise ValueError(f"QS_{shared.upper()}: a secret shorter than {SHORTEST_SECRET} characters")
