"""Which services a form offers somebody: from the configuration, from what was changed lately, and as typed."""

from __future__ import annotations

from collections.abc import Iterator

from mesh.domain.commands import Target, Verb
from mesh.domain.errors import Refused, Unavailable
from mesh.domain.policy import Actor, decide
from mesh.domain.terms import read_name
from mesh.operations.desk import Desk


def offered(desk: Desk, actor: Actor, query: str, *, cluster: str = "", channel: str = "") -> list[Target]:
    """Return the services whose name holds `query`, those that begin with it first; only what the person may see.

    `cluster` narrows them; `channel` adds those changed there lately. A service needs no entry in the configuration, so
    the name as typed is offered last: that says nothing about whether there is such a service.
    """
    wanted = query.strip().lower()
    known = [one for one in dict.fromkeys(_known(desk, channel)) if wanted in one.service]
    known.sort(key=lambda one: (not one.service.startswith(wanted), one.service, one.cluster))
    found = [*known, *(one for one in _typed(desk, wanted) if one not in known)]
    return [one for one in found if one.cluster == (cluster or one.cluster) and may_see(desk, actor, one)]


def may_see(desk: Desk, actor: Actor, target: Target) -> bool:
    """Tell whether policy lets the person read about the target."""
    return decide(desk.catalog.policy, actor, frozenset(), Verb.STATUS, target).allowed


def _known(desk: Desk, channel: str) -> Iterator[Target]:
    for service in desk.catalog.services:
        for cluster in desk.catalog.clusters:
            if service.cluster in ("", cluster.name):
                yield Target(cluster.name, service.namespace or cluster.namespace, service.name)
    try:
        yield from (operation.target for operation in desk.operations.recent(channel=channel, count=50))
    except Unavailable:
        # What the configuration knows is worth more than an empty list.
        return


def _typed(desk: Desk, query: str) -> Iterator[Target]:
    try:
        name = read_name(query, "service")
    except Refused:
        return
    for cluster in desk.catalog.clusters:
        yield Target(cluster.name, cluster.namespace, name)
