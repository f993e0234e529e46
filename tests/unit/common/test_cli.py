"""A command that cannot read its settings names the variables at fault and quotes no value."""

import os

import pytest
from click.testing import CliRunner

from catalog.settings import Settings as CatalogSettings
from common.cli import command
from common.settings import CommonSettings
from inventory.settings import Settings as InventorySettings
from notifier.settings import Settings as NotifierSettings
from orders.settings import Settings as OrdersSettings

SECRET = "hunter2-and-more"
ALL = [CatalogSettings, InventorySettings, OrdersSettings, NotifierSettings]


def output(settings: type[CommonSettings], **environment: str) -> str:
    """Run the service's command in this environment alone, and return its output."""
    result = CliRunner(env=environment).invoke(command("catalog", settings), [])
    assert result.exit_code == 1
    return result.output


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("QS_"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize("settings", ALL)
def test_a_missing_setting_is_named_by_its_variable(settings: type[CommonSettings]) -> None:
    """The message is the line to add to the environment, not the name of a field in the code."""
    text = output(settings, QS_ENV="dev")

    assert "QS_POSTGRES_DSN: not set; it is required" in text
    assert "QS_AMQP_URL: not set; it is required" in text
    assert "postgres_dsn" not in text


@pytest.mark.parametrize("settings", ALL)
@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("QS_PORT", SECRET),
        ("QS_POSTGRES_DSN", f"postgresql://quicksync:{SECRET}@[db"),
        ("QS_CLOVER_BASE_URLS", SECRET),
        ("QS_LOG_LEVEL", SECRET),
    ],
)
def test_a_faulty_setting_is_named_and_not_quoted(settings: type[CommonSettings], variable: str, value: str) -> None:
    """The value may be a secret, so only its variable and the fault are shown."""
    given = {"QS_ENV": "dev", "QS_POSTGRES_DSN": "postgresql://db/qs", "QS_AMQP_URL": "amqp://broker/"}
    text = output(settings, **given | {variable: value})

    assert f"{variable}: " in text
    assert SECRET not in text


def test_a_fault_of_several_settings_names_its_variable() -> None:
    """Outside dev each secret that is missing is named."""
    text = output(InventorySettings, QS_POSTGRES_DSN="postgresql://db/qs", QS_AMQP_URL="amqp://quicksync:x@broker/")

    assert "QS_CLOVER_WEBHOOK_SECRETS: not set" in text
