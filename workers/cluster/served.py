"""Discovery: in which version a cluster serves the kinds meshbot reads. Asked once, then plain data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from workers.cluster.controllers import CANARY, ROLLOUT
from workers.cluster.resources import KnownKind, Resource
from workers.cluster.routing import RoutingApi
from workers.cluster.subsets import DESTINATION_RULE
from workers.cluster.table import ROUTING_APIS
from workers.cluster.together import together

Wanted = RoutingApi | KnownKind

WANTED: tuple[Wanted, ...] = (*ROUTING_APIS, DESTINATION_RULE, ROLLOUT, CANARY)
"""Everything whose version differs between clusters."""


@dataclass(frozen=True)
class Served:
    """What one cluster serves."""

    versions: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(group, plural) -> the version to use."""

    def resource(self, wanted: Wanted) -> Resource | None:
        """Return the resource to ask for; None when the cluster does not serve it."""
        version = self.versions.get((wanted.group, wanted.plural))
        return Resource(wanted.group, version, wanted.plural, wanted.kind) if version else None


def discover(ask: Callable[[str], dict[str, Any] | None]) -> Served:
    """Find the version of each of `WANTED`; `ask(path)` returns the JSON there, None for 404; it may raise Unavailable.

    A group may serve a version without serving every kind in it, so the list of each version is read: all at the same
    time, which also opens the connections that the first look for routes will use.
    """
    answer: dict[str, Any] = ask("/apis") or {}
    groups = {group["name"]: {entry["version"] for entry in group["versions"]} for group in answer.get("groups") or []}
    understood = [(kind, version) for kind in WANTED for version in kind.versions]
    candidates = [(kind, version) for kind, version in understood if version in groups.get(kind.group, ())]
    pages = list(dict.fromkeys(f"/apis/{kind.group}/{version}" for kind, version in candidates))
    plurals = dict(zip(pages, together([partial(_plurals, ask, page) for page in pages]), strict=True))
    found: dict[tuple[str, str], str] = {}
    for kind, version in candidates:
        if kind.plural in plurals[f"/apis/{kind.group}/{version}"]:
            found.setdefault((kind.group, kind.plural), version)
    return Served(found)


def _plurals(ask: Callable[[str], dict[str, Any] | None], page: str) -> set[str]:
    return {resource["name"] for resource in (ask(page) or {}).get("resources") or []}
