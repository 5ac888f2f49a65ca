"""The configuration in the audit log: each change once, and a log that takes nothing holds up nobody."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
import redis

from settings.reloading import CatalogFile
from settings.time import SystemTime
from store import keys
from store.auditlog import RedisAuditLog
from store.configured import RedisConfigured
from store.connection import patient
from store.operations import RedisOperations
from tests.store.builders import Handover
from workers.wiring import _ConfigurationOnRecord

pytestmark = pytest.mark.redis

GOOD = "policy: {roles: {sre: {users: [U0JIN], may: [promote]}}}\n"


def write(path: Path, text: str) -> None:
    """Replace the file with a text that is a while old."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    os.utime(fresh, (time.time() - 10,) * 2)
    fresh.replace(path)


def clock(client: redis.Redis, path: Path) -> _ConfigurationOnRecord:
    """What one clock does of it."""
    operations = RedisOperations(client, SystemTime(), enqueue=Handover([]))
    return _ConfigurationOnRecord(RedisConfigured(client, operations), CatalogFile(str(path)))


def noted(client: redis.Redis) -> list[dict[str, Any]]:
    """What is on record."""
    return [entry.facts for entry in RedisAuditLog(client).entries()]


def test_each_change_of_the_configuration_is_on_record_once(redis_url: str, tmp_path: Path) -> None:
    """Two clocks, many looks: what was in force, then that it has mistakes and what holds meanwhile, then the next."""
    client, path = patient(redis_url), tmp_path / "meshbot.yaml"
    write(path, GOOD)
    clocks = [clock(client, path), clock(client, path)]
    for text in (GOOD, "policy: {roles: {sre: {users: [jin]}}}\n", GOOD.replace("sre", "ops")):
        write(path, text)
        for one in clocks * 3:
            one.begin(1.0)
    clock(client, path).begin(1.0)
    first, broken, last = noted(client)
    assert [one["step"] for one in (first, broken, last)] == ["configured"] * 3
    assert (len({one["file"] for one in (first, broken, last)}), len(first["file"])) == (3, 64)
    assert "its roles: sre" in first["text"]
    assert "mistakes, so the last good one stays" in broken["text"]
    assert "its roles: ops" in last["text"]


def test_a_log_that_takes_nothing_holds_up_no_clock(redis_url: str, tmp_path: Path) -> None:
    """It is told again some seconds later, not ten times a second."""
    client, path = patient(redis_url), tmp_path / "meshbot.yaml"
    write(path, GOOD)
    client.set(keys.AUDIT_HEAD, "damaged")
    one = clock(client, path)
    one.begin(1.0)
    client.delete(keys.AUDIT_HEAD)
    one.begin(2.0)
    assert noted(client) == []
    one.begin(7.0)
    assert len(noted(client)) == 1
