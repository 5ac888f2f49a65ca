"""Plans: two integers and nothing else."""

from __future__ import annotations

import pytest

from mesh.domain.errors import NotFound, Refused
from mesh.domain.plans import Roles, plan
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
        {"op": "add", "path": "/metadata/annotations", "value": {"meshbot.dev/operation": "op-1"}},
    ]


def test_stamps_go_beside_annotations_that_are_there() -> None:
    """An object with annotations keeps them: each of ours is added by its own escaped pointer."""
    made = plan(route(annotations=(("a", "b"),)), {"v1": 50, "v2": 50}, ROLES, stamps={"meshbot.dev/operation": "op-1"})
    assert made.patch[-1].path == "/metadata/annotations/meshbot.dev~1operation"


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
    weights: dict[str, int | None], share: float, wanted: dict[str, int]
) -> None:
    """The canary gets its share of the object's own total; the others divide the rest as before."""
    subject = route(weights)
    got = promoted(subject, subject.find("v2", "api"), share, stable="v1")
    assert got == {name: weight for name, weight in wanted.items() if weight != weights[name]}
    assert sum({**weights, **got}.values()) == subject.total  # type: ignore[arg-type]  # no absent weights here


def test_a_share_the_total_cannot_give_is_refused_with_the_nearest() -> None:
    """A total of 3 has no half."""
    subject = route({"v1": 2, "v2": 1})
    with pytest.raises(Refused, match="3 parts") as caught:
        promoted(subject, subject.find("v2", "api"), 50)
    assert "33.33 % and 66.67 %" in caught.value.hint


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
