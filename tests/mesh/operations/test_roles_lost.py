"""Who is stable once the object lost our annotations, or carries older ones: the same to every verb, never a guess."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from mesh.domain.catalog import Service
from mesh.domain.operations import Operation, State
from mesh.domain.routes import STAMP_CANARY, STAMP_STABLE
from tests.mesh.operations.alarm import AlarmBench, alarm, shown
from tests.mesh.operations.bench import HOST, Bench, surroundings, virtual_service
from tests.mesh.operations.test_roles import TO_EACH, a_bench, rewrite
from tests.mesh.operations.voyage import Voyage

KNOWN = {"v1": "stable", "v2": "canary"}
NOBODY = {"v1": "", "v2": ""}


def forgetful(*words: str, weights: tuple[int, int] = (90, 10), **changes: Any) -> Bench:
    """A bench where this was done, and then somebody replaced the object without our annotations."""
    bench = a_bench(*weights)
    for text in words or ("promote api v2 80",):
        assert bench.do(text).state is State.SUCCEEDED
    rewrite(bench, annotations={}, **changes)
    return bench


def told(done: Operation) -> dict[str, str]:
    """The role of each arm, as the card of a reading has it."""
    (status,) = done.statuses
    return {arm.name: arm.role for arm in status.arms}


def stamps(bench: Bench) -> tuple[str, str]:
    """What the object says of stable and canary."""
    said = bench.route_object()["metadata"]["annotations"]
    return said.get(STAMP_STABLE, ""), said.get(STAMP_CANARY, "")


@pytest.mark.parametrize("text", ["status api", "status", "gates api"])
def test_a_reading_asks_the_record_before_the_shape(text: str) -> None:
    """A canary at 80 % is the canary on every card, though the object forgot all."""
    done = forgetful().do(text)
    assert (told(done), done.statuses[0].unclear) == (KNOWN, "")


def test_the_card_of_an_incident_asks_the_record_before_the_shape() -> None:
    """Its button says where traffic goes back to: that must not be the canary at 80 %."""
    bench = AlarmBench(objects=[virtual_service(90, 10), *surroundings()])
    assert bench.do("promote api v2 80").state is State.SUCCEEDED
    rewrite(bench, annotations={})
    alarm(bench)
    assert shown(bench).stable == "v1"


def test_a_promotion_after_the_object_forgot_all_raises_the_canary_and_stamps_the_roles_on_record() -> None:
    """To the shape v1 at 20 % would be the canary, and the stamp would make it so."""
    bench = forgetful()
    assert bench.do("promote api 90").state is State.SUCCEEDED
    assert (bench.weights(), stamps(bench)) == ([10, 90], ('{"":"v1"}', '{"":"v2"}'))


@pytest.mark.parametrize("text", ["set api v1=30 v2=70", "set api v1=0 v2=100"])
def test_weights_by_name_stamp_the_roles_on_record(text: str) -> None:
    """Also where they leave a shape that says something else."""
    bench = forgetful()
    assert bench.do(text).state is State.SUCCEEDED
    assert stamps(bench) == ('{"":"v1"}', '{"":"v2"}')


def test_more_for_the_stable_arm_is_still_no_promotion_once_the_object_forgot_all() -> None:
    """At 20 % it looks like a canary, and it is where a rollback goes to."""
    bench = forgetful()
    refused = bench.do("promote api v1 50")
    assert (refused.state, refused.choices) == (State.REFUSED, ("/mesh rollback api",))
    assert "v1 is the stable arm" in refused.outcome


def test_a_canary_that_begins_after_the_object_forgot_all_can_turn_back_to_the_right_arm() -> None:
    """It is compared with v1, and goes back there, though v2 has 80 % already."""
    voyage = Voyage(forgetful())
    begun = voyage.start("canary api v2 90,100 every 30s")
    assert begun.plan
    assert (begun.plan.stable, begun.plan.canary, voyage.bench.weights()) == ("v1", "v2", [10, 90])
    voyage.say("abort api")
    assert voyage.bench.weights() == [100, 0]


def test_a_rollout_goes_on_though_the_object_forgot_all_at_80_per_cent() -> None:
    """Its next step knows its canary, and says on the object again who is stable."""
    voyage = Voyage(a_bench(90, 10))
    voyage.start("canary api v2 80,100 every 30s")
    rewrite(voyage.bench, annotations={})
    voyage.look(12)
    assert (voyage.bench.weights(), stamps(voyage.bench)) == ([0, 100], ('{"":"v1"}', '{"":"v2"}'))


def test_a_rollout_says_nothing_of_another_object_or_another_rule_of_the_service() -> None:
    """It runs on one of them at 80 %; of the other one nobody ever said who is stable."""
    first = virtual_service(90, 10)
    [rule] = first["spec"]["http"]
    first["spec"]["http"] = [
        {**copy.deepcopy(rule), "name": "mobile", "match": [{"headers": {"x-mobile": {"exact": "1"}}}]},
        {**virtual_service(50, 50)["spec"]["http"][0], "name": "web"},
    ]
    other = virtual_service(50, 50, name="api-b")
    [even] = other["spec"]["http"]
    # A lone rule has no label, and would be told apart by that.
    static = {"name": "static", "match": [{"uri": {"prefix": "/static"}}], "route": even["route"][:1]}
    other["spec"]["http"] = [static, {**even, "name": "mobile"}]
    voyage = Voyage(Bench(objects=[first, other, *surroundings()]))
    voyage.start("canary api v2 80,100 every 5m --route VirtualService/api-vs/mobile")
    for place in ("VirtualService/api-vs/web", "VirtualService/api-b/mobile"):
        asked = voyage.bench.do(f"rollback api --route {place}")
        assert (asked.state, "neither the configuration" in asked.outcome) == (State.REFUSED, True), asked.outcome
    assert voyage.bench.do("rollback api --route VirtualService/api-vs/mobile").state is State.SUCCEEDED


def test_an_old_copy_with_the_roles_of_a_label_of_then_is_not_put_right_by_the_record() -> None:
    """A rule was renamed and promoted again, then the annotations from before came back: which is true, people say."""
    bench = a_bench(90, 10)
    rules = bench.route_object()["spec"]["http"]
    rules[0]["name"] = "main"
    rules.insert(0, {"name": "static", "match": [{"uri": {"prefix": "/static"}}], "route": rules[0]["route"][:1]})
    assert bench.do("promote api v2 50").state is State.SUCCEEDED
    old = dict(bench.route_object()["metadata"]["annotations"])
    bench.route_object()["spec"]["http"][-1]["name"] = "web"
    assert bench.do("promote api v2 60").state is State.SUCCEEDED
    rewrite(bench, annotations=old)
    asked = bench.do("rollback api")
    assert asked.state is State.REFUSED, asked.outcome
    assert "is of a rule that has another name by now" in asked.outcome
    assert bench.weights() == [40, 60]


def test_an_object_that_was_made_anew_with_the_same_weights_has_the_roles_on_record() -> None:
    """`kubectl replace --force` gives it another uid, and takes the annotations as any replace does."""
    bench = forgetful()
    bench.route_object()["metadata"]["uid"] = "made-anew"
    assert told(bench.do("status api")) == KNOWN


def test_the_roles_of_a_rule_on_record_are_lost_with_its_label() -> None:
    """The object forgot all and its only rule got a second one beside it: nobody knows whose roles those were."""
    bench = forgetful()
    rules = bench.route_object()["spec"]["http"]
    rules[:] = [copy.deepcopy(rules[0]) | {"name": "web"}]
    rules.insert(0, {"name": "static", "match": [{"uri": {"prefix": "/static"}}], "route": rules[0]["route"][:1]})
    asked = bench.do("rollback api --route web")
    assert asked.state is State.REFUSED
    assert "is of a rule that has another name by now" in asked.outcome
    assert bench.weights() == [20, 80]


def test_nobody_is_stable_where_the_record_and_the_shape_disagree_over_weights_of_somebody_else() -> None:
    """Left at 90/10 and found at 10/90 without a word: finished by hand, or a slip; a person has to say."""
    bench = forgetful("promote api v2 20", weights=(90, 10))
    rewrite(bench, weights=(10, 90))
    status = bench.do("status api")
    assert (told(status), "the record says v1" in status.statuses[0].unclear) == (NOBODY, True)
    asked, bare = bench.do("rollback api"), bench.do("promote api 95")
    assert (asked.state, asked.choices) == (State.REFUSED, TO_EACH)
    assert "the record says v1" in asked.outcome
    assert bare.state is State.REFUSED
    assert bench.do("canary api v2 95,100 every 30s").state is State.REFUSED
    assert (bench.weights(), stamps(bench)) == ([10, 90], ("", ""))


def test_the_record_counts_where_somebody_elses_weights_do_not_contradict_it() -> None:
    """Left at 80/20 and found at 55/45, or at 90/10, without a word: who is stable is on record."""
    for weights in ((55, 45), (90, 10)):
        bench = forgetful("promote api v2 20", weights=(90, 10))
        rewrite(bench, weights=weights)
        assert told(bench.do("status api")) == KNOWN


def old_stamps() -> Bench:
    """A second round to v1, at 30 %, on whose object somebody has put the stamps of the first one back."""
    bench = a_bench(90, 10)
    assert bench.do("promote api v2 50").state is State.SUCCEEDED
    old = dict(bench.route_object()["metadata"]["annotations"])
    assert bench.do("promote api v2 100").state is State.SUCCEEDED
    assert bench.do("promote api v1 30").state is State.SUCCEEDED
    rewrite(bench, annotations=old)
    return bench


def test_stamps_of_an_older_change_are_not_believed_against_the_record() -> None:
    """A backup of the object says that v1 is stable, and since then v2 is: a rollback asks."""
    bench = old_stamps()
    asked = bench.do("rollback api")
    assert (asked.state, asked.choices, bench.weights()) == (State.REFUSED, TO_EACH, [30, 70])
    assert "the object says v1" in asked.outcome
    assert told(bench.do("status api")) == NOBODY


def test_a_plain_name_on_the_object_is_believed_against_the_record() -> None:
    """Somebody who wrote who is stable knows better than what was done before."""
    bench = old_stamps()
    rewrite(bench, annotations={STAMP_STABLE: "v2"})
    assert bench.do("rollback api").state is State.SUCCEEDED
    assert bench.weights() == [0, 100]


def guessed() -> tuple[Bench, Operation]:
    """A canary at 80 %, and after it a promotion of v1 that took v2 for stable: as the shape once made it."""
    bench = a_bench(90, 10)
    assert bench.do("promote api v2 80").state is State.SUCCEEDED
    bench.services = (Service("api", stable="v2", canary="v1"),)
    turned = bench.do("promote api v1 30")
    assert (turned.state, stamps(bench)) == (State.SUCCEEDED, ('{"":"v2"}', '{"":"v1"}'))
    bench.services = ()
    return bench, turned


@pytest.mark.parametrize("forgotten", [False, True], ids=["stamped", "forgotten"])
def test_roles_that_were_guessed_once_are_not_believed_for_ever(forgotten: bool) -> None:
    """The canary of the round before became stable without having had everything: on the object, and on record."""
    bench, turned = guessed()
    if forgotten:
        rewrite(bench, annotations={})
    asked = bench.do("rollback api")
    assert (asked.state, asked.choices) == (State.REFUSED, TO_EACH)
    assert f"{turned.id} took v2 for stable at 80 %" in asked.outcome


def overwritten() -> Bench:
    """Left at 80/20 and found at 10/90 without a word."""
    bench = forgetful("promote api v2 20", weights=(90, 10))
    rewrite(bench, weights=(10, 90))
    return bench


@pytest.mark.parametrize("doubtful", [old_stamps, lambda: guessed()[0], overwritten], ids=["old", "guessed", "written"])
@pytest.mark.parametrize("arm", ["v1", "v2"])
def test_whoever_names_the_arm_to_roll_back_to_ends_the_doubt(doubtful: Callable[[], Bench], arm: str) -> None:
    """That word is on record and on the object: the next round has its way back in one word."""
    bench = doubtful()
    assert bench.do(f"rollback api to {arm}").state is State.SUCCEEDED
    other = "v2" if arm == "v1" else "v1"
    assert told(bench.do("status api")) == {arm: "stable", other: "canary"}
    assert bench.do(f"promote api {other} 60 --force --reason x").state is State.SUCCEEDED
    assert bench.do("rollback api").state is State.SUCCEEDED
    assert bench.weights() == ([100, 0] if arm == "v1" else [0, 100])


def test_a_canary_that_is_named_as_the_arm_to_go_back_to_is_the_canary_no_more() -> None:
    """Who eased v1 by promoting v2, and then flees to v2, leaves v1 as the next canary."""
    bench = a_bench(50, 50)
    assert bench.do("promote api v2 51").state is State.SUCCEEDED
    assert bench.do("rollback api to v2").state is State.SUCCEEDED
    assert told(bench.do("status api")) == {"v1": "canary", "v2": "stable"}


def test_an_arm_that_is_named_and_has_everything_is_not_said_to_be_remembered() -> None:
    """Nothing is written then."""
    bench = a_bench(90, 10)
    assert bench.do("promote api v2 50").state is State.SUCCEEDED
    old = dict(bench.route_object()["metadata"]["annotations"])
    assert bench.do("promote api v2 100").state is State.SUCCEEDED
    assert bench.do("promote api v1 30").state is State.SUCCEEDED
    rewrite(bench, annotations=old, weights=(0, 100))
    done = bench.do("rollback api to v2")
    assert (done.state, bench.weights()) == (State.SUCCEEDED, [0, 100])
    assert done.plan is not None
    assert done.plan.notes == ()


def test_what_was_guessed_is_believed_once_somebody_wrote_it_down() -> None:
    """A plain name on the object ends the doubt."""
    bench, _ = guessed()
    rewrite(bench, annotations=bench.route_object()["metadata"]["annotations"] | {STAMP_STABLE: "v2"})
    assert bench.do("rollback api").state is State.SUCCEEDED
    assert bench.weights() == [0, 100]


def test_an_undo_of_a_finished_round_is_no_guess() -> None:
    """It brings back the roles of what it undoes, which are those of a round before."""
    bench = a_bench(90, 10)
    first = bench.do("promote api v2 100")
    second = bench.do("promote api v1 30")
    assert bench.do(f"undo {second.id}").state is State.SUCCEEDED
    assert bench.do(f"undo {first.id}").state is State.SUCCEEDED
    assert (bench.weights(), told(bench.do("status api"))) == ([90, 10], KNOWN)


def test_a_second_round_is_no_guess() -> None:
    """The canary of the round before had everything, so it is stable now, and the other arm is the next canary."""
    bench = a_bench(90, 10)
    assert bench.do("promote api v2 100").state is State.SUCCEEDED
    assert bench.do("promote api v1 30").state is State.SUCCEEDED
    assert told(bench.do("status api")) == {"v1": "canary", "v2": "stable"}


def replaced(share: int) -> Bench:
    """A canary v2 with this share, whose stable arm v1 somebody has replaced by v3."""
    route, rule, *rest = virtual_service(90, 10), *surroundings()
    rule["spec"]["subsets"].append({"name": "v3", "labels": {"version": "v3"}})
    bench = Bench(objects=[route, rule, *rest])
    bench.metrics.readings["v3"] = bench.metrics.readings["v1"]
    assert bench.do(f"promote api v2 {share}").state is State.SUCCEEDED
    arm = bench.route_object()["spec"]["http"][0]["route"][0]
    arm["destination"] = {"host": HOST, "subset": "v3"}
    return bench


@pytest.mark.parametrize("forgotten", [False, True], ids=["stamped", "forgotten"])
def test_a_canary_is_not_stable_because_its_stable_arm_is_gone(forgotten: bool) -> None:
    """It has 80 %, so to the shape it is; but it never had everything."""
    bench = replaced(80)
    if forgotten:
        rewrite(bench, annotations={})
    asked = bench.do("rollback api")
    assert (asked.state, bench.weights()) == (State.REFUSED, [20, 80])
    assert "v1, which was stable, is gone" in asked.outcome


def test_a_canary_that_had_everything_is_stable_beside_the_next_version() -> None:
    """v2 was promoted to the end, and v3 took the place of v1: the next round is one word."""
    bench = replaced(100)
    assert bench.do("promote api v3 10 --force --reason test").state is State.SUCCEEDED
    assert stamps(bench) == ('{"":"v2"}', '{"":"v3"}')


def test_a_status_says_why_nobody_knows_who_is_stable() -> None:
    """At half nothing tells; and a named canary says nothing of the other arm."""
    bench = a_bench(50, 50)
    assert "nor the record says so" in bench.do("status api").statuses[0].unclear
    assert bench.do("promote api v2 51").state is State.SUCCEEDED
    assert bench.do("status api").statuses[0].unclear == "only v2 was named, as the canary"


def test_a_stamp_that_another_service_wrote_later_on_the_same_rule_is_not_old() -> None:
    """Two names of one rule: what was done through one of them counts for the other, whose record is older."""
    route = virtual_service(90, 10)
    route["spec"]["hosts"] = [HOST, "shop"]
    bench = Bench(objects=[route, *surroundings()], services=())
    assert bench.do("promote api v2 100").state is State.SUCCEEDED
    bench.time.at += 1
    assert bench.do("promote shop v1 30").state is State.SUCCEEDED
    assert bench.weights() == [30, 70]
    assert told(bench.do("status api")) == {"v1": "canary", "v2": "stable"}


def beside_a_rollout(*before: str) -> Voyage:
    """A canary v1 at 25 %, to go back to v2, on whose object the annotations from after `before` are back."""
    voyage = Voyage(a_bench(90, 10))
    for text in before:
        assert voyage.bench.do(text).state is State.SUCCEEDED
    old = dict(voyage.bench.route_object()["metadata"]["annotations"])
    assert voyage.bench.do("promote api v2 100").state is State.SUCCEEDED
    voyage.start("canary api v1 25,50,100 every 5m")
    rewrite(voyage.bench, annotations=old)
    return voyage


def test_old_stamps_beside_a_running_rollout_do_not_open_the_way_to_its_canary() -> None:
    """It promised v2 as the way back: naming v1 is refused, and a rollback in one word goes to v2."""
    voyage = beside_a_rollout("promote api v2 30")
    assert told(voyage.bench.do("status api")) == {"v1": "canary", "v2": "stable"}
    assert voyage.bench.do("freeze api --reason incident").state is State.SUCCEEDED
    refused = voyage.bench.do("rollback api to v1")
    assert (refused.state, voyage.bench.weights()) == (State.REFUSED, [25, 75]), refused.outcome
    assert "v2 is the stable arm" in refused.outcome
    assert voyage.operation.active_rollout
    assert voyage.bench.do("rollback api").state is State.SUCCEEDED
    assert voyage.bench.weights() == [0, 100]
