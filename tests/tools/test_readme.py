"""The README and the documents: what they name is there."""

from __future__ import annotations

import re
from pathlib import Path

from mesh.domain.grammar import OPTIONS
from mesh.domain.verbs import VERBS

HOUSE = Path(__file__).parents[2]
README = (HOUSE / "README.md").read_text()
DOCUMENTS = (HOUSE / "README.md", *sorted((HOUSE / "docs").glob("*.md")))


def test_the_table_of_commands_is_complete() -> None:
    """Every verb begins a command of the table's first column, and every word there is a verb."""
    rows = re.findall(r"^\| (`.*?) \|[^|]*\|$", README.replace("\\|", "/"), re.MULTILINE)
    named = {word for row in rows for word in re.findall(r"`([a-z]+)", row)}
    assert {verb.value for verb in VERBS} == named


def test_every_option_is_named() -> None:
    """Long ones and short ones."""
    assert [option for option in OPTIONS if not re.search(rf"{option}\b", README)] == []


def test_every_picture_and_page_is_there() -> None:
    """No document points at a file that is not in the repository, and no picture is shown by nobody."""
    shown = set()
    for page in DOCUMENTS:
        found = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)|(?:src|srcset)=\"([^\":]+)\"", page.read_text())
        targets = {page.parent / (link or source) for link, source in found}
        assert [str(target) for target in sorted(targets) if not target.exists()] == [], page.name
        shown |= {target.resolve() for target in targets}
    assert sorted(set((HOUSE / "docs/pictures").glob("*.png")) - shown) == []
