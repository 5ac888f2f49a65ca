"""What every memory of looks keeps, the one in Redis and the one in memory alike."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest
import redis

from mesh.domain.commands import Target, Verb
from mesh.domain.counts import Counts
from mesh.domain.errors import Conflict
from mesh.domain.gates import GateResult, Limits, Verdict
from mesh.domain.operations import Operation, State
from mesh.domain.points import MOST, Answered, Point
from mesh.domain.rollouts import Phase, Rollout
from mesh.domain.strategies import DEFAULT
from mesh.domain.trials import Tick, Trial, observe
from mesh.ports import Operations, Watch, Watches
from settings.time import SystemTime
from store import records
from store.connection import patient
from store.memory import MemoryOperations, MemoryWatches
from store.operations import RedisOperations
from store.watches import RedisWatches
from tests.store.builders import API, Handover, an_operation, ended

WEB = Target("prod", "mesh-demo", "web")
BUCKETS = ((25.0, 300.0), (100.0, 900.0), (math.inf, 1000.0))


@dataclass
class Memory:
    """One implementation, and another process on the same memory."""

    operations: Operations
    watches: Watches
    others: Watches

    def roll(self, target: Target = API, phase: Phase = Phase.BAKING, **changes: object) -> Operation:
        """Begin a rollout."""
        operation = an_operation(Verb.CANARY, target=target)
        keys = {"dedupe": operation.id, "intent": operation.id}
        operation = self.operations.receive(operation, **keys, facts={}).operation
        rollout = Rollout(DEFAULT, phase)
        return self.operations.commit(replace(operation, state=State.RUNNING, rollout=rollout, **changes))  # type: ignore[arg-type]  # a test's own names

    def end(self, operation: Operation, phase: Phase = Phase.COMPLETED) -> Operation:
        """Let a rollout end, which is told later."""
        assert operation.rollout is not None
        return self.operations.commit(replace(operation, rollout=replace(operation.rollout, phase=phase)))


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def memory(request: pytest.FixtureRequest) -> Iterator[Memory]:
    """Each implementation in turn."""
    if request.param == "memory":
        operations = MemoryOperations(SystemTime())
        watches = MemoryWatches(operations)
        yield Memory(operations, watches, watches)
        return
    client: redis.Redis = patient(request.getfixturevalue("redis_url"))
    kept = RedisOperations(client, SystemTime(), enqueue=Handover([]))
    yield Memory(kept, RedisWatches(client), RedisWatches(client))
    client.close()


def a_watch() -> Watch:
    """A watch in which nothing has its default, of a trial that has seen a lot."""
    counts, trial = Counts(1000.0, 20.0, 10.0, BUCKETS), Trial()
    for _ in range(20):
        trial = observe(trial, Tick(5.0, counts, counts), Limits())
    row = GateResult("errors", "v2", Verdict.FAIL, 2.5, 1.0, "%", 10, 60, "worse", True, "v1", 0.5, math.inf, 500.0)
    return Watch(since=5.0, among=3, trial=trial, rows=(row,), looked_at=7.0, seen_at=6.5)


def a_point(at: float, share: float = 5.0) -> Point:
    """A point of a chart."""
    return Point(at, share, Answered(10.0, 99.5, 182.25), Answered(200.0, None, None))


def ids(operations: list[Operation]) -> set[str]:
    """The ids of operations."""
    return {operation.id for operation in operations}


def test_rollouts_are_active_from_their_first_commit_to_their_end(memory: Memory) -> None:
    """A rollout is among its cluster's, and its service's, while it runs; other operations never are."""
    plain = an_operation()
    memory.operations.receive(plain, dedupe="d", intent="i", facts={})
    assert memory.watches.active("prod") == []
    api, web = memory.roll(API), memory.roll(WEB)
    far = memory.roll(Target("far", "mesh-demo", "api"))
    assert ids(memory.watches.active("prod")) == {api.id, web.id}
    assert ids(memory.watches.active("far")) == {far.id}
    assert memory.operations.rollout(API) == api
    memory.end(api)
    assert ids(memory.watches.active("prod")) == {web.id}
    assert memory.operations.rollout(API) is None
    assert memory.operations.rollout(WEB) == web


def test_a_rollout_whose_operation_is_done_is_not_active(memory: Memory) -> None:
    """An operation that failed in the middle leaves no rollout behind, whatever its phase was."""
    rolling = memory.roll()
    memory.operations.commit(ended(rolling))
    assert memory.watches.active("prod") == []
    assert memory.operations.rollout(API) is None


def test_rollouts_are_seen_as_they_are_now(memory: Memory) -> None:
    """Whoever asks again gets what was committed meanwhile, and one rollout's change hides no other."""
    api, web = memory.roll(API), memory.roll(WEB)
    assert len(memory.watches.active("prod")) == 2
    changed = memory.operations.commit(replace(api, told=7))
    assert {one.id: one for one in memory.watches.active("prod")} == {api.id: changed, web.id: web}


