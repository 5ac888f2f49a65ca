"""What `meshbot doctor` asks Slack about the configuration: its channels, its usergroups, and who can agree to what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from mesh.domain.approvals import Rule, canonical
from mesh.domain.catalog import Catalog
from mesh.domain.errors import Unavailable
from mesh.ports import Place
from meshbot.findings import Finding

MOST_NAMED = 5


class Workspace(Protocol):
    """What is asked of Slack."""

    def place(self, channel: str) -> Place:
        """Return what a channel is; raise Unavailable."""

    def members(self, group: str) -> frozenset[str]:
        """Return the users of a usergroup, none where there is no such group; raise Unavailable."""


def people(catalog: Catalog, workspace: Workspace) -> Iterator[Finding]:
    """Yield what is wrong with the channels, usergroups and approvals of the configuration, as Slack knows them now."""
    try:
        yield from _channels(catalog, workspace)
        yield from _groups(catalog, workspace)
        yield from _approvals(catalog, workspace)
    except Unavailable as error:
        yield Finding("warn", "people", error.message, error.hint)


def channels_of(catalog: Catalog) -> dict[str, tuple[str, bool]]:
    """Return every channel id of the configuration, with what it is for, and whether something is posted there."""
    named = [(channel, f"role {role.name}", False) for role in catalog.policy.roles for channel in role.channels]
    named += [
        (catalog.channels.audit, "channels.audit", True),
        (catalog.channels.incidents, "channels.incidents", True),
    ]
    named += [(one.incident_channel, f"incidents of {one.name}", True) for one in catalog.services]
    named += [(one.approvals, f"approvals of {one.name}", True) for one in catalog.services]
    named += [(rule.channel, f"approval {rule.name}", True) for rule in catalog.approvals]
    named += [(digest.channel, f"digest {digest.name}", True) for digest in catalog.digests]
    found: dict[str, tuple[str, bool]] = {}
    for channel, what, posted in named:
        if channel:
            before, was = found.get(channel, ("", False))
            found[channel] = (f"{before}, {what}" if before else what, was or posted)
    return found


def _channels(catalog: Catalog, workspace: Workspace) -> Iterator[Finding]:
    wanted, sound = channels_of(catalog), 0
    for channel, (what, posted) in wanted.items():
        place = workspace.place(channel)
        if place.shared:
            todo = "Name a channel of your own organisation, or stop sharing it."
            yield Finding(
                "fail", "channels", f"{channel} ({what}) is shared: no role counts and nothing is told there", todo
            )
        elif place.archived:
            yield Finding("fail", "channels", f"{channel} ({what}) is archived", "Name another one, or unarchive it.")
        elif posted and not place.joined:
            todo = f"Invite the bot there, if {channel} exists: /invite @mesh."
            yield Finding("fail", "channels", f"the bot is not in {channel} ({what}), so nothing is told there", todo)
        else:
            sound += 1
    if wanted and sound == len(wanted):
        yield Finding("ok", "channels", f"all {sound} of the configuration are ours, and the bot is where it posts")


def _groups(catalog: Catalog, workspace: Workspace) -> Iterator[Finding]:
    """Yield what usergroups give: whoever may edit one in Slack may give themselves its rights."""
    rights = {group: f"role {role.name}" for role in catalog.policy.roles for group in role.usergroups}
    rights |= {group: f"approval {rule.name}" for rule in catalog.approvals for group in (*rule.groups, *rule.second)}
    for group, what in rights.items():
        if not workspace.members(group):
            todo = "Check the id, or add people to the group in Slack."
            yield Finding("warn", "usergroups", f"{group} ({what}) has no members, or there is no such group", todo)
    if rights:
        names = ", ".join(sorted(rights)[:MOST_NAMED]) + (", …" if len(rights) > MOST_NAMED else "")
        todo = (
            "Let only administrators edit usergroups in Slack's settings, or name user ids. /mesh can shows the source."
        )
        yield Finding("warn", "usergroups", f"whoever may edit {names} in Slack gives their rights", todo)


def _approvals(catalog: Catalog, workspace: Workspace) -> Iterator[Finding]:
    rules = [*catalog.approvals, *([catalog.break_glass] if catalog.break_glass else [])]
    for rule in rules:
        found, need = len(_voters(catalog, workspace, rule)), rule.need
        todo = f"Name more people or groups in approval {rule.name}, or need fewer."
        if found < need:
            text = f"nobody can meet {rule.name}: it needs {need}, and only {found} may vote"
            yield Finding("fail", "approvals", text, todo)
        elif found == need:
            text = f"{rule.name} needs all {need} of its people, so what one of them asks for can never be approved"
            yield Finding("warn", "approvals", text, todo)


def _voters(catalog: Catalog, workspace: Workspace, rule: Rule) -> frozenset[str]:
    """Return the persons who may vote at some time: accounts that the configuration joins are one."""
    users = set(rule.users).union(*(workspace.members(group) for group in (*rule.groups, *rule.second)))
    return frozenset(canonical(catalog.people, (user, user)) for user in users)
