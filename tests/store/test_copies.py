"""Who acts outside Redis waits for a replica: nothing that was acknowledged is lost, and nothing is granted twice."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import redis

from mesh.domain.errors import Conflict, LostLease, NotFound, Unavailable, Uncopied
from mesh.domain.incidents import Alert, Incident
from mesh.domain.letters import Letter
from mesh.domain.operations import Event, State, Step
from mesh.ports import Pace, Receipt
from playground.servers import HOST, RedisServer
from playground.serving import free_port
from settings.environment import RedisSettings
from settings.time import SystemTime
from store import copies, keys
from store.connection import Client, patient
from store.incidents import RedisIncidents
from store.locks import RedisLocks
from store.operations import RedisOperations
from store.outbox import RedisOutbox
from tests.store.builders import API, Handover, an_operation
from tests.world.town import until

pytestmark = pytest.mark.redis
HEARS_S = 60.0
"""For how long a replica that hears is waited for."""
FIRING = Alert("f1", "HighErrorRate", "critical", "5 % fail", 900.0, 1000.0, group="g")


@dataclass
class Pair:
    """A master with one replica."""

    master: RedisServer
    replica: RedisServer
    patch: pytest.MonkeyPatch

    def __post_init__(self) -> None:
        """Open what a worker has."""
        self._be_patient()
        self.client = patient(RedisSettings(self.master.url, copies=1))
        # No answer comes before the copies do.
        self.client.connection_pool.connection_kwargs["socket_timeout"] = 2 * HEARS_S
        self.handover = Handover([])
        self.operations = RedisOperations(self.client, SystemTime(), enqueue=self.handover)

    def receive(self, name: str) -> Receipt:
        """Receive an operation of that id."""
        one = an_operation(id=name)
        return self.operations.receive(one, dedupe=name, intent=name, facts={"step": "queued"})

    def _be_patient(self) -> None:
        # A replica that hears is waited for, however busy the machine is; who is cut off, as long as in production.
        self.patch.setattr(copies, "COPY_S", HEARS_S)

    def cut_off(self) -> None:
        """Let the replica hear nothing more."""
        self.patch.undo()
        patient(self.replica.url).replicaof(HOST, str(free_port()))
        until(lambda: self.client.info("replication")["connected_slaves"] == 0, "it still hears")

    def join(self) -> None:
        """Let it hear again."""
        self._be_patient()
        patient(self.replica.url).replicaof(HOST, str(self.master.port))
        until(lambda: _is_copied(self.client), "no replica")

    def fail_over(self) -> RedisOperations:
        """Let the master die and the replica take its place, and return what is remembered there."""
        self.master.kill()
        client = patient(self.replica.url)
        client.replicaof("NO", "ONE")
        return RedisOperations(client, SystemTime(), enqueue=self.handover)


def _is_copied(client: redis.Redis) -> bool:
    """Tell whether the replica hears. A master without one counts no writes, and who wrote none has copies of all."""
    if not client.info("replication")["connected_slaves"]:
        return False
    with client.pipeline(transaction=False) as pipeline:
        pipeline.set("meshbot:test", 1)
        pipeline.wait(1, 100)
        return bool(pipeline.execute()[1] == 1)


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    """Two servers, the second one a replica that has caught up; no file of theirs waits for a busy disk."""
    with RedisServer(tmp_path / "master", appendonly=False, options={"repl-diskless-sync-delay": "0"}) as master:
        options = {"replicaof": f"{HOST} {master.port}"}
        with RedisServer(tmp_path / "replica", appendonly=False, options=options) as replica:
            client = patient(master.url)
            until(lambda: _is_copied(client), "no replica")
            try:
                yield Pair(master, replica, monkeypatch)
            finally:
                # In order, a master waits for its replica for a while.
                master.kill()
                replica.kill()


def test_what_was_acknowledged_survives_the_master(pair: Pair) -> None:
    """An operation that a person was told of is there after a failover, with its due time."""
    assert isinstance(pair.client, Client)
    assert pair.receive("op-told").created
    after = pair.fail_over()
    assert after.get("op-told").id == "op-told"
    assert patient(pair.replica.url).zscore(keys.OPEN, "op-told") is not None


def test_what_no_replica_has_is_not_acknowledged(pair: Pair) -> None:
    """It goes its way, the person hears that it may be lost, and a failover in this moment loses nothing promised."""
    pair.cut_off()
    with pytest.raises(Unavailable, match="No replica of Redis has your request") as caught:
        pair.receive("op-lone")
    assert "Look for its card" in caught.value.hint
    assert pair.operations.get("op-lone").state is State.QUEUED
    assert pair.handover.calls == [("op-lone", False, 0)]
    with pytest.raises(NotFound):
        pair.fail_over().get("op-lone")


def test_no_patch_is_sent_that_a_failover_could_forget(pair: Pair) -> None:
    """The step that announces a patch must be on a replica; others need not, for nobody acts on them."""
    operation = pair.receive("op-patch").operation
    pair.cut_off()
    operation = pair.operations.commit(operation.move(State.RUNNING, Event(Step.CHECKING, 1.0)))
    announced = operation.add(Event(Step.PATCHING, 2.0, "VirtualService api"))
    with pytest.raises(Uncopied, match="the patch is not sent"):
        pair.operations.commit(announced)
    # As the next worker finds it, once the replica is back.
    pair.join()
    written = pair.operations.get("op-patch")
    assert written.announces_patch
    assert pair.operations.commit(replace(written, outcome="again")).revision == written.revision + 1


def test_what_was_not_written_is_not_taken_for_written_without_a_copy(pair: Pair) -> None:
    """Somebody else wrote first: that is said also without copies, or the patch would be sent."""
    old = pair.receive("op-late").operation
    pair.cut_off()
    pair.operations.commit(old.move(State.RUNNING, Event(Step.CHECKING, 1.0)))
    with pytest.raises(Conflict):
        pair.operations.commit(old.move(State.RUNNING, Event(Step.PATCHING, 2.0)))
    assert not pair.operations.get("op-late").announces_patch


def test_people_hear_of_things_also_without_a_replica(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    """A message is sent all the same, and the log says that a failover now could send it twice."""
    outbox, locks = RedisOutbox(pair.client, SystemTime()), RedisLocks(pair.client)
    outbox.put(Letter("card op-1", "C1", "{}"))
    row = outbox.find("card op-1")
    assert row
    pair.cut_off()
    with caplog.at_level(logging.WARNING), locks.hold("lane C1", wait_s=0) as lease:
        assert lease
        begun, wait = outbox.begin(row, lease, Pace("C1", 0.0), now=1.0)
    assert (begun.attempts, wait) == (1, 0.0)
    assert "while no replica of Redis knows" in caplog.text


def test_alertmanager_is_not_told_what_could_be_lost(pair: Pair) -> None:
    """An incident that no replica has is not acknowledged, so it is sent again; it is on record and shown meanwhile."""
    handed: list[str] = []
    incidents = RedisIncidents(pair.client, SystemTime(), enqueue=lambda one, _: handed.append(one))
    pair.cut_off()
    incident = Incident("in-k3v9x2m4ta", API, opened_at=1000.0, channel="C1", alerts=(FIRING,))
    with pytest.raises(Unavailable, match="No replica of Redis has the incident"):
        incidents.commit(incident, [{"step": "incident"}])
    assert incidents.get(incident.id).open
    assert handed == [incident.id]


def test_a_forgotten_lease_is_not_given_again(redis_url: str) -> None:
    """After a failover that forgot a lease the next holder gets another number, and the first one is barred."""
    client = patient(redis_url)
    operations, locks = RedisOperations(client, SystemTime(), enqueue=Handover([])), RedisLocks(client)
    operation = operations.receive(an_operation(), dedupe="d", intent="i", facts={"step": "queued"}).operation
    with locks.hold("route", wait_s=0) as first:
        client.delete(keys.lock("route"), keys.FENCE)
        with locks.hold("route", wait_s=0) as second:
            assert first
            assert second
            assert first.token != second.token
            with pytest.raises(LostLease):
                operations.commit(operation, lease=first)
            assert operations.commit(operation, lease=second).revision == 1
