"""What hostile reviewers tried: orders of events and ways of asking that must not end wrongly or in silence."""

from __future__ import annotations

import copy
from typing import Any, NoReturn

import pytest

from mesh.domain.catalog import Service
from mesh.domain.counts import Counts
from mesh.domain.errors import Denied, Refused, Unavailable, Uncopied
from mesh.domain.operations import Operation, State
from mesh.domain.plans import Plan
from mesh.domain.routes import Route
from mesh.operations.authorising import TRUSTED_S
from mesh.operations.running import run
from tests.builders import LEE, healthy
from tests.mesh.operations.bench import Bench, endpoints, surroundings, virtual_service
from tests.mesh.operations.test_acceptance import spoken
from tests.mesh.operations.test_running import Dying, die

SICK = {"v1": healthy(), "v2": healthy(success=50.0)}


# --- the order of things -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("newer", ["rollback api", "set api v1=80 v2=20"])
def test_what_a_newer_change_overtook_is_refused(newer: str) -> None:
    """A promote that waited in its queue must not undo the rollback that was asked for after it."""
    bench = Bench()
    slow = bench.ask("promote api 50")
    bench.time.at += 1
    assert bench.do(newer).state is State.SUCCEEDED
    left = bench.weights()
    refused = run(slow.id, bench.stage)
    assert refused.state is State.REFUSED
    assert "was asked for after this" in refused.outcome
    assert bench.weights() == left


def test_a_rollback_is_overtaken_by_nothing() -> None:
    """Going back is safe at any time, so an older rollback still runs."""
    bench = Bench()
    slow = bench.ask("rollback api")
    bench.time.at += 1
    bench.do("promote api 50")
    assert run(slow.id, bench.stage).state is State.SUCCEEDED
    assert bench.weights() == [100, 0]


def test_a_rollback_does_not_give_up_because_somebody_else_writes() -> None:
    """Everything to stable is the same wish whatever the weights were a moment ago."""
    bench = Bench()
    real = bench.cluster.patch
    calls: list[int] = []

    def once_late(plan: Plan, target: Any) -> Route:
        calls.append(1)
        if len(calls) == 1:
            changed = copy.deepcopy(bench.route_object())
            for arm, weight in zip(changed["spec"]["http"][0]["route"], (40, 60), strict=True):
                arm["weight"] = weight
            bench.cluster.client.put(changed)
        return real(plan, target)

    bench.cluster.patch = once_late  # type: ignore[method-assign]  # another writer in between
    assert bench.do("rollback api").state is State.SUCCEEDED
    assert bench.weights() == [100, 0]


# --- ways round the gates ----------------------------------------------------------------------------------------


def test_naming_the_stable_arm_does_not_turn_the_roles_round() -> None:
    """`promote api v1 10` would raise a sick v2 to 90 % unjudged, and the next rollback would go to it."""
    bench = Bench(readings=SICK)
    refused = bench.do("promote api v1 10")
    assert refused.state is State.REFUSED
    assert "/mesh rollback api" in refused.choices
    assert bench.weights() == [90, 10]
    assert bench.do("rollback api").state is State.SUCCEEDED
    assert bench.weights() == [100, 0]


def test_naming_the_stable_arm_is_refused_where_only_the_canary_is_configured() -> None:
    """With two arms, one named role says the other."""
    bench = Bench(readings=SICK, services=(Service("api", canary="v2"),))
    assert bench.do("promote api v1 10").state is State.REFUSED
    assert bench.weights() == [90, 10]


def test_near_half_the_shape_says_nothing() -> None:
    """At 40/60 on an object we never touched, a rollback to the larger arm could be one to the sick canary."""
    bench = Bench(objects=[virtual_service(40, 60), *surroundings()])
    refused = bench.do("rollback api")
    assert refused.state is State.REFUSED
    assert refused.choices == ("/mesh rollback api to v1", "/mesh rollback api to v2")


def test_lowering_an_arm_that_nobody_called_canary_is_refused() -> None:
    """At 50/50 without any word on the roles, lowering one arm is raising the other."""
    bench = Bench(readings=SICK, objects=[virtual_service(50, 50), *surroundings()])
    refused = bench.do("promote api v1 10")
    assert refused.state is State.REFUSED
    assert "another arm would rise" in refused.outcome
    assert bench.do("set api v1=10 v2=90").state is State.REFUSED
    assert bench.weights() == [50, 50]


