"""Who may do what: deny by default, ids only."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from mesh.domain.commands import CHANGING, Target, Verb


@dataclass(frozen=True)
class Actor:
    """The person behind a request, by ids that nobody can choose for themselves."""

    user: str
    """Slack user id, `U…` or `W…`."""
    team: str = ""
    """Slack team id, `T…` or `E…`."""


@dataclass(frozen=True)
class Role:
    """One rule: these people may use these verbs on these services."""

    name: str
    users: tuple[str, ...] = ()
    usergroups: tuple[str, ...] = ()
    """Slack usergroup ids, `S…`."""
    verbs: tuple[str, ...] = ()
    """Changing verbs, or `*` for all of them."""
    services: tuple[str, ...] = ("*",)
    """Service names; `*` stands for any run of characters."""
    namespaces: tuple[str, ...] = ("*",)
    clusters: tuple[str, ...] = ("*",)


@dataclass(frozen=True)
class Policy:
    """All roles. No roles: reading only."""

    roles: tuple[Role, ...] = ()


@dataclass(frozen=True)
class Decision:
    """Allowed or not, and which rule said so."""

    allowed: bool
    rule: str
    """Name of the deciding role, `reading` or `default`."""
    why: str


def decide(policy: Policy, actor: Actor, groups: frozenset[str], verb: Verb, target: Target) -> Decision:
    """Decide whether `actor`, a member of the usergroups `groups`, may do `verb` to `target`.

    Reading is open to everyone who can type the command; changing needs a role that names the person.
    """
    if verb not in CHANGING:
        return Decision(True, "reading", "everyone may read")
    mine = [role for role in policy.roles if is_member(role, actor, groups)]
    for role in mine:
        if covers(role, verb, target):
            return Decision(True, role.name, f"role {role.name} allows {verb} of {target.service}")
    return Decision(False, "default", _why_not(policy, mine, verb, target))


def is_member(role: Role, actor: Actor, groups: frozenset[str]) -> bool:
    """Tell whether the person holds the role, by user id or by usergroup."""
    return actor.user in role.users or not groups.isdisjoint(role.usergroups)


def covers(role: Role, verb: Verb, target: Target) -> bool:
    """Tell whether the role speaks of this verb on this target."""
    return (
        _matches(role.verbs, verb)
        and _matches(role.services, target.service)
        and _matches(role.namespaces, target.namespace)
        and _matches(role.clusters, target.cluster)
    )


def named_groups(policy: Policy) -> frozenset[str]:
    """Return every usergroup id the policy names: the only ones worth asking Slack about."""
    return frozenset(group for role in policy.roles for group in role.usergroups)


def _matches(patterns: tuple[str, ...], name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _why_not(policy: Policy, mine: list[Role], verb: Verb, target: Target) -> str:
    if not policy.roles:
        return "this meshbot has no policy, so nobody may change traffic"
    if not mine:
        return "you hold no role"
    names = ", ".join(role.name for role in mine)
    held = f"your roles {names} do" if len(mine) > 1 else f"your role {names} does"
    return f"{held} not allow {verb} of {target}"
