"""Plans: two integers and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mesh.domain.errors import NotFound, Refused
from mesh.domain.plans import Roles, adoption, plan
from mesh.domain.quantities import Weight, thousandths
from mesh.domain.routes import Route
from mesh.domain.shares import all_to, promoted
from tests.builders import route

ROLES = Roles("v1", "v2")


def test_the_patch_tests_all_it_read_and_writes_only_weights_and_stamps() -> None:
    """Version, each arm's identity and each old weight are tested; then two leaves and our annotation are written."""
    made = plan(route(), {"v1": 50, "v2": 50}, ROLES, stamps={"meshbot.dev/operation": "op-1"})
    assert [op.as_json() for op in made.patch] == [
        {"op": "test", "path": "/metadata/resourceVersion", "value": "7"},
        {"op": "test", "path": "/spec/http/0/route/0/destination/subset", "value": "v1"},
        {"op": "test", "path": "/spec/http/0/route/0/weight", "value": 90},
        {"op": "test", "path": "/spec/http/0/route/1/destination/subset", "value": "v2"},
        {"op": "test", "path": "/spec/http/0/route/1/weight", "value": 10},
        {"op": "replace", "path": "/spec/http/0/route/0/weight", "value": 50},
        {"op": "replace", "path": "/spec/http/0/route/1/weight", "value": 50},
        {
            "op": "add",
            "path": "/metadata/annotations",
            "value": {
                "meshbot.dev/operation": "op-1",
                "meshbot.dev/previous": '{"":{"v1":90,"v2":10}}',
                "meshbot.dev/written": '{"":{"v1":50,"v2":50}}',
            },
        },
    ]


def test_stamps_go_beside_annotations_that_are_there() -> None:
    """An object with annotations keeps them: each of ours is added by its own escaped pointer."""
    made = plan(route(annotations=(("a", "b"),)), {"v1": 50, "v2": 50}, ROLES, stamps={"meshbot.dev/operation": "op-1"})
    assert [op.path for op in made.patch[-3:]] == [
        f"/metadata/annotations/meshbot.dev~1{key}" for key in ("operation", "previous", "written")
    ]


def test_what_the_object_remembers_of_other_rules_stays() -> None:
    """Each rule has its own memory; what is not ours in that annotation is written anew."""
    kept = (("meshbot.dev/written", '{"http[1]":{"v1":1}}'), ("meshbot.dev/previous", "no JSON"))
    made = plan(route(annotations=kept, rule="http[0]"), {"v1": 50, "v2": 50}, ROLES, stamps={})
    assert [op.value for op in made.patch[-2:]] == [
        '{"http[0]":{"v1":90,"v2":10}}',
        '{"http[1]":{"v1":1},"http[0]":{"v1":50,"v2":50}}',
    ]


@pytest.mark.parametrize(
    "said", ["", "no JSON", "[]", '{"":[1]}', '{"":{"v1":1.5}}', '{"":{"v1":-1}}', '{"":{"v1":true}}']
)
def test_a_memory_that_is_not_ours_is_none(said: str) -> None:
    """Anybody may write annotations."""
    assert route(annotations=(("meshbot.dev/previous", said),)).previous is None


def test_adoption_writes_annotations_only() -> None:
    """The weights as they are become ours; nothing is judged and nothing moves."""
    drifted = route({"v1": 60, "v2": 40}, annotations=(("meshbot.dev/written", '{"":{"v1":50,"v2":50}}'),))
    made = adoption(drifted, ROLES, stamps={"meshbot.dev/operation": "op-2"})
    assert drifted.drift
    assert (made.moves, made.changes, made.judged, made.exposed) == (False, True, (), ())
    assert all(op.path.startswith("/metadata/annotations/") for op in made.patch if op.op != "test")
    assert made.patch[-1].value == '{"":{"v1":60,"v2":40}}'


def test_quantities_are_counted_in_thousandths_and_written_back_as_they_were() -> None:
    """SMI v1alpha1: 900m beside 100m becomes 1:1 in thousandths, and undo writes the old letters."""
    split = quantities({"v1": "0.9", "v2": "100m"})
    half = promoted(split, split.find("v2", "api"), 50)
    assert (split.shares, half.weights) == ("v1 90 % / v2 10 %", {"v1": "500m", "v2": "500m"})
    there = plan(split, half.weights, ROLES, stamps={})
    assert [op.value for op in there.patch if op.op == "replace"] == ["500m", "500m"]
    back = plan(quantities({"v1": "500m", "v2": "500m"}), there.former, ROLES, stamps={})
    assert [op.value for op in back.patch if op.op == "replace"] == ["0.9", "100m"]


def quantities(weights: dict[str, str]) -> Route:
    """A TrafficSplit v1alpha1."""
    made = route(dict.fromkeys(weights))
    arms = [
        replace(arm, weight=weights[arm.name], effective=thousandths(weights[arm.name]), quantity=True)
        for arm in made.arms
    ]
    return replace(made, arms=tuple(arms))


@pytest.mark.parametrize(("written", "parts"), [("900m", 900), ("1", 1000), (1, 1000), ("0.5", 500), ("1k", 1_000_000)])
def test_a_quantity_is_read(written: str | int, parts: int) -> None:
    """As Kubernetes writes them."""
    assert thousandths(written) == parts


@pytest.mark.parametrize("written", ["", "-1", "1e3", "1Ki", "0.0005", "half", "1.", "1 "])
def test_what_is_no_weight_is_refused(written: str) -> None:
    """Nothing is guessed of a weight."""
    with pytest.raises(Refused):
        thousandths(written)


