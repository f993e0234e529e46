"""A real browser, Debian's Chromium, that reports errors of its console."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.async_api import Browser, Page, async_playwright

CHROMIUM = Path("/usr/bin/chromium")
SCREENSHOTS = Path("build/screenshots")
DESKTOP, PHONE = (1280, 900), (390, 844)

Scheme = Literal["light", "dark"]


@dataclass
class Tab:
    """A page and the warnings and errors of its console."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    async def keep(self, name: str) -> None:
        """Save a screenshot of the whole page."""
        await self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


@asynccontextmanager
async def browsing() -> AsyncIterator[Browser]:
    """Start the browser. Without one, skip the test, or fail it in CI."""
    _require_chromium()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        await browser.close()


def _require_chromium() -> None:
    if not CHROMIUM.exists():
        missing = f"there is no {CHROMIUM}; `tools/setup browser` installs it"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)


@asynccontextmanager
async def tab(
    browser: Browser, size: tuple[int, int] = DESKTOP, scheme: Scheme = "light", **options: Any
) -> AsyncIterator[Tab]:
    """Open a tab with its own cookies."""
    viewport: Any = {"width": size[0], "height": size[1]}
    context = await browser.new_context(viewport=viewport, color_scheme=scheme, **options)
    opened = Tab(await context.new_page())
    opened.page.on(
        "console", lambda said: opened.complaints.append(said.text) if said.type in {"error", "warning"} else None
    )
    opened.page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    yield opened
    await context.close()
