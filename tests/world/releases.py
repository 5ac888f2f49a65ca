"""The next release of meshbot, made of this one: its records have a field more and a newer form."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("bot", "chat", "mesh", "meshbot", "playground", "settings", "store", "workers")


def release(place: Path, *, reads: int, writes: int, novelty: bool = False) -> tuple[str, ...]:
    """Make a release that reads and writes these forms of records, and return what is run as `meshbot` then.

    With `novelty` its operations have a field that this release does not know.
    """
    for room in ROOMS:
        shutil.copytree(ROOT / room, place / room, ignore=shutil.ignore_patterns("__pycache__"))
    forms = {"READS = 4": f"READS = {reads}", "WRITES = 4": f"WRITES = {writes}"}
    _replace(place / "store/records.py", forms)
    if novelty:
        field = "    revision: int = 0\n"
        _replace(place / "mesh/domain/operations.py", {field: f'    novelty: str = "of the next release"\n{field}'})
    # -P: what is run must come from there, and not from the directory this test is run in.
    return ("env", f"PYTHONPATH={place}", sys.executable, "-P", "-m", "meshbot")


def _replace(path: Path, words: dict[str, str]) -> None:
    text = path.read_text()
    for old, new in words.items():
        assert text.count(old) == 1, f"{path.name} has {old!r} {text.count(old)} times"
        text = text.replace(old, new)
    path.write_text(text)
