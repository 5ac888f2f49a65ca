"""A process that must never wait for a Git server: what it does of a service in Git, and what it hands on."""

from __future__ import annotations

import base64
import json
import threading
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rq import Queue
from rq.serializers import JSONSerializer

from chat.cards import card
from mesh.domain.catalog import Catalog, Channels
from mesh.domain.commands import Target
from mesh.domain.errors import NeedsGit
from mesh.domain.operations import Operation, State, Step
from mesh.domain.repositories import InGit
from mesh.operations.incident_cards import show
from mesh.operations.rollouts import advance_alone
from mesh.operations.running import run
from mesh.operations.stage import Stage
from store.connection import patient
from store.jobs import GIT, NORMAL, URGENT, JobQueue
from tests.mesh.operations.alarm import INC, alarm
from tests.mesh.operations.bench import virtual_service
from tests.mesh.operations.voyage import Voyage
from tests.workers.git.bench import GitBench
from tests.workers.git.server import GitServer
from workers import jobs
from workers.git.adapter import GitCluster
from workers.runner import OwnWorker, Wear

KEPT = json.loads((Path(__file__).parent.parent / "jobs_of_0_1.json").read_text())


def ordinary(bench: GitBench) -> Stage:
    """What the process of any queue but Git's has."""
    return replace(bench.stage, cluster=GitCluster(bench.cluster, bench.catalog, asks=False), asks_git=False)


@pytest.fixture
def bench(server: GitServer, tmp_path: Path) -> GitBench:
    """The service `api` is kept in Git, `web` is not; what the server heard so far is forgotten."""
    made = GitBench(server, tmp_path)
    made.cluster.client.put(virtual_service(name="web-vs", host="web.mesh-demo.svc.cluster.local"))
    server.requests.clear()
    return made


@pytest.mark.parametrize(
    "text",
    [
        *("promote api 50", "rollback api", "undo api", "adopt api", "canary api 25,50"),
        *("plan promote api 50", "status api", "gates api"),
    ],
)
def test_what_needs_git_is_handed_on_before_anything_is_held(text: str, bench: GitBench, server: GitServer) -> None:
    """Its card says that it is looked at, nobody asked the server, and the service's lock is free; then it is done."""
    asked = bench.ask(text)
    with bench.locks.hold(str(asked.target), wait_s=0) as held:
        assert held is not None
        with pytest.raises(NeedsGit) as handed:
            run(asked.id, ordinary(bench))
    assert handed.value.ahead == text.startswith(("rollback", "undo"))
    assert server.requests == []
    assert [event.step for event in bench.operations.get(asked.id).story] == [Step.QUEUED, Step.CHECKING]
    assert bench.cards.cards[asked.id]
    run(asked.id, bench.stage)
    assert server.requests
    assert Step.RESUMED not in [event.step for event in bench.operations.get(asked.id).story]


@pytest.mark.parametrize("text", ["rollback web", "freeze api for 1h --reason x", "status"])
def test_what_needs_no_git_is_done_while_a_server_hangs(text: str, bench: GitBench, server: GitServer) -> None:
    """The process that may wait is in the middle of that; who needs no repository hears nothing of it."""
    over, arrived = threading.Event(), threading.Event()

    def hang(_path: str) -> None:
        arrived.set()
        over.wait(60)

    server.before = hang
    waiting = threading.Thread(target=bench.do, args=("promote api 50",))
    waiting.start()
    assert arrived.wait(60)
    other = bench.ask(text)
    try:
        # The freeze waits for the service's lock as ever, half a second at a time, and is in nobody's way.
        done = run(other.id, ordinary(bench))
        assert done.state is State.SUCCEEDED or "freeze" in text
        assert waiting.is_alive()
    finally:
        over.set()
        waiting.join()
    assert run(other.id, ordinary(bench)).state is State.SUCCEEDED


def test_what_is_about_no_service_needs_no_git(bench: GitBench) -> None:
    """Also where a cluster says of all its services that Git keeps them: one look at many asks no repository."""
    every = replace(bench.catalog.clusters[0], in_git=InGit("apps", "{service}.yaml"))
    stage = replace(ordinary(bench), catalog=replace(bench.catalog, clusters=(every,)))
    assert run(bench.ask("status").id, stage).state is State.SUCCEEDED
    with pytest.raises(NeedsGit):
        run(bench.ask("status web").id, stage)


def test_an_end_is_told_without_git(bench: GitBench, server: GitServer) -> None:
    """What is committed and synced reaches people from any process; how the traffic went is found out by Git's."""
    asked = bench.do("promote api 50")
    bench.sync()
    done = bench.later(asked)
    assert done.to_be_measured
    bench.operations.commit(replace(done, reported=False))
    server.requests.clear()
    with pytest.raises(NeedsGit):
        run(done.id, ordinary(bench))
    assert bench.operations.get(done.id).reported
    assert server.requests == []


def handed_on(bench: GitBench, asked: Operation, *, times: int) -> Operation:
    """The clock hands it out so often to a process that must not ask Git; nobody takes what is handed on."""
    for time in range(times):
        bench.time.at += 63 if time else 0
        with pytest.raises(NeedsGit):
            run(asked.id, ordinary(bench))
    return bench.operations.get(asked.id)


