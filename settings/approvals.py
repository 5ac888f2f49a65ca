"""Approvals in the configuration file: which changes wait for whom, and which accounts are one person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Annotated

from pydantic import BeforeValidator, Field

from mesh.domain.approvals import Rule, asked_as, canonical
from mesh.domain.commands import APPROVABLE
from mesh.domain.scopes import overlap
from settings.forms import (
    Approvable,
    ChannelId,
    GroupId,
    Scoped,
    Seconds,
    Section,
    Text,
    UserId,
    every,
    scope_of,
)
from settings.lines import Path


class EscalationSection(Section):
    """More people who may vote, once the first ones have had their time."""

    after: Annotated[
        Seconds, Field(ge=10, le=604_800, description="After how long: seconds, or a number with s, m or h.")
    ]
    groups: Annotated[list[GroupId], Field(min_length=1, description="Slack usergroup ids (`S…`) who then may, too.")]


class ApprovalSection(Scoped):
    """These changes wait until so many of these people agree. Where several rules speak of one, all must be met."""

    need: Annotated[int, Field(ge=1, le=20, description="How many people must agree; never whoever asked.")] = 1
    groups: Annotated[list[GroupId], Field(description="Slack usergroup ids (`S…`) whose members may.")] = []
    users: Annotated[list[UserId], Field(description="Slack user ids (`U…`, `W…`) who may.")] = []
    verbs: Annotated[
        list[Approvable],
        BeforeValidator(every),
        Field(
            min_length=1,
            description='Of `promote`, `set`, `undo`, `reapply`, `canary`, `flagger`; or `"*"` for all. Who names '
            "`promote` speaks of an undo or a reapply that gives a canary more, too. Going back to stable never waits.",
        ),
    ] = ["*"]
    above: Annotated[
        float,
        Field(
            ge=0,
            lt=100,
            allow_inf_nan=False,
            description="Largest share, in per cent, that an arm may rise to without this approval; of a rollout, by "
            "its last step.",
        ),
    ] = Rule("").above
    expires: Annotated[
        Seconds, Field(ge=60, le=604_800, description="How long people have: seconds, or a number with s, m or h.")
    ] = int(Rule("").expires_s)
    remind: Annotated[
        Seconds | None,
        Field(
            ge=10,
            le=604_800,
            description="After how long they are reminded, once: seconds, or with s, m or h; without it never.",
        ),
    ] = None
    escalate: Annotated[EscalationSection | None, Field(description="Who else may vote, and from when on.")] = None
    channel: Annotated[
        ChannelId | None,
        Field(
            description="Channel id (`C…`) where the card is shown as well; without it the service's "
            "`channels.approvals`, else only where the change was asked for."
        ),
    ] = None


class BreakGlassSection(Section):
    """Two of these people, one asking with `--break-glass` and a reason, one agreeing, pass all rules and freezes."""

    groups: Annotated[list[GroupId], Field(min_length=1, description="Slack usergroup ids (`S…`) of both people.")]
    expires: Annotated[
        Seconds, Field(ge=60, le=604_800, description="How long the second has: seconds, or with s, m or h.")
    ] = int(Rule("").expires_s)
    channel: Annotated[
        ChannelId | None, Field(description="Channel id (`C…`) where the card is shown as well, as of a rule.")
    ] = None


People = dict[Text, Annotated[list[UserId], Field(min_length=2)]]


def rule_of(name: str, section: ApprovalSection) -> Rule:
    """Turn a checked section into the value that the rules work with."""
    return Rule(
        name,
        need=section.need,
        groups=tuple(section.groups),
        users=tuple(section.users),
        verbs=tuple(section.verbs),
        scope=scope_of(section),
        above=section.above,
        expires_s=float(section.expires),
        remind_s=float(section.remind or 0),
        escalate_s=float(section.escalate.after if section.escalate else 0),
        second=tuple(section.escalate.groups if section.escalate else ()),
        channel=section.channel or "",
    )


def break_glass_of(section: BreakGlassSection | None) -> Rule | None:
    """Turn a checked section into the rule that stands in for all others."""
    if section is None:
        return None
    groups, channel = tuple(section.groups), section.channel or ""
    return Rule("break-glass", groups=groups, expires_s=float(section.expires), channel=channel)


def contradictions(
    sections: Mapping[str, ApprovalSection], people: Mapping[str, list[str]]
) -> Iterator[tuple[Path, str]]:
    """Find rules that nobody could meet, times that never come, and channels that contradict each other."""
    aliases = tuple(tuple(ids) for ids in people.values())
    for name, section in sections.items():
        yield from (((name, *path), text) for path, text in _of_one(section, aliases))
    for (first, one), (second, other) in combinations(sections.items(), 2):
        if one.channel and other.channel and one.channel != other.channel and _may_meet(one, other):
            yield (
                (second, "channel"),
                f"may speak of the same change as `{first}`, which names another channel; one card, one channel",
            )


def _of_one(section: ApprovalSection, aliases: tuple[tuple[str, ...], ...]) -> Iterator[tuple[Path, str]]:
    if not section.users and not section.groups:
        yield (), "names nobody; give it `groups` or `users`, or remove it"
    persons = {canonical(aliases, (user,)) for user in section.users}
    if section.users and not section.groups and len(persons) < section.need:
        yield ("need",), f"is more than the {len(persons)} who may agree, so nothing could ever be approved"
    if section.remind is not None and section.remind >= section.expires:
        yield ("remind",), "comes after `expires`, so nobody would be reminded"
    if section.escalate is not None and section.escalate.after >= section.expires:
        yield ("escalate", "after"), "comes after `expires`, so nobody else could ever vote"


def _may_meet(one: ApprovalSection, other: ApprovalSection) -> bool:
    return overlap(_spoken_of(one), _spoken_of(other)) and scope_of(one).meets(scope_of(other))


def _spoken_of(section: ApprovalSection) -> list[str]:
    """Return the verbs that the rule speaks of, also those that it does not name."""
    return [*section.verbs, *(verb for verb in APPROVABLE if not set(asked_as(verb)).isdisjoint(section.verbs))]


def doubled(people: Mapping[str, list[str]]) -> Iterator[tuple[Path, str]]:
    """Find accounts that are said to be two people."""
    seen: dict[str, str] = {}
    for name, ids in people.items():
        for index, one in enumerate(ids):
            if one in seen:
                whose = "twice" if seen[one] == name else f"of `{seen[one]}` as well"
                yield (name, index), f"{one} is {whose}; an account belongs to one person"
            seen.setdefault(one, name)