def test_after_full_promotion_the_old_stable_arm_can_be_the_next_canary() -> None:
    """A new round: v1 is named, so it is judged, and a rollback goes to v2."""
    bench = Bench()
    bench.do("promote api 100")
    asked = bench.do("promote api v1 10")
    assert asked.state is State.SUCCEEDED
    assert {row.arm for row in asked.gates if row.name == "success"} == {"v1"}
    assert asked.plan
    assert (asked.plan.stable, asked.plan.canary) == ("v2", "v1")


def test_down_to_zero_and_up_again_is_no_way_round_a_failing_gate() -> None:
    """What failed its gates minutes ago does not rise on a ready pod alone; what nothing is known of may."""
    bench = Bench(readings=SICK)
    assert bench.do("rollback api").state is State.SUCCEEDED
    assert bench.do("promote api 100").state is State.REFUSED
    assert bench.do("undo").state is State.REFUSED
    assert bench.weights() == [100, 0]
    bench.metrics.readings["v2"] = Counts()
    assert bench.do("promote api 10").state is State.SUCCEEDED


def test_a_slip_in_the_configured_roles_is_not_a_guess() -> None:
    """`stable: v-1` names no arm: the shape must not decide who is rolled back to."""
    bench = Bench(services=(Service("api", stable="v-1"),), objects=[virtual_service(30, 70), *surroundings()])
    refused = bench.do("rollback api")
    assert refused.state is State.REFUSED
    assert "calls v-1 the stable arm" in refused.outcome
    assert bench.weights() == [30, 70]
    assert bench.do("status api").state is State.SUCCEEDED


def test_undo_to_absent_weights_is_judged_by_what_they_mean() -> None:
    """An absent weight of an HTTPRoute is 1, so taking the key away raises the canary from 0 to half."""
    refs = [{"name": f"api-{version}", "port": 80} for version in ("v1", "v2")]
    parents = [{"kind": "Service", "group": "", "name": "api", "port": 80}]
    obj = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "api-route", "namespace": "mesh-demo"},
        "spec": {"parentRefs": parents, "rules": [{"backendRefs": refs}]},
        "status": spoken(99),
    }
    slices = [endpoints(name, [(f"{name}-0", "", True)]) for name in ("api-v1", "api-v2")]
    bench = Bench(objects=[obj, *slices], services=(Service("api", stable="api-v1"),))
    bench.metrics.readings.update({"api-v1": healthy(), "api-v2": healthy(success=10.0)})
    assert bench.do("promote api 0").state is State.SUCCEEDED
    refused = bench.do("undo")
    assert refused.state is State.REFUSED
    assert refused.plan
    assert [(arm.name, arm.share_after) for arm in refused.plan.arms] == [("api-v1", 50.0), ("api-v2", 50.0)]


def test_a_dry_run_cannot_be_undone() -> None:
    """It changed nothing, although it has a plan."""
    bench = Bench()
    dry = bench.do("plan promote api 50")
    assert "changed nothing" in bench.do(f"undo {dry.id}").outcome
    assert bench.weights() == [90, 10]


def test_an_object_made_anew_is_not_undone() -> None:
    """The same name is not the same object."""
    bench = Bench()
    done = bench.do("promote api 50")
    fresh = {**bench.route_object(), "metadata": {"name": "api-vs", "namespace": "mesh-demo"}}
    bench.cluster.client.put(fresh)
    assert "made anew" in bench.do(f"undo {done.id}").outcome


# --- people and Slack --------------------------------------------------------------------------------------------


def test_a_hiccup_of_slack_does_not_turn_an_allowed_change_away() -> None:
    """What Slack said when it was received counts for a minute; after that it must say it again."""
    bench = Bench(members={"S0TEAM": {LEE.user}})
    quick, slow = bench.ask("promote api 50", LEE), bench.ask("promote api 60", LEE)

    def away(*_: object) -> frozenset[str]:
        raise Unavailable("ratelimited")

    bench.directory.groups = away  # type: ignore[method-assign, assignment]  # a Slack that is busy
    assert run(quick.id, bench.stage).state is State.SUCCEEDED
    bench.time.at += TRUSTED_S + 1
    assert "could not say who you are" in run(slow.id, bench.stage).outcome
    with pytest.raises(Denied, match="could not say who you are"):
        bench.ask("promote api 70", LEE)


