"""Running an operation: what is written, in which order, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from chat.memory import FixedDirectory
from mesh.domain.audit import verify
from mesh.domain.catalog import Service
from mesh.domain.counts import Counts
from mesh.domain.errors import Conflict, Denied, NotFound, Unavailable
from mesh.domain.measures import Measured
from mesh.domain.operations import Operation, State
from mesh.domain.plans import Plan
from mesh.domain.policy import Actor, Policy
from mesh.domain.routes import Route
from mesh.operations.patching import GIVE_UP_S
from mesh.operations.running import run
from tests.builders import JIN, LEE, healthy
from tests.mesh.operations.bench import JUDGED, POLICY, Bench, surroundings, virtual_service


def test_promote_moves_two_integers_and_leaves_a_trail() -> None:
    """90/10 becomes 50/50; the audit has the plan before the patch and the result after it."""
    bench = Bench()
    done = bench.do("promote api 50")
    assert done.state is State.SUCCEEDED
    assert bench.weights() == [50, 50]
    assert bench.audit_steps(done) == ["queued", "checking", "patching", "patched", "verified"]
    assert verify(bench.log.entries(), bench.log.head()) is None
    patching = next(entry for entry in bench.audit() if entry["step"] == "patching")
    assert (patching["before"], patching["after"]) == ({"v1": 90, "v2": 10}, {"v1": 50, "v2": 50})
    assert {gate["name"] for gate in patching["gates"]} == {*JUDGED, "incident", "ready"}
    assert bench.route_object()["metadata"]["annotations"]["meshbot.dev/operation"] == done.id


def test_undo_restores_the_recorded_weights() -> None:
    """Back to 90/10 without naming anything: the last change of the channel."""
    bench = Bench()
    bench.do("promote api 50")
    back = bench.do("undo")
    assert back.state is State.SUCCEEDED
    assert bench.weights() == [90, 10]


def test_undo_refuses_when_somebody_changed_the_weights_since() -> None:
    """The refusal shows what was left and what is there now."""
    bench = Bench()
    first = bench.do("promote api 50")
    drifted = bench.route_object()
    drifted["spec"]["http"][0]["route"][0]["weight"] = 49
    drifted["spec"]["http"][0]["route"][1]["weight"] = 51
    refused = bench.do(f"undo {first.id}")
    assert refused.state is State.REFUSED
    assert "v1=50 v2=50" in refused.outcome
    assert "v1=49 v2=51" in refused.outcome
    assert bench.weights() == [49, 51]


@pytest.mark.parametrize(
    ("reading", "said"),
    [
        (healthy(success=93.0), "Gates failed: v2 success: v2 fails in 7 % of its requests; at most 1 % may"),
        (healthy(p99_ms=900.0), "Gates failed: v2 p99: v2 takes over 500 ms in"),
        (
            "Prometheus did not answer in 3 s",
            "could not decide: v2 requests: Prometheus did not answer",
        ),
        (Counts(), "no traffic reached v2"),
    ],
)
def test_a_weight_rises_only_on_pass(reading: Counts | str, said: str) -> None:
    """Fail and unknown both refuse, in words, with the numbers on the record, and the weights stay."""
    bench = Bench(readings={"v2": reading})
    refused = bench.do("promote api 50")
    assert refused.state is State.REFUSED
    assert said in refused.outcome
    assert refused.gates
    assert bench.weights() == [90, 10]
    assert bench.audit()[-1]["gates"]
    # The hint speaks of rolling back, so the card has that button.
    assert ("/mesh rollback api" in refused.choices) is ("roll back" in refused.hint)


def test_lowering_needs_no_gate_and_rollback_neither() -> None:
    """Going back must work when everything is on fire."""
    bench = Bench(readings={})
    assert bench.do("promote api 5").state is State.SUCCEEDED
    assert bench.do("rollback api").state is State.SUCCEEDED
    assert bench.weights() == [100, 0]


def test_force_goes_ahead_loudly() -> None:
    """The forced step and its reason are on record, with the verdict it went against."""
    bench = Bench(readings={"v2": healthy(success=50.0)})
    done = bench.do('promote api 50 --force --reason "known bad metric"')
    assert done.state is State.SUCCEEDED
    assert bench.weights() == [50, 50]
    forced = next(entry for entry in bench.audit() if entry["step"] == "forced")
    assert forced["reason"] == "known bad metric"
    assert "fail" in forced["text"]


@pytest.mark.parametrize(("ready", "state"), [(True, State.SUCCEEDED), (False, State.REFUSED)])
def test_the_first_exposure_needs_endpoints_and_not_traffic(ready: bool, state: State) -> None:
    """From 0 there are no numbers to judge, so a ready pod is what is asked for."""
    bench = Bench(objects=[virtual_service(100, 0), *surroundings(ready=ready)], readings={})
    assert bench.do("promote api 10").state is state


def test_weights_as_asked_already_are_a_success_without_a_patch() -> None:
    """Nothing is written when there is nothing to do."""
    bench = Bench()
    version = bench.route_object()["metadata"]["resourceVersion"]
    assert bench.do("promote api 10").outcome == "The weights already are as asked"
    assert bench.route_object()["metadata"]["resourceVersion"] == version


def test_a_dry_run_shows_plan_and_gates_and_writes_nothing() -> None:
    """`plan` leaves the cluster and the history alone, and anybody may ask."""
    bench = Bench()
    shown = bench.do("plan promote api 50", LEE)
    assert shown.plan is not None
    assert shown.outcome == "It would go ahead now"
    assert bench.weights() == [90, 10]
    assert bench.operations.recent() == []


def test_status_and_gates_show_roles_shares_and_numbers() -> None:
    """Reading operations fill in what the card draws."""
    bench = Bench()
    status = bench.do("status api")
    assert [(arm.name, arm.role, arm.share, arm.ready) for arm in status.statuses[0].arms] == [
        ("v1", "stable", 90.0, 2),
        ("v2", "canary", 10.0, 2),
    ]
    rows = [(row.arm, row.name) for row in bench.do("gates api").gates]
    # Stable is compared with nobody.
    alone = [("v1", name) for name in ("requests", "success", "p99")]
    assert rows == [*alone, *(("v2", name) for name in JUDGED), ("api", "incident")]
    assert bench.do("status").statuses[0].label == status.statuses[0].label


# --- unclear requests ------------------------------------------------------------------------------------------------


def test_two_weighted_routes_are_refused_with_both_named() -> None:
    """Never index 0 by default; the configuration can say which one."""
    objects = [virtual_service(), virtual_service(name="api-other"), *surroundings()]
    refused = Bench(objects=objects).do("promote api 50")
    assert refused.state is State.REFUSED
    assert refused.choices == (
        "/mesh promote api 50 --route VirtualService/api-other",
        "/mesh promote api 50 --route VirtualService/api-vs",
    )
    clear = Bench(objects=objects, services=(Service("api", route="VirtualService/api-vs"),))
    assert clear.do("promote api 50").state is State.SUCCEEDED
    assert clear.weights("api-other") == [90, 10]


def test_an_unknown_service_gets_did_you_mean() -> None:
    """The nearest service of the namespace is offered."""
    assert Bench().do("promote apl 50").hint == "Did you mean api?"


def test_equal_shares_do_not_say_who_is_canary() -> None:
    """At 50/50 on an object we never touched, the version must be typed; then our stamp remembers it.

    It says nothing of the other arm: `rollback` asks, with a button for each.
    """
    bench = Bench(objects=[virtual_service(50, 50), *surroundings()])
    refused = bench.do("promote api 60")
    assert refused.choices == ("/mesh promote api v1 60", "/mesh promote api v2 60")
    assert bench.do("promote api v2 60").state is State.SUCCEEDED
    assert bench.do("promote api 50").state is State.SUCCEEDED
    asked = bench.do("rollback api")
    assert asked.state is State.REFUSED
    assert asked.choices == ("/mesh rollback api to v1", "/mesh rollback api to v2")
    assert bench.weights() == [50, 50]


def test_after_full_promotion_the_next_canary_must_be_named() -> None:
    """`promote api 10` at 0/100 could mean either arm, so it is asked; rollback still knows the way back."""
    bench = Bench()
    assert bench.do("promote api 100").state is State.SUCCEEDED
    refused = bench.do("promote api 10")
    assert refused.state is State.REFUSED
    assert "/mesh rollback api" in refused.choices
    assert bench.do("rollback api").state is State.SUCCEEDED
    assert bench.weights() == [100, 0]


def test_the_configured_stable_arm_cannot_be_promoted_by_name() -> None:
    """That would be a rollback under another name, and the next rollback would go the wrong way."""
    bench = Bench(services=(Service("api", stable="v1", canary="v2"),))
    assert "stable arm" in bench.do("promote api v1 50").outcome


# --- rights ----------------------------------------------------------------------------------------------------------


def test_an_unlisted_person_is_denied_and_it_is_on_record() -> None:
    """No operation is made; the denial is an audit entry."""
    bench = Bench()
    with pytest.raises(Denied, match="you hold no role"):
        bench.ask("promote api 50", LEE)
    assert bench.audit()[-1]["step"] == "denied"
    assert bench.audit()[-1]["actor"] == LEE.user


def test_rights_are_looked_at_again_when_it_runs() -> None:
    """A role that was taken away between request and run counts."""
    bench = Bench()
    asked = bench.ask("promote api 50")
    bench.policy = Policy()
    assert run(asked.id, bench.stage).state is State.REFUSED
    assert bench.weights() == [90, 10]


def test_a_usergroup_grants_and_an_unreadable_one_does_not() -> None:
    """When Slack cannot say who is in the group, nobody is."""
    bench = Bench(members={"S0TEAM": {LEE.user}})
    assert bench.do("promote api 50", LEE).state is State.SUCCEEDED

    def unreadable(actor: Actor, named: frozenset[str]) -> frozenset[str]:
        raise Unavailable("Slack did not answer")

    bench.directory.groups = unreadable  # type: ignore[method-assign]  # a broken Slack
    with pytest.raises(Denied, match="Slack did not answer"):
        bench.ask("promote api 60", LEE)


def test_the_same_delivery_twice_is_one_operation() -> None:
    """And the same wish by the same person while it is under way, too."""
    bench = Bench()
    first = bench.ask("promote api 50", delivery="trigger-1")
    assert bench.ask("promote api 50", delivery="trigger-1").id == first.id
    assert bench.ask("promote api 50", delivery="trigger-2").id == first.id
    run(first.id, bench.stage)
    assert bench.ask("promote api 50", delivery="trigger-3").id != first.id


def test_nothing_to_undo_is_said_at_once() -> None:
    """`undo` in a channel without a change is answered before any operation is made."""
    with pytest.raises(NotFound, match="no change from this channel"):
        Bench().ask("undo")


def test_a_change_that_waited_too_long_expires() -> None:
    """Nobody wants a promotion to happen out of the blue."""
    bench = Bench()
    asked = bench.ask("promote api 50")
    bench.time.at += 121
    expired = run(asked.id, bench.stage)
    assert expired.state is State.EXPIRED
    assert bench.weights() == [90, 10]
    assert bench.cards.cards[asked.id]


# --- interruptions ---------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """What `kill -9` looks like from inside: nothing after it runs."""


class Dying:
    """A port that dies at one call of one method, before or after it took effect."""

    def __init__(self, real: object, method: str, *, after: bool, when: object = None) -> None:
        self._real, self._method, self._after, self._when = real, method, after, when

    def __getattr__(self, name: str) -> object:
        real = getattr(self._real, name)
        if name != self._method:
            return real

        def dying(*args: object, **kwargs: object) -> object:
            if self._when is not None and not self._when(*args):  # type: ignore[operator]  # a predicate when given
                return real(*args, **kwargs)
            if self._after:
                real(*args, **kwargs)
            raise Killed

        return dying


def die(bench: Bench, operation: Operation, port: str, dying: Dying) -> None:
    """Run the operation on a stage where that port dies."""
    with pytest.raises(Killed):
        run(operation.id, replace(bench.stage, **{port: cast("Any", dying)}))


def test_killed_between_audit_and_patch_it_is_done_once() -> None:
    """The next worker finds the object untouched, plans the same again and patches once."""
    bench = Bench()
    asked = bench.ask("promote api 50")
    die(bench, asked, "cluster", Dying(bench.cluster, "patch", after=False))
    assert bench.weights() == [90, 10]
    done = run(asked.id, bench.stage)
    assert done.state is State.SUCCEEDED
    assert bench.weights() == [50, 50]
    assert bench.audit_steps(done) == [
        "queued", "checking", "patching", "resumed", "unwritten", "patching", "patched", "verified",
    ]  # fmt: skip


def test_killed_between_patch_and_report_it_is_not_done_again() -> None:
    """The next worker finds our stamp on the object, so it only verifies and tells."""
    bench = Bench()
    asked = bench.ask("promote api 50")
    die(bench, asked, "cluster", Dying(bench.cluster, "patch", after=True))
    version = bench.route_object()["metadata"]["resourceVersion"]
    done = run(asked.id, bench.stage)
    assert done.state is State.SUCCEEDED
    assert bench.route_object()["metadata"]["resourceVersion"] == version
    assert bench.audit_steps(done) == ["queued", "checking", "patching", "resumed", "patched", "verified"]


def test_killed_before_people_were_told_they_are_told() -> None:
    """The end is on record but not on the card: the next run tells it, and nothing else."""
    bench = Bench()
    asked = bench.ask("rollback api")
    die(bench, asked, "cards", Dying(bench.cards, "show", after=False))
    assert bench.operations.get(asked.id).state is State.SUCCEEDED
    assert not bench.cards.cards.get(asked.id)
    entries = bench.log.head()[0]
    assert run(asked.id, bench.stage).reported
    assert bench.cards.cards[asked.id]
    assert bench.log.head()[0] == entries


def test_killed_and_changed_by_others_since_it_stops() -> None:
    """Neither our stamp nor the old generation: nobody can know, so nothing more is done."""
    bench = Bench()
    asked = bench.ask("promote api 50")
    die(bench, asked, "cluster", Dying(bench.cluster, "patch", after=False))
    changed = bench.route_object()
    changed["spec"]["http"][0]["route"][0]["weight"] = 80
    changed["spec"]["http"][0]["route"][1]["weight"] = 20
    changed["metadata"]["generation"] += 1
    refused = run(asked.id, bench.stage)
    assert refused.state is State.FAILED
    assert "changed by somebody else" in refused.outcome
    assert bench.weights() == [80, 20]


def test_a_patch_without_an_answer_is_looked_up() -> None:
    """Arrived or not, the object knows; the person sees one clean end."""
    for arrived in (True, False):
        bench = Bench()
        real = bench.cluster.patch
        calls: list[int] = []

        def silent(
            plan: Plan, target: object, *, arrived: bool = arrived, real: object = real, calls: list[int] = calls
        ) -> Route:
            calls.append(1)
            if len(calls) == 1 and not arrived:
                raise Unavailable("no answer")
            route = real(plan, target)  # type: ignore[operator]  # the bound method of the twin
            if len(calls) == 1:
                raise Unavailable("no answer")
            return route  # type: ignore[no-any-return]  # same

        bench.cluster.patch = silent  # type: ignore[method-assign]  # a network that loses the answer
        done = bench.do("promote api 50")
        assert done.state is State.SUCCEEDED
        assert bench.weights() == [50, 50]
        assert len(calls) == (1 if arrived else 3)  # one more shuts the first one out


def test_an_api_server_that_stays_away_after_the_patch_is_asked_again_later() -> None:
    """The operation stays open for the clock, and is given up in words after a minute."""
    bench = Bench()
    asked = bench.ask("promote api 50")
    die(bench, asked, "cluster", Dying(bench.cluster, "patch", after=True))
    bench.cluster.client.broken = Unavailable("the API server of demo does not answer")
    assert run(asked.id, bench.stage).state is State.RUNNING
    assert bench.operations.open[asked.id] == bench.time.at + 2
    bench.time.at += GIVE_UP_S + 1
    failed = run(asked.id, bench.stage)
    assert failed.state is State.FAILED
    assert "outcome is not known" in failed.outcome


def test_another_writer_between_read_and_patch_is_planned_around() -> None:
    """A conflict is on record; the same wish is planned anew on the new version, other wishes are refused."""
    bench = Bench()
    real = bench.cluster.patch
    calls: list[int] = []

    def once_late(plan: Plan, target: object) -> Route:
        calls.append(1)
        if len(calls) == 1:
            bench.cluster.client.put(
                {**bench.route_object(), "metadata": {**bench.route_object()["metadata"], "labels": {"a": "b"}}}
            )
        return real(plan, target)  # type: ignore[arg-type]  # the twin's own signature

    bench.cluster.patch = once_late  # type: ignore[method-assign]  # another writer in between
    done = bench.do("promote api 50")
    assert bench.audit_steps(done) == [
        "queued", "checking", "patching", "conflict", "patching", "patched", "verified",
    ]  # fmt: skip
    assert bench.route_object()["metadata"]["labels"] == {"a": "b"}
    assert bench.weights() == [50, 50]


def test_a_writer_that_never_stops_is_named_after_three_tries() -> None:
    """The number of tries is bounded, and nothing was written."""
    bench = Bench()

    def always_late(plan: Plan, target: object) -> Route:
        raise Conflict("changed")

    bench.cluster.patch = always_late  # type: ignore[method-assign]  # another writer in a loop
    refused = bench.do("promote api 50")
    assert refused.state is State.REFUSED
    assert bench.audit_steps(refused).count("conflict") == 3


def test_a_worker_that_lost_its_lease_writes_nothing_more() -> None:
    """The fencing token stops a worker that slept through its lease, before it patches."""
    bench = Bench()
    asked = bench.ask("promote api 50")
    real = bench.metrics.measure

    def slow(*args: object, **kwargs: object) -> list[Measured]:
        bench.locks.take_away(str(asked.target))
        return real(*args, **kwargs)  # type: ignore[arg-type]  # passed through

    bench.metrics.measure = slow  # type: ignore[method-assign]  # a pause longer than the lease
    run(asked.id, bench.stage)
    assert bench.weights() == [90, 10]
    bench.metrics.measure = real  # type: ignore[method-assign]  # awake again
    assert run(asked.id, bench.stage).state is State.SUCCEEDED


def test_a_route_that_is_busy_is_left_to_the_clock() -> None:
    """A second change of the same service waits for the first one's end."""
    bench = Bench()
    asked = bench.ask("promote api 50")
    with bench.locks.hold(str(asked.target), wait_s=0):
        assert not run(asked.id, bench.stage).done
    assert bench.weights() == [90, 10]
    assert bench.operations.open[asked.id] == bench.time.at + 0.5


