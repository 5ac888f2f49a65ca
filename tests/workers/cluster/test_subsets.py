"""Subsets and the versions behind them."""

from __future__ import annotations

import pytest

from mesh.domain.routes import Arm
from tests.workers.cluster.shapes import destination_rule
from workers.cluster.subsets import DestinationRules, version_of

V2 = Arm("v2", 1, 1, "/w", service="api", namespace="shop", subset="v2")


def test_a_subset_stands_for_its_labels() -> None:
    """Found by host in any spelling; other hosts and other subsets are not it."""
    rules = DestinationRules.of([destination_rule(host="api.shop.svc.cluster.local")])
    assert rules.labels(V2) == {"version": "2.0"}
    assert DestinationRules.of([destination_rule(host="api.other")]).labels(V2) is None
    assert DestinationRules.of([]).labels(V2) is None


def test_the_older_definition_wins() -> None:
    """Of two rules with the same subset, Istio uses the older one's."""
    old = destination_rule("z", creationTimestamp="2024-01-01T00:00:00Z")
    new = destination_rule("a", creationTimestamp="2025-01-01T00:00:00Z")
    new["spec"]["subsets"] = [{"name": "v2", "labels": {"version": "other"}}]
    assert DestinationRules.of([new, old]).labels(V2) == {"version": "2.0"}


@pytest.mark.parametrize(
    ("labels", "version"),
    [
        ({"app.kubernetes.io/version": "a", "version": "b"}, "b"),
        ({"app.kubernetes.io/version": "a"}, "a"),
        ({"track": "canary"}, ""),
    ],
)
def test_the_version_is_what_sidecars_report(labels: dict[str, str], version: str) -> None:
    """`version` comes first; labels that metrics do not carry say nothing."""
    assert version_of(labels) == version
