"""A service starts only with settings that are safe where it runs."""

from typing import Any

import pytest
from pydantic import ValidationError

from common.settings import CommonSettings

NEEDED: dict[str, Any] = {
    "postgres_dsn": "postgresql://db/quicksync",
    "amqp_url": "amqp://quicksync:3f0c7c1e@broker/",
    "clover_webhook_secrets": "3f0c7c1e-6a1b-4c8e-9f5d-0d9d8f1f2a3b",
    "jwt_public_keys": "-----BEGIN PUBLIC KEY-----",
    "internal_secrets": "correct horse battery staple",
}


def settings(**given: Any) -> CommonSettings:
    return CommonSettings(**(NEEDED | given))


@pytest.mark.parametrize("missing", ["clover_webhook_secrets", "jwt_public_keys", "internal_secrets"])
def test_a_missing_secret_is_refused(missing: str) -> None:
    """Outside dev every secret must be set, and the refusal names its variable."""
    with pytest.raises(ValidationError, match=f"QS_{missing.upper()}"):
        settings(**{missing: ""})


@pytest.mark.parametrize("secret", ["changeme", "SECRET", "development"])
def test_a_default_secret_is_refused(secret: str) -> None:
    """Outside dev well-known secrets are refused."""
    with pytest.raises(ValidationError, match="default secret"):
        settings(internal_secrets=f"a good one,{secret}")


@pytest.mark.parametrize("name", ["clover_webhook_secrets", "internal_secrets"])
def test_a_short_secret_is_refused(name: str) -> None:
    """Outside dev secrets that can be guessed by trying are refused."""
    with pytest.raises(ValidationError, match=f"QS_{name.upper()}: a secret shorter than 16"):
        settings(**{name: "correct horse battery staple,0123456789abcde"})


@pytest.mark.parametrize("url", ["amqp://broker/", "amqp://guest:guest@broker/", "amqp://guest@broker/"])
def test_guest_user_is_refused(url: str) -> None:
    """Outside dev RabbitMQ's guest user is refused."""
    with pytest.raises(ValidationError, match="QS_AMQP_URL: the user guest"):
        settings(amqp_url=url)


def test_dev_starts_without_secrets() -> None:
    """In dev only the servers must be set."""
    assert (
        settings(env="dev", amqp_url="amqp://", clover_webhook_secrets="", jwt_public_keys="", internal_secrets="").env
        == "dev"
    )


@pytest.mark.parametrize("base", ["http://api.clover.com", "api.clover.com"])
def test_clover_addresses_must_be_https(base: str) -> None:
    """Outside dev no token is sent in clear text, and the message names the setting and the region."""
    with pytest.raises(ValidationError, match="QS_CLOVER_BASE_URLS: the address of eu"):
        settings(clover_base_urls={"us": "https://api.clover.com", "eu": base})


def test_dev_accepts_a_local_clover() -> None:
    """In dev the sandbox may have an http address."""
    assert settings(env="dev", clover_base_urls={"us": "http://127.0.0.1:9"}).env == "dev"


def test_several_secrets_are_accepted_for_rotation() -> None:
    """Secrets and keys are comma-separated lists, the first in use; surrounding spaces are ignored."""
    listed = settings(internal_secrets="the one that is new, the one that was before,").internal_secrets
    assert [each.get_secret_value() for each in listed] == ["the one that is new", "the one that was before"]


def test_settings_do_not_show_their_secrets() -> None:
    """The representation of the settings holds no secret."""
    shown = repr(settings(postgres_dsn="postgresql://qs:hunter2@db/quicksync"))

    assert "hunter2" not in shown
    assert "horse" not in shown
