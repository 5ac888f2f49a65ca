"""Roles that nobody holds, and services that nobody may roll back."""

from __future__ import annotations

from collections.abc import Iterator

from mesh.domain.catalog import Catalog, Service
from mesh.domain.commands import Command, Target, Verb
from mesh.domain.errors import NotFound, Unavailable
from mesh.domain.policy import Role, covers
from meshbot.findings import Finding
from meshbot.people import MOST_NAMED, Workspace


def held(catalog: Catalog, workspace: Workspace) -> Iterator[Finding]:
    """Yield what the policy gives to nobody, as Slack knows the usergroups now."""
    if not catalog.policy.roles:
        return
    try:
        empty = {role.name for role in catalog.policy.roles if not _holders(role, workspace)}
    except Unavailable as error:
        yield Finding("warn", "roles", error.message, error.hint)
        return
    for name in sorted(empty):
        yield Finding("warn", "roles", f"nobody holds {name}", "Name users, or a usergroup that has members.")
    living = [role for role in catalog.policy.roles if role.name not in empty]
    stuck = [service.name for service in catalog.services if not _may_roll_back(catalog, service, living)]
    if stuck:
        names = ", ".join(stuck[:MOST_NAMED]) + (", …" if len(stuck) > MOST_NAMED else "")
        todo = "Give `rollback` of them to a role that somebody holds."
        yield Finding("fail", "roles", f"nobody may roll back {names}", todo)
    elif not empty:
        yield Finding("ok", "roles", "every role is held, and every service can be rolled back by somebody")


def _holders(role: Role, workspace: Workspace) -> frozenset[str]:
    return frozenset(role.users).union(*(workspace.members(group) for group in role.usergroups))


def _may_roll_back(catalog: Catalog, service: Service, roles: list[Role]) -> bool:
    asked = Command(verb=Verb.ROLLBACK, service=service.name, cluster=service.cluster, namespace=service.namespace)
    try:
        target: Target = catalog.target(asked)
    except NotFound:
        return False
    return any(covers(role, Verb.ROLLBACK, target) for role in roles)
