"""Roles of another rule or round, arms taken for others, ends told wrongly: each of these was wrong once."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from mesh.domain.catalog import Service
from mesh.domain.commands import Command, Verb
from mesh.domain.errors import Refused
from mesh.domain.gates import Verdict
from mesh.domain.grammar import parse
from mesh.domain.operations import Origin, State, Step
from mesh.operations.patching import ACCEPTED_AGAIN_S
from mesh.operations.receiving import receive
from mesh.operations.running import run
from tests.builders import JIN, healthy
from tests.mesh.operations.bench import Bench, _object, endpoints, surroundings, virtual_service

SICK = healthy(success=1.0, p99_ms=9000)
Obj = dict[str, Any]


def arms(host: str, **weights: int) -> list[Obj]:
    """Destinations of one rule."""
    return [
        {"destination": {"host": f"{host}.mesh-demo.svc.cluster.local", "subset": name.replace("_", "-")}, "weight": w}
        for name, w in weights.items()
    ]


def with_rules(*rules: Obj, **spec: Any) -> Obj:
    """The VirtualService with these http rules."""
    made = virtual_service()
    made["spec"] = {**made["spec"], **spec, "http": list(rules)}
    return made


def http_route(*rules: list[Obj], parents: list[Obj] | None = None) -> Obj:
    """An HTTPRoute of `web` with these backends, one rule for each list."""
    spec = {
        "parentRefs": parents or [{"group": "", "kind": "Service", "name": "web"}],
        "rules": [
            {"matches": [{"path": {"type": "PathPrefix", "value": f"/{at}"}}], "backendRefs": refs}
            for at, refs in enumerate(rules)
        ],
    }
    return _object("gateway.networking.k8s.io/v1", "HTTPRoute", "web-route", spec=spec)


def backends(name: str, **weights: int) -> list[Obj]:
    """Backends `<name>-v1` and so on."""
    return [{"name": f"{name}-{version}", "port": 80, "weight": weight} for version, weight in weights.items()]


def web(*rules: list[Obj], services: tuple[Service, ...] = (), parents: list[Obj] | None = None) -> Bench:
    """A bench with that HTTPRoute, all arms ready and healthy."""
    names = [f"{name}-{version}" for name in ("web", "api") for version in ("v1", "v2")]
    there = [_object("v1", "Service", name, spec={"selector": {"app": name}}) for name in names]
    there += [endpoints(name, [(f"{name}-{pod}", "x", True) for pod in range(2)]) for name in names]
    readings = {name: healthy() for name in names}
    bench = Bench([http_route(*rules, parents=parents), *there], services=services, readings=readings)
    accept(bench)
    return bench


def accept(bench: Bench) -> None:
    """Let the parents accept the route as it is."""
    obj = copy.deepcopy(bench.cluster.client._held["HTTPRoute", "mesh-demo", "web-route"])
    said = {"type": "Accepted", "status": "True", "observedGeneration": obj["metadata"]["generation"]}
    obj["status"] = {"parents": [{"parentRef": ref, "conditions": [said]} for ref in obj["spec"]["parentRefs"]]}
    bench.cluster.client.put(obj)


def in_route(bench: Bench) -> list[list[int]]:
    """The weights of every rule of the HTTPRoute."""
    rules = bench.cluster.client._held["HTTPRoute", "mesh-demo", "web-route"]["spec"]["rules"]
    return [[ref["weight"] for ref in rule["backendRefs"]] for rule in rules]


def in_service(bench: Bench) -> list[list[int]]:
    """The weights of every rule of the VirtualService."""
    return [[arm["weight"] for arm in rule["route"]] for rule in bench.route_object()["spec"]["http"]]


def test_roles_are_those_of_the_rule() -> None:
    """Two services in one object: promoting api must not send a rollback of web to web's canary."""
    rules = (
        {"match": [{"uri": {"prefix": "/web"}}], "route": arms("web", v1=10, v2=90)},
        {"route": arms("api", v1=90, v2=10)},
    )
    bench = Bench([with_rules(*rules, hosts=["shop.example.com"], gateways=["g"]), *surroundings()])
    assert bench.do("promote api 50").state is State.SUCCEEDED
    bench.do("rollback web")
    assert in_service(bench) == [[0, 100], [50, 50]]


