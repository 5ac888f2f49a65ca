"""Everything meshbot's workers ask of a cluster, for its role: nothing more is ever needed."""

from __future__ import annotations

from workers.cluster.controllers import CANARY, ROLLOUT
from workers.cluster.resources import ENDPOINT_SLICES, PODS, SERVICES
from workers.cluster.subsets import DESTINATION_RULE
from workers.cluster.table import ROUTING_APIS

RIGHTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    *((api.group, api.plural, ("get", "list", "watch", "patch")) for api in ROUTING_APIS),
    *((kind.group, kind.plural, ("list", "watch")) for kind in (DESTINATION_RULE, ROLLOUT, CANARY)),
    *((kind.group, kind.plural, ("list",)) for kind in (PODS, ENDPOINT_SLICES)),
    (SERVICES.group, SERVICES.plural, ("get",)),
)
"""(API group, plural, verbs). Discovery (`/apis`) is open to every authenticated account (system:discovery)."""

EXCESS: tuple[tuple[str, str, str], ...] = (
    ("", "secrets", "get"),
    ("", "pods", "create"),
    ("", "pods/exec", "create"),
    ("", "services", "patch"),
    ("apps", "deployments", "patch"),
    ("rbac.authorization.k8s.io", "rolebindings", "create"),
    *((api.group, api.plural, verb) for api in ROUTING_APIS for verb in ("create", "delete")),
)
"""(API group, plural, verb) that would do harm in the wrong hands, and that no worker ever needs."""
