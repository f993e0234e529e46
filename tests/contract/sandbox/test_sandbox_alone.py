"""The command `clover-sandbox` in its own process, and the independent check."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

ROOT = Path(__file__).parents[3]
CHECK = ROOT.parent / "shared" / "clover" / "check_sandbox.py"


@pytest.fixture
async def command() -> AsyncIterator[str]:
    """The base URL of a sandbox that runs alone."""
    options = ("--port", "0", "--limits", "app=0,token=0,app_concurrent=0,token_concurrent=0")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "clover_sandbox", *options, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        said = await asyncio.wait_for(process.stdout.readline(), 20)
        yield said.decode().split()[-1]
    finally:
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 10) == 0


async def open_merchant(command: str) -> dict[str, str]:
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{command}/_sandbox/merchants", json={"region": "us"}) as answer,
    ):
        return dict(await answer.json())


async def test_it_runs_alone_and_stops_on_a_signal(command: str) -> None:
    """The sandbox answers at /_sandbox and creates a merchant. The fixture checks its exit code."""
    async with aiohttp.ClientSession() as http, http.get(f"{command}/_sandbox") as answer:
        assert (await answer.json())["ready"] is True

    assert len((await open_merchant(command))["id"]) == 13


@pytest.mark.skipif(not CHECK.exists(), reason=f"{CHECK} is not beside this repository")
async def test_the_independent_check_says_all_hold(command: str) -> None:
    """The sandbox passes every recorded exchange and documented rule of the shared fact sheet."""
    made = await open_merchant(command)
    arguments = (str(CHECK), command, made["id"], made["token"])
    check = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=asyncio.subprocess.PIPE)
    said, _ = await asyncio.wait_for(check.communicate(), 60)

    assert said.decode().splitlines()[-1] == "all hold", said.decode()
