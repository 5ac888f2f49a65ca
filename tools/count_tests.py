"""Says how many tests of which kind there are, by room and by the real parts they use."""

from __future__ import annotations

import collections
import contextlib
import io
import os
from pathlib import Path

import pytest

MARKS = ("redis", "prometheus", "world", "browser", "image")
E2E, CLUSTER = "e2e", "cluster"
"""The rooms of `make e2e` and of `make cluster`; `make test` runs all the others."""


class Counter:
    """Counts what pytest collects."""

    def __init__(self) -> None:
        self.rooms: collections.Counter[str] = collections.Counter()
        self.marks: collections.Counter[str] = collections.Counter()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Count one collection."""
        for item in items:
            self.rooms[item.path.relative_to(Path("tests").resolve()).parts[0].removesuffix(".py")] += 1
            self.marks.update(mark for mark in MARKS if item.get_closest_marker(mark))


def main() -> None:
    """Collect quietly, all rooms included, and print the counts."""
    counter = Counter()
    for asked in ("MESHBOT_E2E", "MESHBOT_CLUSTER"):
        os.environ[asked] = "1"  # noqa: TID251 - it is said to pytest, and read by no part of the product
    with contextlib.redirect_stdout(io.StringIO()):
        pytest.main(["--collect-only", "-qq", "--no-header", "--no-summary"], plugins=[counter])
    print("Tests by room: " + ", ".join(f"{room} {count}" for room, count in sorted(counter.rooms.items())))  # noqa: T201 - a report
    needs = {mark: counter.marks[mark] for mark in MARKS}
    needs |= {"kube-apiserver": counter.rooms[E2E], "a node": counter.rooms[CLUSTER]}
    print("Tests that need: " + ", ".join(f"{what} {count}" for what, count in needs.items()))  # noqa: T201 - a report


if __name__ == "__main__":
    main()