def test_a_bug_ends_the_operation_and_is_told() -> None:
    """Anything unexpected is an end that people see, not a job that is tried for ever."""
    bench = Bench()

    def broken(*_: object, **__: object) -> NoReturn:
        raise ZeroDivisionError

    bench.metrics.measure = broken  # type: ignore[method-assign]  # a bug
    failed = bench.do("promote api 50")
    assert failed.state is State.FAILED
    assert failed.reported
    assert "A bug in meshbot" in failed.outcome
    assert bench.weights() == [90, 10]


def test_the_end_is_told_later_and_later() -> None:
    """A Slack that is away for hours is not asked every five seconds."""
    bench = Bench()
    asked = bench.ask("rollback api")

    def away(operation: Operation) -> Operation:
        raise Unavailable("Slack did not answer")

    bench.cards.show = away  # type: ignore[method-assign]  # a Slack that is down
    pauses = []
    for _ in range(8):
        run(asked.id, bench.stage)
        pauses.append(bench.operations.open[asked.id] - bench.time.at)
        bench.time.at = bench.operations.open[asked.id] + 300
    assert pauses[0] == 5
    assert pauses == sorted(pauses)
    assert pauses[-1] == 600


def test_two_workers_tell_one_end_once() -> None:
    """A second worker that comes while the first one talks to Slack stays silent."""
    bench = Bench()
    asked = bench.ask("rollback api")
    real = bench.cards.announce

    def slowly(operation: Operation, entry: str) -> None:
        run(asked.id, bench.stage)  # the clock handed it out again meanwhile
        real(operation, entry)

    bench.cards.announce = slowly  # type: ignore[method-assign]  # a slow Slack
    assert run(asked.id, bench.stage).reported
    assert len(bench.cards.announcements) == 1


def test_one_patch_is_on_record_once() -> None:
    """Killed between patched and verified: the next worker verifies, and does not tell the patch again."""
    bench = Bench()
    asked = bench.ask("promote api 50")
    die(bench, asked, "cluster", Dying(bench.cluster, "reread", after=False))
    done = run(asked.id, bench.stage)
    assert bench.audit_steps(done).count("patched") == 1


@pytest.mark.parametrize(("arrived", "state"), [(True, State.SUCCEEDED), (False, State.REFUSED)])
def test_what_a_dead_worker_left_is_settled_before_the_next_change(arrived: bool, state: State) -> None:
    """A rollback comes before the resume: the promote is told as done or as overtaken, never as unknown."""
    bench = Bench()
    left = bench.ask("promote api 50")
    die(bench, left, "cluster", Dying(bench.cluster, "patch", after=arrived))
    bench.time.at += 1
    assert bench.do("rollback api").state is State.SUCCEEDED
    assert run(left.id, bench.stage).state is state
    assert bench.weights() == [100, 0]
    undone = bench.do("undo")
    assert undone.state is State.SUCCEEDED
    assert bench.weights() == ([50, 50] if arrived else [90, 10])


# --- a second hostile review -------------------------------------------------------------------------------------


def renamed(bench: Bench, *subsets: str) -> None:
    """Somebody gives the arms other subsets."""
    changed = copy.deepcopy(bench.route_object())
    for arm, subset in zip(changed["spec"]["http"][0]["route"], subsets, strict=True):
        arm["destination"]["subset"] = subset
    bench.cluster.client.put(changed)


def test_a_rollback_never_leaves_all_weights_at_zero() -> None:
    """The arms were renamed between read and patch: where stable is gone, nothing is written."""
    bench = Bench(services=(Service("api"),))
    real = bench.cluster.patch
    calls: list[int] = []

    def patch(plan: Plan, target: Any) -> Route:
        calls.append(1)
        if len(calls) == 1:
            renamed(bench, "v3", "v4")
        return real(plan, target)

    bench.cluster.patch = patch  # type: ignore[method-assign]  # another writer in between
    assert bench.do("rollback api").state is State.REFUSED
    assert bench.weights() == [90, 10]


