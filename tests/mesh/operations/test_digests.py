"""What a digest says, and that each slot is posted at most once."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from chat.memory import RecordedBoard
from mesh.domain.approvals import Rule
from mesh.domain.catalog import Catalog, Service
from mesh.domain.counts import Counts
from mesh.domain.digests import LATE_S, Digest, Edition, Kind, Part, Slot, SlotState
from mesh.domain.errors import Unavailable
from mesh.domain.gates import Limits
from mesh.domain.operations import State
from mesh.domain.scopes import Scope
from mesh.domain.weeks import Changes
from mesh.operations.digests import gather
from mesh.operations.publishing import publish
from mesh.operations.stage import Stage
from mesh.ports import Newsroom
from store.memory_digests import MemoryDeeds, MemorySlots
from tests.builders import healthy
from tests.mesh.operations.bench import Bench, virtual_service
from workers.memory import MemoryMetrics

DAILY = Digest("daily", "C0PROD", "0 9 * * *")
HOST = "web.mesh-demo.svc.cluster.local"


@dataclass
class Press(Bench):
    """A bench with a newsroom."""

    digests: tuple[Digest, ...] = (DAILY,)

    def __post_init__(self) -> None:
        """Wire the newsroom as well."""
        super().__post_init__()
        self.slots, self.board = MemorySlots(lease_s=0.0), RecordedBoard()

    @property
    def catalog(self) -> Catalog:
        """The configuration, with digests."""
        return replace(super().catalog, digests=self.digests)

    @property
    def stage(self) -> Stage:
        """What a worker has, with a newsroom."""
        room = Newsroom(self.slots, MemoryDeeds(self.operations), self.board)
        return replace(super().stage, newsroom=room)

    def gather(self, digest: Digest = DAILY) -> Edition:
        """What the digest says now."""
        return gather(self.stage, digest, at=self.time.now())

    def due(self, *, late_s: float = 5.0) -> Slot:
        """A slot that came some seconds ago."""
        return Slot("daily", int(self.time.now() - late_s))

    def audited(self) -> list[str]:
        """The steps of digests in the audit log."""
        return [entry["step"] for entry in self.audit() if entry["step"].startswith("digest")]


def resting(name: str = "api", host: str = "") -> dict[str, Any]:
    """A VirtualService that has everything on v1."""
    more = {"host": host} if host else {}
    return virtual_service(100, 0, name=f"{name}-vs", **more)


def the(kind: Kind, edition: Edition) -> Part:
    """The part of a kind; there must be one."""
    return next(part for part in edition.parts if part.kind is kind)


def kinds(edition: Edition) -> list[Kind]:
    """The kinds of its parts."""
    return [part.kind for part in edition.parts]


# --- what it says ----------------------------------------------------------------------------------------------------


def test_where_all_is_well_there_is_nothing_to_say() -> None:
    """A route at rest, gates that can decide, no change in a week."""
    press = Press(objects=[resting()])
    found = press.gather()
    assert found.is_empty
    assert found.services == 1


def test_a_route_off_its_rest_is_told() -> None:
    """A canary with a share that nobody is moving, since when it was changed, and by which operation."""
    press = Press()
    done = press.do("promote api 30")
    press.time.at += 3600
    (item,) = the(Kind.OFF_REST, press.gather()).items
    assert (item.what, item.text) == ("demo/mesh-demo/api", "v1 70 % / v2 30 %")
    assert (item.operation, item.since) == (done.id, done.story[-1].at)


def test_a_completed_canary_is_at_rest_though_the_object_forgot_all() -> None:
    """The record has it that our own last write left it so; to it v1 is stable still."""
    press = Press()
    assert press.do("promote api 100").state is State.SUCCEEDED
    press.route_object()["metadata"]["annotations"] = {}
    assert Kind.OFF_REST not in kinds(press.gather())


def test_a_completed_canary_is_at_rest() -> None:
    """Also where the configuration still calls the other arm stable."""
    press = Press(services=(Service("api", stable="v1", canary="v2"),))
    assert press.do("promote api 100").state is State.SUCCEEDED
    assert kinds(press.gather()) == []
    press.cluster.client.put(virtual_service(0, 100))
    assert the(Kind.OFF_REST, press.gather()).items[0].text == "v2 has everything, and v1 is stable"


def test_drift_is_told_instead() -> None:
    """Who wrote over us is a matter of its own: what there is, and what we wrote."""
    press = Press()
    press.do("promote api 50")
    changed = copy.deepcopy(press.route_object())
    changed["spec"]["http"][0]["route"][0]["weight"] = 60
    changed["spec"]["http"][0]["route"][1]["weight"] = 40
    press.cluster.client.put(changed)
    found = press.gather()
    assert Kind.OFF_REST not in kinds(found)
    assert the(Kind.DRIFT, found).items[0].text == "v1 60 % / v2 40 %, changed; meshbot wrote v1=50 v2=50"


def test_a_rollout_under_way_is_told_once() -> None:
    """With where it stands, since when and by whom; its split is no news."""
    press = Press()
    rolling = press.do("canary api 25,50,100")
    press.time.at += 60
    found = press.gather()
    (item,) = the(Kind.ROLLOUTS, found).items
    assert item.operation == rolling.id
    assert item.text.startswith("step 1 of 3 (v2 at ")
    assert (item.since, item.by) == (rolling.created_at, "U0JIN")
    assert Kind.OFF_REST not in kinds(found)


def test_what_waits_for_approval_is_told_until_its_time_is_over() -> None:
    """With what is asked, how far it is, since when and by whom; before what only is; other channels' scopes aside."""
    press = Press(approvals=(Rule("two", need=2, users=("U0ANA", "U0LEE"), expires_s=900.0),))
    asked = press.do("promote api 50")
    found = press.gather()
    assert kinds(found) == [Kind.WAITING, Kind.OFF_REST]
    (item,) = the(Kind.WAITING, found).items
    assert item.text == "promote v1 90 % / v2 10 % -> v1 50 % / v2 50 %, 0 of 2 approvals"
    assert (item.operation, item.since, item.by) == (asked.id, press.time.at, "U0JIN")
    elsewhere = replace(DAILY, scope=Scope(services=("web",)))
    assert Kind.WAITING not in kinds(press.gather(elsewhere))
    press.time.at += 901
    assert Kind.WAITING not in kinds(press.gather())


