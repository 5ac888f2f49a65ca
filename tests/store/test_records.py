"""How operations are kept."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import replace
from typing import Any

import pytest

from mesh.domain.commands import Command, Verb, Wish
from mesh.domain.errors import Unavailable, Unreadable
from mesh.domain.freezes import Freeze
from mesh.domain.gates import GateResult, Verdict
from mesh.domain.operations import State, Step
from mesh.domain.rollouts import Happening, Move, Phase, Rollout
from mesh.domain.routes import Arm
from mesh.domain.scopes import Scope
from mesh.domain.strategies import RolloutStep, Strategy
from settings.time import SystemTime
from store.connection import patient
from store.freezes import RedisFreezes
from store.keys import FREEZES
from store.operations import RedisOperations
from store.records import READS, WRITES, dump_incident, dump_operation, load_incident, load_operation
from tests.chat.editions import FULL
from tests.contracts.test_incidents import incident
from tests.store.builders import Handover, a_full_operation, an_operation, ended


def test_a_record_of_a_newer_meshbot_is_refused() -> None:
    """An old program does not guess at a record whose form it does not know, and says what to do."""
    record = dump_operation(a_full_operation())
    with pytest.raises(Unavailable, match="newer meshbot") as caught:
        load_operation("op-1", str(READS + 1).encode(), record)
    assert "roll-out" in caught.value.hint


def test_what_is_written_is_understood() -> None:
    """A program understands what it writes, and is one form ahead of that at most."""
    assert 0 <= READS - WRITES <= 1


WORDS = "a8ab74ee"
"""The digest of every word that records of the form `WRITES` may hold."""


def test_a_word_more_is_a_form_more() -> None:
    """An older program cannot read a record with a word that it does not know, so a new one takes two releases.

    Whoever adds one to an enumeration raises READS, and WRITES a release later, as store/records.py says.
    """
    words = sorted(
        f"{kind.__name__}.{one.value}" for kind in (Step, State, Verb, Phase, Happening, Verdict) for one in kind
    )
    assert (WRITES, hashlib.sha256("\n".join(words).encode()).hexdigest()[:8]) == (4, WORDS)


def test_a_word_of_later_days_is_unreadable() -> None:
    """Not a bug: whoever meets the record leaves it to the newer program, as one of a newer form."""
    operation = a_full_operation()
    step = f'"step":"{operation.story[0].step}"'.encode()
    record = dump_operation(operation).replace(step, b'"step":"pondering"', 1)
    assert b"pondering" in record
    with pytest.raises(Unreadable, match="does not know"):
        load_operation("op-1", str(WRITES).encode(), record)


def test_an_incident_with_a_word_of_later_days_is_unreadable() -> None:
    """The same: whoever asks for it hears which one, and that it is a newer program's."""
    record = dump_incident(incident()).replace(b'"severity":"critical"', b'"severity":{"of":"later days"}', 1)
    assert b"later days" in record
    with pytest.raises(Unreadable, match="Incident in-aaaa holds what this meshbot does not know"):
        load_incident("in-aaaa", str(WRITES).encode(), record)


def test_a_field_of_later_days_is_ignored() -> None:
    """A record of the same form with a field more is still read."""
    operation = a_full_operation()
    record = dump_operation(operation).replace(b'{"id"', b'{"novelty":1,"id"', 1)
    assert load_operation(operation.id, str(WRITES).encode(), record) == operation
    inside = dump_operation(operation).replace(b'"origin":{', b'"origin":{"novelty":"ko-KR",', 1)
    assert inside != dump_operation(operation)
    assert load_operation(operation.id, str(WRITES).encode(), inside) == operation


def test_a_record_from_before_there_were_languages_is_read() -> None:
    """An operation without a locale is one of nobody's language; with one, it is kept."""
    operation = a_full_operation()
    record = json.loads(dump_operation(operation))
    del record["origin"]["locale"]
    old = load_operation(operation.id, str(WRITES).encode(), json.dumps(record).encode())
    assert not old.origin.locale
    told = replace(operation, origin=replace(operation.origin, locale="ko-KR"))
    assert load_operation(operation.id, str(WRITES).encode(), dump_operation(told)).origin.locale == "ko-KR"


