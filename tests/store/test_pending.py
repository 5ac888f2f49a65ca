"""The index of what is not settled, with real RQ queues."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import pytest
import redis
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from mesh.domain.approvals import Approval, Demand
from mesh.domain.commands import Verb
from mesh.domain.errors import Unavailable
from mesh.domain.operations import Event, Operation, State, Step
from mesh.domain.repositories import Commit
from mesh.domain.rollouts import Phase, Rollout
from mesh.domain.strategies import DEFAULT
from settings.time import SystemTime
from store.connection import patient
from store.jobs import FUNCTION, GIT, HANDED_ON_S, NORMAL, URGENT, JobQueue
from store.operations import FIRST_LOOK_S, RedisOperations
from store.pending import AGAIN_S, MOST_ATTEMPTS, Handed, Pending
from tests.store.builders import Handover, an_operation, ended

pytestmark = pytest.mark.redis
LATER = 1000.0


def unreachable(operation_id: str, *, urgent: bool, attempt: int, ahead: bool = False) -> None:
    """An `enqueue` that fails, as after a crash."""
    raise Unavailable("Redis did not answer.")


@dataclass
class Desk:
    """The index with its neighbours."""

    client: redis.Redis
    pending: Pending
    jobs: JobQueue

    def operations(self, *, crashing: bool = False) -> RedisOperations:
        """The memory of operations; `crashing` ones never enqueue."""
        return RedisOperations(self.client, SystemTime(), enqueue=unreachable if crashing else self.jobs.enqueue)

    def receive(self, operation: Operation, *, crashing: bool = False) -> Operation:
        """Receive one operation."""
        keys = {"dedupe": operation.id, "intent": operation.id}
        return self.operations(crashing=crashing).receive(operation, **keys, facts={}).operation

    def queued(self, name: str = NORMAL) -> list[str]:
        """Ids of the jobs that wait in a queue."""
        return Queue(name, connection=self.client, serializer=JSONSerializer).job_ids

    def take(self, name: str = NORMAL) -> None:
        """Take one job out of its queue and die, as a worker can."""
        self.client.lpop(f"rq:queue:{name}")


@pytest.fixture
def desk(redis_url: str) -> Iterator[Desk]:
    """An empty index."""
    client = patient(redis_url)
    jobs = JobQueue(client)
    yield Desk(client, Pending(client, enqueue=jobs.enqueue), jobs)
    client.close()


def test_a_job_names_our_function_and_one_id_in_json(desk: Desk) -> None:
    """A job holds the operation's id and nothing else, as JSON, with short lives."""
    desk.jobs.enqueue("op-1", urgent=True, attempt=3)
    job = Job.fetch("op-1-3", connection=desk.client, serializer=JSONSerializer)
    assert (job.func_name, list(job.args), job.kwargs) == (FUNCTION, ["op-1"], {})
    assert (job.timeout, job.result_ttl, job.failure_ttl, job.retries_left) == (60, 600, 600, None)
    assert desk.queued(URGENT) == ["op-1-3"]


def test_one_attempt_is_one_job(desk: Desk) -> None:
    """Enqueueing the same attempt twice leaves one job and is no error."""
    for _ in range(2):
        desk.jobs.enqueue("op-1", urgent=False, attempt=0)
    assert desk.queued() == ["op-1-0"]


def test_a_new_operation_is_due_soon(desk: Desk) -> None:
    """A new operation is looked at after 2 s and not before."""
    operation = desk.receive(an_operation())
    now = time.time()
    assert desk.pending.due(now) == []
    assert desk.pending.due(now + FIRST_LOOK_S) == [operation.id]


def test_what_was_written_but_never_enqueued_is_enqueued_by_the_clock(desk: Desk) -> None:
    """When the bot dies between its write and RQ, the clock hands the operation out."""
    operation = desk.receive(an_operation(Verb.ROLLBACK), crashing=True)
    assert desk.queued(URGENT) == []
    assert desk.pending.requeue(operation.id, time.time() + LATER) is Handed.ENQUEUED
    assert desk.queued(URGENT) == [f"{operation.id}-1"]