@pytest.mark.parametrize(
    ("readings", "why"),
    [
        ({"v1": "Prometheus did not answer in 3 s"}, "Prometheus did not answer in 3 s"),
        ({}, "no traffic in 5 min"),
        ({"v1": healthy(), "v2": Counts()}, "no traffic in 5 min"),
        ({"v1": healthy(), "v2": healthy(requests=20)}, "too few requests for a verdict"),
    ],
)
def test_gates_that_cannot_decide_are_told_with_the_reason(readings: dict[str, Counts | str], why: str) -> None:
    """No answer, no traffic, too little of it; only arms that should have traffic count."""
    press = Press(readings=readings)
    (item,) = the(Kind.BLIND, press.gather()).items
    assert (item.what, item.text) == (why, "demo/mesh-demo/api")
    quiet = Press(objects=[resting()], readings={"v1": healthy()})
    assert quiet.gather().is_empty


def test_gates_are_asked_with_their_own_windows_and_those_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """One question for each window; who has a rare one is asked with the commonest, and judged by its own floor."""
    hosts = [f"s{number}.mesh-demo.svc.cluster.local" for number in range(12)]
    windows = [300, 300, 300, 300, 60, 60, 60, 10, 10, 20, 30, 40]
    services = tuple(Service(f"s{n}", limits=Limits(window_s=window)) for n, window in enumerate(windows))
    press, asked = Press(objects=[resting(host[:3], host) for host in hosts], services=services), []
    measure = press.metrics.measure

    def count(cluster: str, subjects: Sequence[Any], *, until: float, seconds: float) -> Any:
        asked.append((seconds, len(subjects)))
        return measure(cluster, subjects, until=until, seconds=seconds)

    monkeypatch.setattr(press.metrics, "measure", count)
    assert press.gather().services == 12
    assert sorted(asked) == [(10, 2), (60, 3), (300, 7)]


