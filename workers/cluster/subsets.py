"""Istio's DestinationRule: which pod labels a subset stands for. It is read, never written.

Sources: "Cross-namespace configuration sharing" in Istio's traffic management practices (the lookup: the caller's
namespace, the Service's, the root namespace; the last is not read here), the DestinationRule reference (`host`,
`exportTo`, `workloadSelector`), and istiod's own lookup for the most specific host and for the merging of rules.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mesh.domain.errors import Refused
from mesh.domain.routes import Arm
from workers.cluster.resources import KnownKind
from workers.cluster.routing import Object, age, full_host, namespace_of, service_of, spec, title

DESTINATION_RULE = KnownKind(
    kind="DestinationRule",
    group="networking.istio.io",
    versions=("v1", "v1beta1", "v1alpha3"),
    plural="destinationrules",
)

# Istio's proxies take the version they report from these pod labels, in this order.
_VERSION_LABELS = ("version", "app.kubernetes.io/version", "service.istio.io/canonical-revision")


@dataclass(frozen=True)
class DestinationRules:
    """The DestinationRules that can speak for some arms.

    As Istio looks them up: first by namespace, then the most specific host of that namespace and no other, and of rules
    with one host all subsets, the older rule's where two define the same. A namespace has its own for the callers that
    live there, the Service's namespace has those for everybody; who calls is not known here: the Service's come first.
    """

    rules: tuple[Object, ...]
    """By age, then by name."""

    @classmethod
    def of(cls, rules: Iterable[Object]) -> DestinationRules:
        """Order `rules` as Istio merges them: by age, then by name."""
        return cls(tuple(sorted(rules, key=age)))

    def labels(self, arm: Arm) -> dict[str, str] | None:
        """Return the labels of the arm's subset; None when no DestinationRule defines it for every caller."""
        for rule in self.speaking(arm):
            for subset in _subsets(rule):
                if subset.get("name") == arm.subset:
                    return dict(subset.get("labels") or {})
        return None

    def undefined(self, arm: Arm) -> Refused:
        """Return what to say of a subset without labels: which field of which DestinationRule to mend, and how."""
        host = _name_of(arm)
        speaking = self.speaking(arm)
        if not speaking:
            return Refused(
                f"No DestinationRule speaks for host {host}, so nothing defines subset {arm.subset}.{self._near(arm)}",
                hint=f"Create one with spec.host {host} and {arm.subset} among its spec.subsets; without it the mesh "
                "answers 503.",
            )
        named = ", ".join(title(rule) for rule in speaking)
        subsets = ", ".join(subset.get("name", "") for rule in speaking for subset in _subsets(rule)) or "none"
        return Refused(
            f"Subset {arm.subset} of host {host} is not among spec.subsets of {named} (there: {subsets})."
            f"{self._near(arm)}",
            hint=f"Add {arm.subset} with its pod labels to spec.subsets of {title(speaking[0])}; without it the mesh "
            "answers 503.",
        )

    def speaking(self, arm: Arm) -> list[Object]:
        """Return the rules that hold for the arm's host, the older first."""
        found = [rule for rule in self.rules if _covers(_host(rule), _name_of(arm)) and _is_for_all(rule)]
        if not found:
            return []
        namespace = min((namespace_of(rule) for rule in found), key=lambda one: (one != arm.namespace, one))
        here = [rule for rule in found if namespace_of(rule) == namespace]
        best = max((_host(rule) for rule in here), key=_specific)
        return [rule for rule in here if _host(rule) == best]

    def _near(self, arm: Arm) -> str:
        """Say of a rule that defines the subset and still does not hold, why not; empty when there is none."""
        for rule in self.rules:
            if arm.subset in (subset.get("name") for subset in _subsets(rule)):
                why = _why_not(rule, arm)
                if why:
                    return f" {title(rule)} defines it, but {why}."
        return ""


def version_of(labels: dict[str, str]) -> str:
    """Return the version that a sidecar of a pod with these labels reports in its metrics; empty when they say none."""
    return next((labels[key] for key in _VERSION_LABELS if labels.get(key)), "")


def _why_not(rule: Object, arm: Arm) -> str:
    written = spec(rule).get("host", "")
    if not _covers(_host(rule), _name_of(arm)):
        meant = service_of(written, namespace_of(rule)) == (arm.service, arm.namespace)
        return f"Istio does not complete its spec.host {written}: write {_name_of(arm)}" if meant else ""
    if spec(rule).get("workloadSelector"):
        return "its spec.workloadSelector limits it to some callers"
    if not _is_for_all(rule):
        return f"its spec.exportTo leaves out its own namespace {namespace_of(rule)}"
    if arm.service and namespace_of(rule) != arm.namespace:
        return f"only callers in its own namespace {namespace_of(rule)} use it"
    return f"another one is more specific than its spec.host {written}, and Istio uses that one only"


def _subsets(rule: Object) -> list[Object]:
    subsets: list[Object] = spec(rule).get("subsets") or []
    return subsets


def _name_of(arm: Arm) -> str:
    """Return the full host name of the arm; that of a host outside the cluster as the route writes it."""
    if arm.service:
        return full_host(arm.service, arm.namespace)
    return next((str(value) for pointer, value in arm.identity if pointer.endswith("/destination/host")), "")


def _host(rule: Object) -> str:
    """Return the rule's host as Istio completes it."""
    return full_host(spec(rule).get("host", ""), namespace_of(rule))


def _covers(host: str, name: str) -> bool:
    return name.endswith(host[1:]) if host.startswith("*") else host == name


def _specific(host: str) -> tuple[bool, int]:
    return not host.startswith("*"), len(host)


def _is_for_all(rule: Object) -> bool:
    """Tell whether the rule holds for every caller of its own namespace; elsewhere nobody can tell from here."""
    exported: list[str] = spec(rule).get("exportTo") or ["*"]
    return not spec(rule).get("workloadSelector") and bool({"*", ".", namespace_of(rule)} & set(exported))
