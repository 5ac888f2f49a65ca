"""A Git server for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workers.git.server import GitServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    """A real one, with one bare repository."""
    serving = GitServer(tmp_path)
    yield serving
    serving.close()
