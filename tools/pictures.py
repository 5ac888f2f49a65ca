"""Takes the pictures of the playground's page that the documents show.

Run it after a change of the page or of a card: `.venv/bin/python -m tools.pictures`. It needs Prometheus, Chromium, and
a font with emoji (Debian: fonts-noto-color-emoji); without one there are boxes in their place.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect, sync_playwright

from mesh.operations.incident_cards import SLOT_S
from playground.browser import CHROMIUM, FLAGS
from playground.parts import World

PICTURES = Path(__file__).parents[1] / "docs/pictures"
SIZES = {"": (1360, 1000), "-phone": (390, 844)}
DESK: ViewportSize = {"width": 1360, "height": 1400}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WARM_S = 15
"""Seconds of traffic until every gate can decide, the charts too."""
SETTLED_S = 5
"""Seconds after which a command's card has come to rest."""
WATCHED_S = 60
"""Seconds until the lines beside the world's numbers, which begin when a page is opened, are at their full length."""
SEEN_S = 75
"""Seconds until trouble shows in the last hour of an incident's card, which counts whole half minutes."""
PATIENCE_MS = 30_000
"""Longest wait for what a card will say."""


def main() -> None:
    """Start a world, play requester and approver in it, and take pictures of what they see."""
    with tempfile.TemporaryDirectory() as directory, World(Path(directory)) as world, browser() as chromium:
        if world.prometheus is None:
            raise SystemExit("the pictures need Prometheus: tools/setup")
        world.prometheus.wait_until_scraped("sidecars")
        time.sleep(WARM_S)
        desk = chromium.new_page(viewport=DESK, color_scheme="light")
        desk.goto(f"{world.slack_url}/?as=U0JIN#C0PROD")
        say(desk, "/mesh status api", "/mesh promote api 50")
        time.sleep(2 * SETTLED_S)
        whole_pages(chromium, world)
        approval(desk)
        denial(desk)
        incident(desk)
        digest(desk)
        form(desk)
        home(desk)
        korean(desk)


def whole_pages(chromium: Browser, world: World) -> None:
    """Picture the page itself, light and dark, wide and narrow."""
    pages = {}
    for scheme in SCHEMES:
        for name, (width, height) in SIZES.items():
            page = chromium.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
            page.goto(world.slack_url)
            pages[f"page-{scheme}{name}.png"] = page
    time.sleep(WATCHED_S)
    for name, page in pages.items():
        page.screenshot(path=PICTURES / name)
        page.close()


def approval(page: Page) -> None:
    """Ask for what needs two people, and let one of them agree."""
    say(page, '/mesh promote checkout 50 --reason "release 4412"')
    turn(page, "U0ANA", "C0INC")
    page.locator("#log").get_by_role("button", name="Approve").click()
    page.get_by_role("dialog").get_by_role("button", name="Approve").click()
    turn(page, "U0LEE", "C0INC")
    expect(newest(page, "Waiting for approval")).to_contain_text("1 of 2 approvals", timeout=PATIENCE_MS)
    take(page, newest(page, "Waiting for approval"), "approval")


def denial(page: Page) -> None:
    """Press Deny where it waits, and think better of it."""
    page.locator("#log").get_by_role("button", name="Deny").last.click()
    page.get_by_label("Reason").fill("Not during the sale. Ask again on Monday.")
    page.get_by_role("dialog").screenshot(path=PICTURES / "denial.png")
    page.get_by_role("button", name="Cancel").click()


def incident(page: Page) -> None:
    """Break v2 of api, once there is a point of how well it did before, and raise its alert."""
    turn(page, "U0JIN", "C0INC")
    time.sleep(-time.time() % SLOT_S + SETTLED_S)
    page.get_by_role("button", name="Break v2").first.click()
    time.sleep(SEEN_S)
    page.get_by_role("group", name="Alert of api").get_by_role("button").click()
    time.sleep(2 * SETTLED_S)
    take(page, newest(page, "HighErrorRate"), "incident")


def digest(page: Page) -> None:
    """Ask for the digest, while checkout waits and api has its incident."""
    turn(page, "U0JIN", "C0PROD")
    page.get_by_role("button", name="Post the digest now").click()
    time.sleep(SETTLED_S)
    take(page, newest(page, "Off their resting split"), "digest")


def form(page: Page) -> None:
    """Open the form and look at a plan."""
    say(page, "/mesh")
    page.get_by_role("combobox", name="Service").press_sequentially("checkout", delay=50)
    time.sleep(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.get_by_label("Share, weights or steps").fill("20")
    page.get_by_role("button", name="Preview the plan").click()
    time.sleep(SETTLED_S)
    # As high as it takes to see where the plan begins, and no line cut in two.
    dialog, foot = page.get_by_role("dialog"), page.locator(".modal-foot")
    dialog.evaluate("dialog => { dialog.style.maxHeight = 'none' }")
    end = dialog.get_by_text("Gates of v2").evaluate("gates => gates.getBoundingClientRect().top")
    top = dialog.evaluate("dialog => dialog.getBoundingClientRect().top")
    height = end - top + foot.evaluate("foot => foot.offsetHeight")
    dialog.evaluate("(dialog, height) => { dialog.style.maxHeight = `${height}px` }", height)
    dialog.screenshot(path=PICTURES / "form.png")
    page.keyboard.press("Escape")


def home(page: Page) -> None:
    """Look at the Home of somebody for whom an approval waits."""
    turn(page, "U0LEE", "D0LEE")
    page.set_viewport_size({"width": DESK["width"], "height": 620})
    page.get_by_role("button", name="Home").click()
    time.sleep(SETTLED_S)
    page.locator("#home").screenshot(path=PICTURES / "home.png")
    # What comes next is taller, and a message that does not fit is cut.
    page.set_viewport_size(DESK)


def korean(page: Page) -> None:
    """Let somebody whose Slack is Korean move traffic."""
    turn(page, "U0SOO", "C0PROD")
    say(page, "/mesh promote web 20")
    time.sleep(SETTLED_S)
    take(page, newest(page, "web 승격됨"), "korean")


def say(page: Page, *commands: str) -> None:
    """Type commands as a person would, each to its end."""
    for command in commands:
        page.fill("#box", command)
        page.keyboard.press("Enter")
        time.sleep(SETTLED_S)


def turn(page: Page, person: str, channel: str) -> None:
    """Act as somebody, and open a channel."""
    page.select_option("#as", person)
    page.locator(f"[data-channel={channel}]").click()
    time.sleep(1)


def newest(page: Page, words: str) -> Locator:
    """Return the newest message that says this."""
    return page.locator("#log .message", has_text=words).last


def take(page: Page, message: Locator, name: str) -> None:
    """Picture one message, without what shows only under a pointer."""
    page.mouse.move(2, 2)
    message.scroll_into_view_if_needed()
    time.sleep(2)
    message.screenshot(path=PICTURES / f"{name}.png")


@contextmanager
def browser() -> Iterator[Browser]:
    """Run Chromium without a window."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield chromium
        chromium.close()


if __name__ == "__main__":
    main()