@pytest.mark.parametrize("phase", [Phase.PAUSED, Phase.HELD, Phase.TURNING_BACK, Phase.MOVING])
def test_what_waits_is_active_too(memory: Memory, phase: Phase) -> None:
    """Paused, held and turning back are no ends."""
    rolling = memory.roll(phase=phase)
    assert memory.watches.active("prod") == [rolling]


def test_a_service_has_one_rollout(memory: Memory) -> None:
    """A second one of the same service is a Conflict that names the first, until that has ended."""
    first = memory.roll()
    second = an_operation(Verb.CANARY)
    second = memory.operations.receive(second, dedupe="d2", intent="i2", facts={}).operation
    rolling = replace(second, state=State.RUNNING, rollout=Rollout(DEFAULT))
    with pytest.raises(Conflict, match="has a rollout already"):
        memory.operations.commit(rolling)
    assert memory.watches.active("prod") == [first]
    memory.end(first)
    assert memory.watches.active("prod") == []
    begun = memory.operations.commit(rolling)
    memory.operations.commit(memory.operations.get(first.id))
    assert memory.watches.active("prod") == [begun]


def test_watches_come_back_as_they_were(memory: Memory) -> None:
    """Every field of a watch survives, infinity among them; what has no watch is absent."""
    memory.watches.save("prod", (0.0, 100.0), {"op-a": a_watch(), "op-b": Watch()}, {})
    assert memory.others.load(["op-a", "op-b", "op-c"]) == {"op-a": a_watch(), "op-b": Watch()}
    assert memory.watches.load([]) == {}


def test_what_another_process_wrote_since_is_read(memory: Memory) -> None:
    """Whoever saved a watch finds what was saved over it, and nothing once that is gone."""
    memory.watches.save("prod", (0.0, 100.0), {"op-a": a_watch(), "op-b": a_watch()}, {})
    assert memory.watches.load(["op-a"]) == {"op-a": a_watch()}
    memory.others.save("prod", (100.0, 105.0), {"op-a": Watch(since=9.0)}, {})
    assert memory.watches.load(["op-a", "op-b"]) == {"op-a": Watch(since=9.0), "op-b": a_watch()}