def test_policy_is_what_the_tests_think_it_is() -> None:
    """The bench's policy names Jin and one group, nobody else."""
    assert [role.users for role in POLICY.roles] == [(JIN.user,), ()]


def test_an_end_that_slack_did_not_take_is_told_later() -> None:
    """The operation stays open for the clock until people were told; the traffic did not wait for Slack."""
    bench = Bench()
    asked = bench.ask("rollback api")
    real = bench.cards.show

    def away(operation: Operation) -> Operation:
        raise Unavailable("Slack did not answer")

    bench.cards.show = away  # type: ignore[method-assign]  # a Slack that is down
    ended = run(asked.id, bench.stage)
    assert (ended.state, ended.reported) == (State.SUCCEEDED, False)
    assert bench.weights() == [100, 0]
    assert bench.operations.open[asked.id] == bench.time.at + 5
    bench.cards.show = real  # type: ignore[method-assign]  # Slack is back
    assert run(asked.id, bench.stage).reported


def test_a_leaver_in_a_role_may_not_change_anything() -> None:
    """An id that the policy still names counts only while Slack calls it a full member; reading stays open."""
    bench = Bench()
    bench.directory = FixedDirectory({}, gone=frozenset({JIN.user}))
    with pytest.raises(Denied, match="not a full member"):
        bench.ask("promote api 50")
    assert bench.do("status api").state is State.SUCCEEDED


