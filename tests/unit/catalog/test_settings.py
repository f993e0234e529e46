"""The settings of catalog: a value out of range stops the start, with the name of its variable."""

import pytest
from click.testing import CliRunner

from catalog.settings import LIMITS, Settings
from common.cli import command

MINIMUM = {
    "QS_ENV": "dev",
    "QS_POSTGRES_DSN": "postgresql://nowhere.invalid",
    "QS_AMQP_URL": "amqp://nowhere.invalid",
    "QS_MASTER_KEYS": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
}


def limits(**changes: object) -> str:
    return ",".join(f"{name}={value}" for name, value in {**LIMITS, **changes}.items())


def started(**variables: str) -> str:
    """Start catalog with these variables, and return what it prints as it refuses."""
    result = CliRunner(env=MINIMUM | variables).invoke(command("catalog", Settings), [])
    assert result.exit_code == 1, result.output
    return result.output


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("value", ["0", "-1", "1.5", "many", "", "99999999999999999999"])
def test_a_limit_out_of_range_is_named(name: str, value: str) -> None:
    """A limit of zero would stop all calls without a word."""
    assert f"QS_CLOVER_LIMITS: {name}: input should be" in started(QS_CLOVER_LIMITS=limits(**{name: value}))


@pytest.mark.parametrize("value", ["", "nonsense", "app=50", limits(more=1), f"{limits()},app=3"])
def test_limits_that_are_incomplete_are_explained(value: str) -> None:
    """The message shows the form that is expected."""
    assert "QS_CLOVER_LIMITS: name each of app, token" in started(QS_CLOVER_LIMITS=value)


@pytest.mark.parametrize("name", ["QS_GRANT_SECONDS", "QS_BACKGROUND_SHARE"])
@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "1000", "half"])
def test_a_share_out_of_range_is_named(name: str, value: str) -> None:
    """Neither a share without calls nor one that never ends is accepted."""
    assert f"Error: {name}: input should be" in started(**{name: value})