@pytest.mark.redis
def test_what_one_wrote_oneself_is_not_parsed(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes that the last look saved stand for the watches it saved; only a look that counted is remembered."""
    client = patient(redis_url)
    mine, other = RedisWatches(client), RedisWatches(client)
    mine.save("prod", (0.0, 1.0), {"op-a": a_watch()}, {})
    with pytest.raises(Conflict):
        other.save("prod", (0.0, 1.0), {"op-a": a_watch()}, {})
    parsed: list[bytes] = []
    monkeypatch.setattr(records, "load_watch", parsed.append)
    assert mine.load(["op-a"]) == {"op-a": a_watch()}
    assert parsed == []
    assert other.load(["op-a"]) == {}
    assert len(parsed) == 1
    client.close()


def test_a_look_goes_on_from_the_last_one(memory: Memory) -> None:
    """Each cluster remembers until when it was looked at, exactly; 0 before the first look."""
    assert memory.watches.looked_until("prod") == 0
    memory.watches.save("prod", (0.0, 1_700_000_000.123456), {}, {})
    assert memory.others.looked_until("prod") == 1_700_000_000.123456
    memory.others.save("prod", (1_700_000_000.123456, 1_700_000_005.0), {}, {})
    assert memory.watches.looked_until("prod") == 1_700_000_005.0
    assert memory.watches.looked_until("far") == 0


def test_of_two_looks_at_the_same_stretch_one_counts(memory: Memory) -> None:
    """The second look that went on from the same moment is a Conflict, and leaves neither watch, point nor time."""
    memory.watches.save("prod", (0.0, 100.0), {"op-a": a_watch()}, {"op-a": a_point(100)})
    with pytest.raises(Conflict, match="prod"):
        memory.others.save("prod", (0.0, 101.0), {"op-a": Watch()}, {"op-a": a_point(101)})
    assert memory.watches.load(["op-a"]) == {"op-a": a_watch()}
    assert memory.watches.points("op-a") == [a_point(100)]
    assert memory.watches.looked_until("prod") == 100.0
    memory.others.save("prod", (100.0, 101.0), {}, {"op-a": a_point(101)})
    assert [point.at for point in memory.watches.points("op-a")] == [100, 101]


def test_a_chart_never_has_many_points(memory: Memory) -> None:
    """However many looks there are, a chart stays small, keeps its steps, and counts every request."""
    looks = 2 * MOST + 50
    for number in range(looks):
        point = a_point(float(number + 1), share=5.0 if number < 300 else 25.0)
        memory.watches.save("prod", (float(number), number + 1.0), {}, {"op-a": point, "op-b": point})
    for chart in (memory.watches.points("op-a"), memory.watches.points("op-b")):
        assert MOST / 4 < len(chart) <= MOST
        assert sum(point.canary.requests for point in chart) == pytest.approx(10.0 * looks)
        assert {point.share for point in chart if point.at <= 300} == {5.0}
        assert {point.share for point in chart if point.at > 300} == {25.0}
    assert memory.watches.points("op-none") == []


def test_a_watch_of_another_form_begins_anew(redis_url: str) -> None:
    """What another version wrote in a form that cannot be read counts as no watch; it is no error."""
    client = patient(redis_url)
    client.set("meshbot:watch:op-a", b'{"since":"once upon a time"}')
    assert RedisWatches(client).load(["op-a"]) == {}


def times(client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Count round trips from now on."""
    sent: list[int] = []
    send = redis.connection.Connection.send_packed_command

    def counted(self: redis.connection.Connection, *args: object, **more: object) -> None:
        sent.append(1)
        send(self, *args, **more)  # type: ignore[no-untyped-call]  # the library's own, typed in part

    monkeypatch.setattr(redis.connection.Connection, "send_packed_command", counted)
    return lambda: len(sent)


@pytest.mark.redis
def test_a_look_costs_as_many_round_trips_for_many_as_for_one(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading what is active, loading and saving: the same count of round trips for 1 and for 40 rollouts."""
    client = patient(redis_url)
    memory = Memory(
        RedisOperations(client, SystemTime(), enqueue=Handover([])), RedisWatches(client), RedisWatches(client)
    )
    memory.watches.save("prod", (0.0, 1.0), {}, {})
    counted: list[int] = []
    for number in range(40):
        memory.roll(Target("prod", "shop", f"svc-{number}"))
        if number in (0, 39):
            memory.watches.active("prod")
            with monkeypatch.context() as patch:
                count = times(client, patch)
                found = memory.watches.active("prod")
                until = memory.watches.looked_until("prod")
                memory.watches.load([one.id for one in found])
                watched = {one.id: a_watch() for one in found}
                memory.watches.save("prod", (until, until + 1), watched, {one.id: a_point(until) for one in found})
                counted.append(count())
    assert counted == [5, 5]


@pytest.mark.redis
def test_a_save_that_reaches_redis_twice_is_done_once(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same look a second time adds no point and is answered like the first."""
    watches = RedisWatches(patient(redis_url))
    script = watches._save

    def twice(**call: object) -> object:
        script(**call)  # type: ignore[arg-type]  # passed on as they came
        return script(**call)  # type: ignore[arg-type]  # as above

    monkeypatch.setattr(watches, "_save", twice)
    watches.save("prod", (0.0, 1.0), {"op-a": a_watch()}, {"op-a": a_point(1)})
    assert watches.points("op-a") == [a_point(1)]


@pytest.mark.redis
def test_what_nobody_looks_at_any_more_expires(redis_url: str) -> None:
    """A watch is dropped a day after the last look, a chart as late as its operation."""
    client = patient(redis_url)
    RedisWatches(client).save("prod", (0.0, 1.0), {"op-a": a_watch()}, {"op-a": a_point(1)})
    assert client.ttl("meshbot:watch:op-a") == pytest.approx(24 * 3600, abs=5)
    assert client.ttl("meshbot:points:op-a") == pytest.approx(90 * 24 * 3600, abs=5)
