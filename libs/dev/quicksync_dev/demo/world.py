"""The environment of the story: QuickSync's API and dashboard, Clover and its till, and the mailbox."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeVar

import aiohttp

from quicksync_dev.progress import Progress

TIMEOUT = aiohttp.ClientTimeout(total=20)
LOOK_SECONDS = 0.05
WITHIN_SECONDS = 30.0

T = TypeVar("T")
Json = dict[str, Any]


class StepFailed(Exception):
    """A step of the story failed."""


@dataclass
class World:
    """A running system, with `env` as printed by `quicksync env`, and results of earlier steps."""

    env: Mapping[str, Any]
    session: aiohttp.ClientSession
    progress: Progress
    merchants: dict[str, str] = field(default_factory=dict)
    """Maps regions to merchant ids."""
    items: dict[str, str] = field(default_factory=dict)
    """Maps `region:SKU` to item ids."""
    changes: dict[str, str] = field(default_factory=dict)
    """Maps requests of the story to the ids of their changes."""

    async def quicksync(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Call QuickSync through the gateway. Return status and JSON."""
        headers = {"Authorization": f"Bearer {self.env['token']}"}
        return await self._call(method, f"{self.env['gateway_url']}{path}", body, headers)

    async def done(self, method: str, path: str, body: object = None) -> Any:
        """Call QuickSync and return the JSON. Raise StepFailed on a refusal."""
        status, answer = await self.quicksync(method, path, body)
        expect(status < HTTPStatus.BAD_REQUEST, f"{method} {path} answered {status}: {answer}")
        return answer

    async def clover(self, method: str, path: str, body: object = None) -> Any:
        """Call the sandbox's control API, for its ground truth and its till."""
        status, answer = await self._call(method, f"{self.env['clover_url']}/_sandbox{path}", body, {})
        expect(status < HTTPStatus.BAD_REQUEST, f"the sandbox answered {status} to {method} {path}: {answer}")
        return answer

    async def till(self, region: str, action: str, body: object) -> Any:
        """Run an action at the merchant's till."""
        return await self.clover("POST", f"/merchants/{self.merchants[region]}/till/{action}", body)

    async def mails(self) -> list[Json]:
        """Return every received e-mail, oldest first."""
        _, mails = await self._call("GET", f"{self.env['mail_url']}/mails", None, {})
        return list(mails)

    async def dashboard(self, region: str) -> str:
        """Return the merchant's page as a browser gets it."""
        merchant, gateway = self.merchants[region], self.env["gateway_url"]
        page = f"{gateway}/dashboard/{merchant}/"
        async with self.session.get(page, allow_redirects=False) as answer:
            if answer.status == HTTPStatus.OK:
                return await answer.text()
        login, token = f"{gateway}/dashboard/login", self.env["token"]
        async with self.session.get(login, params={"token": token}) as answer:
            expect(answer.status == HTTPStatus.OK, f"the login link answered {answer.status}")
            csrf = (await answer.text()).partition('name="csrf" value="')[2].partition('"')[0]
        async with self.session.post(login, data={"csrf": csrf, "token": token}) as answer:
            expect(answer.status == HTTPStatus.OK, f"logging in to the dashboard answered {answer.status}")
        async with self.session.get(page) as answer:
            expect(answer.status == HTTPStatus.OK, f"the dashboard answered {answer.status}")
            return await answer.text()

    async def _call(self, method: str, url: str, body: object, headers: Mapping[str, str]) -> tuple[int, Any]:
        async with self.session.request(
            method, url, json=body, headers=headers, timeout=TIMEOUT, allow_redirects=False
        ) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if "json" in answer.content_type else text


def expect(holds: object, otherwise: str) -> None:
    """Raise StepFailed with this message unless the condition is true."""
    if not holds:
        raise StepFailed(otherwise)


async def until(
    check: Callable[[], Awaitable[T | None]], otherwise: str, within: float = WITHIN_SECONDS
) -> tuple[T, float]:
    """Poll `check` until its result is true. Return the result and the seconds; raise StepFailed on a timeout."""
    began = time.monotonic()
    while True:
        found = await check()
        took = time.monotonic() - began
        if found:
            return found, took
        expect(took < within, f"{otherwise} (waited {within:.0f} s)")
        await asyncio.sleep(LOOK_SECONDS)