@pytest.mark.parametrize("text", ["promote api 50", "rollback api", "set api v1=1 v2=1"])
def test_a_route_of_a_rollout_controller_is_left_alone(text: str) -> None:
    """Two writers of one weight would undo each other, so the refusal names the other one."""
    owned = virtual_service()
    owned["metadata"]["annotations"] = {"rollouts.argoproj.io/managed-by-rollouts": "api"}
    bench = Bench(objects=[owned, *surroundings()])
    refused = bench.do(text)
    assert refused.state is State.REFUSED
    assert "Argo Rollouts owns the weights" in refused.outcome
    assert bench.weights() == [90, 10]


def test_a_right_lost_after_the_patch_does_not_deny_what_was_done() -> None:
    """The patch arrived, the worker died, the role was taken away: people are told that it was done."""
    bench = Bench()
    asked = bench.ask("promote api 50")
    die(bench, asked, "cluster", Dying(bench.cluster, "patch", after=True))
    bench.policy = Policy()
    done = run(asked.id, bench.stage)
    assert done.state is State.SUCCEEDED
    assert bench.weights() == [50, 50]


def test_a_patch_still_on_its_way_is_shut_out() -> None:
    """A patch hangs, the worker dies, the gates fail meanwhile: the late patch is not written after the refusal."""
    bench = Bench()
    asked = bench.ask("promote api 50")
    die(bench, asked, "cluster", Dying(bench.cluster, "patch", after=False))
    late = bench.operations.get(asked.id).plan
    assert late
    bench.metrics.readings["v2"] = healthy(success=1.0)
    assert run(asked.id, bench.stage).state is State.REFUSED
    with pytest.raises(Conflict):
        bench.cluster.patch(late, asked.target)
    assert bench.weights() == [90, 10]


def test_an_undo_whose_late_patch_arrived_is_seen_as_done() -> None:
    """What was found on the object counts, also where planning the same again would be refused."""
    bench = Bench()
    bench.do("promote api 100")
    asked = bench.ask("undo")
    die(bench, asked, "cluster", Dying(bench.cluster, "patch", after=True))
    assert run(asked.id, bench.stage).state is State.SUCCEEDED
    assert bench.weights() == [90, 10]