@pytest.mark.parametrize("text", ["rollback api", "promote api 50"])
def test_where_nobody_asks_git_its_card_and_its_end_say_so(text: str, bench: GitBench) -> None:
    """People hear of it after a minute, and that kubectl takes traffic back; at the end they hear it again."""
    asked = bench.ask(text)
    handed_on(bench, asked, times=1)
    assert len(bench.cards.cards[asked.id]) == 1
    going = handed_on(bench, asked, times=2)
    shown = str(bench.cards.cards[asked.id][-1].blocks)
    assert "It waits for the process that asks Git" in shown
    assert "goes back with kubectl" in shown
    bench.time.at = going.deadline + 1
    ended = run(asked.id, ordinary(bench))
    assert (ended.state, bench.weights()) == (State.EXPIRED, [90, 10])
    assert ended.outcome == "For 121 s no process that asks Git took it"
    assert "kubectl" in ended.hint


def test_who_asks_git_takes_it_off_the_record(bench: GitBench) -> None:
    """Nothing of the wait is left, also where that process then waits for another change of the service."""
    asked = bench.ask("rollback api")
    handed_on(bench, asked, times=2)
    with bench.locks.hold(str(asked.target), wait_s=0):
        assert run(asked.id, bench.stage).outcome == ""
    assert run(asked.id, bench.stage).commit
    bench.sync()
    assert "process that asks Git" not in str(card(bench.later(asked)).blocks)


def test_what_is_worked_on_is_not_written_to_by_who_hands_it_on(bench: GitBench) -> None:
    """It is handed out again while Git is slow: who asks holds the service, and must not lose its record."""
    asked = bench.ask("rollback api")
    with bench.locks.hold(str(asked.target), wait_s=0):
        assert handed_on(bench, asked, times=1).outcome == ""


def test_what_waits_for_its_sync_is_not_said_to_wait_for_git(bench: GitBench) -> None:
    """Each look at it is handed on as well, and writes nothing."""
    going = bench.do("promote api 50")
    assert handed_on(bench, going, times=2) == going


class Alarmed(GitBench):
    """The same with a channel for incidents."""

    @property
    def catalog(self) -> Catalog:
        """The configuration as it is now."""
        return replace(super().catalog, channels=Channels(incidents=INC))


def test_the_first_card_of_an_incident_waits_for_no_git_server(server: GitServer, tmp_path: Path) -> None:
    """It says that Git is being asked for the weights; who may ask draws them."""
    bench = Alarmed(server, tmp_path)
    alarm(bench)
    incident = bench.incidents.newest(Target("demo", "mesh-demo", "api"))
    assert incident is not None
    server.requests.clear()
    with pytest.raises(NeedsGit):
        show(incident.id, ordinary(bench))
    assert server.requests == []
    first = bench.incidents.get(incident.id)
    assert first.drawn
    assert show(incident.id, bench.stage).drawn != first.drawn


def test_a_rollout_of_what_git_keeps_since_is_left_to_whoever_may_ask(server: GitServer, tmp_path: Path) -> None:
    """A look that would have to wait for Git leaves it: the rollout is due at once, and is not held by a bug."""
    bench = GitBench(server, tmp_path)
    kept, bench.services = bench.services, (replace(bench.services[0], in_git=None, git="patch"),)
    bench.another_worker()
    rollout = Voyage(bench).start()
    bench.services = kept
    server.requests.clear()
    assert not advance_alone(ordinary(bench), rollout, watch=None, suspect=True)
    assert bench.operations.open[rollout.id] == bench.time.at
    assert bench.operations.get(rollout.id).revision == rollout.revision
    assert server.requests == []


def handed_on_from(queue: str, bench: GitBench, url: str, put: Callable[[JobQueue, Operation], None]) -> list[str]:
    """Let a real worker of the queue run what is put there; return what then waits for the process that may ask Git."""
    client = patient(url)
    queues = JobQueue(client)
    jobs.install(ordinary(bench), hand_on=queues.hand_on)
    asked = bench.ask("rollback api")
    put(queues, asked)
    OwnWorker(queue, client, Wear()).work(burst=True)
    waiting = Queue(GIT, connection=client, serializer=JSONSerializer).job_ids
    jobs.install(bench.stage)
    OwnWorker(GIT, client, Wear()).work(burst=True)
    assert bench.operations.get(asked.id).commit
    client.close()
    return waiting


def old_job(queues: JobQueue, operation: Operation) -> None:
    """Put a job there as release 0.1 left it, but for the id of its operation."""
    client, name, former = queues._queues[False].connection, f"{operation.id}-0", "op-abcdefghij"
    said = zlib.decompress(base64.b64decode(KEPT[f"{former}-0"]["data"])).replace(
        former.encode(), operation.id.encode()
    )
    client.hset(f"rq:job:{name}", mapping=KEPT[f"{former}-0"] | {"data": zlib.compress(said), "origin": NORMAL})
    client.rpush(f"rq:queue:{NORMAL}", name)


@pytest.mark.redis
@pytest.mark.parametrize("queue", [NORMAL, URGENT])
def test_a_job_in_any_queue_is_handed_on_and_done(queue: str, bench: GitBench, redis_url: str) -> None:
    """Also where it was urgent when it was received, for Git keeps the service only since."""

    def put(queues: JobQueue, operation: Operation) -> None:
        queues.enqueue(operation.id, urgent=queue == URGENT, attempt=0)

    [waiting] = handed_on_from(queue, bench, redis_url, put)
    assert waiting.endswith("-0-git")


@pytest.mark.redis
def test_a_job_that_an_older_release_left_is_handed_on(bench: GitBench, redis_url: str) -> None:
    """It lies in the ordinary queue, where that release put all that Git keeps, and is done as any other."""
    assert len(handed_on_from(NORMAL, bench, redis_url, old_job)) == 1
