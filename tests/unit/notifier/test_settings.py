"""Notifier starts only with complete and safe settings, and no error contains a secret."""

from contextlib import nullcontext
from typing import Any

import pytest
from click.testing import CliRunner
from pydantic import ValidationError

from notifier.__main__ import main
from notifier.settings import Settings

CANARY = "canary-7b1"
GOOD = {
    "QS_ENV": "dev",
    "QS_POSTGRES_DSN": f"postgresql://notifier:{CANARY}@db/quicksync",
    "QS_AMQP_URL": f"amqp://notifier:{CANARY}@broker/",
    "QS_INTERNAL_SECRETS": CANARY,
    "QS_MASTER_KEYS": CANARY,
    "QS_SMTP_URL": f"smtp://notifier:{CANARY}@mail",
    "QS_MAIL_FROM": "QuickSync <hello@quicksync.test>",
    "QS_PUBLIC_URL": "https://sync.example.com",
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("QS_PUBLIC_URL", None),
        ("QS_ENV", "production"),
        ("QS_PORT", "many"),
        ("QS_CLOVER_BASE_URLS", "{"),
        ("QS_POSTGRES_DSN", f"postgresql://notifier:{CANARY}#x@db/quicksync"),
        ("QS_AMQP_URL", f"amqp://notifier:{CANARY}?x@broker/"),
        ("QS_SMTP_URL", f"smtp://notifier:{CANARY}/x@mail"),
        ("QS_SMTP_URL", f"smtp://[{CANARY}@mail"),
        ("QS_SMTP_URL", f"http://notifier:{CANARY}@mail"),
        ("QS_MAIL_FROM", CANARY),
    ],
)
def test_a_settings_error_contains_no_secret(monkeypatch: pytest.MonkeyPatch, name: str, value: str | None) -> None:
    """The error names the wrong or missing setting and quotes no value."""
    for each, good in (GOOD | {name: value}).items():
        monkeypatch.setenv(each, good) if good else monkeypatch.delenv(each, raising=False)
    refused = CliRunner().invoke(main)

    assert (refused.exit_code, isinstance(refused.exception, SystemExit)) == (1, True)
    assert "QS_" in refused.output or name.removeprefix("QS_").lower() in refused.output
    assert CANARY not in refused.output


@pytest.mark.parametrize(
    ("env", "url", "refused"),
    [
        ("production", "http://sync.example.com", True),
        ("production", "https://sync.example.com", False),
        ("production", "http://127.0.0.1:8000", False),
        ("dev", "http://sync.example.com", False),
    ],
)
def test_the_public_url_must_use_https(env: str, url: str, refused: bool) -> None:
    """Outside dev a sign-in link never leaves the machine without TLS."""
    secret = "0123456789abcdef"
    given: dict[str, Any] = {each.removeprefix("QS_").lower(): value for each, value in GOOD.items()} | {
        "env": env,
        "public_url": url,
        "internal_secrets": secret,
        "clover_webhook_secrets": secret,
        "jwt_public_keys": "-----BEGIN PUBLIC KEY-----",
    }
    with pytest.raises(ValidationError, match="QS_PUBLIC_URL") if refused else nullcontext():
        Settings(**given)
