"""From commands to plans: which route, who else writes to it, what it remembers, and what drifted."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from chat.cards import card
from mesh.domain.catalog import Catalog, Cluster, Service
from mesh.domain.operations import Operation, State
from store.memory import MemoryOperations
from tests.builders import healthy
from tests.mesh.operations.bench import HOST, JUDGED, Bench, surroundings, virtual_service


def two_rules(first: tuple[int, int] = (90, 10), second: tuple[int, int] = (90, 10)) -> dict[str, Any]:
    """One VirtualService with two weighted rules: one for a prefix, one for all the rest."""
    obj = virtual_service()
    rules = []
    for weights in (first, second):
        arms = [
            {"destination": {"host": HOST, "subset": arm}, "weight": weight}
            for arm, weight in zip(("v1", "v2"), weights, strict=True)
        ]
        rules.append({"route": arms})
    rules[0]["match"] = [{"uri": {"prefix": "/pay"}}]
    obj["spec"]["http"] = rules
    return obj


def rules_of(bench: Bench) -> list[list[int]]:
    """The weights of every rule."""
    return [[arm["weight"] for arm in rule["route"]] for rule in bench.route_object()["spec"]["http"]]


def elsewhere(bench: Bench, v1: int, v2: int, manager: str = "kubectl-edit") -> None:
    """Let somebody else write weights, as the API server would record it."""
    obj = bench.route_object()
    for arm, weight in zip(obj["spec"]["http"][-1]["route"], (v1, v2), strict=True):
        arm["weight"] = weight
    obj["metadata"]["managedFields"] = [
        {
            "manager": manager,
            "operation": "Update",
            "apiVersion": obj["apiVersion"],
            "time": "2026-11-23T12:03:00Z",
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": {"f:http": {}}},
        }
    ]


def forget(bench: Bench) -> None:
    """Empty the store: every operation is gone."""
    bench.operations = MemoryOperations(bench.time, log=bench.log, locks=bench.locks)


# --- which route -----------------------------------------------------------------------------------------------------


def test_several_weighted_rules_are_asked_about_with_commands_to_press() -> None:
    """Each choice is the whole command with its reason, and names the rule by what it matches."""
    bench = Bench(objects=[two_rules(), *surroundings()])
    refused = bench.do('promote api 50 --reason "hotfix 4412"')
    assert refused.choices == (
        "/mesh promote api 50 --route 'VirtualService/api-vs/http prefix:/pay' --reason 'hotfix 4412'",
        "/mesh promote api 50 --route 'VirtualService/api-vs/http default' --reason 'hotfix 4412'",
    )
    assert rules_of(bench) == [[90, 10], [90, 10]]
    assert bench.do(refused.choices[0].removeprefix("/mesh ")).state is State.SUCCEEDED
    assert rules_of(bench) == [[50, 50], [90, 10]]


@pytest.mark.parametrize(
    "said", ["prefix:/pay", "http[0]", "api-vs/http[0]", "VirtualService/mesh-demo/api-vs/http[0]"]
)
def test_a_rule_is_named_by_whatever_tells_it_from_the_others(said: str) -> None:
    """By what it matches, by its place, with or without its object."""
    bench = Bench(objects=[two_rules(), *surroundings()])
    assert bench.do(f"promote api 50 --route '{said}'").state is State.SUCCEEDED
    assert rules_of(bench) == [[50, 50], [90, 10]]


def test_a_route_that_is_not_there_is_refused_with_those_that_are() -> None:
    """A slip is never taken for another rule."""
    bench = Bench(objects=[two_rules(), *surroundings()])
    refused = bench.do("promote api 50 --route http[7]")
    assert refused.state is State.REFUSED
    assert len(refused.choices) == 2
    assert rules_of(bench) == [[90, 10], [90, 10]]


def test_status_shows_a_rule_with_one_destination_beside_a_weighted_one() -> None:
    """It has no canary, and nothing else to say of roles."""
    obj = two_rules()
    obj["spec"]["http"][0]["route"] = obj["spec"]["http"][0]["route"][:1]
    done = Bench(objects=[obj, *surroundings()]).do("status api")
    assert [[arm.role for arm in status.arms] for status in done.statuses] == [[""], ["stable", "canary"]]


def test_undo_finds_its_rule_after_rules_were_moved() -> None:
    """A rule that was put before it does not make undo write another rule's weights."""
    bench = Bench(objects=[two_rules(), *surroundings()])
    done = bench.do("promote api 50 --route prefix:/pay")
    rules = bench.route_object()["spec"]["http"]
    rules.insert(0, {"match": [{"uri": {"prefix": "/new"}}], "route": [{"destination": {"host": HOST}}]})
    assert bench.do(f"undo {done.id}").state is State.SUCCEEDED
    assert [arm["weight"] for arm in bench.route_object()["spec"]["http"][1]["route"]] == [90, 10]


