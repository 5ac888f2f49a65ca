"""What every memory of operations keeps, the one in Redis and the one in memory alike."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
import redis

from mesh.domain.audit import verify
from mesh.domain.commands import Command, Target, Verb
from mesh.domain.errors import Conflict, LostLease, NotFound
from mesh.domain.operations import Event, Operation, State, Step
from mesh.domain.policy import Actor
from mesh.ports import AuditLog, Locks, Operations, Receipt
from settings.time import SystemTime
from store.auditlog import RedisAuditLog
from store.connection import patient
from store.locks import RedisLocks
from store.memory import MemoryOperations
from store.operations import RedisOperations
from tests.store.builders import Handover, a_full_operation, an_operation, ended


@dataclass
class Memory:
    """One implementation with what belongs to it."""

    operations: Operations
    log: AuditLog
    locks: Locks
    handed: list[tuple[str, bool, int]]

    def receive(self, operation: Operation, *, dedupe: str = "", intent: str = "") -> Receipt:
        """Receive with keys that no other operation has, unless they are given."""
        keys = {"dedupe": dedupe or f"d-{operation.id}", "intent": intent or f"i-{operation.id}"}
        return self.operations.receive(operation, **keys, facts={"step": "queued"})


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def memory(request: pytest.FixtureRequest) -> Iterator[Memory]:
    """Each implementation in turn."""
    handover = Handover([])
    if request.param == "memory":
        kept = MemoryOperations(SystemTime(), enqueue=handover)
        yield Memory(kept, kept.log, kept.locks, handover.calls)
        return
    client: redis.Redis = patient(request.getfixturevalue("redis_url"))
    operations = RedisOperations(client, SystemTime(), enqueue=handover)
    yield Memory(operations, RedisAuditLog(client), RedisLocks(client), handover.calls)
    client.close()


def steps(memory: Memory) -> list[str]:
    """The audit log's steps, after checking its chain."""
    entries = list(memory.log.entries())
    assert verify(entries, memory.log.head()) is None
    return [entry.facts["step"] for entry in entries]


def test_a_received_operation_comes_back_as_it_was(memory: Memory) -> None:
    """Every field of an operation survives being written and read."""
    operation = a_full_operation()
    assert memory.receive(operation).created
    assert memory.operations.get(operation.id) == operation


def test_a_new_operation_is_enqueued_and_audited_once(memory: Memory) -> None:
    """A new operation goes to the workers as attempt 0 and leaves one audit entry that names it."""
    memory.receive(an_operation(Verb.ROLLBACK, id="op-a"))
    memory.receive(an_operation(Verb.PROMOTE, id="op-b"))
    assert memory.handed == [("op-a", True, 0), ("op-b", False, 0)]
    assert [entry.facts["operation"] for entry in memory.log.entries()] == ["op-a", "op-b"]


