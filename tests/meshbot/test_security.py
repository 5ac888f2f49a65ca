"""The table of threats in the documents names tests that there are, one at least for each threat."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
THREATS = range(1, 23)
_ROW = re.compile(r"^\| (\d+) \|.*\| `([\w/.]+)::(test_threat_\w+)` \|$", re.MULTILINE)
_NAMES = re.compile(r"def (test_threat_(\d+)(?:_and_(\d+))?_\w+)\(")


def rows() -> dict[int, tuple[Path, str]]:
    """Each row of the table: file and name of the test, by the threat's number."""
    text = (ROOT / "docs/security.md").read_text()
    return {int(number): (ROOT / path, name) for number, path, name in _ROW.findall(text)}


def test_the_table_has_every_threat() -> None:
    """22 rows, each with a test that is named after it."""
    assert sorted(rows()) == list(THREATS)
    assert [number for number, (_, name) in rows().items() if not name.startswith(f"test_threat_{number}_")] == []


@pytest.mark.parametrize("number", THREATS)
def test_each_named_test_exists(number: int) -> None:
    """Where the table says it is: a test that was renamed or removed takes its row along."""
    path, name = rows()[number]
    assert re.search(rf"^def {name}\(", path.read_text(), re.MULTILINE)


def test_no_test_is_named_after_another_threat() -> None:
    """Every number in a test's name is that of a threat, and every threat has one at least."""
    found: set[int] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        for _, first, second in _NAMES.findall(path.read_text()):
            found |= {int(first), int(second or first)}
    assert found == set(THREATS)
