"""Who is stable: known, or asked for. `rollback` is one word where it is known, and never a guess."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from mesh.domain.catalog import Service
from mesh.domain.operations import State
from mesh.domain.policy import Policy
from mesh.domain.routes import STAMP_CANARY
from tests.builders import JIN, LEE, healthy
from tests.mesh.operations.bench import Bench, surroundings, virtual_service
from tests.mesh.operations.test_drift import around
from tests.mesh.operations.test_limits import SRE
from tests.mesh.operations.voyage import Voyage

TO_EACH = ("/mesh rollback api to v1", "/mesh rollback api to v2")


def a_bench(*weights: int, **how: Any) -> Bench:
    """A route with these weights, of which nobody said anything."""
    return Bench(objects=[virtual_service(*weights), *surroundings()], **how)


def rewrite(bench: Bench, **changes: Any) -> None:
    """Somebody else writes the object: `weights`, or the `annotations` whole."""
    found = bench.route_object()
    for arm, weight in zip(found["spec"]["http"][0]["route"], changes.get("weights", ()), strict=False):
        arm["weight"] = weight
    if "annotations" in changes:
        found["metadata"]["annotations"] = changes["annotations"]
    found["metadata"]["resourceVersion"] = str(int(found["metadata"].get("resourceVersion", "1")) + 100)


@pytest.mark.parametrize("weights", [(50, 50), (60, 40)])
def test_a_rollback_never_goes_to_an_arm_that_nobody_called_stable(weights: tuple[int, int]) -> None:
    """Who lifts one arm by a point does not make the other one the way back, past a limit and a freeze: it is asked."""
    bench = a_bench(*weights, policy=Policy((replace(SRE, max_share=70.0, users=(JIN.user, LEE.user)),)))
    assert bench.do("set api v1=0 v2=100").state is State.REFUSED
    assert bench.do(f"promote api v1 {weights[0] + 1}").state is State.SUCCEEDED
    assert bench.do("freeze api --reason x", LEE).state is State.SUCCEEDED
    asked = bench.do("rollback api")
    assert (asked.state, asked.choices) == (State.REFUSED, TO_EACH)
    assert "`services.api.stable`" in asked.hint
    assert bench.weights() == [weights[0] + 1, weights[1] - 1]


NO_ANSWER = "Prometheus did not answer in 5 s"


@pytest.mark.parametrize(
    ("words", "readings"),
    [
        ("freeze api --reason incident", {}),
        ("status api", {"v1": NO_ANSWER, "v2": NO_ANSWER}),
        ("status api", {"v1": healthy(success=97.0), "v2": healthy(success=40.0)}),
    ],
    ids=["frozen", "metrics are gone", "both arms fail"],
)
def test_the_buttons_of_a_rollback_that_asks_lead_out_of_an_incident(words: str, readings: dict[str, Any]) -> None:
    """An arm that a person names gets everything past gates and freezes, and is stable from then on."""
    bench = a_bench(50, 50, **({"readings": readings} if readings else {}))
    bench.do(words)
    asked = bench.do("rollback api")
    done = bench.do(asked.choices[0].removeprefix("/mesh "))
    assert (asked.state, done.state, bench.weights()) == (State.REFUSED, State.SUCCEEDED, [100, 0])
    assert done.plan is not None
    assert done.plan.notes == ("It was not known which arm is stable: v1 was named, and is from now on",)
    rewrite(bench, weights=(60, 40))
    assert bench.do("rollback api").state is State.SUCCEEDED
    assert bench.weights() == [100, 0]


def test_a_rollback_to_an_arm_is_no_way_past_the_gates_where_another_one_is_stable() -> None:
    """It is refused, also beside a rollout, which goes on; weights by name are judged. The stable arm it may name."""
    voyage = Voyage()
    voyage.start("canary api v2 25,100 every 5m")
    refused = voyage.bench.do("rollback api to v2")
    assert (refused.state, voyage.bench.weights()) == (State.REFUSED, [75, 25])
    assert refused.choices == ("/mesh rollback api", "/mesh set api v1=0 v2=100")
    assert voyage.operation.active_rollout
    assert voyage.bench.do("rollback api to v9").state is State.REFUSED
    done = voyage.bench.do("rollback api to v1")
    assert (done.state, done.plan and done.plan.notes, voyage.bench.weights()) == (State.SUCCEEDED, (), [100, 0])


def test_a_rollback_to_a_named_arm_is_planned_again_to_the_same_arm() -> None:
    """Somebody else wrote between its plan and its patch: the arm and the note stay as they were said."""
    bench = a_bench(50, 50)
    theirs = [(30, 70)]

    def before() -> None:
        if theirs:
            rewrite(bench, weights=theirs.pop())

    around(bench, before, lambda: None)
    done = bench.do("rollback api to v1")
    assert (done.state, bench.weights()) == (State.SUCCEEDED, [100, 0])
    assert "conflict" in bench.audit_steps(done)
    assert done.plan is not None
    assert len(done.plan.notes) == 1


def test_a_canary_that_was_named_is_still_compared_with_the_other_arm() -> None:
    """It is what there is to compare with, be it stable or not: failing more than the other is failing."""
    worse = {"v1": healthy(requests=50_000, success=99.99), "v2": healthy(requests=50_000, success=99.2)}
    known, unknown = (a_bench(*weights, readings=worse).do("promote api v2 60") for weights in ((90, 10), (50, 50)))
    assert known.state is State.REFUSED
    assert "v1" in known.outcome
    assert unknown.outcome == known.outcome


@pytest.mark.parametrize(("weights", "end"), [((80, 20), [100, 0]), ((20, 80), [20, 80])], ids=["agrees", "does not"])
def test_the_shape_says_who_is_stable_where_it_agrees_with_the_canary_that_was_named(
    weights: tuple[int, int], end: list[int]
) -> None:
    """By weights that a person wrote by name: a small canary has a stable beside it, a large one may have none."""
    bench = a_bench(50, 50)
    assert bench.do("promote api v2 51").state is State.SUCCEEDED
    assert bench.do(f"set api v1={weights[0]} v2={weights[1]}").state is State.SUCCEEDED
    bench.do("rollback api")
    assert bench.weights() == end


def test_a_stable_arm_is_known_by_the_weights_from_before_the_promotion() -> None:
    """At 90/10 the larger arm is stable, and is stamped so: at 10/90 a rollback is one word still."""
    bench = a_bench(90, 10)
    assert bench.do("promote api v2 90").state is State.SUCCEEDED
    assert bench.do("rollback api").state is State.SUCCEEDED
    assert bench.weights() == [100, 0]


@pytest.mark.parametrize(
    ("services", "written"),
    [
        ((Service("api", stable="v1"),), {}),
        ((Service("api", canary="v2"),), {}),
        ((), {"meshbot.dev/stable": "v1"}),
        ((), {"meshbot.dev/canary": "v2"}),
    ],
    ids=["configured stable", "configured canary", "stable on the object", "canary on the object"],
)
def test_a_role_that_a_person_wrote_down_makes_a_rollback_one_word(
    services: tuple[Service, ...], written: dict[str, str]
) -> None:
    """In the configuration or on the object, of one arm of two: the other one has the other role."""
    bench = a_bench(50, 50, services=services)
    rewrite(bench, annotations=written)
    assert bench.do("rollback api").state is State.SUCCEEDED
    assert bench.weights() == [100, 0]


def test_a_word_for_every_rule_counts_still_once_another_rule_was_promoted() -> None:
    """Our stamp on one rule keeps their plain canary in a map; for the other rules it is still theirs, not ours."""
    route = virtual_service(50, 50)
    route["metadata"]["annotations"] = {"meshbot.dev/canary": "v2"}
    mobile, web = (copy.deepcopy(route["spec"]["http"][0]) | {"name": name} for name in ("mobile", "web"))
    mobile["match"] = [{"headers": {"x-mobile": {"exact": "1"}}}]
    route["spec"]["http"] = [mobile, web]
    bench = Bench(objects=[route, *surroundings()])
    assert bench.do("promote api v2 60 --route mobile").state is State.SUCCEEDED
    assert bench.do("rollback api --route web").state is State.SUCCEEDED
    assert bench.weights() == [100, 0]


@pytest.mark.parametrize("share", [50, 70, 80])
def test_a_rollback_of_a_running_canary_is_one_word_though_the_object_forgot_all(share: int) -> None:
    """Somebody's `kubectl replace` took our annotations away: the rollout on record says who is stable, at 80 % too."""
    voyage = Voyage()
    voyage.start(f"canary api v2 {share},100 every 5m")
    rewrite(voyage.bench, annotations={})
    done = voyage.bench.do("rollback api")
    assert (done.state, voyage.bench.weights()) == (State.SUCCEEDED, [100, 0])


