"""A headless Chromium and a fresh stage for each test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, expect, sync_playwright

from playground.browser import CHROMIUM, FLAGS
from playground.serving import ServerThread
from tests.playground.page.stage import Stage

PATIENCE_MS = 60_000
"""How long what must come is waited for: machines are busy."""


# Not for the whole session: the driver's event loop would be in the way of other tests' own loops.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One Chromium for this folder."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture
def stage() -> Stage:
    """What the server will say; change it before `page` is asked for, or while it is open."""
    return Stage()


@pytest.fixture
def address(stage: Stage) -> Iterator[str]:
    """Where the stage is served."""
    with ServerThread(stage.app()) as server:
        yield server.url


@pytest.fixture
def complaints() -> list[str]:
    """Errors the page wrote to the console, and exceptions nobody caught."""
    return []


@pytest.fixture(scope="package")
def wide_window(browser: Browser) -> Page:
    """A desktop window, shared: each test's server has a port of its own, and so its own empty storage."""
    return window(browser, width=1280, small=False)


@pytest.fixture(scope="package")
def phone_window(browser: Browser) -> Page:
    """A phone of 390 pixels, shared in the same way."""
    return window(browser, width=390, small=True)


@pytest.fixture
def page(wide_window: Page, stage: Stage, address: str, complaints: list[str]) -> Iterator[Page]:
    """The page on a wide screen, as Jin Park, with messages shown and events followed."""
    with opened(wide_window, address, complaints):
        stage.wait_for_listener()
        yield wide_window


@pytest.fixture
def phone(phone_window: Page, stage: Stage, address: str, complaints: list[str]) -> Iterator[Page]:
    """The page on a phone."""
    with opened(phone_window, address, complaints):
        stage.wait_for_listener()
        yield phone_window


def window(browser: Browser, *, width: int, small: bool) -> Page:
    """Open a window that nobody has used."""
    context = browser.new_context(viewport={"width": width, "height": 844}, has_touch=small, is_mobile=small)
    context.set_default_timeout(PATIENCE_MS)
    return context.new_page()


@contextmanager
def opened(page: Page, address: str, complaints: list[str]) -> Iterator[None]:
    """Visit the stage with the system's light theme, and leave it again."""

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(message.text)

    def broke(error: Error) -> None:
        complaints.append(str(error))

    page.on("console", heard)
    page.on("pageerror", broke)
    page.emulate_media(color_scheme="light", reduced_motion="no-preference")
    page.goto(address)
    page.wait_for_selector("#log .message")
    yield
    page.goto("about:blank")
    page.remove_listener("console", heard)
    page.remove_listener("pageerror", broke)