def test_an_absent_weight_is_added_and_taken_away_again() -> None:
    """`replace` of an absent key is an error, so it is added; undo removes it and the object is as it was."""
    made = plan(route({"v1": None, "v2": None}, absent=1), {"v1": 3, "v2": 1}, ROLES, stamps={})
    assert [(op.op, op.path[-14:]) for op in made.patch if op.op != "test"][:2] == [
        ("add", "route/0/weight"),
        ("add", "route/1/weight"),
    ]
    back = plan(route({"v1": 3, "v2": 1}, absent=1), made.former, ROLES, stamps={})
    assert [op.op for op in back.patch if op.op != "test"][:2] == ["remove", "remove"]


def test_weights_as_asked_already_make_no_patch() -> None:
    """Nothing to do is a plan without a patch."""
    assert not plan(route(), {"v1": 90, "v2": 10}, ROLES, stamps={"a": "b"}).changes


def test_only_rising_arms_are_judged_and_stable_never() -> None:
    """An arm with traffic needs gates, an arm without needs endpoints, a falling arm and stable need nothing."""
    assert plan(route(), {"v1": 50, "v2": 50}, ROLES, stamps={}).judged == ("v2",)
    assert plan(route({"v1": 100, "v2": 0}), {"v1": 90, "v2": 10}, ROLES, stamps={}).exposed == ("v2",)
    down = plan(route(), {"v1": 100, "v2": 0}, ROLES, stamps={})
    assert (down.judged, down.exposed) == ((), ())
    unsaid = plan(route(), {"v1": 100, "v2": 0}, Roles(), stamps={})
    assert unsaid.judged == ("v1",)


def test_the_intent_is_the_wish_and_not_the_version_it_was_read_at() -> None:
    """Another resourceVersion is the same wish; other weights are not."""
    first = plan(route(), {"v1": 50, "v2": 50}, ROLES, stamps={})
    later = plan(route(resource_version="8"), {"v1": 50, "v2": 50}, ROLES, stamps={})
    drifted = plan(route({"v1": 80, "v2": 20}), {"v1": 50, "v2": 50}, ROLES, stamps={})
    assert first.intent == later.intent != drifted.intent


@pytest.mark.parametrize(
    ("weights", "share", "wanted"),
    [
        ({"v1": 90, "v2": 10}, 50, {"v1": 50, "v2": 50}),
        ({"v1": 90, "v2": 10}, 100, {"v1": 0, "v2": 100}),
        ({"v1": 9, "v2": 1}, 50, {"v1": 5, "v2": 5}),
        ({"v1": 0, "v2": 100}, 0, {"v1": 100, "v2": 0}),
        ({"v1": 60, "v3": 30, "v2": 10}, 40, {"v1": 40, "v3": 20, "v2": 40}),
        ({"v1": 50, "v3": 40, "v2": 10}, 11, {"v1": 49, "v2": 11}),
    ],
)
def test_promoting_keeps_the_total_and_the_proportions(
    weights: dict[str, Weight | None], share: float, wanted: dict[str, int]
) -> None:
    """The canary gets its share of the object's own total; the others divide the rest as before."""
    subject = route(weights)
    got = promoted(subject, subject.find("v2", "api"), share, stable="v1").weights
    assert got == {name: weight for name, weight in wanted.items() if weight != weights[name]}
    assert sum({**weights, **got}.values()) == subject.total  # type: ignore[arg-type]  # no absent weights here


def test_rounding_is_by_largest_remainder_and_shown() -> None:
    """Three arms, the rest does not divide: who got what is said, and the total is kept."""
    subject = route({"v1": 50, "v3": 40, "v2": 10})
    got = promoted(subject, subject.find("v2", "api"), 11)
    assert got.weights == {"v1": 49, "v2": 11}
    assert got.notes == ("Weights are whole: v1 49.44 to 49, v3 39.56 to 40; the total is kept.",)
    assert promoted(subject, subject.find("v2", "api"), 55).notes == ()


def test_a_share_the_total_cannot_give_is_refused_with_the_nearest() -> None:
    """A total of 3 has no half."""
    subject = route({"v1": 2, "v2": 1})
    with pytest.raises(Refused, match="3 parts") as caught:
        promoted(subject, subject.find("v2", "api"), 50)
    assert "33.333 % and 66.667 %" in caught.value.hint


def test_nobody_known_to_take_the_rest_is_refused() -> None:
    """Three arms, the canary has everything, no stable is known: who gets the rest is a question for people."""
    subject = route({"v1": 0, "v3": 0, "v2": 100})
    with pytest.raises(Refused, match="takes the rest"):
        promoted(subject, subject.find("v2", "api"), 50)


def test_rolling_back_sends_the_whole_total_to_stable() -> None:
    """The object's own total is kept."""
    assert all_to(route({"v1": 5, "v2": 3, "v3": 2}), "v1") == {"v1": 10, "v2": 0, "v3": 0}


def test_an_arm_is_found_by_its_short_name_too() -> None:
    """`v2` means the backend `api-v2` of service api; anything else is refused with the names there are."""
    subject = route({"api-v1": 90, "api-v2": 10})
    assert subject.find("v2", "api").name == "api-v2"
    with pytest.raises(NotFound, match="no arm 'v3'") as caught:
        subject.find("v3", "api")
    assert caught.value.choices == ("api-v1", "api-v2")