def test_what_was_handed_on_waits_there_and_not_for_ever(desk: Desk) -> None:
    """It is not handed out beside that; where nobody took it in time, as after a way back to an older one, it is."""
    operation = desk.receive(an_operation())
    job, now = f"{operation.id}-0", time.time() + LATER
    desk.take()
    desk.jobs.hand_on(FUNCTION, operation.id, job=job)
    [handed_on] = desk.queued(GIT)
    assert 0 < desk.client.ttl(f"rq:job:{handed_on}") <= HANDED_ON_S
    assert desk.pending.requeue(operation.id, now) is Handed.WAITING
    # As Redis does by itself then.
    desk.client.delete(f"rq:job:{handed_on}")
    assert desk.pending.requeue(operation.id, now + LATER) is Handed.ENQUEUED
    assert desk.queued() == [f"{operation.id}-1"]


def test_a_way_back_that_was_handed_on_is_the_first_of_what_was(desk: Desk) -> None:
    """Among those who need a Git server it overtakes, as it does among the ordinary."""
    desk.jobs.hand_on(FUNCTION, "op-1", job="op-1-0")
    desk.jobs.hand_on(FUNCTION, "op-2", job="op-2-0", ahead=True)
    assert desk.queued(GIT) == ["op-2-0-git", "op-1-0-git"]


@pytest.mark.parametrize(("verb", "queue"), [(Verb.PROMOTE, NORMAL), (Verb.ROLLBACK, URGENT)])
def test_what_waits_in_its_queue_is_not_enqueued_again(desk: Desk, verb: Verb, queue: str) -> None:
    """A backlog is left alone, whichever attempt is waiting in whichever queue; only the next look is put off."""
    operation = desk.receive(an_operation(verb))
    now = time.time() + LATER
    assert desk.pending.requeue(operation.id, now) is Handed.WAITING
    assert desk.queued(queue) == [f"{operation.id}-0"]
    assert desk.pending.due(now + AGAIN_S - 0.1) == []
    desk.take(queue)
    assert desk.pending.requeue(operation.id, now + AGAIN_S) is Handed.ENQUEUED
    assert desk.pending.requeue(operation.id, now + 2 * AGAIN_S) is Handed.WAITING
    assert desk.queued(queue) == [f"{operation.id}-1"]


def test_what_goes_back_by_a_commit_overtakes_ordinary_work_and_holds_up_nothing_urgent(desk: Desk) -> None:
    """It may wait for a Git server: first of the ordinary, also from the clock; once committed, one of many."""
    others = [desk.receive(an_operation()).id for _ in range(2)]
    rollback = desk.receive(an_operation(Verb.ROLLBACK, in_git=True))
    assert (desk.queued(), desk.queued(URGENT)) == ([f"{one}-0" for one in (rollback.id, *others)], [])
    desk.take()
    running = desk.operations().commit(rollback.move(State.RUNNING, Event(Step.CHECKING, 1.0)))
    assert desk.pending.requeue(rollback.id, time.time() + LATER) is Handed.ENQUEUED
    assert desk.queued() == [f"{rollback.id}-1", *(f"{one}-0" for one in others)]
    desk.take()
    committed = replace(running, in_git=False, commit=Commit("c0ffee", "apps", ""))
    desk.operations().commit(committed)
    assert desk.pending.requeue(rollback.id, time.time() + 2 * LATER) is Handed.ENQUEUED
    assert (desk.queued(), desk.queued(URGENT)) == ([*(f"{one}-0" for one in others), f"{rollback.id}-2"], [])


def test_a_job_that_vanished_with_its_worker_is_replaced(desk: Desk) -> None:
    """A job that RQ still calls queued but that is in no list does not hold anything up."""
    operation = desk.receive(an_operation())
    desk.take()
    assert desk.pending.requeue(operation.id, time.time() + LATER) is Handed.ENQUEUED


def test_what_is_settled_leaves_the_index(desk: Desk) -> None:
    """A settled operation is never due; one that is done but not told still is."""
    operation = desk.receive(an_operation())
    done = desk.operations().commit(ended(operation, reported=False))
    desk.take()
    assert desk.pending.requeue(done.id, time.time() + LATER) is Handed.ENQUEUED
    desk.operations().commit(replace(done, reported=True))
    assert desk.pending.due(time.time() + 2 * LATER) == []
    assert desk.pending.requeue(done.id, time.time() + 2 * LATER) is Handed.TAKEN