def test_an_unclear_canary_is_asked_about_with_commands_to_press() -> None:
    """The cluster and the reason that were typed stay in each choice."""
    bench = Bench(objects=[virtual_service(50, 50), *surroundings()])
    refused = bench.do("promote api 60 -n mesh-demo")
    assert refused.choices == (
        "/mesh promote api v1 60 --namespace mesh-demo",
        "/mesh promote api v2 60 --namespace mesh-demo",
    )


# --- who else writes -------------------------------------------------------------------------------------------------


FLUX = {"kustomize.toolkit.fluxcd.io/name": "apps"}


def kept(labels: dict[str, str]) -> dict[str, Any]:
    """A VirtualService with these labels."""
    obj = virtual_service()
    obj["metadata"]["labels"] = labels
    return obj


@pytest.mark.parametrize("text", ["promote api 50", "set api v1=1 v2=1"])
def test_what_git_keeps_is_not_moved_without_leave(text: str) -> None:
    """Git would put the old weights back; the refusal names the setting and the exception to add."""
    bench = Bench(objects=[kept(FLUX), *surroundings()])
    refused = bench.do(text)
    assert refused.state is State.REFUSED
    assert refused.outcome.startswith("Flux keeps VirtualService mesh-demo/api-vs in Git")
    assert "`services.api.git: patch`" in refused.hint
    assert "kustomize.toolkit.fluxcd.io/reconcile" in refused.hint
    assert bench.weights() == [90, 10]


def test_what_git_keeps_is_moved_with_leave_and_a_warning() -> None:
    """The configuration says so for the service, or for the cluster."""
    bench = Bench(objects=[kept(FLUX), *surroundings()], services=(Service("api", git="patch"),))
    done = bench.do("promote api 50")
    assert done.state is State.SUCCEEDED
    assert done.plan
    assert any(text.startswith("Flux") for text in done.plan.warnings)
    assert Catalog((Cluster("demo", git="patch"),)).git(done.target) == "patch"


def test_traffic_may_always_go_back_over_git() -> None:
    """A rollback is an incident: Git can follow later."""
    bench = Bench(objects=[kept(FLUX), *surroundings()])
    assert bench.do("rollback api").state is State.SUCCEEDED
    assert bench.weights() == [100, 0]


@pytest.mark.parametrize("forgotten", [False, True], ids=["on record", "remembered by the route alone"])
def test_an_undo_that_brings_a_canary_back_is_not_written_over_git(forgotten: bool) -> None:
    """It gives the canary more, as a promotion does; one that takes it back is written."""
    bench = Bench()
    bench.do("promote api 50")
    bench.route_object()["metadata"]["labels"] = FLUX
    if forgotten:
        bench.operations._changing.clear()
    assert (bench.do("undo api").state, bench.weights()) == (State.SUCCEEDED, [90, 10])
    bench.do("rollback api")
    if forgotten:
        bench.operations._changing.clear()
    refused = bench.do("undo api")
    assert (refused.state, bench.weights()) == (State.REFUSED, [100, 0])
    assert refused.outcome.startswith("Flux keeps VirtualService mesh-demo/api-vs in Git")


def test_helm_is_a_warning_only() -> None:
    """The next upgrade may put weights back, and nothing does before."""
    bench = Bench(objects=[kept({"app.kubernetes.io/managed-by": "Helm"}), *surroundings()])
    done = bench.do("promote api 50")
    assert done.state is State.SUCCEEDED
    assert done.plan
    assert any("Helm" in text for text in done.plan.warnings)


# --- drift -----------------------------------------------------------------------------------------------------------


def drifted() -> Bench:
    """Promoted to 50/50 by us, then set to 70/30 by somebody with kubectl."""
    bench = Bench()
    bench.do("promote api 50")
    elsewhere(bench, 70, 30)
    return bench


def test_status_tells_drift_and_who_made_it() -> None:
    """What we left, who changed it, when."""
    [status] = drifted().do("status api").statuses
    assert status.drift
    assert (status.drift.written, status.drift.by) == ("v1=50 v2=50", "kubectl-edit")
    assert status.drift.at == "2026-11-23T12:03:00Z"


def test_a_change_on_top_of_drift_warns() -> None:
    """The plan shows what was found; the warning says that it was not ours."""
    done = drifted().do("promote api 60")
    assert done.plan
    assert done.plan.warnings == ("The weights were changed by kubectl-edit after meshbot had left v1=50 v2=50.",)


def test_adopt_takes_the_weights_for_ours_and_moves_nothing() -> None:
    """After it nothing is drift any more, and there is nothing of it to undo."""
    bench = drifted()
    done = bench.do("adopt api")
    assert (done.state, bench.weights()) == (State.SUCCEEDED, [70, 30])
    assert bench.do("status api").statuses[0].drift is None
    assert "changed nothing" in bench.do(f"undo {done.id}").outcome
    assert done.settled


