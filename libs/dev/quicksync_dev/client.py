"""HTTP calls of the commands to the running system."""

from collections.abc import Mapping
from typing import Any

import aiohttp

from quicksync_dev.errors import LauncherError

TIMEOUT = aiohttp.ClientTimeout(total=30)


async def make_sandbox_merchant(clover_url: str, region: str) -> tuple[str, str]:
    """Create a merchant in the sandbox. Return its id and API token."""
    made = await _call("POST", f"{clover_url}/_sandbox/merchants", {"region": region})
    return made["id"], made["token"]


async def connect(running: Mapping[str, Any], merchant: Mapping[str, str]) -> Any:
    """Connect a merchant through the gateway. Return catalog's answer."""
    headers = {"Authorization": f"Bearer {running['token']}"}
    return await _call("POST", f"{running['gateway_url']}/v1/merchants", merchant, headers)


async def mails(mail_url: str) -> Any:
    """Return every caught e-mail, oldest first."""
    return await _call("GET", f"{mail_url}/mails")


async def _call(method: str, url: str, body: object = None, headers: Mapping[str, str] | None = None) -> Any:
    try:
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT) as session,
            session.request(method, url, json=body, headers=headers) as answer,
        ):
            text = await answer.text()
            if not answer.ok:
                raise LauncherError(f"{url} answered {answer.status}: {text[:2000]}")
            return await answer.json()
    except (aiohttp.ClientError, TimeoutError) as error:
        raise LauncherError(f"{url} does not answer ({type(error).__name__})") from error