def of_form_2() -> dict[str, Any]:
    """A record as the version before this one wrote it."""
    row = {"arm": "v2", "verdict": "pass", "samples": 812, "window_s": 300, "why": ""}
    command = {"verb": "promote", "service": "api", "version": "", "share": 50.0, "weights": [], "route": ""}
    said = {"promised": "", "operation": "", "topic": "", "namespace": "", "cluster": "", "reason": "fix"}
    return {
        "id": "op-former",
        "command": {**command, **said, "force": False, "dry_run": False},
        "target": {"cluster": "prod", "namespace": "mesh-demo", "service": "api"},
        "actor": {"user": "U1", "team": "T1"},
        "origin": {"way": "slash", "channel": "C1", "thread": "", "response_url": ""},
        "created_at": 1700000000.5,
        "groups": [],
        "state": "running",
        "plan": None,
        "gates": [
            {**row, "name": "success", "value": 99.9, "limit": 99.0, "unit": "%"},
            {**row, "name": "p99", "value": 182.0, "limit": 500.0, "unit": "ms"},
        ],
        "statuses": [],
        "story": [{"step": "queued", "at": 1700000000.5, "text": ""}],
        "outcome": "",
        "hint": "",
        "choices": [],
        "card": {"channel": "C1", "ts": "1700000000.000100"},
        "deadline": 1700000600.0,
        "split": None,
        "reported": False,
        "revision": 3,
    }


def test_a_record_of_the_version_before_is_read() -> None:
    """What was under way while meshbot was replaced goes on; a latency's limit is still the most there may be."""
    operation = load_operation("op-former", b"2", json.dumps(of_form_2()).encode())
    assert (operation.id, operation.state, operation.revision) == ("op-former", State.RUNNING, 3)
    assert (operation.command.reason, operation.command.steps, operation.rollout) == ("fix", (), None)
    assert [(row.name, row.value, row.at_most) for row in operation.gates] == [
        ("success", 99.9, False),
        ("p99", 182.0, True),
    ]
    assert load_operation("op-former", str(WRITES).encode(), dump_operation(operation)) == operation


def test_a_rollout_survives_being_written() -> None:
    """Every part of a rollout comes back as it was, and so does evidence without end."""
    arms = (Arm("v2", 10, 10, "/spec/http/0/route/1/weight", identity=(("/spec/http/0/route/1/x", "v2"),)),)
    strategy = Strategy(
        (RolloutStep(5.0, 60.0), RolloutStep(100.0, 300.0, True, 1800.0, "hold")), "hold", 120.0, 7200.0
    )
    rollout = Rollout(strategy, Phase.HELD, 1, 5.0, 6.0, "op-move", 2, Phase.TURNED_BACK, Happening.BLIND, "why", "U1")
    rollout = replace(rollout, moves=(Move(6.0, 5.0),), arms=arms)
    row = GateResult("errors", "v2", Verdict.FAIL, 2.0, 1.0, "%", 9, 60, evidence=math.inf, threshold=500.0)
    command = Command(verb=Verb.CANARY, service="api", steps=(Wish(5.0), Wish(100.0, True)), every_s=60)
    operation = an_operation(Verb.CANARY, command=command, rollout=rollout, gates=(row,), told=3, chart="F1")
    assert load_operation(operation.id, str(WRITES).encode(), dump_operation(operation)) == operation


def test_a_digest_survives_being_written() -> None:
    """What somebody was shown comes back as it was; records of the form before have none."""
    operation = an_operation(Verb.DIGEST, edition=FULL, unshown=7)
    assert load_operation(operation.id, str(WRITES).encode(), dump_operation(operation)) == operation
    fields = json.loads(dump_operation(an_operation()))
    former = {key: value for key, value in fields.items() if key not in ("edition", "unshown")}
    read = load_operation("op-former", b"3", json.dumps(former).encode())
    assert (read.edition, read.unshown) == (None, 0)