def test_the_week_is_counted() -> None:
    """Promotions and rollbacks of the last seven days, by service."""
    press = Press()
    press.do("promote api 30")
    press.time.at += 8 * 86_400
    press.do("promote api 50")
    press.do("rollback api")
    week = press.gather().week
    assert week.changes == Changes(1, 1, 0)
    assert [(one.service, one.changes) for one in week.services] == [("demo/mesh-demo/api", Changes(1, 1, 0))]


def test_a_scope_limits_everything() -> None:
    """A digest of web says nothing of api."""
    objects = [virtual_service(), resting("web", HOST)]
    press = Press(objects=[*objects])
    press.do("promote api 50")
    found = press.gather(replace(DAILY, scope=Scope(services=("web",))))
    assert found.is_empty
    assert found.services == 1
    assert press.gather(replace(DAILY, scope=Scope(clusters=("prod",)))).services == 0


def test_a_cluster_that_is_away_is_said_and_the_rest_told() -> None:
    """What is not known is not nothing."""
    press = Press()
    press.do("promote api 50")
    press.cluster.client.broken = Unavailable("The API server does not answer.")
    found = press.gather()
    assert found.troubles == ("Routes of cluster demo are not known: The API server does not answer.",)
    assert found.week.total == 1
    assert not found.is_empty


def test_a_faulty_route_is_said_and_hides_no_other() -> None:
    """One object that cannot be read leaves the others in the digest."""
    broken = virtual_service(name="web-vs", host=HOST)
    broken["spec"]["http"][0]["route"][0]["weight"] = "many"
    found = Press(objects=[virtual_service(), broken]).gather()
    assert found.services == 1
    assert "'many'" in found.troubles[0]


def test_one_object_of_two_services_counts_once() -> None:
    """A VirtualService with two hosts is one route."""
    both = virtual_service()
    both["spec"]["hosts"] = ["api", "web"]
    assert the(Kind.OFF_REST, Press(objects=[both]).gather()).total == 1


def test_rules_of_one_object_are_told_apart() -> None:
    """Two weighted rules of one VirtualService are two lines."""
    both = virtual_service()
    both["spec"]["http"] = [{"name": "beta", **both["spec"]["http"][0]}, *both["spec"]["http"]]
    found = the(Kind.OFF_REST, Press(objects=[both]).gather())
    assert [item.what for item in found.items] == ['demo/mesh-demo/api http "beta"', "demo/mesh-demo/api http default"]


# --- on demand -------------------------------------------------------------------------------------------------------


def test_somebody_asks_for_it() -> None:
    """`/mesh digest` reads and shows what the channel's digest would say."""
    press = Press(digests=(replace(DAILY, channel="C0PROD", scope=Scope(services=("web",))),))
    done = press.do("digest")
    assert done.state is State.SUCCEEDED
    assert done.edition
    assert (done.edition.name, done.edition.services) == ("daily", 0)
    assert press.slots.state(press.due()) is SlotState.OPEN


def test_a_channel_without_a_digest_gets_everything_or_what_is_asked_for() -> None:
    """`-n` and `-c` narrow it."""
    press = Press(digests=())
    everything, elsewhere = press.do("digest").edition, press.do("digest now -n shop").edition
    assert everything
    assert elsewhere
    assert (everything.services, elsewhere.services) == (1, 0)


# --- once ------------------------------------------------------------------------------------------------------------


def test_a_slot_is_posted_once() -> None:
    """However often its job runs."""
    press = Press()
    slot = press.due()
    assert [publish(slot, press.stage) for _ in range(3)] == [SlotState.POSTED] * 3
    assert [channel for channel, _ in press.board.posted] == ["C0PROD"]
    assert press.audited() == ["digest posted"]