@pytest.mark.parametrize(
    ("before", "words", "end"),
    [
        ((90, 10), ("promote api v2 50",), [100, 0]),
        ((90, 10), ("promote api v2 80",), [100, 0]),
        ((90, 10), ("promote api v2 100",), [100, 0]),
        ((90, 10), ("promote api v2 80", "set api v1=8 v2=8 v9=1"), [100, 0]),
        ((50, 50), ("promote api v2 51", "set api v1=20 v2=80"), None),
    ],
    ids=["half", "more", "all", "then something refused", "nobody was stable"],
)
def test_a_rollback_asks_the_record_before_the_shape_where_the_object_forgot_all(
    before: tuple[int, int], words: tuple[str, ...], end: list[int] | None
) -> None:
    """Without a rollout the newest change that was written says who is stable, or that nobody said so."""
    bench = a_bench(*before)
    for text in words:
        bench.do(text)
    rewrite(bench, annotations={})
    left = bench.weights()
    done = bench.do("rollback api")
    assert done.state is (State.SUCCEEDED if end else State.REFUSED)
    assert bench.weights() == (end or left)


def test_what_was_refused_says_nothing_of_who_is_stable() -> None:
    """Its plan was made while the configuration had it the other way round; the change before it was written."""
    bench = a_bench(90, 10)
    assert bench.do("promote api v2 80").state is State.SUCCEEDED
    rewrite(bench, annotations={})
    assert bench.do("freeze api --reason x").state is State.SUCCEEDED
    bench.services = (Service("api", stable="v2"),)
    refused = bench.do("promote api v1 50")
    assert (refused.state, refused.plan and refused.plan.stable) == (State.REFUSED, "v2")
    bench.services = ()
    assert bench.do("rollback api").state is State.SUCCEEDED
    assert bench.weights() == [100, 0]


