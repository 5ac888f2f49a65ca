"""May this person do this: by policy, by what Slack says of them, when they ask and again when it runs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mesh.domain.catalog import Catalog
from mesh.domain.commands import Command, Target, Verb
from mesh.domain.errors import Unavailable
from mesh.domain.operations import Operation
from mesh.domain.policy import Actor, Decision, Policy, decide, is_bound, named_groups
from mesh.ports import Directory

TRUSTED_S = 60.0
"""How long what Slack said of a person counts, in seconds."""


@dataclass(frozen=True)
class Grant:
    """A decision, and the usergroups it was made with."""

    decision: Decision
    groups: frozenset[str] = frozenset()


def authorise(  # noqa: PLR0913 (a right is about all of them)
    catalog: Catalog, directory: Directory, command: Command, actor: Actor, target: Target, *, channel: str = ""
) -> Grant:
    """Decide by policy, and let only full members of the workspace change anything.

    Slack is asked about usergroups only when the person's own id does not settle it. When Slack cannot say who
    somebody is, the answer is no, with the reason; whoever is allowed by their own id keeps the limits of that role.
    """
    if not command.changes_traffic:
        return Grant(decide(catalog.policy, actor, frozenset(), Verb.STATUS, target))
    heard, suspended, unheard = _heard(catalog.policy, directory, channel)
    grant = _granted(catalog, directory, command, (actor, target, heard))
    decision = replace(grant.decision, unheard=grant.decision.unheard or unheard)
    if suspended and not decision.allowed:
        decision = replace(decision, why=f"{decision.why}; {suspended}")
    return replace(grant, decision=decision)


def _heard(policy: Policy, directory: Directory, channel: str) -> tuple[str, str, str]:
    """Return the channel as roles may go by it, why that is nothing, and what Slack did not say.

    What it was bound for, it may be no longer. Channels are known by their ids, so a name that is like another's means
    nothing.
    """
    if not is_bound(policy, channel):
        return channel, "", ""
    try:
        place = directory.place(channel)
    except Unavailable as error:
        said = error.message.removesuffix(".")
        return "", f"no role counts for its channel, for {said}", said
    if place.ours:
        return channel, "", ""
    why = "shared with another organisation" if place.shared else "archived"
    return "", f"no role counts for its channel any more, which is {why}", ""


def _granted(catalog: Catalog, directory: Directory, command: Command, asked: tuple[Actor, Target, str]) -> Grant:
    actor, target, channel = asked
    grant = Grant(decide(catalog.policy, actor, frozenset(), command.verb, target, channel=channel))
    named = named_groups(catalog.policy)
    try:
        if (not grant.decision.allowed or grant.decision.limited) and named:
            grant = _with_groups(catalog, directory, grant, (command.verb, actor, target, channel))
        if grant.decision.allowed and not directory.active(actor):
            return Grant(Decision(False, "default", "this account is not a full member of the workspace"))
    except Unavailable as error:
        said = error.message.removesuffix(".")
        return Grant(Decision(False, "default", f"Slack could not say who you are: {said}", unheard=said))
    return grant


def _with_groups(catalog: Catalog, directory: Directory, grant: Grant, asked: tuple[Verb, Actor, Target, str]) -> Grant:
    verb, actor, target, channel = asked
    try:
        groups = directory.groups(actor, named_groups(catalog.policy))
    except Unavailable as error:
        if grant.decision.allowed:
            return replace(grant, decision=replace(grant.decision, unheard=error.message.removesuffix(".")))
        raise
    return Grant(decide(catalog.policy, actor, groups, verb, target, channel=channel), groups)


def _changed(operation: Operation, policy: Policy, directory: Directory, *, back: bool) -> bool:
    """Tell whether what is on record of the person may not be so any more; Slack also tells of a new status text.

    Where Slack is silent now, what it said counts for the minute for whoever goes `back`.
    """
    channel = operation.origin.channel if is_bound(policy, operation.origin.channel) else ""
    if not directory.changed_lately(operation.actor, frozenset(operation.groups), channel):
        return False
    try:
        directory.active(operation.actor)
    except Unavailable:
        return not back
    return True


def authorise_again(
    operation: Operation, catalog: Catalog, directory: Directory, *, now: float, rises: bool = False
) -> Decision:
    """Decide anew when the operation runs: by today's policy, and by what Slack said when it was received.

    That is asked again once it is older than a minute, or once Slack said that person, group or channel changed, and
    only then: asking each time would use up Slack's rate limits, and a hiccup of Slack's would turn allowed rollbacks
    away. `rises`: its plan is known to give more, whatever its verb is called, so a Slack that is silent means no.
    """
    back = operation.command.goes_back and not rises
    channel, groups = operation.origin.channel, frozenset(operation.groups)
    if now - operation.created_at > TRUSTED_S or _changed(operation, catalog.policy, directory, back=back):
        asked = (operation.command, operation.actor, operation.target)
        return authorise(catalog, directory, *asked, channel=channel).decision
    verb, target = operation.command.verb, operation.target
    on_record = decide(catalog.policy, operation.actor, groups, verb, target, channel=channel)
    return replace(on_record, unheard=operation.unheard)