def test_quiet_digests_are_silent_when_there_is_nothing() -> None:
    """And only then; others say that all is well."""
    quiet = (replace(DAILY, quiet=True),)
    press = Press(objects=[resting()], digests=quiet)
    assert publish(press.due(), press.stage) is SlotState.SKIPPED
    assert press.board.posted == []
    press = Press(digests=quiet)
    assert publish(press.due(), press.stage) is SlotState.POSTED
    press = Press(objects=[resting()])
    assert publish(press.due(), press.stage) is SlotState.POSTED
    assert "Nothing to report" in press.board.posted[0][1].text


@pytest.mark.parametrize("trouble", [Unavailable("Redis did not answer."), RuntimeError("a bug")])
def test_what_may_not_be_on_record_is_tried_again(trouble: Exception) -> None:
    """The slot is given back; the next job posts it."""
    press = Press()
    slot, press.board.trouble = press.due(), trouble
    with pytest.raises(type(trouble)):
        publish(slot, press.stage)
    assert press.slots.state(slot) is SlotState.OPEN
    press.board.trouble = None
    assert publish(slot, press.stage) is SlotState.POSTED
    assert len(press.board.posted) == 1
    assert press.audited() == ["digest posted"]


class Killed(BaseException):
    """The end of a worker in the middle of something."""


def test_a_worker_killed_while_it_gathers_leaves_it_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was posted."""
    press = Press()
    slot = press.due()
    with monkeypatch.context() as patched:
        patched.setattr(MemoryMetrics, "measure", _killed)
        with pytest.raises(Killed):
            publish(slot, press.stage)
    assert publish(slot, press.stage) is SlotState.POSTED
    assert len(press.board.posted) == 1


@pytest.mark.parametrize("arrived", [True, False])
def test_a_worker_killed_while_it_posts_is_followed_by_the_next(arrived: bool) -> None:
    """Whether or not it is on record by then: there is one message."""
    press = Press()
    slot, post = press.due(), press.board.post

    def killed(slot: Slot, channel: str, edition: Edition, *, picture: str) -> None:
        if arrived:
            post(slot, channel, edition, picture=picture)
        raise Killed

    press.board.post = killed  # type: ignore[method-assign]
    with pytest.raises(Killed):
        publish(slot, press.stage)
    press.board.post = post  # type: ignore[method-assign]
    assert [publish(slot, press.stage) for _ in range(3)] == [SlotState.POSTED] * 3
    assert len(press.board.posted) == 1
    assert press.audited() == ["digest posted"]


def test_a_redis_that_forgets_the_end_does_not_make_it_twice() -> None:
    """It was posted and that could not be written down: who comes next says the same again, which changes nothing."""
    press = Press()
    slot, close = press.due(), press.slots.close

    def away(slot: Slot, claim: str, state: SlotState, *, note: str = "") -> bool:
        if state is SlotState.POSTED:
            raise Unavailable("Redis did not answer.")
        return close(slot, claim, state, note=note)

    press.slots.close = away  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        publish(slot, press.stage)
    press.slots.close = close  # type: ignore[method-assign]
    assert publish(slot, press.stage) is SlotState.POSTED
    assert len(press.board.posted) == 1


def test_what_comes_too_late_is_left_out() -> None:
    """A queue that stood still for hours, or a digest that is no longer in the configuration."""
    press = Press()
    assert publish(press.due(late_s=LATE_S + 10), press.stage) is SlotState.MISSED
    assert publish(Slot("former", int(press.time.now())), press.stage) is SlotState.MISSED
    assert press.board.posted == []


def test_an_audit_log_that_is_away_does_not_undo_a_post() -> None:
    """It was posted; that is what counts."""
    press = Press()

    def away(_facts: dict[str, Any]) -> Any:
        raise Unavailable("Redis did not answer.")

    press.operations.audit = away  # type: ignore[assignment,method-assign]
    assert publish(press.due(), press.stage) is SlotState.POSTED


def _killed(*_: object, **__: object) -> Sequence[Any]:
    raise Killed


def test_the_newsroom_is_needed() -> None:
    """A process that was wired without one says so, and does not pretend to have nothing to tell."""
    bench = Bench()
    assert bench.do("digest").state is State.FAILED
