"""TrafficSplits of every version."""

from __future__ import annotations

import pytest

from mesh.domain.errors import Refused
from tests.workers.cluster.shapes import TARGET, traffic_split
from workers.cluster.trafficsplit import TRAFFIC_SPLIT, read

V1 = {"service": "api-v1", "weight": 90}
V2 = {"service": "api-v2", "weight": 10}


def test_backends_are_arms() -> None:
    """Names, weights, pointers and identities of the backends, and a word about the API's end."""
    [route] = read(traffic_split(V1, V2))
    second = route.arms[1]
    assert (second.name, second.weight, second.pointer) == ("api-v2", 10, "/spec/backends/1/weight")
    assert second.identity == (("/spec/backends/1/service", "api-v2"),)
    assert (second.service, second.namespace, second.subset) == ("api-v2", "shop", "")
    assert (route.version, route.group) == ("v1alpha2", "split.smi-spec.io")
    assert "deprecated" in route.warnings[0]


def test_an_absent_weight_is_nothing() -> None:
    """A backend without a weight gets nothing beside others."""
    [route] = read(traffic_split(V1, {"service": "api-v2"}))
    assert [route.share(arm) for arm in route.arms] == [100.0, 0.0]


@pytest.mark.parametrize("weight", ["900m", "1"])
def test_quantities_are_refused(weight: str) -> None:
    """v1alpha1's quantities are refused with the way out, never read as integers."""
    obj = traffic_split({"service": "api-v1", "weight": weight}, V2, version="v1alpha1")
    with pytest.raises(Refused, match="not a whole number") as caught:
        TRAFFIC_SPLIT.speaking(obj, TARGET)
    assert "v1alpha2" in caught.value.hint


@pytest.mark.parametrize(
    ("root", "count"), [("api", 1), ("api.shop.svc.cluster.local", 1), ("api.other", 0), ("web", 0)]
)
def test_the_root_service_claims(root: str, count: int) -> None:
    """The root is compared by its whole name."""
    assert len(TRAFFIC_SPLIT.speaking(traffic_split(V1, V2, service=root), TARGET)) == count


def test_names_and_emptiness() -> None:
    """The root is what people name; a split without backends is no route."""
    assert TRAFFIC_SPLIT.names(traffic_split(V1)) == {"api"}
    assert read(traffic_split()) == []