@pytest.mark.redis
def test_only_settled_operations_expire(redis_url: str) -> None:
    """An operation is kept until it is done and told, and then for 90 days; the audit log is kept for ever."""
    client = patient(redis_url)
    operations = RedisOperations(client, SystemTime(), enqueue=Handover([]))
    operation = operations.receive(an_operation(), dedupe="d", intent="i", facts={}).operation
    operation = operations.commit(ended(operation, reported=False), [{}])
    assert client.ttl(f"meshbot:op:{operation.id}") == -1
    assert client.zcard("meshbot:open") == 1
    operations.commit(ended(operations.receive(an_operation(), dedupe="e", intent="e", facts={}).operation))
    assert client.zcard("meshbot:open") == 1
    ttls = {key: client.ttl(key) for key in client.keys("meshbot:op:*")}
    unsettled, settled = sorted(ttls.values())
    assert unsettled == -1
    assert settled == pytest.approx(90 * 24 * 3600, abs=5)
    assert client.ttl("meshbot:audit") == client.ttl("meshbot:audit:head") == -1


@pytest.mark.redis
def test_a_settled_operation_leaves_no_counter_behind(redis_url: str) -> None:
    """The count of its attempts lives as long as an operation may be handed out, and not for ever."""
    client = patient(redis_url)
    operations = RedisOperations(client, SystemTime(), enqueue=Handover([]))
    operation = operations.receive(an_operation(), dedupe="d", intent="i", facts={}).operation
    client.set(f"meshbot:attempts:{operation.id}", 3)
    operation = operations.commit(ended(operation, reported=False))
    assert client.exists(f"meshbot:attempts:{operation.id}")
    operations.commit(replace(operation, reported=True))
    assert not client.exists(f"meshbot:attempts:{operation.id}")


@pytest.mark.redis
def test_history_keeps_the_newest_two_hundred(redis_url: str) -> None:
    """The lists of a service and of a channel do not grow for ever, and lose their oldest first."""
    client = patient(redis_url)
    operations = RedisOperations(client, SystemTime(), enqueue=Handover([]))
    received = [an_operation() for _ in range(203)]
    for operation in received:
        operations.receive(operation, dedupe=operation.id, intent=operation.id, facts={})
    newest = [operation.id.encode() for operation in reversed(received)][:200]
    for key in (f"meshbot:history:target:{received[0].target}", "meshbot:history:channel:C1"):
        assert client.lrange(key, 0, -1) == newest


@pytest.mark.redis
def test_one_record_of_a_newer_form_spoils_no_list(redis_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """History, Home and what waits show the others; only who must not miss one hears that one cannot be read."""
    client = patient(redis_url)
    operations = RedisOperations(client, SystemTime(), enqueue=Handover([]))
    newer, known = an_operation(created_at=1.0), an_operation(created_at=2.0)
    for one in (newer, known):
        operations.receive(one, dedupe=one.id, intent=one.id, facts={})
    client.hset(f"meshbot:op:{newer.id}", "schema", READS + 1)
    client.zadd("meshbot:waiting", {newer.id: 1.0})
    assert [one.id for one in operations.recent(target=known.target)] == [known.id]
    assert [one.id for one in operations.recent(target=known.target, channel="C1")] == [known.id]
    assert [one.id for one in operations.running(known.actor.user)] == [known.id]
    assert (operations.waiting(), operations.beside(known, whole=False)) == ([], [])
    assert f"Operation {newer.id} was written by a newer meshbot" in caplog.text
    for strict in (
        lambda: operations.recent(target=known.target, whole=True),
        lambda: operations.beside(known),
        lambda: operations.get(newer.id),
    ):
        with pytest.raises(Unreadable):
            strict()


@pytest.mark.redis
def test_a_freeze_that_cannot_be_read_bars_and_keeps_nobody_from_freezing(redis_url: str) -> None:
    """It may hold, so what is frozen is not known; another freeze can be made all the same, and ended."""
    client = patient(redis_url)
    freezes = RedisFreezes(client, SystemTime())
    client.hset(FREEZES, "op-newer", '{"form": "of later days"}')
    freezes.put(Freeze("op-1", Scope(), since=1.0))
    with pytest.raises(Unavailable, match="cannot be read"):
        freezes.standing()
    freezes.lift("op-1")
    client.hdel(FREEZES, "op-newer")
    assert freezes.standing() == []
