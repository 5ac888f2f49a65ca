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