def test_reapply_writes_what_we_had_left_if_the_gates_pass() -> None:
    """The canary rises again, so it is judged."""
    bench = drifted()
    bench.metrics.readings["v2"] = healthy(success=50.0)
    assert bench.do("reapply api").state is State.REFUSED
    bench.metrics.readings["v2"] = healthy()
    done = bench.do("reapply api")
    assert (done.state, bench.weights()) == (State.SUCCEEDED, [50, 50])
    assert {row.name for row in done.gates} == {*JUDGED, "incident", "ready"}


@pytest.mark.parametrize("verb", ["adopt", "reapply"])
def test_without_drift_there_is_nothing_to_adopt_or_to_reapply(verb: str) -> None:
    """Also where we never wrote anything."""
    bench = Bench()
    assert "never wrote" in bench.do(f"{verb} api").outcome
    bench.do("promote api 50")
    assert "as meshbot left them" in bench.do(f"{verb} api").outcome


def test_a_refused_undo_says_who_changed_the_weights() -> None:
    """So that people know whom to ask."""
    bench = drifted()
    assert "(by kubectl-edit at 2026-11-23T12:03:00Z)" in bench.do("undo").outcome


# --- without our store -----------------------------------------------------------------------------------------------


def test_undo_goes_by_the_object_when_the_store_has_forgotten() -> None:
    """The object's own memory is enough; what it says is checked against what is there."""
    bench = Bench()
    bench.do("promote api 50")
    forget(bench)
    back = bench.do("undo api")
    assert (back.state, bench.weights()) == (State.SUCCEEDED, [90, 10])
    forget(bench)
    assert bench.do("undo api").state is State.SUCCEEDED
    assert bench.weights() == [50, 50]


def test_undo_by_the_object_is_of_the_rule_that_was_changed() -> None:
    """Each rule remembers its own weights, whatever was done to the others since."""
    bench = Bench(objects=[two_rules(), *surroundings()])
    bench.do("promote api 50 --route prefix:/pay")
    bench.do("promote api 20 --route http[1]")
    forget(bench)
    assert bench.do("undo api --route prefix:/pay").state is State.SUCCEEDED
    assert rules_of(bench) == [[90, 10], [80, 20]]
    assert bench.do("undo api --route http[1]").state is State.SUCCEEDED
    assert rules_of(bench) == [[90, 10], [90, 10]]


def test_undo_by_the_object_refuses_drift_and_blank_memory() -> None:
    """Nothing is written over what somebody else did, nor out of nowhere."""
    bench = Bench()
    assert "none is on record" in bench.do("undo api").outcome
    bench.do("promote api 50")
    elsewhere(bench, 70, 30)
    forget(bench)
    refused = bench.do("undo api")
    assert refused.state is State.REFUSED
    assert "it left v1=50 v2=50, now it is v1=70 v2=30" in refused.outcome


def test_rollback_knows_stable_when_the_store_has_forgotten() -> None:
    """At 50/50 the shape says nothing; our stamp does."""
    bench = Bench()
    bench.do("promote api 50")
    forget(bench)
    assert bench.do("rollback api").state is State.SUCCEEDED
    assert bench.weights() == [100, 0]


def test_an_operation_that_is_forgotten_is_refused_with_the_way_that_works() -> None:
    """Its id says nothing without the store; the service does."""
    bench = Bench()
    with pytest.raises(Exception, match="There is no operation") as caught:
        bench.do("undo op-k3v9x2m4ta")
    assert "/mesh undo <service>" in caught.value.hint  # type: ignore[attr-defined]  # a MeshbotError


# --- capacity --------------------------------------------------------------------------------------------------------


def ready(operation: Operation) -> tuple[float | None, float]:
    """Endpoints there are, and endpoints needed, on the operation's card."""
    [row] = [row for row in operation.gates if row.name == "ready"]
    return row.value, row.limit


def test_a_share_that_the_endpoints_cannot_carry_is_refused_with_numbers() -> None:
    """One pod bears 10 % now; half of the traffic on it would be five times that."""
    bench = Bench(objects=[virtual_service(), *surroundings(v1=9, v2=1)])
    refused = bench.do("promote api 50")
    assert refused.state is State.REFUSED
    assert ready(refused) == (1, 2)
    assert "2 needed" in refused.outcome
    assert bench.do("promote api 25").state is State.SUCCEEDED
    assert bench.do('promote api 100 --force --reason "load test"').state is State.SUCCEEDED


