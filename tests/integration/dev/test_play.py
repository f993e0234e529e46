"""The story starts when its servers are up."""

from collections import Counter

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from quicksync_dev.demo.play import play
from quicksync_dev.errors import LauncherError

SLOW = 3
"""How often each address is asked before it answers."""


async def test_the_story_waits_for_a_system_that_is_still_starting(lines: list[str]) -> None:
    """Containers still start after compose returns, so the first step waits for a system that answers."""
    asked: Counter[str] = Counter()

    async def answer(request: web.Request) -> web.Response:
        if request.method != "GET":
            return web.Response(status=418 if asked and min(asked.values()) >= SLOW else 502)
        asked[request.path] += 1
        return web.Response(status=200 if asked[request.path] >= SLOW else 502)

    app = web.Application()
    app.router.add_route("*", "/{anything:.*}", answer)
    async with TestServer(app, host="127.0.0.1") as server:
        place = str(server.make_url("")).rstrip("/")
        env = dict.fromkeys(("gateway_url", "clover_url", "mail_url", "webhook_url"), place)

        with pytest.raises(LauncherError, match="step 1 failed: the sandbox answered 418"):
            await play({**env, "webhook_secret": "any", "token": "any"}, lines.append)
