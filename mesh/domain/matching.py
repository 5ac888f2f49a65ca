"""Did you mean: the closest of some names."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def closest(word: str, names: Iterable[str]) -> str:
    """Return the name most like `word`, or an empty string when none is near."""
    near = get_close_matches(word.lower(), list(names), n=1, cutoff=0.6)
    return near[0] if near else ""
