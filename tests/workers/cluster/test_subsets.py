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


def rules(*hosts: str, **spec: object) -> DestinationRules:
    """Return rules for these hosts; each gives v2 the label `at` with its host."""
    found = []
    for index, host in enumerate(hosts):
        rule = destination_rule(f"r{index}", host)
        rule["spec"] |= {"subsets": [{"name": "v2", "labels": {"at": host}}], **spec}
        found.append(rule)
    return DestinationRules.of(found)


@pytest.mark.parametrize(
    "hosts",
    [
        ("*", "*.svc.cluster.local", "*.shop.svc.cluster.local"),
        ("*.shop.svc.cluster.local", "*", "*.other.svc.cluster.local"),
        ("*", "*.shop.svc.cluster.local", "*.cluster.local"),
    ],
)
def test_the_longest_wildcard_wins(hosts: tuple[str, ...]) -> None:
    """Istio takes the most specific host that covers the Service, whatever the order."""
    assert rules(*hosts).labels(V2) == {"at": "*.shop.svc.cluster.local"}
    assert rules(*hosts, "*api.shop.svc.cluster.local", "api").labels(V2) == {"at": "api"}


def test_a_more_specific_rule_hides_the_subsets_of_a_wider_one() -> None:
    """Nothing is inherited from a wildcard: the message says which rule hides which."""
    wide, narrow = destination_rule("wide", "*.shop.svc.cluster.local"), destination_rule("narrow")
    narrow["spec"]["subsets"] = [{"name": "v1", "labels": {}}]
    found = DestinationRules.of([wide, narrow])
    assert found.labels(V2) is None
    said = found.undefined(V2)
    assert "not among spec.subsets of DestinationRule shop/narrow (there: v1)." in said.message
    assert "DestinationRule shop/wide defines it, but another one is more specific" in said.message
    assert said.hint.startswith("Add v2 with its pod labels to spec.subsets of DestinationRule shop/narrow")


def test_two_rules_of_one_host_are_merged() -> None:
    """Each may define other subsets of the same host, in any spelling that Istio completes."""
    one, two = destination_rule("one"), destination_rule("two", "api.shop.svc.cluster.local")
    one["spec"]["subsets"], two["spec"]["subsets"] = one["spec"]["subsets"][:1], two["spec"]["subsets"][1:]
    assert DestinationRules.of([one, two]).labels(V2) == {"version": "2.0"}


def test_a_subset_without_labels_has_all_pods() -> None:
    """An empty set of labels is a definition."""
    rule = destination_rule()
    rule["spec"]["subsets"] = [{"name": "v2"}]
    assert DestinationRules.of([rule]).labels(V2) == {}


def test_short_names_are_completed_in_the_rules_own_namespace() -> None:
    """`api` of another namespace is that namespace's; half a name is nobody's, and the message says so."""
    assert DestinationRules.of([destination_rule(namespace="other")]).labels(V2) is None
    half = rules("api.shop")
    assert half.labels(V2) is None
    said = half.undefined(V2)
    assert "does not complete its spec.host api.shop: write api.shop.svc.cluster.local" in said.message
    assert "Create one with spec.host api.shop.svc.cluster.local" in said.hint


def test_the_services_own_namespace_comes_first() -> None:
    """A rule elsewhere is for the callers of that namespace; it counts where the Service's namespace has none."""
    far = destination_rule("far", "api.shop.svc.cluster.local", namespace="other")
    far["spec"]["subsets"] = [{"name": "v2", "labels": {"at": "far"}}]
    assert DestinationRules.of([far]).labels(V2) == {"at": "far"}
    assert DestinationRules.of([far, destination_rule("near")]).labels(V2) == {"version": "2.0"}
    near = rules("api")
    near.rules[0]["spec"]["subsets"] = []
    both = DestinationRules.of([far, *near.rules])
    assert both.labels(V2) is None
    assert "DestinationRule other/far defines it, but only callers in its own" in both.undefined(V2).message


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"workloadSelector": {"matchLabels": {"app": "web"}}}, "spec.workloadSelector"),
        ({"exportTo": ["web"]}, "spec.exportTo"),
        ({"exportTo": ["~"]}, "spec.exportTo"),
    ],
)
def test_a_rule_for_some_callers_defines_nothing_for_all(spec: dict[str, object], field: str) -> None:
    """What only some callers see is no ground to send everybody there; the message names the field."""
    found = rules("api", **spec)
    assert found.labels(V2) is None
    assert field in found.undefined(V2).message


@pytest.mark.parametrize("exported", [["."], ["shop"], ["*"], []])
def test_a_rule_exported_to_its_own_namespace_counts(exported: list[str]) -> None:
    """Every way to name the rule's own namespace."""
    assert rules("api", exportTo=exported).labels(V2) == {"at": "api"}


def test_a_host_of_the_world_has_subsets_too() -> None:
    """A ServiceEntry's host is matched as the route writes it."""
    identity = (("/spec/http/0/route/0/destination/host", "www.example.com"), ("/spec/x/destination/subset", "v2"))
    outside = Arm("v2", 1, 1, "/w", identity=identity, subset="v2")
    assert rules("www.example.com").labels(outside) == {"at": "www.example.com"}
    assert rules("api").labels(outside) is None


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