def test_twenty_deliveries_of_one_request_make_one_operation(memory: Memory) -> None:
    """The same delivery, twenty times at once, makes one operation, one audit entry and one job."""
    receipts: list[Receipt] = []
    start = threading.Barrier(20)

    def deliver() -> None:
        start.wait()
        receipts.append(memory.receive(an_operation(), dedupe="trigger-1"))

    threads = [threading.Thread(target=deliver) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({receipt.operation.id for receipt in receipts}) == 1
    assert [receipt.created for receipt in receipts].count(True) == 1
    assert steps(memory) == ["queued"]
    assert len(memory.handed) == 1


def test_threat_16_the_same_wish_gives_the_operation_under_way(memory: Memory) -> None:
    """Another delivery of a wish whose operation is not done gives that operation back."""
    first = memory.receive(an_operation(), intent="U1 api 50").operation
    again = memory.receive(an_operation(), intent="U1 api 50")
    assert (again.operation.id, again.created) == (first.id, False)


def test_a_wish_may_be_repeated_once_its_operation_is_done(memory: Memory) -> None:
    """A wish is only the same wish while its operation is not done."""
    first = memory.receive(an_operation(), intent="U1 api 50").operation
    memory.operations.commit(ended(first, reported=False))
    assert memory.receive(an_operation(), intent="U1 api 50").created


def test_a_delivery_answered_by_an_older_wish_never_becomes_an_operation_later(memory: Memory) -> None:
    """A repeated delivery gives the operation of its first answer, even when that one is done by then."""
    first = memory.receive(an_operation(), dedupe="one", intent="wish").operation
    memory.receive(an_operation(), dedupe="two", intent="wish")
    memory.operations.commit(ended(first))
    assert memory.receive(an_operation(), dedupe="two", intent="wish").operation.id == first.id


def test_what_a_delivery_was_given_is_known_before_it_comes_again(memory: Memory) -> None:
    """The operation of its first answer, as it is by now; nothing for a delivery that never came."""
    first = memory.receive(an_operation(), dedupe="one").operation
    memory.operations.commit(ended(first))
    found = memory.operations.delivered("one")
    assert found is not None
    assert (found.id, found.done) == (first.id, True)
    assert memory.operations.delivered("two") is None


def test_an_unknown_operation_is_not_found(memory: Memory) -> None:
    """Reading or writing an operation that was never received raises NotFound with its id."""
    with pytest.raises(NotFound, match="op-nothere"):
        memory.operations.get("op-nothere")
    with pytest.raises(NotFound, match="op-nothere"):
        memory.operations.commit(an_operation(id="op-nothere"))


def test_a_commit_writes_operation_and_entries_with_the_next_revision(memory: Memory) -> None:
    """A commit gives the next revision, and what it wrote is what is read."""
    operation = memory.receive(an_operation()).operation
    running = operation.move(State.RUNNING, Event(Step.CHECKING, 1.0))
    written = memory.operations.commit(running, [{"step": "checking"}, {"step": "patching"}])
    assert written == replace(running, revision=1)
    assert memory.operations.get(operation.id) == written
    assert steps(memory) == ["queued", "checking", "patching"]


def test_two_writers_of_one_revision_conflict(memory: Memory) -> None:
    """The second commit from the same revision raises Conflict and leaves neither record nor audit entry."""
    operation = memory.receive(an_operation()).operation
    memory.operations.commit(operation, [{"step": "first"}])
    with pytest.raises(Conflict):
        memory.operations.commit(operation, [{"step": "second"}])
    assert steps(memory) == ["queued", "first"]


def test_a_commit_without_its_lease_is_refused(memory: Memory) -> None:
    """A worker whose lease has ended writes nothing, neither record nor audit entry."""
    operation = memory.receive(an_operation()).operation
    with memory.locks.hold("route", wait_s=0) as lease:
        operation = memory.operations.commit(operation, [{"step": "held"}], lease=lease)
    with pytest.raises(LostLease):
        memory.operations.commit(operation, [{"step": "late"}], lease=lease)
    with memory.locks.hold("route", wait_s=0), pytest.raises(LostLease):
        memory.operations.commit(operation, [{"step": "late"}], lease=lease)
    assert steps(memory) == ["queued", "held"]


def test_a_denial_leaves_one_entry(memory: Memory) -> None:
    """An audit entry without an operation is chained like any other and returned as it was written."""
    memory.receive(an_operation())
    entry = memory.operations.audit({"step": "denied", "actor": "U2"})
    assert steps(memory) == ["queued", "denied"]
    assert list(memory.log.entries())[-1] == entry


def test_entries_from_many_threads_make_one_whole_chain(memory: Memory) -> None:
    """Requests, commits and denials of eight threads at once are all in the log, in one unbroken chain."""

    def append(thread: int) -> None:
        operation = memory.receive(an_operation()).operation
        for number in range(3):
            operation = memory.operations.commit(operation, [{"step": f"commit {thread}-{number}"}])
            memory.operations.audit({"step": f"denial {thread}-{number}"})

    threads = [threading.Thread(target=append, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    numbers = [f"{thread}-{number}" for thread in range(8) for number in range(3)]
    expected = [f"commit {n}" for n in numbers] + [f"denial {n}" for n in numbers] + ["queued"] * 8
    assert sorted(steps(memory)) == sorted(expected)


def test_the_latest_entry_of_an_operation_is_its_newest(memory: Memory) -> None:
    """Of all entries the newest that names the operation is found; an operation without one has none."""
    operation = memory.receive(an_operation()).operation
    other = memory.receive(an_operation()).operation
    operation = memory.operations.commit(operation, [{"step": "checking"}, {"step": "patching"}])
    memory.operations.commit(other, [{"step": "refused"}])
    memory.operations.audit({"step": "denied"})
    latest = memory.log.latest(operation.id)
    assert latest is not None
    assert (latest.facts["step"], latest.facts["operation"]) == ("patching", operation.id)
    assert latest == list(memory.log.entries())[3]
    assert memory.log.latest("op-nothere") is None


def test_history_holds_changes_newest_first(memory: Memory) -> None:
    """History lists changing operations of a service or a channel, newest first, and neither readings nor dry runs."""
    web = Target("prod", "mesh-demo", "web")
    memory.receive(an_operation(id="op-1"))
    memory.receive(an_operation(Verb.STATUS, id="op-2"))
    memory.receive(an_operation(id="op-3", command=Command(verb=Verb.PROMOTE, service="api", dry_run=True)))
    memory.receive(an_operation(id="op-4", target=web))
    memory.receive(an_operation(id="op-5", channel="C2"))
    recent = memory.operations.recent
    api = an_operation().target
    assert [found.id for found in recent(target=api)] == ["op-5", "op-1"]
    assert [found.id for found in recent(channel="C1")] == ["op-4", "op-1"]
    assert [found.id for found in recent(target=api, channel="C1")] == ["op-1"]
    assert [found.id for found in recent(target=api, count=1)] == ["op-5"]
    assert recent() == []


def test_history_shows_operations_as_they_are_now(memory: Memory) -> None:
    """History reads the records of today, not those of the day they were received."""
    operation = memory.receive(an_operation()).operation
    memory.operations.commit(ended(operation))
    assert [found.state for found in memory.operations.recent(target=operation.target)] == [State.REFUSED]


def test_a_change_sees_what_is_undone_beside_it_and_what_came_after_it(memory: Memory) -> None:
    """Finished older changes and other services do not count; finished newer ones do."""
    for number in range(1, 6):
        memory.receive(an_operation(id=f"op-{number}"))
    memory.receive(an_operation(id="op-6", target=Target("prod", "mesh-demo", "web")))
    for done in ("op-1", "op-5"):
        memory.operations.commit(ended(memory.operations.get(done)))
    subject = memory.operations.get("op-3")
    assert [found.id for found in memory.operations.beside(subject)] == ["op-5", "op-4", "op-2"]


def test_what_came_later_is_known_by_the_store_and_by_no_clock(memory: Memory) -> None:
    """Bots whose clocks are apart have one order: that in which their requests were written down."""
    for name, clock in (("op-1", 1000.0), ("op-2", 1004.0), ("op-3", 1000.0)):
        memory.receive(an_operation(id=name, created_at=clock))
    memory.receive(an_operation(id="op-4", target=Target("prod", "mesh-demo", "web")))
    memory.operations.commit(ended(memory.operations.get("op-3")))
    known, lost = memory.operations.get("op-2"), an_operation(id="op-0")
    assert [found.id for found in memory.operations.since(known)] == ["op-3"]
    assert [found.id for found in memory.operations.since(lost)] == ["op-3", "op-2", "op-1"]


def test_what_waits_for_a_service_is_counted(memory: Memory) -> None:
    """Changes that are not done; readings, and those of other services, do not count."""
    for number in range(1, 5):
        memory.receive(an_operation(id=f"op-{number}"))
    memory.receive(an_operation(Verb.STATUS, id="op-5"))
    memory.receive(an_operation(id="op-6", target=Target("prod", "mesh-demo", "web")))
    memory.operations.commit(ended(memory.operations.get("op-2")))
    assert memory.operations.undone(memory.operations.get("op-1").target) == 3
    assert memory.operations.undone(Target("prod", "mesh-demo", "nobody")) == 0


def test_a_freeze_is_urgent_until_it_holds(memory: Memory) -> None:
    """It must not wait behind the changes that it is to stop."""
    command = Command(verb=Verb.FREEZE, service="api", reason="x")
    freeze = memory.receive(an_operation(Verb.FREEZE, id="op-freeze", command=command)).operation
    assert freeze.urgent
    assert not ended(freeze).urgent
    assert memory.handed == [("op-freeze", True, 0)]


def test_traffic_that_goes_back_is_urgent_until_that_is_done(memory: Memory) -> None:
    """Telling people again, and measuring, wait with ordinary work: the clock goes by what the last commit said."""
    back = memory.receive(an_operation(Verb.ROLLBACK, id="op-back")).operation
    assert back.urgent
    done = memory.operations.commit(replace(ended(back), reported=False))
    assert not memory.operations.get(done.id).urgent


def test_a_person_finds_what_runs_for_them(memory: Memory) -> None:
    """Theirs that are not done, newest first; others' and finished ones are not among them."""
    operations = [
        replace(an_operation(id=f"op-run{at}"), actor=Actor(user), created_at=1000.0 + at)
        for at, user in enumerate(("U0JIN", "U0ANA", "U0JIN", "U0JIN"))
    ]
    received = [memory.receive(operation).operation for operation in operations]
    memory.operations.commit(ended(received[3]), [{"step": "failed"}])
    assert isinstance(memory.operations, RedisOperations | MemoryOperations)
    assert [one.id for one in memory.operations.running("U0JIN")] == ["op-run2", "op-run0"]