def test_an_entry_without_a_record_leaves_the_index(desk: Desk) -> None:
    """An id whose record is gone is taken out, and nobody is bothered with it."""
    desk.client.zadd("meshbot:open", {"op-gone": 1.0})
    assert desk.pending.requeue("op-gone", 2.0) is Handed.SETTLED
    assert desk.pending.due(LATER) == []


def test_ten_clocks_hand_out_one_job_for_each_due_time(desk: Desk) -> None:
    """However many clocks see the same due operation, one job is enqueued."""
    operation = desk.receive(an_operation(), crashing=True)
    now = time.time() + LATER
    with ThreadPoolExecutor(10) as pool:
        results = list(pool.map(lambda _: desk.pending.requeue(operation.id, now), range(10)))
    assert sorted(results) == [Handed.ENQUEUED] + [Handed.TAKEN] * 9
    assert desk.queued() == [f"{operation.id}-1"]


def test_an_operation_that_is_never_done_is_given_up_and_reported(desk: Desk) -> None:
    """After so many attempts nothing is enqueued any more, and the operation stays in the index to be ended."""
    handover = Handover([])
    pending, now = Pending(desk.client, enqueue=handover), time.time() + LATER
    operation = desk.receive(an_operation(), crashing=True)
    handed = [pending.requeue(operation.id, now + AGAIN_S * number) for number in range(MOST_ATTEMPTS + 1)]
    assert handed == [Handed.ENQUEUED] * MOST_ATTEMPTS + [Handed.STUCK]
    assert [attempt for _, _, attempt in handover.calls] == list(range(1, MOST_ATTEMPTS + 1))
    assert pending.due(now + 10 * LATER) == [operation.id]


def test_what_only_waits_to_be_told_is_never_given_up(desk: Desk) -> None:
    """However often an operation that is done was handed out, it is handed out again until people were told."""
    operation = desk.receive(an_operation(), crashing=True)
    desk.operations().commit(ended(operation, reported=False))
    desk.client.set(f"meshbot:attempts:{operation.id}", 2 * MOST_ATTEMPTS)
    assert desk.pending.requeue(operation.id, time.time() + LATER) is Handed.ENQUEUED
    assert desk.queued() == [f"{operation.id}-{2 * MOST_ATTEMPTS + 1}"]


def test_later_sets_the_next_look(desk: Desk) -> None:
    """An operation can ask to be looked at sooner, unless it is settled."""
    operation = desk.receive(an_operation())
    desk.operations().later(operation.id, seconds=0.5)
    assert desk.pending.due(time.time() + 0.6) == [operation.id]
    desk.operations().later("op-settled", seconds=0)
    assert desk.pending.due(time.time() + 0.6) == [operation.id]


def test_the_longest_due_comes_first(desk: Desk) -> None:
    """When more is due than fits one look, the longest due is handed out first."""
    desk.client.zadd("meshbot:open", {"op-b": 2.0, "op-a": 1.0, "op-c": 3.0})
    assert desk.pending.due(LATER, limit=2) == ["op-a", "op-b"]


def rolling(desk: Desk, phase: Phase = Phase.BAKING) -> Operation:
    """Receive a rollout and let it begin."""
    operation = desk.receive(an_operation(Verb.CANARY), crashing=True)
    return desk.operations().commit(replace(operation, state=State.RUNNING, rollout=Rollout(DEFAULT, phase)))


@pytest.mark.parametrize("sign_of_life", ["commit", "later"])
def test_a_rollout_that_lives_is_never_given_up(desk: Desk, sign_of_life: str) -> None:
    """Handed out for hours, it is handed out again, each time as a job of another number, while its jobs end well."""
    handover, now = Handover([]), time.time() + LATER
    pending, operation = Pending(desk.client, enqueue=handover), rolling(desk)
    rounds = 2 * MOST_ATTEMPTS + 5
    for number in range(rounds):
        if sign_of_life == "commit" and number % 50 == 0:
            operation = desk.operations().commit(operation)
        elif sign_of_life == "later":
            desk.operations().later(operation.id, seconds=0)
        assert pending.requeue(operation.id, now + AGAIN_S * number) is Handed.ENQUEUED
    assert [attempt for _, _, attempt in handover.calls] == list(range(1, rounds + 1))