def test_a_rollback_of_a_running_canary_is_one_word_though_the_object_forgot_half() -> None:
    """Only the canary is left on it, as we wrote it: the rollout on record says that the other one is stable."""
    voyage = Voyage()
    voyage.start("canary api v2 50,100 every 5m")
    stamps = voyage.bench.route_object()["metadata"]["annotations"]
    rewrite(voyage.bench, annotations={STAMP_CANARY: stamps[STAMP_CANARY]})
    done = voyage.bench.do("rollback api")
    assert (done.state, voyage.bench.weights()) == (State.SUCCEEDED, [100, 0])


def test_a_rollback_asks_where_the_round_on_record_was_over_and_the_object_forgot_all() -> None:
    """The canary had everything, then somebody applied 80/20 the other way round: that may be the next round."""
    bench = a_bench(90, 10)
    assert bench.do("promote api v2 100").state is State.SUCCEEDED
    rewrite(bench, weights=(20, 80), annotations={})
    asked = bench.do("rollback api")
    assert (asked.state, asked.choices, bench.weights()) == (State.REFUSED, TO_EACH, [20, 80])


def test_a_canary_is_not_begun_where_nobody_knows_the_way_back() -> None:
    """At 50/50 its name says nothing of the other arm, and a rollout must be able to turn back by itself."""
    bench = a_bench(50, 50)
    refused = bench.do("canary api v2 60,100 every 5m")
    assert (refused.state, "could not be turned back" in refused.outcome) == (State.REFUSED, True)