def test_a_round_begun_by_set_is_judged_and_a_rollback_of_it_asks() -> None:
    """v2 has everything; `set` gives v1 10 %, or flees to it: sick, it rises no more, and people say who is stable."""
    bench = Bench([virtual_service(), *surroundings(v1=8, v2=8)])
    bench.do("promote api 100")
    bench.do("set api v1=10 v2=90")
    bench.metrics.readings["v1"] = SICK
    assert bench.do("set api v1=60 v2=40").state is State.REFUSED
    asked = bench.do("rollback api")
    assert (asked.state, bench.weights()) == (State.REFUSED, [10, 90])
    assert bench.do(asked.choices[1].removeprefix("/mesh ")).state is State.SUCCEEDED
    assert bench.weights() == [0, 100]


def test_a_round_begun_by_somebody_else_is_not_ours() -> None:
    """After v2 had everything, kubectl gives v1 10 %: our old roles and the shape disagree, so it is asked."""
    bench = Bench()
    bench.do("promote api 100")
    bench.cluster.client.put({**bench.route_object(), "spec": virtual_service(10, 90)["spec"]})
    refused = bench.do("rollback api")
    assert refused.choices == ("/mesh rollback api to v1", "/mesh rollback api to v2")
    assert bench.weights() == [10, 90]


def test_half_of_an_old_pair_of_roles_is_not_kept() -> None:
    """v2 is gone and v4 is named: v1, of a round before, must not be stable again."""
    bench = Bench()
    bench.do("promote api 100")
    bench.cluster.client.put(
        {**bench.route_object(), "spec": with_rules({"route": arms("api", v1=0, v3=100, v4=0)})["spec"]}
    )
    bench.do("promote api v4 10 --force --reason new")
    assert bench.do("rollback api").state is State.REFUSED
    assert bench.weights() == [0, 90, 10]


def test_a_full_name_is_an_arm_before_a_short_one_is() -> None:
    """Beside the subset `api-v2`, `v2` means the subset `v2`."""
    bench = Bench([with_rules({"route": arms("api", api_v2=50, v2=50)}), *surroundings()])
    bench.do("promote api v2 60 --force --reason x")
    assert bench.weights() == [40, 60]


def test_a_rollback_of_nothing_is_something() -> None:
    """All weights are 0, so nobody is served; "already as asked" would be a lie."""
    bench = web(backends("web", v1=0, v2=0), services=(Service("web", stable="v1", canary="v2"),))
    bench.do("rollback web")
    assert in_route(bench) == [[100, 0]]


def test_a_rollback_stays_within_what_the_api_takes() -> None:
    """The Gateway API takes no weight above 1000000, whatever the total was."""
    bench = web(backends("web", v1=1_000_000, v2=500_000))
    bench.do("rollback web")
    assert in_route(bench) == [[1_000_000, 0]]


def test_set_takes_no_per_cent() -> None:
    """On a total of 2, `v2=60%` as a weight of 60 would be 98 %."""
    with pytest.raises(Refused, match="60%") as caught:
        parse("set web v2=60%")
    assert "not per cent" in caught.value.hint


def test_undo_of_a_service_is_of_its_newest_written_change() -> None:
    """Also where its parents did not accept it, and where another rule was changed since."""
    bench = web(backends("web", v1=90, v2=10), backends("web", v1=90, v2=10))
    op = bench.do("promote web 20 --route prefix:/0")
    bench.time.at += 11
    assert run(op.id, bench.stage).patch_step is Step.UNACCEPTED
    assert bench.ask("undo web").command.operation == op.id
    accept(bench)
    other = bench.do("promote web 30 --route prefix:/1")
    accept(bench)
    run(other.id, bench.stage)
    # Other words than those that wait already, so a wish of its own.
    bench.do(f"undo {op.id} --reason late")
    assert in_route(bench) == [[90, 10], [70, 30]]


def test_waiting_is_not_ended_by_a_change_of_another_rule() -> None:
    """Web waits for its parents, api of the same object is changed meanwhile: both succeed."""
    bench = web(backends("web", v1=90, v2=10), backends("api", v1=90, v2=10), parents=[{"name": "public"}])
    first, second = bench.do("promote web 20"), bench.do("promote api 20")
    accept(bench)
    assert [run(op.id, bench.stage).state for op in (first, second)] == [State.SUCCEEDED] * 2


