"""What every memory of operations keeps of approvals, the one in Redis and the one in memory alike."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from mesh.domain.approvals import Approval, Demand, Rule
from mesh.domain.audit import verify
from mesh.domain.errors import MeshbotError
from mesh.domain.grammar import parse
from mesh.domain.operations import Event, Operation, Origin, State, Step
from mesh.domain.policy import Actor
from mesh.operations.desk import Desk
from mesh.operations.receiving import receive
from mesh.operations.running import run
from mesh.operations.stage import Stage
from settings.time import SystemTime
from store.auditlog import RedisAuditLog
from store.connection import patient
from store.locks import RedisLocks
from store.memory import MemoryBuckets, MemoryOperations
from store.operations import RedisOperations
from tests.mesh.operations.bench import Bench
from tests.store.builders import Handover, an_operation

VOTERS = tuple(Actor(f"U0VOTER{number}", "T0MESH") for number in range(3))
REPLICAS = 3
RULE = Rule("three", need=3, groups=("S0SRE",))


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def stages(request: pytest.FixtureRequest) -> Iterator[list[Stage]]:
    """Three workers on one memory and one cluster, each memory in turn."""
    bench = Bench(approvals=(RULE,), members={"S0SRE": {voter.user for voter in VOTERS}})
    if request.param == "memory":
        kept = MemoryOperations(SystemTime())
        parts: dict[str, Any] = {"operations": kept, "locks": kept.locks, "auditlog": kept.log, "time": SystemTime()}
        yield [replace(bench.stage, **parts) for _ in range(REPLICAS)]
        return
    clients = [patient(request.getfixturevalue("redis_url")) for _ in range(REPLICAS)]
    yield [
        replace(
            bench.stage,
            operations=RedisOperations(client, SystemTime(), enqueue=Handover([])),
            locks=RedisLocks(client),
            auditlog=RedisAuditLog(client),
            time=SystemTime(),
        )
        for client in clients
    ]
    for client in clients:
        client.close()


def at_once(calls: Sequence[Callable[[], object]]) -> None:
    """Make all calls in threads of their own, at the same moment; what is refused is no failure."""
    start = threading.Barrier(len(calls))

    def make(call: Callable[[], object]) -> None:
        start.wait()
        try:
            call()
        except MeshbotError:
            return

    with ThreadPoolExecutor(len(calls)) as pool:
        list(pool.map(make, calls))


def ask(stage: Stage, text: str, actor: Actor, delivery: str) -> Operation:
    """Receive a command as one bot of several does."""
    memory = (stage.incidents, stage.freezes, MemoryBuckets(stage.time))
    desk = Desk(stage.catalog, stage.operations, stage.directory, stage.time, *memory)
    return receive(desk, parse(text), actor, Origin("button", "C0PROD"), dedupe=delivery).operation


def until_done(stages: Sequence[Stage], operation_id: str) -> Operation:
    """Let all workers run it at once until it is done, as clocks and queues may."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        at_once([partial(run, operation_id, stage) for stage in stages])
        found = stages[0].operations.get(operation_id)
        if found.done:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{operation_id} did not end")


def test_threat_4_parallel_votes_on_three_replicas_count_once_each(stages: list[Stage]) -> None:
    """Each of three people presses once, each press reaches three bots and each vote three workers: three votes."""
    asked = run(ask(stages[0], "promote api 50", Actor("U0JIN", "T0MESH"), "wish").id, stages[0])
    assert asked.state is State.WAITING
    presses = [(stage, voter) for voter in VOTERS for stage in stages]
    at_once([partial(ask, stage, f"approve {asked.id}", voter, f"press {voter.user}") for stage, voter in presses])
    votes = {ask(stages[0], f"approve {asked.id}", voter, f"press {voter.user}").id for voter in VOTERS}
    assert len(votes) == 3
    at_once([partial(until_done, [stage], vote) for stage in stages for vote in votes])
    done = until_done(stages, asked.id)
    assert done.approval is not None
    assert sorted(vote.voter.user for vote in done.approval.votes) == [voter.user for voter in VOTERS]
    assert done.state is State.SUCCEEDED
    steps = [entry.facts["step"] for entry in stages[0].auditlog.entries() if entry.facts["operation"] == asked.id]
    assert (steps.count("voted"), steps.count("approved"), steps.count("patching")) == (2, 1, 1)
    assert verify(stages[0].auditlog.entries(), stages[0].auditlog.head()) is None


def test_threat_4_a_denial_and_approvals_at_once_have_one_outcome(stages: list[Stage]) -> None:
    """Whichever comes first: either nothing is written, or it was approved whole before the denial."""
    asked = run(ask(stages[0], "promote api 50", Actor("U0JIN", "T0MESH"), "wish").id, stages[0])
    texts = [f"approve {asked.id}", f"approve {asked.id}", f"deny {asked.id}"]
    cast = [ask(stages[0], text, voter, voter.user).id for text, voter in zip(texts, VOTERS, strict=True)]
    at_once([partial(until_done, [stage], vote) for stage, vote in zip(stages, cast, strict=True)])
    done = stages[0].operations.get(asked.id)
    assert (done.state, done.went(Step.PATCHING)) == (State.REFUSED, False)


def test_what_waits_is_found_in_the_order_of_its_end(stages: list[Stage]) -> None:
    """Only while it waits: not before, not after."""
    operations, expected = stages[0].operations, []
    for number, expires_at in enumerate((300.0, 100.0, 200.0)):
        operation = an_operation(id=f"op-wait{number}")
        operations.receive(operation, dedupe=operation.id, intent=operation.id, facts={"step": "queued"})
        running = operations.commit(operation.move(State.RUNNING, Event(Step.CHECKING, 1.0)))
        approval = Approval("hash", "uid", 50.0, (Demand("two", 2, ("S0SRE",)),), 1.0, expires_at)
        assert operation.id not in {one.id for one in operations.waiting()}
        operations.commit(running.move(State.WAITING, Event(Step.ASKED, 2.0), approval=approval))
        expected.append((expires_at, operation.id))
    assert [(one.waits_until, one.id) for one in operations.waiting()] == sorted(expected)
    first = operations.waiting()[0]
    operations.commit(first.move(State.VOID, Event(Step.VOID, 3.0)))
    assert [one.id for one in operations.waiting()] == [operation_id for _, operation_id in sorted(expected)[1:]]


def test_an_approval_comes_back_as_it_was(stages: list[Stage]) -> None:
    """Every field of it survives being written and read."""
    asked = run(ask(stages[0], "promote api 50", Actor("U0JIN", "T0MESH"), "wish").id, stages[0])
    run(ask(stages[0], f"approve {asked.id}", VOTERS[0], "press").id, stages[0])
    kept = [stage.operations.get(asked.id) for stage in stages]
    assert kept[0].approval is not None
    assert kept[0].approval.votes[0].voter == VOTERS[0]
    assert kept[0] == kept[1] == kept[2]
