"""Everything meshbot's workers ask of a cluster, for its role: nothing more is ever needed."""

from __future__ import annotations

RIGHTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("networking.istio.io", "virtualservices", ("get", "list", "watch", "patch")),
    ("split.smi-spec.io", "trafficsplits", ("get", "list", "watch", "patch")),
    ("gateway.networking.k8s.io", "httproutes", ("get", "list", "watch", "patch")),
    ("gateway.networking.k8s.io", "grpcroutes", ("get", "list", "watch", "patch")),
    ("networking.istio.io", "destinationrules", ("list", "watch")),
    ("argoproj.io", "rollouts", ("list", "watch")),
    ("flagger.app", "canaries", ("list", "watch")),
    ("", "services", ("get",)),
    ("", "pods", ("list",)),
    ("discovery.k8s.io", "endpointslices", ("list",)),
)
"""(API group, plural, verbs). Discovery (`/apis`) is open to every authenticated account (system:discovery)."""
