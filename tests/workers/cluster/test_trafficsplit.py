"""TrafficSplits of every version."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.domain.errors import Refused
from mesh.domain.shares import promoted
from tests.workers.cluster.edits import changed, edited, undone, written
from tests.workers.cluster.shapes import TARGET, Obj, traffic_split
from workers.cluster.trafficsplit import TRAFFIC_SPLIT, read

V1 = {"service": "api-v1", "weight": 90}
V2 = {"service": "api-v2", "weight": 10}
WHOLE = ["v1alpha2", "v1alpha3", "v1alpha4"]


def quantities(*weights: Any, version: str = "v1alpha1") -> Obj:
    """Return a split between api-v1, api-v2 … with these weights, absent for None."""
    backends = [
        {"service": f"api-v{place}"} | ({} if weight is None else {"weight": weight})
        for place, weight in enumerate(weights, start=1)
    ]
    return traffic_split(*backends, version=version)


@pytest.mark.parametrize("version", WHOLE)
def test_backends_are_arms(version: str) -> None:
    """Names, weights, pointers and identities of the backends, and a word about the API's end."""
    [route] = read(traffic_split(V1, V2, version=version))
    second = route.arms[1]
    assert (second.name, second.weight, second.pointer) == ("api-v2", 10, "/spec/backends/1/weight")
    assert second.identity == (("/spec/backends/1/service", "api-v2"),)
    assert (second.service, second.namespace, second.subset) == ("api-v2", "shop", "")
    assert (route.version, route.group, second.quantity) == (version, "split.smi-spec.io", False)
    assert "deprecated" in route.warnings[0]


@pytest.mark.parametrize(
    ("weights", "shares"),
    [
        ((90, None), [100.0, 0.0]),
        ((0, 10), [0.0, 100.0]),
        ((1, 1, 2), [25.0, 25.0, 50.0]),
        ((None,), [100.0]),
        ((0,), [100.0]),
        ((0, 0), [0.0, 0.0]),
    ],
)
@pytest.mark.parametrize("version", ["v1alpha1", *WHOLE])
def test_shares_of_whole_numbers(version: str, weights: tuple[int | None, ...], shares: list[float]) -> None:
    """In every version: an absent weight is nothing beside others, and a lone backend has all."""
    [route] = read(quantities(*weights, version=version))
    assert [route.share(arm) for arm in route.arms] == shares


@pytest.mark.parametrize(
    ("weights", "parts"),
    [
        (("900m", "100m"), [900, 100]),
        (("1", "900m"), [1000, 900]),
        ((1, "0.5"), [1000, 500]),
        (("0", "1"), [0, 1000]),
        ((None, "1"), [0, 1000]),
        (("1k", 2), [1_000_000, 2000]),
        (("250m",), [250]),
    ],
)
def test_quantities_count_in_thousandths(weights: tuple[Any, ...], parts: list[int]) -> None:
    """What stands in the object is kept as it is written; its parts are comparable."""
    [route] = read(quantities(*weights))
    assert [arm.weight for arm in route.arms] == list(weights)
    assert [arm.effective for arm in route.arms] == parts
    assert all(arm.quantity for arm in route.arms)
    assert route.version == "v1alpha1"


@pytest.mark.parametrize("version", WHOLE)
def test_a_quantity_that_shows_in_a_later_version_is_patched_where_it_is_allowed(version: str) -> None:
    """Versions are not converted: only v1alpha1 takes a quantity, so the edit goes there."""
    [route] = read(quantities("900m", 1, version=version))
    assert (route.version, route.arms[1].effective, route.arms[1].quantity) == ("v1alpha1", 1000, True)


@pytest.mark.parametrize("weight", ["half", "-1", "1Ki", "1e3", "", "0.0001", "100%", 0.5, True, -1])
def test_a_quantity_that_cannot_be_read_is_refused_by_its_field(weight: Any) -> None:
    """The object, the field path and the way to write it are named."""
    with pytest.raises(Refused, match=r"TrafficSplit shop/api-split spec\.backends\[1\]\.weight") as caught:
        TRAFFIC_SPLIT.speaking(quantities("1", weight), TARGET)
    assert "900m" in caught.value.hint


