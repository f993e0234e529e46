"""Runs the story on a running system step by step and reports each result."""

import time
from collections.abc import Mapping
from typing import Any

import aiohttp

from quicksync_dev.database import SERVICES
from quicksync_dev.demo.story import STORY
from quicksync_dev.demo.world import StepFailed, World
from quicksync_dev.errors import LauncherError
from quicksync_dev.processes import answers
from quicksync_dev.progress import Progress
from quicksync_dev.waiting import holds

READY_WITHIN = 120.0


async def play(env: Mapping[str, Any], progress: Progress) -> None:
    """Run all steps in order. Raise LauncherError that names the first failed step."""
    await _all_answer(env)
    began = time.monotonic()
    # By default aiohttp ignores cookies from IP addresses, and the gateway has no host name.
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        world = World(env, session, lambda line: progress(_indented(line)))
        for number, step in enumerate(STORY, 1):
            progress(f"\n{number:2}. {(step.__doc__ or '').splitlines()[0]}")
            started = time.monotonic()
            try:
                await step(world)
            except (StepFailed, aiohttp.ClientError, TimeoutError) as error:
                raise LauncherError(f"step {number} failed: {error or type(error).__name__}") from error
            progress(f"    ✓ {time.monotonic() - started:.2f} s")
    progress(f"\nall {len(STORY)} steps hold, in {time.monotonic() - began:.1f} s")


async def _all_answer(env: Mapping[str, Any]) -> None:
    """Wait for all servers of the story, because containers still start after compose returns."""
    services = [f"{env['gateway_url']}/v1/openapi/{service}.json" for service in SERVICES]
    for url in (*services, f"{env['clover_url']}/_sandbox", f"{env['mail_url']}/mails"):
        if not await holds(answers(url), READY_WITHIN):
            raise LauncherError(f"{url} did not answer within {READY_WITHIN:.0f} s")


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())
