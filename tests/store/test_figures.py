"""What the numbers say of a real Redis in which nobody does what is due, though a clock hands it out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
import redis

from mesh.domain.approvals import Approval, Demand
from mesh.domain.catalog import Cluster, MetricsServer
from mesh.domain.commands import Verb
from mesh.domain.figures import Figures
from mesh.domain.letters import Fate, Letter, Urgency
from mesh.domain.operations import Event, Operation, State, Step
from mesh.domain.rollouts import Phase, Rollout
from mesh.domain.strategies import DEFAULT
from mesh.ports import Pace
from settings.time import SystemTime
from store import keys
from store.connection import patient
from store.figures import FIRST, RedisFigures
from store.jobs import URGENT, WATCH, JobQueue
from store.locks import RedisLocks
from store.operations import RedisOperations
from store.outbox import RedisOutbox
from store.pending import Handed, Pending
from store.watches import RedisWatches
from tests.store.builders import an_operation, ended

pytestmark = pytest.mark.redis
LETTER = Letter("card op-1", "C1", "hello")
FREE = Pace("free", 0.0)


@dataclass
class Desk:
    """A Redis with everything that writes what is counted, and no worker."""

    client: redis.Redis

    def __post_init__(self) -> None:
        """Make what writes."""
        self.jobs = JobQueue(self.client)
        self.operations = RedisOperations(self.client, SystemTime(), enqueue=self.jobs.enqueue)
        self.pending = Pending(self.client, enqueue=self.jobs.enqueue)
        self.outbox = RedisOutbox(self.client, SystemTime(), enqueue=self.jobs.send)
        self.began = time.time()

    def receive(self, verb: Verb = Verb.ROLLBACK) -> Operation:
        """Receive an operation."""
        operation = an_operation(verb)
        return self.operations.receive(operation, dedupe=operation.id, intent=operation.id, facts={}).operation

    def hand_out(self, seconds: int) -> list[Handed]:
        """Let a clock hand out what is due, every three seconds of the next so many."""
        found = []
        for after in range(3, seconds, 3):
            now = self.began + after
            found += [self.pending.requeue(one, now) for one in self.pending.due(now)]
            for channel in self.outbox.due(now):
                self.outbox.hand_out(channel, now)
        return found

    def read(self, after: float, *, lag_s: float = 0.0) -> Figures:
        """Return what is counted so many seconds after the beginning, with metrics that come so late."""
        prod = Cluster("prod", prometheus=MetricsServer(lag_s=lag_s))
        return RedisFigures(self.client).read([prod], self.began + after)

    def send(self, key: str, *, went: bool) -> None:
        """Send one message, as whoever sends does."""
        with RedisLocks(self.client).hold("lane C1", wait_s=0) as lease:
            row = self.outbox.find(key)
            assert row
            assert lease
            row, _ = self.outbox.begin(row, lease, FREE, now=time.time())
        done = replace(row, fate=Fate.POSTED, ts="1.2", sent=row.sending) if went else replace(row, fate=Fate.WAITING)
        self.outbox.settle(done, waits=not went)


@pytest.fixture
def desk(redis_url: str) -> Iterator[Desk]:
    """An empty one."""
    client = patient(redis_url)
    yield Desk(client)
    client.close()


def test_work_that_no_worker_takes_is_late(desk: Desk) -> None:
    """A rollback that waits in its queue grows late, however often a clock hands it out."""
    desk.receive()
    assert Handed.WAITING in desk.hand_out(210)
    found = desk.read(210)
    assert found.queues["urgent"] == 1
    assert found.oldest["urgent"] == pytest.approx(210, abs=5)
    assert found.oldest["normal"] == 0.0
    assert found.work_late == pytest.approx(208, abs=6)


def test_work_on_which_workers_die_is_late(desk: Desk) -> None:
    """One job after another is taken and nothing comes of it: no job waits for long, and the operation is late."""
    desk.receive()
    for after in range(0, 210, 6):
        desk.client.delete(f"rq:queue:{URGENT}")
        now = desk.began + 3 + after
        assert [desk.pending.requeue(one, now) for one in desk.pending.due(now)] == [Handed.ENQUEUED]
    assert desk.read(210).work_late == pytest.approx(208, abs=6)


def test_work_that_no_clock_hands_out_is_late(desk: Desk) -> None:
    """Without a clock its due time says so."""
    desk.receive()
    assert desk.read(210).work_late == pytest.approx(208, abs=6)


def test_what_was_worked_on_is_not_late(desk: Desk) -> None:
    """A write ends it, whoever wrote it, and so does putting it off; that somebody wants it sooner does not."""
    operation = desk.receive()
    desk.hand_out(60)
    desk.client.hincrbyfloat(keys.operation(operation.id), "owed_since", -1000)
    desk.operations.later(operation.id, seconds=0)
    assert desk.read(90).work_late > 1000
    operation = desk.operations.commit(operation.move(State.RUNNING, Event(Step.CHECKING, 1.0)))
    assert desk.read(1).work_late == 0.0
    desk.hand_out(60)
    assert desk.read(60).work_late > 40
    desk.operations.later(operation.id, seconds=1000)
    assert desk.read(60).work_late == 0.0
    desk.operations.commit(ended(operation))
    assert desk.read(9000).work_late == 0.0


def test_the_oldest_job_is_one_that_is_still_there(desk: Desk) -> None:
    """What ran out, or is no job of ours, hides no job behind it, and breaks nothing."""
    desk.client.rpush(f"rq:queue:{WATCH}", *(f"look-gone-{at}" for at in range(FIRST - 2)), "forged")
    desk.client.hset("rq:job:forged", "enqueued_at", "yesterday")
    desk.jobs.look("prod", 7, within_s=100)
    assert desk.read(30).oldest["watch"] == pytest.approx(30, abs=5)


def test_rollouts_that_nobody_looks_at_are_late(desk: Desk) -> None:
    """Since the last look, or since the rollout began where that is later; what is not watched yet is not late."""
    operation = desk.receive(Verb.CANARY)
    watches = RedisWatches(desk.client)
    watches.save("prod", (0.0, desk.began - 9000), {}, {})
    moving = replace(operation, state=State.RUNNING, rollout=Rollout(DEFAULT, Phase.MOVING))
    moving = desk.operations.commit(moving)
    assert desk.read(210).look_late == 0.0
    desk.operations.commit(replace(moving, rollout=Rollout(DEFAULT, Phase.BAKING)))
    assert desk.read(210).look_late == pytest.approx(210, abs=5)
    assert desk.read(210).rollouts == {"baking": 1}
    watches.save("prod", (desk.began - 9000, desk.began + 200), {}, {})
    assert desk.read(210).look_late == pytest.approx(10, abs=1)


def test_looks_at_metrics_that_come_late_are_not_late(desk: Desk) -> None:
    """What counts is when a look was had, not until when it counted: 90 s of lag are not late, a look missed is."""
    operation = desk.receive(Verb.CANARY)
    desk.operations.commit(replace(operation, state=State.RUNNING, rollout=Rollout(DEFAULT, Phase.BAKING)))
    watches, before = RedisWatches(desk.client), 0.0
    for had in range(200, 260, 5):
        # As a look does: it counts until its own moment less the lag.
        watches.save("prod", (before, desk.began + had - 90), {}, {})
        before = desk.began + had - 90
        assert desk.read(had + 4, lag_s=90).look_late == pytest.approx(4, abs=1)
    assert desk.read(355, lag_s=90).look_late == pytest.approx(100, abs=1)


def test_each_figure_is_of_its_own_thing(desk: Desk) -> None:
    """What waits for people, what is not settled, where a message waits, what is on record: none stands for another."""
    asked = desk.receive(Verb.PROMOTE)
    approval = Approval("hash", "uid", 50.0, (Demand("one", 1, ("S0SRE",)),), 1.0, time.time() + 900)
    running = desk.operations.commit(asked.move(State.RUNNING, Event(Step.CHECKING, 1.0)))
    desk.operations.commit(running.move(State.WAITING, Event(Step.ASKED, 2.0), approval=approval), [{"step": "asked"}])
    desk.receive()
    desk.receive()
    for channel in ("C1", "C2"):
        desk.outbox.put(replace(LETTER, key=f"card {channel}", channel=channel))
    found = desk.read(0)
    assert (found.approvals, found.unsettled, found.lanes) == (1, 3, 2)
    assert (found.incidents, found.audited) == (0, 4)
    assert found.queues == {"urgent": 2, "normal": 1, "watch": 0, "post": 2, "git": 0}


def test_messages_that_nobody_sends_are_late(desk: Desk) -> None:
    """A message grows late though a clock hands out its lane, and though more urgent ones come after it."""
    desk.outbox.put(replace(LETTER, urgency=Urgency.PROGRESS))
    desk.client.hincrbyfloat(keys.letter(LETTER.key), "unsent_since", -100)
    desk.outbox.put(replace(LETTER, key="card op-2", urgency=Urgency.CALL))
    desk.hand_out(210)
    assert desk.read(210).post_late == pytest.approx(310, abs=5)
    desk.outbox.rest("C1", seen=0, due=None)
    assert desk.read(210).post_late == pytest.approx(310, abs=5)


def test_what_people_have_seen_is_not_late(desk: Desk) -> None:
    """What was sent waits no more; a try that failed changes nothing, and a newer drawing waits from its own time."""
    desk.outbox.put(LETTER)
    desk.send(LETTER.key, went=False)
    assert desk.read(100).post_late == pytest.approx(100, abs=5)
    desk.send(LETTER.key, went=True)
    assert desk.read(100).post_late == 0.0
    desk.outbox.put(replace(LETTER, body="again"))
    assert desk.read(100).post_late == pytest.approx(100, abs=5)


def test_a_card_that_is_drawn_all_the_time_is_not_late(desk: Desk) -> None:
    """A row that never leaves its lane, because it is drawn anew while it is sent, waits from its last sending."""
    desk.outbox.put(LETTER)
    desk.client.hincrbyfloat(keys.letter(LETTER.key), "unsent_since", -1000)
    with RedisLocks(desk.client).hold("lane C1", wait_s=0) as lease:
        row = desk.outbox.find(LETTER.key)
        assert row
        assert lease
        row, _ = desk.outbox.begin(row, lease, FREE, now=time.time())
        desk.outbox.put(replace(LETTER, body="again"))
        assert desk.read(100).post_late > 1000
        desk.outbox.settle(replace(row, fate=Fate.POSTED, ts="1.2", sent=row.sending))
    assert desk.read(100).post_late == pytest.approx(100, abs=5)


def test_a_message_that_is_put_back_waits_again(desk: Desk) -> None:
    """One that nobody knew to be posted, and that is worth a second message after all, waits from then."""
    desk.outbox.put(LETTER)
    row = desk.outbox.find(LETTER.key)
    assert row
    desk.outbox.settle(replace(row, fate=Fate.UNKNOWN))
    assert desk.read(100).post_late == 0.0
    desk.outbox.settle(replace(row, fate=Fate.WAITING), waits=True)
    assert desk.read(100).post_late == pytest.approx(100, abs=5)


def test_a_lost_message_that_is_tried_again_waits_from_then(desk: Desk) -> None:
    """What is lost is not late, and its revival begins anew."""
    desk.outbox.put(LETTER)
    row = desk.outbox.find(LETTER.key)
    assert row
    desk.outbox.settle(replace(row, fate=Fate.LOST))
    assert desk.read(100).post_late == 0.0
    assert desk.outbox.revive(LETTER.key, "C1")
    assert desk.read(100).post_late == pytest.approx(100, abs=5)