@pytest.mark.parametrize("weight", [0.5, True, -1])
def test_a_weight_that_is_no_whole_number_is_refused_by_its_field(weight: Any) -> None:
    """Later versions have whole numbers only."""
    with pytest.raises(Refused, match=r"TrafficSplit shop/api-split spec\.backends\[0\]") as caught:
        TRAFFIC_SPLIT.speaking(quantities(weight, 1, version="v1alpha4"), TARGET)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("root", "count"), [("api", 1), ("api.shop.svc.cluster.local", 1), ("api.other", 0), ("web", 0), ("", 0)]
)
def test_the_root_service_claims(root: str, count: int) -> None:
    """The root is compared by its whole name."""
    assert len(TRAFFIC_SPLIT.speaking(traffic_split(V1, V2, service=root), TARGET)) == count


def test_names_and_emptiness() -> None:
    """The root is what people name; a split without backends is no route."""
    assert TRAFFIC_SPLIT.names(traffic_split(V1)) == {"api"}
    assert TRAFFIC_SPLIT.names(traffic_split(V1, service="api.other")) == set()
    assert read(traffic_split()) == []


def test_full_names_are_shortened_where_that_is_clear() -> None:
    """A backend may be named in full; two that begin alike keep their full names, twins their places."""
    [short] = read(traffic_split({"service": "api-v1.shop.svc.cluster.local", "weight": 1}, V2))
    assert [(arm.name, arm.service, arm.namespace) for arm in short.arms] == [
        ("api-v1", "api-v1", "shop"),
        ("api-v2", "api-v2", "shop"),
    ]
    [full] = read(traffic_split({"service": "api.a"}, {"service": "api.b"}))
    assert [arm.name for arm in full.arms] == ["api.a", "api.b"]
    [twins] = read(traffic_split(V1, V1))
    assert [arm.name for arm in twins.arms] == ["api-v1#0", "api-v1#1"]


def test_a_split_for_some_requests_says_for_which() -> None:
    """The groups of `matches` are named, and where the other requests go."""
    obj = traffic_split(V1, V2, version="v1alpha4")
    obj["spec"]["matches"] = [{"kind": "HTTPRouteGroup", "name": "firefox"}, {"kind": "HTTPRouteGroup", "name": "beta"}]
    [route] = read(obj)
    assert route.warnings[1:] == (
        "TrafficSplit shop/api-split splits only the requests that match HTTPRouteGroup firefox, HTTPRouteGroup beta: "
        "all others go to Service api.",
    )


@pytest.mark.parametrize(("backend", "warned"), [("api", True), ("api.shop", True), ("api.other", False)])
def test_a_root_among_its_own_backends_is_a_warning(backend: str, warned: bool) -> None:
    """Its share may reach pods of every version, so shares are not what they seem."""
    [route] = read(traffic_split({"service": backend, "weight": 9}, V2))
    assert (len(route.warnings) == 2) is warned


def test_a_promotion_writes_the_shortest_quantities() -> None:
    """The total is kept, in thousandths."""
    obj = quantities("900m", "0.1")
    [route] = read(obj)
    after = edited(obj, route, promoted(route, route.arms[1], 100.0).weights)
    assert [backend["weight"] for backend in after["spec"]["backends"]] == ["0", "1"]


QUANTITY = st.none() | st.sampled_from(["1", "1.0", "0.5", "900m", "0", "0m", "2k", "01"]) | st.integers(0, 1000)


@settings(max_examples=80)
@given(st.lists(QUANTITY, min_size=1, max_size=4), st.sampled_from(["v1alpha1", *WHOLE]))
def test_an_edit_touches_its_weights_only_and_can_be_taken_back(weights: list[Any], version: str) -> None:
    """To the letter: `1` stays `1` and `0.5` stays `0.5`, text stays text and numbers stay numbers."""
    obj = quantities(*weights, version=version)
    [route] = read(obj)
    wanted = {arm.name: arm.written(700 * (index + 1)) for index, arm in enumerate(route.arms)}
    after = edited(obj, route, dict(wanted))
    assert changed(obj, after) <= {arm.pointer for arm in route.arms}
    [seen] = read(after)
    assert seen.weights == wanted
    if after != obj:
        assert written(undone(TRAFFIC_SPLIT, after, "")) == written(obj)