def test_a_lone_rule_is_found_beside_a_new_one() -> None:
    """Beside another rule it has a label; it still sends where it sent, so undo finds it."""
    bench = Bench()
    op = bench.do("promote api 50")
    rule = {"match": [{"uri": {"prefix": "/x"}}], "route": arms("api", v1=1)}
    obj = bench.route_object()
    bench.cluster.client.put({**obj, "spec": {**obj["spec"], "http": [rule, *obj["spec"]["http"]]}})
    assert bench.do(f"undo {op.id}").state is State.SUCCEEDED
    assert bench.weights() == [90, 10]


def test_rules_that_share_arms_are_no_alarm() -> None:
    """Jason always gets v2: the metrics of v2 hold his requests too, so the split of the default rule is not known."""
    jason = {"match": [{"headers": {"end-user": {"exact": "jason"}}}], "route": arms("api", v2=1)}
    bench = Bench([with_rules(jason, {"route": arms("api", v1=90, v2=10)}), *surroundings()])
    op = bench.do("promote api 50")
    bench.metrics.readings = {"v1": healthy(requests=500), "v2": healthy(requests=1000)}
    bench.time.at += 95
    split = run(op.id, bench.stage).split
    assert split is not None
    assert split.verdict is Verdict.UNKNOWN


def test_a_rule_that_is_called_like_another_is_still_owned() -> None:
    """Argo Rollouts owns the rule named `default`; another rule, without a match, answers to that word as well."""
    rollout = _object("argoproj.io/v1alpha1", "Rollout", "api")
    routing = {"istio": {"virtualService": {"name": "api-vs", "routes": ["default"]}}}
    rollout["spec"] = {"strategy": {"canary": {"trafficRouting": routing}}}
    named = {"name": "default", "match": [{"headers": {"x": {"exact": "y"}}}], "route": arms("api", v1=90, v2=10)}
    bench = Bench([with_rules(named, {"route": arms("api", v1=90, v2=10)}), *surroundings(), rollout])
    assert "Argo Rollouts" in bench.do("promote api 50 --route http[0]").outcome


def test_arms_with_the_same_labels_are_not_judged_by_each_other() -> None:
    """Both subsets are of version v3: stable's requests must not pass for the canary's."""
    there = surroundings()
    there[0]["spec"]["subsets"] = [
        {"name": name, "labels": {"version": "v3", "track": track}} for name, track in (("v1", "old"), ("v2", "new"))
    ]
    bench = Bench([virtual_service(), *there])
    assert [arm.alike for arm in bench.cluster.routes(bench.ask("status api").target)[0].arms] == ["v2", "v1"]


def test_an_annotation_too_deep_is_nothing() -> None:
    """Anybody may write annotations; none may stand in the way of a rollback."""
    obj = virtual_service()
    obj["metadata"]["annotations"] = {"meshbot.dev/written": "[" * 100_000}
    bench = Bench([obj, *surroundings()])
    assert bench.do("rollback api").state is State.SUCCEEDED


def test_a_choice_with_two_spaces_can_be_pressed() -> None:
    """What is offered is understood when it comes back."""
    rule = {"match": [{"headers": {"ua": {"exact": "a  b"}}}], "route": arms("api", v1=90, v2=10)}
    bench = Bench([with_rules(rule, {"route": arms("api", v1=90, v2=10)}), *surroundings()])
    choice = bench.do("promote api 50").choices[0]
    assert bench.do(choice).state is State.SUCCEEDED


def test_almost_all_is_not_all() -> None:
    """99.996 % of 100 parts cannot be met; it is not 100 %."""
    assert bench_share("99.996") is State.REFUSED


def bench_share(share: str) -> State:
    """How a promotion to this share ends."""
    return Bench().do(f"promote api {share}").state


def test_no_traffic_goes_to_a_backend_that_nobody_may_refer_to() -> None:
    """The parent said so before the change: a warning beside half of the requests failing is too little."""
    bench = web(backends("web", v1=100, v2=0), services=(Service("web", stable="web-v1", canary="web-v2"),))
    obj = copy.deepcopy(bench.cluster.client._held["HTTPRoute", "mesh-demo", "web-route"])
    obj["spec"]["rules"][0]["backendRefs"][1]["namespace"] = "other"
    said = {"type": "ResolvedRefs", "status": "False", "reason": "RefNotPermitted", "observedGeneration": 2}
    obj["status"]["parents"][0]["conditions"].append(said)
    bench.cluster.client.put(obj)
    assert bench.do("promote web 50").state is State.REFUSED
    assert in_route(bench) == [[100, 0]]


