"""What the readers share."""

from __future__ import annotations

import pytest

from mesh.domain.errors import Refused
from workers.cluster.routing import distinct, effective, rule_labels, service_of, weight_of


@pytest.mark.parametrize(
    ("host", "service"),
    [
        ("api", ("api", "shop")),
        ("api.other", ("api", "other")),
        ("api.other.svc", ("api", "other")),
        ("api.other.svc.cluster.local", ("api", "other")),
        ("api.other.svc.example.com", None),
        ("api.example.co.uk", None),
        ("*", None),
        ("*.shop.svc.cluster.local", None),
        ("", None),
        ("api.", None),
    ],
)
def test_hosts_mean_a_service_by_their_whole_name(host: str, service: tuple[str, str] | None) -> None:
    """Short and full names mean a Service; wildcards and other domains mean none."""
    assert service_of(host, "shop") == service


@pytest.mark.parametrize("weight", ["900m", "1", 1.5, True, -1])
def test_odd_weights_are_refused(weight: object) -> None:
    """Quantities and other things that are no whole number are refused by name."""
    with pytest.raises(Refused, match="weight"):
        weight_of({"weight": weight}, "TrafficSplit shop/api-split, arm api-v1,")


@pytest.mark.parametrize(
    ("weight", "alone", "expected"), [(None, False, 0), (5, False, 5), (None, True, 1), (0, True, 1), (7, True, 7)]
)
def test_a_lone_arm_takes_everything(weight: int | None, alone: bool, expected: int) -> None:
    """An absent weight is nothing beside others, and everything alone."""
    assert effective(weight, absent=0, alone=alone) == expected


def test_arms_get_the_shortest_names_that_differ() -> None:
    """Names grow for all arms at once until no two are alike; twins are numbered."""
    assert distinct([("v1",), ("v2",)]) == ["v1", "v2"]
    assert distinct([("v1", "a-v1"), ("v1", "b-v1")]) == ["a-v1", "b-v1"]
    assert distinct([("v1", "a-v1"), ("v1", "a-v1")]) == ["a-v1#0", "a-v1#1"]


def test_rules_are_named_only_where_there_is_a_choice() -> None:
    """One rule needs no name; of several, a unique name is used, else the place."""
    assert rule_labels("http", [{"name": "x"}]) == [""]
    assert rule_labels("http", [{"name": "x"}, {}, {"name": "y"}, {"name": "y"}]) == [
        'http "x"',
        "http[1]",
        "http[2]",
        "http[3]",
    ]
