"""What every memory of changes keeps."""

from __future__ import annotations

import pytest

from mesh.ports import Changes
from store.changes import RedisChanges
from store.connection import patient
from store.memory import MemoryChanges

pytestmark = pytest.mark.redis


@pytest.fixture(params=["memory", "redis"])
def changes(request: pytest.FixtureRequest) -> Changes:
    """Each implementation in turn."""
    return MemoryChanges() if request.param == "memory" else RedisChanges(patient(request.getfixturevalue("redis_url")))


def test_a_change_is_another_mark(changes: Changes) -> None:
    """Each change of one thing, and of nothing else; without one the mark stays."""
    assert changes.mark("user U0JIN") == ""
    changes.note("user U0JIN")
    first = changes.mark("user U0JIN")
    assert first == changes.mark("user U0JIN") != ""
    changes.note("user U0JIN")
    assert changes.mark("user U0JIN") not in ("", first)
    assert changes.mark("group U0JIN") == ""