def test_a_rollout_that_kills_its_workers_is_given_up(desk: Desk) -> None:
    """One that was handed out too often since it last showed a sign of life is reported like any other."""
    pending, operation = Pending(desk.client, enqueue=Handover([])), rolling(desk)
    now = time.time() + LATER
    handed = [pending.requeue(operation.id, now + AGAIN_S * number) for number in range(MOST_ATTEMPTS + 1)]
    assert handed == [Handed.ENQUEUED] * MOST_ATTEMPTS + [Handed.STUCK]


def test_a_rollout_that_has_ended_is_an_operation_like_any_other(desk: Desk) -> None:
    """Nothing is forgiven any more once it ended, and it leaves nothing behind when it is settled."""
    operation = rolling(desk)
    assert desk.client.hget(f"meshbot:op:{operation.id}", "forgiven") == b"0"
    operation = desk.operations().commit(replace(operation, rollout=Rollout(DEFAULT, Phase.COMPLETED)))
    assert desk.client.hget(f"meshbot:op:{operation.id}", "forgiven") is None
    desk.operations().commit(ended(operation))
    assert desk.client.keys("meshbot:rollouts:*") == []
    assert not desk.client.exists(f"meshbot:attempts:{operation.id}")


def test_what_is_put_off_again_and_again_is_never_given_up(desk: Desk) -> None:
    """A change that waits for its commit to be synced, or for its turn, is handed out for as long as that takes."""
    pending, now = Pending(desk.client, enqueue=Handover([])), time.time() + LATER
    operation = desk.receive(an_operation(), crashing=True)
    for number in range(2 * MOST_ATTEMPTS + 5):
        assert pending.requeue(operation.id, now + AGAIN_S * number) is Handed.ENQUEUED
        desk.operations().later(operation.id, seconds=0)


def test_what_kills_its_workers_is_given_up_although_others_put_it_off(desk: Desk) -> None:
    """Every second worker finds the service taken, by the one that is about to die, and forgives its own try alone."""
    pending, now = Pending(desk.client, enqueue=Handover([])), time.time() + LATER
    operation = desk.receive(an_operation(), crashing=True)
    handed = []
    for number in range(2 * MOST_ATTEMPTS):
        handed.append(pending.requeue(operation.id, now + AGAIN_S * number))
        if number % 2:
            desk.operations().later(operation.id, seconds=0)
    assert handed[: 2 * MOST_ATTEMPTS - 1] == [Handed.ENQUEUED] * (2 * MOST_ATTEMPTS - 1)
    assert handed[-1] is Handed.STUCK


def test_what_waits_for_approval_for_days_is_never_given_up(desk: Desk) -> None:
    """Every newer change of its service lets it be looked at again; that is no sign of a worker's death."""
    operation = desk.receive(an_operation(), crashing=True)
    running = desk.operations().commit(operation.move(State.RUNNING, Event(Step.CHECKING, 1.0)))
    approval = Approval("hash", "uid", 50.0, (Demand("one", 1, ("S0SRE",)),), 1.0, time.time() + 604_800)
    desk.operations().commit(running.move(State.WAITING, Event(Step.ASKED, 2.0), approval=approval))
    pending, now = Pending(desk.client, enqueue=Handover([])), time.time() + LATER
    for number in range(2 * MOST_ATTEMPTS):
        desk.operations().later(operation.id, seconds=0)
        assert pending.requeue(operation.id, now + AGAIN_S * number) is Handed.ENQUEUED


def test_the_index_of_what_waits_forgets_what_does_not(desk: Desk) -> None:
    """However it was decided, nothing is left behind in Redis."""
    operation = desk.receive(an_operation(), crashing=True)
    running = desk.operations().commit(operation.move(State.RUNNING, Event(Step.CHECKING, 1.0)))
    approval = Approval("hash", "uid", 50.0, (Demand("one", 1, ("S0SRE",)),), 1.0, time.time() + 900)
    waiting = desk.operations().commit(running.move(State.WAITING, Event(Step.ASKED, 2.0), approval=approval))
    assert desk.client.zrange("meshbot:waiting", 0, -1) == [operation.id.encode()]
    desk.operations().commit(ended(waiting))
    assert desk.client.zcard("meshbot:waiting") == 0