def test_a_rollback_to_nobody_is_refused_unless_forced() -> None:
    """Stable was scaled to zero: all traffic to it would be an outage, however sick the canary is."""
    bench = Bench(objects=[virtual_service(0, 100), *surroundings(v1=0)], services=(Service("api", stable="v1"),))
    refused = bench.do("rollback api")
    assert refused.state is State.REFUSED
    assert "no ready endpoint can serve v1" in refused.outcome
    assert "--force" in refused.hint
    assert "roll back" not in refused.hint
    assert bench.weights() == [0, 100]
    assert bench.do('rollback api --force --reason "pods come up now"').state is State.SUCCEEDED


def test_a_rollback_does_not_wait_for_what_cannot_be_counted() -> None:
    """Few endpoints, or none that can be counted, do not keep traffic from going back."""
    bench = Bench(objects=[virtual_service(10, 90), *surroundings(v1=1, v2=9)], services=(Service("api", stable="v1"),))
    assert bench.do("rollback api").state is State.SUCCEEDED
    blind = Bench(objects=[virtual_service()])
    assert blind.do("rollback api").state is State.SUCCEEDED


def test_an_undo_keeps_the_route_of_what_it_undoes() -> None:
    """Its card has a button that rolls back, which must mean the same route where a service has several."""
    pay = virtual_service()
    pay["spec"]["http"].insert(0, {**pay["spec"]["http"][0], "match": [{"uri": {"prefix": "/pay"}}]})
    bench = Bench(objects=[pay, *surroundings()], services=(Service("api", stable="v1", canary="v2"),))
    done = bench.do("promote api 50 --route prefix:/pay")
    assert bench.do(f"undo {done.id}").command.route == "prefix:/pay"


def test_an_owner_is_named_once_on_the_card() -> None:
    """What the object says and what its controller says are the same news."""
    owned = virtual_service()
    owned["metadata"]["ownerReferences"] = [{"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "name": "api"}]
    assert str(card(Bench(objects=[owned, *surroundings()]).do("status api")).blocks).count("Flagger") == 1


def test_without_metrics_nobody_is_told_to_wait_for_traffic() -> None:
    """A pod that was counted is no sign that the metrics server answers."""
    silent = "Prometheus did not answer in 3 s"
    assert "meshbot doctor" in Bench(readings={"v1": silent, "v2": silent}).do("promote api 50").hint


def test_weights_that_make_another_total_are_told() -> None:
    """`set api v1=50` is not 50 %: the arm that is not named keeps its weight."""
    assert notes(Bench().do("set api v1=50")) == (
        "Weights are parts, not per cent: v2=10 was not named and stays, so the shares are of another total",
    )
    assert notes(Bench().do("set api v1=50 v2=50")) == ()


def test_a_first_exposure_says_what_was_not_judged() -> None:
    """Ready pods say nothing of requests."""
    fresh = Bench(objects=[virtual_service(100, 0), *surroundings()], readings={})
    assert notes(fresh.do("promote api 10")) == (
        "v2 has no traffic yet: its ready endpoints are judged, not its requests",
    )


def test_a_failed_gate_offers_no_rollback_of_nothing() -> None:
    """At 0 % there is nothing to roll back."""
    sick = healthy(success=10.0)
    ended = Bench(objects=[virtual_service(100, 0), *surroundings()], readings={"v2": sick}).do("promote api 50")
    assert (ended.state, ended.choices) == (State.REFUSED, ())
    assert "roll back" not in ended.hint


def test_the_rule_to_mend_is_the_one_that_speaks_for_the_host() -> None:
    """Another Service's DestinationRule with the same subsets is not the one to mend."""
    other = copy.deepcopy(surroundings()[0])
    other["metadata"]["name"], other["spec"]["host"] = "a-other", "other.mesh-demo.svc.cluster.local"
    ended = Bench(objects=[other, virtual_service(), *surroundings(v2=0)]).do("promote api 50")
    assert "DestinationRule mesh-demo/api" in ended.outcome


def notes(operation: Operation) -> tuple[str, ...]:
    """What was done to meet the request."""
    assert operation.plan
    return operation.plan.notes


def test_an_arm_without_traffic_begins_small() -> None:
    """Of an arm that nothing is known of, a quarter is the most at once; an undo may give back what it had."""
    bench = Bench(objects=[virtual_service(100, 0), *surroundings()], readings={"v1": healthy()})
    refused = bench.do("promote api v2 50")
    assert refused.state is State.REFUSED
    assert "begin with 25 % or less" in refused.outcome
    assert bench.do("promote api v2 25").state is State.SUCCEEDED
    bench.metrics.readings["v2"] = healthy()
    assert bench.do("promote api 50").state is State.SUCCEEDED
    assert bench.do("rollback api").state is State.SUCCEEDED
    del bench.metrics.readings["v2"]
    assert bench.do("undo api").state is State.SUCCEEDED
    assert bench.weights() == [50, 50]
