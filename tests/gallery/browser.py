"""Chromium without a window, over the DevTools protocol: the page is opened from the disk, as people open it."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from playwright.async_api import Page, async_playwright, expect

#: Names under which systems know it.
_NAMES = ("chromium", "chromium-browser", "chromium-headless-shell", "google-chrome", "chrome")
#: Milliseconds that anything may take; a busy machine is slow.
PATIENCE = 20_000

Scheme = Literal["light", "dark"]


def executable() -> str | None:
    """Where a Chromium is installed; none is ever fetched."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


@asynccontextmanager
async def opened(folder: Path, address: str = "") -> AsyncIterator[Page]:
    """The gallery of a folder, once every row is there; at the end nothing has been complained about."""
    complaints: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable(), args=["--no-sandbox"])
        try:
            context = await browser.new_context(viewport={"width": 1280, "height": 900}, offline=True)
            context.set_default_timeout(PATIENCE)
            page = await context.new_page()
            page.on("console", lambda message: complaints.append(message.text))
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("dialog", lambda dialog: complaints.append(dialog.message))
            await page.goto((folder / "index.html").as_uri() + address)
            await page.wait_for_selector("body[data-ready]", state="attached")
            yield page
        finally:
            await browser.close()
    if complaints:
        raise AssertionError("\n".join(complaints))


async def shows(page: Page, ids: list[str]) -> None:
    """Wait until the cards of these jobs are shown, and no others, in this order."""
    await expect(page.locator("article .id")).to_have_text(ids, timeout=PATIENCE)


async def until(page: Page, condition: str) -> None:
    """Wait until a condition holds in the page, whose policy forbids to evaluate anything but a function."""
    await page.wait_for_function(f"() => {condition}")


async def count(page: Page, text: str) -> None:
    """Wait until the line above the cards says this."""
    await page.locator("#count", has_text=text).wait_for()