JASON = {"match": [{"headers": {"end-user": {"exact": "jason"}}}], "route": arms("api", v2=1)}
MAIN = {"route": arms("api", v1=90, v2=10)}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([MAIN], lambda rules: [JASON, *rules]),
        ([JASON, MAIN], lambda rules: rules[1:]),
        ([JASON, MAIN], lambda rules: [rules[0], {**rules[1], "name": "main"}]),
        ([JASON, MAIN], lambda rules: [rules[0], {**rules[1], "match": [{"uri": {"prefix": "/"}}]}]),
    ],
)
def test_a_rollback_is_to_no_canary_because_a_rule_got_another_label(before: list[Obj], after: Any) -> None:
    """v2 has 80 %, then a rule is added, removed, named or matched: the shape alone would call v2 stable."""
    bench = Bench([with_rules(*before), *surroundings()])
    bench.do("promote api 80 --force --reason x")
    obj = bench.route_object()
    bench.cluster.client.put({**obj, "spec": {**obj["spec"], "http": after(obj["spec"]["http"])}})
    refused = bench.do("rollback api")
    assert [choice.partition(" --")[0] for choice in refused.choices] == [
        "/mesh rollback api to v1",
        "/mesh rollback api to v2",
    ]
    assert in_service(bench)[-1] == [20, 80]


def test_an_old_button_does_what_it_says_or_nothing() -> None:
    """The card of a round ago asked whether v1 gets everything; by now v2 is stable."""
    bench = Bench([virtual_service(), *surroundings(v1=8, v2=8)])
    bench.do("promote api 50")
    bench.do("promote api 100")
    bench.do("promote api v1 10")
    pressed = Command(verb=Verb.ROLLBACK, service="api", promised="v1")
    operation = receive(bench.desk, pressed, JIN, Origin("button", "C0PROD"), dedupe="press").operation
    refused = run(operation.id, bench.stage)
    assert refused.choices == ("/mesh set api v1=100 v2=0", "/mesh rollback api to v2")
    assert bench.weights() == [10, 90]


def test_undo_is_not_of_another_service_that_took_the_place() -> None:
    """Two rules without a name and of one match are told apart by place, and were swapped since."""
    match = {"match": [{"uri": {"prefix": "/x"}}]}
    rules = {**match, "route": arms("web", v1=50, v2=50)}, {**match, "route": arms("api", v1=90, v2=10)}
    bench = Bench([with_rules(*rules, hosts=["shop.example.com"], gateways=["g"]), *surroundings()])
    op = bench.do("promote api 50")
    obj = bench.route_object()
    bench.cluster.client.put({**obj, "spec": {**obj["spec"], "http": obj["spec"]["http"][::-1]}})
    assert bench.do(f"undo {op.id}").state is State.REFUSED
    assert in_service(bench) == [[50, 50], [50, 50]]


def test_a_rollback_that_waits_has_a_card() -> None:
    """A rollback whose parents take their time is shown while it waits, and looked at again soon."""
    bench = web(backends("web", v1=50, v2=50), services=(Service("web", stable="web-v1", canary="web-v2"),))
    looks: list[float] = []
    later = bench.operations.later

    def noted(operation_id: str, *, seconds: float) -> None:
        looks.append(seconds)
        later(operation_id, seconds=seconds)

    bench.operations.later = noted  # type: ignore[method-assign]
    waiting = bench.do("rollback web")
    assert waiting.patch_step is Step.AWAITING
    assert looks[-1] == ACCEPTED_AGAIN_S
    assert len(bench.cards.cards[waiting.id]) == 1


def test_a_rollback_that_nobody_accepted_overtakes_what_waited() -> None:
    """It is written all the same: the promotion from before must not go on top of it."""
    bench = web(backends("web", v1=50, v2=50), services=(Service("web", stable="web-v1", canary="web-v2"),))
    waiting = bench.ask("promote web 80 --force --reason x")
    bench.time.at += 1
    back = bench.do("rollback web")
    bench.time.at += 11
    assert run(back.id, bench.stage).patch_step is Step.UNACCEPTED
    assert run(waiting.id, bench.stage).state is State.REFUSED
    assert in_route(bench) == [[100, 0]]


def test_a_promotion_stays_within_what_the_api_takes() -> None:
    """A total above the API's limit cannot be given to one arm: that is said before anything is sent."""
    bench = web(backends("web", v1=1_000_000, v2=500_000))
    refused = bench.do("promote web 100")
    assert refused.state is State.REFUSED
    assert "takes at most 1000000" in refused.outcome
    assert in_route(bench) == [[1_000_000, 500_000]]
