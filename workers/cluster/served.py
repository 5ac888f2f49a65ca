"""Discovery: in which version a cluster serves the kinds meshbot reads. Asked once, then plain data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from workers.cluster.resources import KnownKind, Resource
from workers.cluster.routing import RoutingApi
from workers.cluster.subsets import DESTINATION_RULE
from workers.cluster.table import ROUTING_APIS

Wanted = RoutingApi | KnownKind

WANTED: tuple[Wanted, ...] = (*ROUTING_APIS, DESTINATION_RULE)
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

    A group may serve a version without serving every kind in it, so the list of each version is read.
    """
    groups = {group["name"]: {entry["version"] for entry in group["versions"]} for group in _groups(ask)}
    lists: dict[str, set[str]] = {}
    found: dict[tuple[str, str], str] = {}
    for kind in WANTED:
        for version in kind.versions:
            if version in groups.get(kind.group, ()) and kind.plural in _plurals(ask, f"{kind.group}/{version}", lists):
                found[kind.group, kind.plural] = version
                break
    return Served(found)


def _groups(ask: Callable[[str], dict[str, Any] | None]) -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = (ask("/apis") or {}).get("groups") or []
    return groups


def _plurals(ask: Callable[[str], dict[str, Any] | None], api_version: str, known: dict[str, set[str]]) -> set[str]:
    if api_version not in known:
        resources = (ask(f"/apis/{api_version}") or {}).get("resources") or []
        known[api_version] = {resource["name"] for resource in resources}
    return known[api_version]
