"""Istio's DestinationRule: which pod labels a subset stands for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mesh.domain.routes import Arm
from workers.cluster.resources import KnownKind
from workers.cluster.routing import Object, namespace_of, service_of, spec

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
    """The DestinationRules that can speak for some arms; the older of two that define the same subset wins."""

    rules: tuple[Object, ...]

    @classmethod
    def of(cls, rules: Iterable[Object]) -> DestinationRules:
        """Order `rules` as Istio merges them: by age, then by name."""
        return cls(tuple(sorted(rules, key=_age)))

    def labels(self, arm: Arm) -> dict[str, str] | None:
        """Return the labels of the arm's subset; None when no DestinationRule of its host defines it."""
        for rule in self.rules:
            if service_of(spec(rule).get("host", ""), namespace_of(rule)) == (arm.service, arm.namespace):
                for subset in spec(rule).get("subsets") or []:
                    if subset.get("name") == arm.subset:
                        return dict(subset.get("labels") or {})
        return None


def version_of(labels: dict[str, str]) -> str:
    """Return the version that a sidecar of a pod with these labels reports in its metrics; empty when they say none."""
    return next((labels[key] for key in _VERSION_LABELS if labels.get(key)), "")


def _age(rule: Object) -> tuple[str, str, str]:
    metadata = rule["metadata"]
    return metadata.get("creationTimestamp") or "", metadata.get("namespace", ""), metadata["name"]
