"""`meshbot audit` against a real Redis: the log as it is, and every way to break it."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
import redis

from mesh.domain.audit import GENESIS
from store import keys
from store.connection import quick
from store.operations import RedisOperations
from tests.meshbot.test_cli import run
from tests.store.builders import Handover, WallClock

pytestmark = pytest.mark.redis


@pytest.fixture
def written(redis_url: str) -> str:
    """A log of three entries; the last holds text that somebody typed."""
    operations = RedisOperations(quick(redis_url), WallClock(), enqueue=Handover([]))
    for number, text in enumerate(("first", "second", "=HYPERLINK(1)\x1b[2J\nforged")):
        facts = {"step": "denied", "actor": "U0JIN", "operation": "", "target": "a/b/api", "reason": text, "text": text}
        operations.audit({**facts, "at": 1000.0 + number})
    return redis_url


def head(url: str) -> str:
    """The hash of the last entry, as kept apart from the log."""
    with redis.Redis.from_url(url, decode_responses=True) as client:
        return str(client.get(keys.AUDIT_HEAD)).partition(":")[2]


def test_a_whole_log_is_verified(written: str) -> None:
    """`verify` says how many entries there are and the last hash, to compare with the audit channel."""
    shown = run("audit", "verify", REDIS_URL=written)
    assert (shown.returncode, shown.stdout) == (0, f"ok: 3 entries, head {head(written)}\n")


def test_an_empty_log_is_whole(redis_url: str) -> None:
    """Nothing written, nothing broken."""
    shown = run("audit", "verify", REDIS_URL=redis_url)
    assert (shown.returncode, shown.stdout) == (0, f"ok: 0 entries, head {GENESIS}\n")


def _edit(client: Any) -> None:
    client.lset(keys.AUDIT, 1, client.lindex(keys.AUDIT, 1).replace("second", "sec0nd"))


BREAKS: list[tuple[str, Callable[[Any], object], int]] = [
    ("an edited entry", _edit, 2),
    ("a removed first entry", lambda client: client.lpop(keys.AUDIT), 1),
    ("a removed last entry", lambda client: client.rpop(keys.AUDIT), 2),
    ("a removed head", lambda client: client.delete(keys.AUDIT_HEAD), 3),
]


@pytest.mark.parametrize(("break_it", "seq"), [case[1:] for case in BREAKS], ids=[case[0] for case in BREAKS])
def test_a_broken_log_names_its_first_broken_entry(written: str, break_it: Callable[[Any], object], seq: int) -> None:
    """Status 1, and where the chain breaks."""
    with redis.Redis.from_url(written, decode_responses=True) as client:
        break_it(client)
    shown = run("audit", "verify", REDIS_URL=written)
    assert shown.returncode == 1
    assert f"BROKEN at entry {seq}:" in shown.stderr


def test_the_list_shows_the_newest_entries_one_a_line(written: str) -> None:
    """People's words can neither start new lines nor give the terminal orders."""
    shown = run("audit", "list", "-n", "2", REDIS_URL=written)
    lines = shown.stdout.splitlines()
    assert len(lines) == 2
    assert "1970-01-01 00:16:42Z" in lines[1]
    assert "U0JIN" in lines[1]
    assert "\x1b" not in shown.stdout


def test_the_list_is_also_json(written: str) -> None:
    """One object a line, for scripts."""
    entries = [json.loads(line) for line in run("audit", "list", "--json", REDIS_URL=written).stdout.splitlines()]
    assert [entry["seq"] for entry in entries] == [1, 2, 3]


def test_the_json_export_can_be_verified_without_meshbot(written: str) -> None:
    """Each line holds the text that its hash covers, so a few lines of any language can check the chain."""
    previous = GENESIS
    for line in run("audit", "export", REDIS_URL=written).stdout.splitlines():
        entry = json.loads(line)
        assert hashlib.sha256((previous + entry["body"]).encode()).hexdigest() == entry["hash"]
        previous = entry["hash"]
    assert previous == head(written)


def test_the_csv_export_has_a_row_for_each_entry_and_no_formulas(written: str) -> None:
    """A spreadsheet must not run what somebody typed as a reason."""
    rows = list(csv.DictReader(io.StringIO(run("audit", "export", "--format", "csv", REDIS_URL=written).stdout)))
    assert [row["seq"] for row in rows] == ["1", "2", "3"]
    assert rows[2]["reason"].startswith("'=HYPERLINK")
    assert {"at", "step", "actor", "operation", "target", "command", "facts", "hash"} <= set(rows[0])
