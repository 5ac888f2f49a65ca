"""Takes the picture of each command's card that `docs/commands.md` shows, along the tour of that page, light and dark.

Run it after a change of a card: `.venv/bin/python -m tools.cards`. It needs what `tools.pictures` needs.
"""

from __future__ import annotations

import io
import tempfile
import time
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

from tools.pictures import PICTURES, SCHEMES, browser
from tools.tour import CHANNEL, PAGE, Tour, calm_world

CARDS = PICTURES / "commands"
SIZE = {"width": 1280, "height": 1600}
SHARP = 1.5
"""Pixels of the picture for one of the page: sharp enough where a screen has two."""
COLOURS = 128
"""So many are enough for text on a plain ground, and make a picture a quarter as large."""
SETTLED_S = 1.0


def main() -> None:
    """Walk, and take a picture wherever the page shows one."""
    CARDS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory, calm_world(Path(directory)) as world, browser() as chromium:
        tour = Tour(world)
        tour.begin()
        page = chromium.new_page(viewport=SIZE, device_scale_factor=SHARP)  # type: ignore[arg-type]  # a TypedDict
        page.goto(f"{world.slack_url}/?as=U0JIN#{CHANNEL}")
        for stop, result in tour.walk(PAGE.read_text()):
            if result.complaint:
                raise SystemExit(f"{result.command}: {result.complaint}")
            if stop.is_pictured(result.command):
                take(page, result.message["ts"], stop.verb)


def take(page: Page, stamp: str, verb: str) -> None:
    """Picture one message in both palettes, without what shows only under a pointer."""
    message = page.locator(f'#log [data-ts="{stamp}"]')
    page.mouse.move(2, 2)
    message.scroll_into_view_if_needed()
    time.sleep(SETTLED_S)
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        picture = Image.open(io.BytesIO(message.screenshot())).convert("RGB")
        # The rare ones count too, or a green tick turns grey; then the large grounds are made exactly what they were.
        few = picture.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, kmeans=4)
        few.save(CARDS / f"{verb}-{scheme}.png", optimize=True)


if __name__ == "__main__":
    main()
