"""`meshbot audit` against a real Redis: the log as it is, and every way to break it."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

from mesh.domain.audit import GENESIS
from store import keys
from store.connection import patient
from store.operations import RedisOperations
from tests.meshbot.test_cli import run
from tests.store.builders import Handover, WallClock

pytestmark = pytest.mark.redis


@pytest.fixture
def written(redis_url: str) -> str:
    """A log of three entries; the last holds text that somebody typed."""
    operations = RedisOperations(patient(redis_url), WallClock(), enqueue=Handover([]))
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


def exported(url: str, *options: str) -> list[int]:
    """The numbers of the entries that an export holds."""
    return [json.loads(line)["seq"] for line in run("audit", "export", *options, REDIS_URL=url).stdout.splitlines()]


@pytest.fixture
def mixed(redis_url: str) -> str:
    """Four entries: two people, two services, and a vote that one person gave on what the other asked for."""
    operations = RedisOperations(patient(redis_url), WallClock(), enqueue=Handover([]))
    rows = [("U0JIN", "a/b/api", ""), ("U0LEE", "a/b/web", ""), ("U0JIN", "a/c/api", "U0LEE"), ("", "", "")]
    for number, (actor, target, by) in enumerate(rows):
        facts = {"step": "queued", "actor": actor, "operation": "", "target": target, **({"by": by} if by else {})}
        operations.audit({**facts, "at": 86400.0 * number})
    return redis_url


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ("", [1, 2, 3, 4]),
        ("--service api", [1, 3]),
        ("--service a/c/api", [3]),
        ("--person U0LEE", [2, 3]),
        ("--person U0JIN --service api --until 1970-01-02", [1]),
        ("--since 1970-01-02", [2, 3, 4]),
        ("--since 1970-01-02T00:00:01 --until 1970-01-04T00:00:00+00:00", [3]),
        ("--since 1970-01-01T23:00:00-01:00 --until 1970-01-03", [2]),
        ("--service nothing", []),
    ],
)
def test_an_export_is_of_a_time_a_service_or_a_person(mixed: str, options: str, found: list[int]) -> None:
    """All that is asked for must fit; times are UTC unless they say otherwise, the end is left out."""
    assert exported(mixed, *options.split()) == found


def test_an_export_goes_to_a_file(mixed: str, tmp_path: Path) -> None:
    """The same as on standard output; a time that is none is said, and writes nothing."""
    path = tmp_path / "audit.csv"
    assert run("audit", "export", "--format", "csv", "-o", str(path), REDIS_URL=mixed).returncode == 0
    with path.open(newline="") as file:
        assert [row["seq"] for row in csv.DictReader(file)] == ["1", "2", "3", "4"]
    other = tmp_path / "other"
    refused = run("audit", "export", "--since", "yesterday", "-o", str(other), REDIS_URL=mixed)
    assert (refused.returncode, other.exists()) == (2, False)


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_no_cell_of_a_csv_export_is_a_formula(redis_url: str, sign: str) -> None:
    """Whatever somebody typed, also the wide signs of other keyboards, and in every column of theirs."""
    operations = RedisOperations(patient(redis_url), WallClock(), enqueue=Handover([]))
    words = dict.fromkeys(("actor", "operation", "target", "command", "reason", "text"), f"{sign}cmd|' /C calc'!A0")
    operations.audit({"step": "denied", "at": 1.0, **words})
    path = run("audit", "export", "--format", "csv", REDIS_URL=redis_url).stdout
    [row] = list(csv.DictReader(io.StringIO(path, newline="")))
    assert [value[0] for name, value in row.items() if name in words] == ["'"] * len(words)


def audit(url: str, *words: str | Path) -> str:
    """What `meshbot audit` says, on either stream."""
    shown = run("audit", *map(str, words), REDIS_URL=url)
    return shown.stdout + shown.stderr


def test_a_trimmed_log_is_whole_alone_and_with_its_exports(written: str, tmp_path: Path) -> None:
    """Old entries leave Redis once a file has them; the rest verifies, and with the files all of it."""
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    audit(written, "export", "-o", first)
    assert "entries 1 to 2" in audit(written, "trim", first, "--before", "1970-01-01T00:16:42")
    assert exported(written) == [3, 4]
    assert audit(written, "verify") == f"ok: 4 entries, of which 2 are trimmed, head {head(written)}\n"
    assert "BROKEN" not in audit(written, "verify", first)
    audit(written, "export", "-o", second)
    assert "entries 3 to 3" in audit(written, "trim", second, "--before", "1970-01-01T00:16:43")
    assert audit(written, "trim", second, "--before", "1970-01-01T00:16:43") == "Nothing is that old.\n"
    assert audit(written, "verify", first, second).startswith("ok: 5 entries, of which 3 are trimmed")
    assert "BROKEN at entry 1" in audit(written, "verify", second)
    first.write_text(first.read_text().replace("second", "sec0nd"))
    assert "BROKEN at entry 2" in audit(written, "verify", first, second)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda text: text.replace("second", "sec0nd"), "does not have entry 2 as it is"),
        (lambda text: text.splitlines()[0] + "\n", "does not have entry 2 as it is"),
        (lambda _: "seq,at\n", "line 1 is no entry of an export in JSON"),
    ],
)
def test_nothing_is_trimmed_that_the_export_lacks(
    written: str, tmp_path: Path, spoil: Callable[[str], str], said: str
) -> None:
    """An edited, a partial and another kind of file take nothing away."""
    file = tmp_path / "log.jsonl"
    audit(written, "export", "-o", file)
    file.write_text(spoil(file.read_text()))
    assert said in audit(written, "trim", file, "--before", "2000-01-01")
    assert audit(written, "verify") == f"ok: 3 entries, head {head(written)}\n"


def test_a_broken_log_is_not_trimmed(written: str, tmp_path: Path) -> None:
    """What is broken stays as it is, for whoever looks into it."""
    file = tmp_path / "log.jsonl"
    audit(written, "export", "-o", file)
    with redis.Redis.from_url(written, decode_responses=True) as client:
        _edit(client)
        assert "broken at entry 2, so nothing was taken away" in audit(written, "trim", file, "--before", "2000-01-01")
        assert client.llen(keys.AUDIT) == 3


def test_a_beginning_that_was_cut_by_other_hands_is_found(written: str) -> None:
    """A start that no entry tells of is a break: only `trim` writes both."""
    with redis.Redis.from_url(written, decode_responses=True) as client:
        gone = json.loads(client.lpop(keys.AUDIT))
        client.set(keys.AUDIT_START, f"1:{gone['hash']}")
    assert "BROKEN at entry 2: the 1 before it are gone" in audit(written, "verify")
