"""The `totals` command of the product and the sandbox: what it prints, and which files it refuses."""

import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from tests.contract.test_totals import CARTS, FILE

from clover_sandbox.__main__ import main as sandbox_command
from orders.__main__ import main as orders_command

COMMANDS = {"sandbox": sandbox_command, "orders": orders_command}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_the_command_prints_what_clover_computes(command: click.Command) -> None:
    result = run(command, FILE)

    expected = [{"name": cart["name"], "computed": cart["expected"]} for cart in CARTS]
    assert (result.exit_code, json.loads(result.stdout)) == (0, expected)


MALFORMED: dict[str, Any] = {
    "cart 1 (shoes): lines[0].price": [{"name": "shoes", "lines": [{"price": 1.5}]}],
    "cart 2 (hats): lines[0].discounts[0].percentage": [
        {"name": "shoes"},
        {"name": "hats", "lines": [{"discounts": [{"percentage": "10"}]}]},
    ],
    "cart 1 (shoes): lines[0].tax_rates[0].id": [{"name": "shoes", "lines": [{"tax_rates": [{"rate": 1}]}]}],
    "cart 1 (shoes): lines[0].tax_rates[0].rate": [
        {"name": "shoes", "lines": [{"tax_rates": [{"id": "A", "rate": -1}]}]}
    ],
    "cart 1 (shoes): lines[0].rows": [{"name": "shoes", "lines": [{"rows": -1}]}],
    "cart 1 (boots): lines[0].rows": [{"name": "boots", "lines": [{"rows": 10**9}]}],
    "cart 1 (shoes): lines[1]": [{"name": "shoes", "lines": [{}, 7]}],
    "cart 1 (shoes): lines:": [{"name": "shoes", "lines": {}}],
    "cart 1 (shoes): vat": [{"name": "shoes", "vat": "yes"}],
    "cart 1 (shoes): tips[0]": [{"name": "shoes", "tips": [True]}],
    "cart 1 (shoes): service_charge": [{"name": "shoes", "service_charge": 5}],
    "cart 1 (boots): lines[0].price": [{"name": "boots", "lines": [{"price": 2**63}]}],
    "cart 1 (without a name): name": [{"lines": []}],
    "cart 1 (without a name): cart": [17],
    "carts: must be a list": {"cart": []},
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize(("message", "content"), MALFORMED.items(), ids=MALFORMED)
def test_a_malformed_file_names_the_cart_and_the_field(
    message: str, content: Any, command: click.Command, tmp_path: Path
) -> None:
    (tmp_path / "carts.json").write_text(json.dumps(content))
    result = run(command, tmp_path / "carts.json")

    assert result.exit_code == 2
    assert message in result.output


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize("text", [b"{", b"\xff", b"[" * 100_000, b"[{'name': 1}]"])
def test_a_file_that_is_not_json(text: bytes, command: click.Command, tmp_path: Path) -> None:
    (tmp_path / "carts.json").write_bytes(text)
    result = run(command, tmp_path / "carts.json")

    assert result.exit_code == 2
    assert "the file is not JSON" in result.output


def run(command: click.Command, file: Path) -> Result:
    return CliRunner().invoke(command, ["totals", str(file)])
