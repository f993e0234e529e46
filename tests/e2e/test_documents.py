"""The documents show commands and requests that work as they stand."""

import json
import os
import re
import shutil
import subprocess
from asyncio import create_subprocess_exec
from pathlib import Path

import aiohttp
import pytest
from tests.support.documents import ROOT, SERVICES
from tests.support.eventually import eventually
from tests.support.examples import Caller, operations
from tests.support.running import PATIENCE

from quicksync_dev.demo.world import World
from quicksync_dev.system import System


async def test_the_first_order_of_the_readme_can_be_pasted(system: System, tmp_path: Path) -> None:
    """The lines of the README create a product and an order, show the order, and bring it into Clover."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed; `tools/setup curl` installs it")
    section = (ROOT / "README.md").read_text().partition("<!-- a test pastes")[2].partition("\n## ")[0]
    lines = "\n".join(line[4:] for line in section.splitlines() if line.startswith("    "))
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    (tmp_path / ".quicksync").symlink_to(system.data_dir.root)
    pasting = await create_subprocess_exec(
        "bash", "-euo", "pipefail", "-c", f'{lines}\necho "$url"', cwd=tmp_path, env=_plain(), stdout=subprocess.PIPE
    )
    output, _ = await pasting.communicate()

    assert pasting.returncode == 0, output
    printed, url = output.decode().strip().rsplit("\n", 1)
    product, order, shown, order_type = _json_texts(printed)
    assert (product["sku"], order["number"], shown["source_id"]) == ("MUG", "#1001", "1001")
    assert shown["state"] in {"ready", "held"}
    assert order_type["label"] == "QuickSync"
    await eventually(lambda: _is_paid(system, f"{url}/orders/1001"), within=PATIENCE)


async def _is_paid(system: System, order: str) -> bool:
    token = {"Authorization": f"Bearer {system.env()['token']}"}
    async with aiohttp.ClientSession() as session, session.get(order, headers=token) as answer:
        return bool((await answer.json())["state"] == "paid")


async def test_every_example_is_answered_as_documented(system: System) -> None:
    """Each operation accepts its example, answers with a documented status, and the body fits the schema."""
    env = system.env()
    async with aiohttp.ClientSession() as session:
        world = World(env, session, lambda _: None)
        merchant = await world.clover("POST", "/merchants", {"region": "us"})
        shop = f"/merchants/{merchant['id']}"
        await world.clover("POST", f"{shop}/items", {"count": 2, "prefix": "OLD-", "quantity": 1})
        documents = {name: json.loads((ROOT / "docs" / "openapi" / f"{name}.json").read_text()) for name in SERVICES}
        connect = documents["catalog"]["paths"]["/v1/merchants"]["post"]
        example = connect["requestBody"]["content"]["application/json"]["example"]
        replaced = {example["merchant_id"]: merchant["id"], example["api_token"]: merchant["token"]}
        merge = documents["catalog"]["paths"]["/v1/merchants/{merchant_id}/links:merge"]["post"]
        merged = merge["requestBody"]["content"]["application/json"]["example"]
        items = [item["id"] for item in (await world.clover("GET", shop))["items"]]
        replaced |= dict(zip([merged["item_id"], *merged["duplicates"]], items, strict=True))
        caller = Caller(session, env["gateway_url"], env["token"], {"ABCD1234EFGH5": merchant["id"]} | replaced)
        everything = [each for name in SERVICES for each in operations(documents[name])]
        # connecting comes first, as every other operation needs the merchant; what one service deletes, others need
        for operation in sorted(everything, key=lambda each: (each.path != "/v1/merchants", each.method == "delete")):
            # a service that is fast has no pending work left to retry
            assert await caller.send(operation) or operation.name == "retry_work", operation.name


def _plain() -> dict[str, str]:
    """The environment of a new terminal."""
    return {name: value for name, value in os.environ.items() if not name.startswith("QS_")}


def _json_texts(output: str) -> list[dict[str, object]]:
    decoder, found, rest = json.JSONDecoder(), [], output.strip()
    while rest:
        value, end = decoder.raw_decode(rest)
        found.append(value)
        rest = re.sub(r"^\s+", "", rest[end:])
    return found
