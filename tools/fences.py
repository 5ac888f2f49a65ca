"""Where the diagrams of the documents are, and the pictures that the site shows in their place."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

HOUSE = Path(__file__).parents[1]
PICTURES = HOUSE / "docs/pictures/diagrams"
FENCE = re.compile(r"^```mermaid\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)


def pictures_of(text: str) -> tuple[Path, Path]:
    """Return where the light and the dark picture of a diagram are, whether they are there or not.

    They are named after the text they were made of, so that an old one is never shown for a new diagram.
    """
    name = hashlib.sha256(text.encode()).hexdigest()[:12]
    return PICTURES / f"{name}-light.svg", PICTURES / f"{name}-dark.svg"


def diagrams() -> list[str]:
    """Return the text of every diagram of the documents."""
    pages = (HOUSE / "README.md", *sorted((HOUSE / "docs").glob("*.md")))
    return [found["text"] for page in pages for found in FENCE.finditer(page.read_text())]
