"""Takes the pictures of the playground's page that the documents show, light and dark, wide and narrow.

Run it after a change of the page or the card: `.venv/bin/python tools/pictures.py`.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from playground.browser import CHROMIUM, FLAGS
from playground.parts import World

PICTURES = Path(__file__).parents[1] / "docs/pictures"
COMMANDS = ("mesh status api", "mesh promote api 50")
SIZES = {"": (1360, 1000), "-phone": (390, 844)}


def main() -> None:
    """Start a world, type two commands, take four pictures."""
    with tempfile.TemporaryDirectory() as directory, World(Path(directory)) as world, browser() as chromium:
        if world.prometheus is None:
            raise SystemExit("the pictures need Prometheus: tools/setup")
        world.prometheus.wait_until_scraped("sidecars")
        time.sleep(9)
        type_commands(chromium.new_page(), world)
        for scheme in ("light", "dark"):
            for name, (width, height) in SIZES.items():
                page = chromium.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
                page.goto(world.slack_url)
                time.sleep(3)
                page.screenshot(path=PICTURES / f"page-{scheme}{name}.png")
                page.close()


def type_commands(page: Page, world: World) -> None:
    """Type the commands as a person would."""
    page.goto(world.slack_url)
    time.sleep(1)
    for command in COMMANDS:
        page.keyboard.press("/")
        page.keyboard.type(command)
        page.keyboard.press("Enter")
        time.sleep(3)


@contextmanager
def browser() -> Iterator[Browser]:
    """Run Chromium without a window."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield chromium
        chromium.close()


if __name__ == "__main__":
    main()
