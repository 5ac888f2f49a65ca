"""Draws the diagrams of the documents, which forges draw themselves, as pictures for the site: it needs no script then.

Run it after a change of a diagram: `.venv/bin/python -m tools.diagrams`. It needs Chromium, and npm to fetch Mermaid.
"""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from playground.browser import CHROMIUM, FLAGS
from tools.fences import PICTURES, diagrams, pictures_of

MERMAID = "mermaid@11"
SCHEMES = {"light": "neutral", "dark": "dark"}
"""Our palettes, and what Mermaid calls the fitting theme."""


def main() -> None:
    """Draw every diagram that has no picture, and take away the pictures of diagrams that are no more."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    texts = diagrams()
    wanted = {path for text in texts for path in pictures_of(text)}
    for old in set(PICTURES.glob("*.svg")) - wanted:
        old.unlink()
    with tempfile.TemporaryDirectory() as directory, sync_playwright() as playwright:
        script = fetch(Path(directory))
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        page = chromium.new_page()
        page.set_content("<!doctype html><body></body>")
        page.add_script_tag(path=script)
        for text in texts:
            for path, theme in zip(pictures_of(text), SCHEMES.values(), strict=True):
                path.write_text(draw(page, text, theme) + "\n")


def fetch(directory: Path) -> Path:
    """Fetch Mermaid with npm; return its script."""
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("the diagrams need npm, which fetches Mermaid")
    pack = [npm, "pack", "--silent", MERMAID]
    done = subprocess.run(pack, cwd=directory, capture_output=True, text=True, check=True)  # noqa: S603 - fixed words
    with tarfile.open(directory / done.stdout.strip()) as archive:
        archive.extract("package/dist/mermaid.min.js", directory, filter="data")
    return directory / "package/dist/mermaid.min.js"


def draw(page: Page, text: str, theme: str) -> str:
    """Return one diagram as SVG, with plain text in it: what HTML in a picture looks like differs between browsers."""
    flow = {"htmlLabels": False, "useMaxWidth": False}
    options = {"startOnLoad": False, "theme": theme, "htmlLabels": False, "flowchart": flow, "deterministicIds": True}
    svg: str = page.evaluate(
        "async ([text, options]) => { mermaid.initialize(options); return (await mermaid.render('d', text)).svg }",
        [text, options],
    )
    return svg


if __name__ == "__main__":
    main()