def test_an_arm_that_took_the_place_of_stable_did_not_take_its_role() -> None:
    """v1 was replaced by v3 after v2 was fully promoted: a rollback must not send everything to the untried v3."""
    bench = Bench()
    bench.do("promote api 100")
    renamed(bench, "v3", "v2")
    bench.do("rollback api")
    assert bench.weights() == [0, 100]


def test_following_our_own_advice_does_not_turn_the_roles_round() -> None:
    """At 50/50 the refused rollback offers `set`; the rollback after that goes to the arm that people fled to."""
    bench = Bench(objects=[virtual_service(50, 50), *surroundings()])
    advice = bench.do("rollback api").choices[0].removeprefix("/mesh ")
    assert bench.do(advice).state is State.SUCCEEDED
    bench.metrics.readings["v2"] = healthy(success=1.0)
    bench.do("rollback api")
    assert bench.weights() == [100, 0]


def test_an_undo_that_a_rollback_overtook_is_refused() -> None:
    """Undoing a rollback raises the canary, so it is no more urgent than a promotion."""
    bench = Bench()
    bench.do("promote api 50")
    back = bench.do("rollback api")
    bench.time.at += 1
    waiting = bench.ask(f"undo {back.id}")
    bench.time.at += 1
    bench.do("rollback api")
    assert run(waiting.id, bench.stage).state is State.REFUSED
    assert bench.weights() == [100, 0]


def test_what_waited_too_long_for_its_turn_expires() -> None:
    """Begun or not: a promotion that only waited for others does not come out of the blue an hour later."""
    bench = Bench()
    asked = bench.ask("promote api 50")
    with bench.locks.hold(str(asked.target), wait_s=0):
        assert not run(asked.id, bench.stage).done
    bench.time.at += 3600
    assert run(asked.id, bench.stage).state is State.EXPIRED
    assert bench.weights() == [90, 10]


def test_ten_refused_wishes_do_not_hide_a_rollback() -> None:
    """What overtook a change is looked for further back than the history shows."""
    bench = Bench()
    old = bench.ask("promote api 80")
    bench.time.at += 1
    bench.do("rollback api")
    for _ in range(10):
        bench.time.at += 1
        bench.do("promote api v9 50")
    assert run(old.id, bench.stage).state is State.REFUSED
    assert bench.weights() == [100, 0]


def test_an_object_that_cannot_be_read_after_the_patch_is_no_refusal() -> None:
    """The patch was sent: people are told that, and undo goes by what the object says once it can be read."""
    bench = Bench()
    real = bench.cluster.reread

    def denied(*_: object) -> Route:
        raise Refused("meshbot may not get virtualservices")

    bench.cluster.reread = denied  # type: ignore[method-assign, assignment]  # a right that is missing
    failed = bench.do("promote api 50")
    assert failed.state is State.FAILED
    assert "The patch was sent" in failed.outcome
    assert bench.do(f"undo {failed.id}").state is State.REFUSED
    bench.cluster.reread = real  # type: ignore[method-assign]  # the right is given
    assert bench.do(f"undo {failed.id}").state is State.SUCCEEDED
    assert bench.weights() == [90, 10]


def test_undo_of_a_patch_that_nobody_saw_arrive_is_refused_without_its_stamp() -> None:
    """It was sent, the outcome is not known, and the object shows no trace of it: there may be nothing to undo."""
    bench = Bench()

    def lost(*_: object) -> Route:
        raise Unavailable("no answer")

    patch, reread = bench.cluster.patch, bench.cluster.reread
    bench.cluster.patch = bench.cluster.reread = lost  # type: ignore[method-assign, assignment]  # the API server is away
    asked = bench.do("promote api 50")
    bench.time.at += 100
    failed = run(asked.id, bench.stage)
    assert failed.state is State.FAILED
    bench.cluster.patch, bench.cluster.reread = patch, reread  # type: ignore[method-assign]  # it is back
    refused = bench.do(f"undo {failed.id}")
    assert refused.state is State.REFUSED
    assert "does not show that it was written" in refused.outcome
    assert bench.weights() == [90, 10]


