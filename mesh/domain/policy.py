"""Who may do what, within which limits: deny by default, ids only."""

from __future__ import annotations

from dataclasses import dataclass, field

from mesh.domain.commands import CHANGING, Target, Verb
from mesh.domain.hours import Hours
from mesh.domain.scopes import Scope, fits


@dataclass(frozen=True)
class Actor:
    """The person behind a request, by ids that nobody can choose for themselves."""

    user: str
    """Slack user id, `U…` or `W…`."""
    team: str = ""
    """Slack team id, `T…` or `E…`."""


@dataclass(frozen=True)
class Role:
    """One rule: these people may use these verbs on these services, within these limits.

    Limits are about giving an arm that is not stable more traffic; going back is never limited.
    """

    name: str
    users: tuple[str, ...] = ()
    usergroups: tuple[str, ...] = ()
    """Slack usergroup ids, `S…`."""
    verbs: tuple[str, ...] = ()
    """Changing verbs, or `*` for all of them."""
    scope: Scope = field(default_factory=Scope)
    """What it is about."""
    channels: tuple[str, ...] = ()
    """Slack channel ids from which alone it counts; empty for everywhere. A channel narrows, it grants nothing."""
    max_step: float | None = None
    """Largest rise of an arm's share in one change, in points of a hundred; None for any."""
    max_share: float | None = None
    """Largest share that an arm may be given, in per cent; None for any."""
    hours: tuple[Hours, ...] = ()
    """When an arm may be given more; empty for always."""

    @property
    def limited(self) -> bool:
        """True when it does not allow every size at every time."""
        return self.max_step is not None or self.max_share is not None or bool(self.hours)


@dataclass(frozen=True)
class Policy:
    """All roles. No roles: reading only."""

    roles: tuple[Role, ...] = ()
    trouble: str = ""
    """Why there are none, where that is a mistake: the configuration is missing, or could not be read."""


@dataclass(frozen=True)
class Decision:
    """Allowed or not, and which rule said so."""

    allowed: bool
    rule: str
    """Name of the deciding role, `reading` or `default`."""
    why: str
    roles: tuple[Role, ...] = ()
    """Every role that allows it: whoever holds two may do what either lets them."""
    unheard: str = ""
    """What Slack did not say, in its words: more might be allowed; empty where it said all that matters."""

    @property
    def limited(self) -> bool:
        """True when each of its roles has limits: whether those hold is judged with the plan."""
        return bool(self.roles) and all(role.limited for role in self.roles)


def decide(  # noqa: PLR0913 (a right is about all of them)
    policy: Policy, actor: Actor, groups: frozenset[str], verb: Verb, target: Target, *, channel: str = ""
) -> Decision:
    """Decide whether `actor`, a member of the usergroups `groups`, may do `verb` to `target` from `channel`.

    Reading is open to everyone who can type the command; changing needs a role that names the person.
    """
    if verb not in CHANGING:
        return Decision(True, "reading", "everyone may read")
    mine = [role for role in policy.roles if is_member(role, actor, groups)]
    allowing = tuple(role for role in mine if covers(role, verb, target) and is_heard(role, channel))
    if allowing:
        first = next((role for role in allowing if not role.limited), allowing[0])
        return Decision(True, first.name, f"role {first.name} allows {verb} of {target.service}", allowing)
    return Decision(False, "default", _why_not(policy, mine, verb, target))


def is_member(role: Role, actor: Actor, groups: frozenset[str]) -> bool:
    """Tell whether the person holds the role, by user id or by usergroup."""
    return actor.user in role.users or not groups.isdisjoint(role.usergroups)


def sources(role: Role, actor: Actor, groups: frozenset[str]) -> tuple[str, ...]:
    """Return the ids by which the person holds the role: their own, and those of usergroups."""
    own = (actor.user,) if actor.user in role.users else ()
    return (*own, *(group for group in role.usergroups if group in groups))


def covers(role: Role, verb: Verb, target: Target) -> bool:
    """Tell whether the role speaks of this verb on this target."""
    return fits(role.verbs, verb) and role.scope.covers(target)


def is_heard(role: Role, channel: str) -> bool:
    """Tell whether the role counts in this channel."""
    return not role.channels or channel in role.channels


def is_bound(policy: Policy, channel: str) -> bool:
    """Tell whether a role counts in this channel and not everywhere."""
    return any(channel in role.channels for role in policy.roles)


def named_groups(policy: Policy) -> frozenset[str]:
    """Return every usergroup id the policy names: the only ones worth asking Slack about."""
    return frozenset(group for role in policy.roles for group in role.usergroups)


def _why_not(policy: Policy, mine: list[Role], verb: Verb, target: Target) -> str:
    if policy.trouble:
        return f"{policy.trouble}, so nobody may change traffic"
    if not policy.roles:
        return "this meshbot has no policy, so nobody may change traffic"
    if not mine:
        return "you hold no role"
    elsewhere = [role.name for role in mine if covers(role, verb, target)]
    if elsewhere:
        return f"your role {elsewhere[0]} allows that in another channel only"
    names = ", ".join(role.name for role in mine)
    held = f"your roles {names} do" if len(mine) > 1 else f"your role {names} does"
    return f"{held} not allow {verb} of {target}"
