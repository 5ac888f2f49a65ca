"""A Git server for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workers.git.forge import Forge
from tests.workers.git.server import GitServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    """A real one, with one bare repository."""
    serving = GitServer(tmp_path)
    yield serving
    serving.close()


@pytest.fixture
def forge() -> Iterator[Forge]:
    """A stand-in forge."""
    serving = Forge()
    yield serving
    serving.close()


@pytest.fixture(autouse=True)
def _busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that answers late because the machine is busy does not hang; tests that let one hang say so."""
    monkeypatch.setattr("workers.git.patience.SLOW_S", 5.0)