def test_a_bug_in_the_card_is_no_end_without_a_word() -> None:
    """The traffic moves, the end is tried again later and later, and nothing escapes to the queue."""
    bench = Bench()
    real = bench.cards.show

    def bug(operation: Operation) -> Operation:
        raise KeyError("drawing")

    bench.cards.show = bug  # type: ignore[method-assign]  # a bug
    asked = bench.ask("promote api 50")
    assert run(asked.id, bench.stage).state is State.SUCCEEDED
    bench.cards.show = real  # type: ignore[method-assign]  # mended
    assert run(asked.id, bench.stage).reported


def test_services_that_share_an_object_do_not_cover_each_others_traces() -> None:
    """A change of billing writes down what the object says of api's lost patch before it stamps the object anew."""
    shared = virtual_service()
    shared["spec"]["hosts"].append("billing.mesh-demo.svc.cluster.local")
    services = tuple(Service(name, stable="v1", canary="v2") for name in ("api", "billing"))
    bench = Bench(objects=[shared, *surroundings()], services=services)
    asked = bench.ask("promote api 50")
    die(bench, asked, "cluster", Dying(bench.cluster, "patch", after=True))
    bench.time.at += 1
    assert bench.do("rollback billing").state is State.SUCCEEDED
    assert "patched" in bench.audit_steps(asked)
    assert bench.weights() == [100, 0]


def test_looking_for_a_patch_again_and_again_is_on_record_once() -> None:
    """An API server that stays away does not fill the audit log."""
    bench = Bench()
    asked = bench.ask("promote api 50")
    die(bench, asked, "cluster", Dying(bench.cluster, "patch", after=True))
    bench.cluster.client.broken = Unavailable("the API server does not answer")
    for _ in range(10):
        run(asked.id, bench.stage)
        bench.time.at += 2
    assert bench.audit_steps(asked).count("resumed") == 1


# --- Redis without its replicas ----------------------------------------------------------------------------------


def without_replicas(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what announces a patch be written, and reach no replica."""
    real = bench.operations.commit

    def uncopied(operation: Operation, *rest: Any, **more: Any) -> Operation:
        after = real(operation, *rest, **more)
        if after.announces_patch:
            raise Uncopied("No replica has it.")
        return after

    monkeypatch.setattr(bench.operations, "commit", uncopied)


def test_what_goes_back_does_not_wait_for_a_replica(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan is on the master alone: nothing rises, by undo neither; a rollback goes."""
    bench = Bench()
    raised = bench.do("promote api 50")
    assert raised.state is State.SUCCEEDED
    without_replicas(bench, monkeypatch)
    assert not bench.do("promote api 60").done
    assert bench.weights() == [50, 50]
    back = bench.do("rollback api")
    assert (back.state, bench.weights()) == (State.SUCCEEDED, [100, 0])
    assert any("no replica of Redis has this on record" in event.text for event in back.story)
    assert bench.audit_steps(back).count("patched") == 1
    assert not bench.do("undo api").done
    assert bench.weights() == [100, 0]


def test_what_was_never_sent_is_never_shut_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tried again while no replica is there: nothing at all reaches the API server, and the end says why."""
    bench, sent = Bench(), []
    without_replicas(bench, monkeypatch)
    monkeypatch.setattr(bench.cluster, "patch", lambda plan, target: sent.append((plan, target)))
    asked = bench.do("promote api 50")
    pauses = []
    for _ in range(3):
        pauses.append(bench.operations.open[asked.id] - bench.time.at)
        bench.time.at += 30
        run(asked.id, bench.stage)
    assert (sent, pauses) == ([], [5.0, 7.5, 15.0])
    assert bench.audit_steps(asked)[-6:] == ["patching", "unwritten"] * 3
    bench.time.at += 60
    ended = run(asked.id, bench.stage)
    assert (ended.state, sent) == (State.EXPIRED, [])
    assert "For 150 s no replica of Redis had the plan, so the patch was not sent" in ended.outcome


def test_what_waited_for_a_replica_is_patched_once_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """The promotion goes its way when the replica is back, with one patch and no interruption told."""
    bench = Bench()
    generation = bench.route_object()["metadata"]["generation"]
    with monkeypatch.context() as patching:
        without_replicas(bench, patching)
        asked = bench.do("promote api 50")
    bench.time.at += 7
    done = run(asked.id, bench.stage)
    assert (done.state, bench.weights()) == (State.SUCCEEDED, [50, 50])
    assert bench.route_object()["metadata"]["generation"] == generation + 1
    assert "resumed" not in bench.audit_steps(done)
