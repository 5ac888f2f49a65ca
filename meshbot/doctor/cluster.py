"""What the doctor asks a cluster: which routing APIs it serves, and what this account may do there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from mesh.domain.catalog import Catalog, Cluster
from mesh.domain.errors import MeshbotError
from meshbot.findings import Finding
from workers.cluster.rights import EXCESS, RIGHTS
from workers.cluster.served import WANTED, Served
from workers.cluster.table import ROUTING_APIS

MOST_NAMESPACES = 20
"""How many namespaces are asked about one by one, where a right is not given in all of them."""
MOST_NAMED = 6
EVERYWHERE = ""


class Authority(Protocol):
    """An API server, asked about the account we are; `workers.cluster.client` is one."""

    def discover(self) -> Served:
        """Return what it serves; raise Unavailable."""

    def may(self, group: str, plural: str, verb: str, namespace: str) -> bool:
        """Tell whether this account may do that; an empty namespace is all of them. Raises Unavailable."""


def namespaces_of(catalog: Catalog, cluster: Cluster) -> list[str]:
    """Return where the cluster's configured services and their routes are, sorted."""
    own = [one for one in catalog.services if (one.cluster or catalog.clusters[0].name) == cluster.name]
    found = {cluster.namespace, *cluster.route_namespaces, *(one.namespace for one in own)}
    return sorted(found - {""})


def served(what: str, authority: Authority) -> Iterator[Finding]:
    """Yield which routing APIs there are."""
    answer = authority.discover()
    found = [resource for resource in map(answer.resource, ROUTING_APIS) if resource]
    if not found:
        kinds = ", ".join(api.kind for api in ROUTING_APIS)
        yield Finding("fail", what, "it serves no routing API", f"Install a mesh with one of {kinds}.")
        return
    yield Finding("ok", what, ", ".join(f"{resource.kind} {resource.api_version}" for resource in found))


def rights(what: str, authority: Authority, namespaces: list[str]) -> Iterator[Finding]:
    """Yield which rights the account lacks in these namespaces, and which it has beyond what workers need.

    Asked by SelfSubjectAccessReview, which every account may make. A kind that is not served needs no right.
    """
    try:
        lacks, unwatched = _lacking(authority, namespaces)
        spare = [
            f"{verb} {plural}"
            for group, plural, verb in EXCESS
            if any(authority.may(group, plural, verb, one) for one in (EVERYWHERE, *namespaces[:MOST_NAMESPACES]))
        ]
    except MeshbotError as error:
        text = f"cannot tell which rights this account has: {error.message}"
        yield Finding("warn", what, text, "Compare them with manifests/rbac.yaml.")
        return
    for right, places in lacks.items():
        text = f"meshbot may not {right[2]} {right[1]} in {_short(places)}"
        rule = f'{{apiGroups: ["{right[0]}"], resources: ["{right[1]}"], verbs: ["{right[2]}"]}}'
        yield Finding("fail", what, text, f"Add {rule} to its role, as manifests/rbac.yaml has it.")
    if not lacks:
        yield Finding("ok", what, f"this account has every right that workers need in {_short(namespaces)}")
    if unwatched:
        text = f"it may not watch {_short(unwatched)} in all namespaces, so each job lists them"
        yield Finding("ok", what, text, "All works; with a ClusterRole it is faster (docs/performance.md).")
    if spare:
        todo = "Take that away: manifests/rbac.yaml is all that workers ever need."
        yield Finding("warn", what, f"this account may also {', '.join(spare)}: more than needed", todo)


Right = tuple[str, str, str]


def _lacking(authority: Authority, namespaces: list[str]) -> tuple[dict[Right, list[str]], list[str]]:
    """Return the rights that are missing with the namespaces, and what is not watched."""
    answer = authority.discover()
    away = {(one.group, one.plural) for one in WANTED if answer.resource(one) is None}
    lacks: dict[Right, list[str]] = {}
    unwatched: list[str] = []
    for group, plural, verb in ((*kind, verb) for *kind, verbs in RIGHTS for verb in verbs):
        if (group, plural) in away or authority.may(group, plural, verb, EVERYWHERE):
            continue
        if verb == "watch":
            # Only ever done for all namespaces; without it everything works, slower.
            unwatched.append(plural)
            continue
        found = [one for one in namespaces[:MOST_NAMESPACES] if not authority.may(group, plural, verb, one)]
        if found:
            lacks[group, plural, verb] = found
    return lacks, unwatched


def _short(names: list[str]) -> str:
    return ", ".join(names[:MOST_NAMED]) + (f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else "")
