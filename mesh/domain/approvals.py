"""Approvals: which plans somebody else must agree to, who may, and what has been said so far. Pure.

Several rules may speak of one plan. Then all of them must be met, each by its own people; one vote counts for every
rule whose people the voter belongs to. That leaves nothing to rank, so the order of the rules decides nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from mesh.domain.commands import APPROVABLE, Target, Verb
from mesh.domain.plans import Plan
from mesh.domain.policy import Actor
from mesh.domain.scopes import Scope, fits
from mesh.domain.strategies import Strategy

People = tuple[tuple[str, ...], ...]
"""Slack ids that belong to one person, a tuple for each such person; who has one id only is not among them."""


MARKS = (1 / 2, 1 / 4, 1 / 10)
"""Which parts of people's time are left when a card that waits is drawn again: often enough to hurry, and cheap."""


@dataclass(frozen=True)
class Rule:
    """One rule: such a plan needs so many of these people."""

    name: str
    need: int = 1
    """How many people must approve."""
    groups: tuple[str, ...] = ()
    """Slack usergroup ids, `S…`, whose members may."""
    users: tuple[str, ...] = ()
    """Slack user ids who may."""
    verbs: tuple[str, ...] = ("*",)
    """Those of `APPROVABLE`, or `*` for all of them."""
    scope: Scope = field(default_factory=Scope)
    """What it is about."""
    above: float = 0.0
    """Largest share in per cent that an arm may rise to without this approval."""
    expires_s: float = 900.0
    """How long people have, in seconds."""
    remind_s: float = 0.0
    """After how long they are reminded, once, in seconds; 0 for never."""
    escalate_s: float = 0.0
    """After how long the second groups may vote, too, in seconds; 0 for never."""
    second: tuple[str, ...] = ()
    """Slack usergroup ids of the escalation."""
    channel: str = ""
    """Channel id that the card is shown in as well; empty means the service's own, or only where it was asked."""


@dataclass(frozen=True)
class Demand:
    """What one rule wants of one plan, as it was when the plan was made."""

    rule: str
    need: int
    groups: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    second: tuple[str, ...] = ()
    escalate_at: float = 0.0
    """From when on the second groups may vote, in Unix time; 0 for never."""
    escalated: bool = False

    @property
    def asked_groups(self) -> tuple[str, ...]:
        """The groups that may vote now."""
        return tuple(dict.fromkeys((*self.groups, *(self.second if self.escalated else ()))))

    def admits(self, user: str, groups: frozenset[str]) -> bool:
        """Tell whether who has this id and is in these groups may vote here."""
        return user in self.users or not groups.isdisjoint(self.asked_groups)


@dataclass(frozen=True)
class Vote:
    """One person's yes."""

    voter: Actor
    person: str
    """The canonical id: the same for all accounts of one person."""
    operation: str
    """Id of the operation that cast it: found here, it is not cast again."""
    at: float
    """Unix time in seconds."""
    rules: tuple[str, ...]
    """The rules that it counts for."""


@dataclass(frozen=True)
class Passed:
    """A freeze that the change passes, as two people who break the glass may."""

    id: str
    """That of the freeze, or its name in the calendar; empty for what nobody can read."""
    scope: str
    by: str
    """User id of whoever froze it; empty for the calendar."""


@dataclass(frozen=True)
class Approval:
    """What is asked of people about one plan, and what they have said. One operation has one at most, used once."""

    plan: str
    """Hash of what they agree to (`agreed`)."""
    uid: str
    """The object's uid."""
    share: float
    """The largest share that an arm gets by it, in per cent."""
    demands: tuple[Demand, ...]
    asked_at: float
    expires_at: float
    steps: tuple[float, ...] = ()
    """Shares of a rollout's steps, all approved at once; empty for a single change."""
    remind_at: float = 0.0
    """When people are reminded, in Unix time; 0 for never."""
    reminded: bool = False
    votes: tuple[Vote, ...] = ()
    denied: str = ""
    """Id of the operation that denied it; empty where nobody has."""
    channel: str = ""
    """Channel where the card is shown as well; empty for none."""
    passed: int = 0
    """How many of `MARKS` are behind it: what is left is known by that, for cards have no clock."""
    passes: tuple[Passed, ...] = ()
    """The freezes that it passes, as far as those who may agree were told."""

    @property
    def left_s(self) -> float:
        """How long people still have at most, in seconds, by the last mark that was passed."""
        return (self.expires_at - self.asked_at) * (1.0, *MARKS)[self.passed]

    def counted_down(self, now: float) -> Approval:
        """Return it with every mark passed that lies before `now`."""
        return replace(self, passed=sum(at <= now for at in self._marks))

    @property
    def _marks(self) -> tuple[float, ...]:
        """When the marks are passed, in Unix time."""
        return tuple(self.expires_at - part * (self.expires_at - self.asked_at) for part in MARKS)

    def groups_for(self, user: str) -> frozenset[str]:
        """Return the usergroups by which this person might vote, now or later; none where every rule names them."""
        demands = (demand for demand in self.demands if user not in demand.users)
        return frozenset(group for demand in demands for group in (*demand.groups, *demand.second))

    @property
    def met(self) -> bool:
        """True when every rule has all its people."""
        return not any(self.missing(demand) for demand in self.demands)

    def missing(self, demand: Demand) -> int:
        """Return how many people this rule still needs."""
        return max(0, demand.need - sum(demand.rule in vote.rules for vote in self.votes))

    @property
    def missing_groups(self) -> tuple[str, ...]:
        """The groups that are still waited for, each once."""
        open_ = (group for demand in self.demands if self.missing(demand) for group in demand.asked_groups)
        return tuple(dict.fromkeys(open_))

    @property
    def missing_users(self) -> tuple[str, ...]:
        """The single people who may still vote, each once."""
        voted = {vote.voter.user for vote in self.votes}
        named = (user for demand in self.demands if self.missing(demand) for user in demand.users)
        return tuple(user for user in dict.fromkeys(named) if user not in voted)

    @property
    def in_words(self) -> str:
        """How far it is: `1 of 2 approvals`, for several rules each with its name."""
        if len(self.demands) == 1:
            return _count(self, self.demands[0])
        return ", ".join(f"{demand.rule}: {_count(self, demand)}" for demand in self.demands)

    def due_at(self) -> float:
        """Return when something happens of itself next: a reminder, an escalation, a mark of the countdown, the end."""
        reminder = [self.remind_at] if self.remind_at and not self.reminded else []
        escalations = (one.escalate_at for one in self.demands if self._may_escalate(one))
        return min([self.expires_at, *self._marks[self.passed :], *reminder, *escalations])

    def escalated(self, now: float) -> Approval:
        """Return it with the second groups of every rule that has waited long enough for its first ones."""
        return replace(self, demands=tuple(self._escalated(one, now) for one in self.demands))

    def _escalated(self, demand: Demand, now: float) -> Demand:
        due = self._may_escalate(demand) and demand.escalate_at <= now
        return replace(demand, escalated=True) if due else demand

    def _may_escalate(self, demand: Demand) -> bool:
        """Tell whether it will escalate by itself: who has all its people needs no more of them."""
        return bool(demand.escalate_at and not demand.escalated and self.missing(demand))


@dataclass(frozen=True)
class Voter:
    """Who wants to vote, as Slack says now."""

    actor: Actor
    person: str
    active: bool
    """A full member of the home workspace."""
    groups: frozenset[str]
    asked_for_it: bool = False
    """The change that waits is theirs, by whichever account they asked."""


def rules_for(rules: Iterable[Rule], verb: Verb, target: Target, share: float) -> tuple[Rule, ...]:
    """Return the rules that want an approval of a change that gives an arm `share` per cent."""
    if verb not in APPROVABLE:
        return ()
    return tuple(rule for rule in rules if share > rule.above + 1e-9 and _covers(rule, verb, target))


def highest_share(plan: Plan) -> float:
    """Return the largest share that an arm rises to, in per cent; 0 where none does but stable."""
    return max((arm.share_after for arm in plan.arms if arm.rises and arm.name != plan.stable), default=0.0)


def agreed(plan: Plan, strategy: Strategy | None = None) -> str:
    """Return SHA-256 over what people agree to: object, weights before and after, and all steps of a rollout."""
    if strategy is None:
        return plan.intent
    steps = [[step.share, step.bake_s, step.confirm] for step in strategy.steps]
    said = [plan.intent, steps, strategy.on_failure, strategy.patience_s, strategy.expires_s]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def ask(rules: Sequence[Rule], plan: Plan, share: float, *, now: float, strategy: Strategy | None = None) -> Approval:
    """Return what is asked of people about `plan` by these rules."""
    steps = tuple(step.share for step in strategy.steps) if strategy else ()
    return replace(ask_for(rules, agreed(plan, strategy), now=now), uid=plan.uid, share=share, steps=steps)


def ask_for(rules: Sequence[Rule], hashed: str, *, now: float) -> Approval:
    """Return what is asked of people by these rules about what has this hash; the shortest of their times counts."""
    reminders = [rule.remind_s for rule in rules if rule.remind_s]
    return Approval(
        plan=hashed,
        uid="",
        share=100.0,
        demands=tuple(demand_of(rule, now) for rule in rules),
        asked_at=now,
        expires_at=now + min(rule.expires_s for rule in rules),
        remind_at=now + min(reminders) if reminders else 0.0,
        channel=next((rule.channel for rule in rules if rule.channel), ""),
    )


def demand_of(rule: Rule, now: float) -> Demand:
    """Return what a rule wants of a plan that is made now."""
    escalate_at = now + rule.escalate_s if rule.escalate_s else 0.0
    return Demand(rule.name, rule.need, rule.groups, rule.users, rule.second, escalate_at)


def why_not_deny(approval: Approval, voter: Voter, requester: str) -> str:
    """Say why this person cannot end it, or return an empty string. `requester` is a canonical id.

    Whoever may agree may deny, also after agreeing; and who asked may take it back.
    """
    if voter.active and (voter.person == requester or counts_for(approval, voter)):
        return ""
    return why_not(approval, voter, requester)


def why_not(approval: Approval, voter: Voter, requester: str) -> str:
    """Say why this person's yes cannot count, or return an empty string. `requester` is a canonical id."""
    if not voter.active:
        return "this account is not a full member of the workspace"
    if voter.person == requester:
        return "whoever asks for a change cannot approve it, with no account of theirs"
    if not counts_for(approval, voter):
        return "you are not among the people who may approve this"
    if any(vote.person == voter.person for vote in approval.votes):
        return "you have voted already, and each person has one vote"
    return ""


def counts_for(approval: Approval, voter: Voter) -> tuple[str, ...]:
    """Return the rules that this person's vote counts for."""
    return tuple(one.rule for one in approval.demands if one.admits(voter.actor.user, voter.groups))


def with_vote(approval: Approval, voter: Voter, operation: str, now: float) -> Approval:
    """Return the approval with one more vote; ValueError for a second one of the same person."""
    if any(vote.person == voter.person for vote in approval.votes):
        raise ValueError(f"{voter.person} has voted")
    vote = Vote(voter.actor, voter.person, operation, now, counts_for(approval, voter))
    return replace(approval, votes=(*approval.votes, vote))


def without_lost(approval: Approval, voters: Sequence[Voter], requester: str) -> Approval:
    """Return the approval with those votes only that would still count, by what Slack says of their voters now."""
    standing = replace(approval, votes=())
    for vote, voter in zip(approval.votes, voters, strict=True):
        if not why_not(standing, voter, requester):
            standing = with_vote(standing, voter, vote.operation, vote.at)
    return standing


def canonical(people: People, ids: Sequence[str]) -> str:
    """Return the one id of the person who has these ids (the one to fall back on last)."""
    for aliases in people:
        if not set(aliases).isdisjoint(ids):
            return aliases[0]
    return ids[-1]


def _covers(rule: Rule, verb: Verb, target: Target) -> bool:
    return rule.scope.covers(target) and any(fits(rule.verbs, one) for one in asked_as(verb))


def asked_as(verb: Verb) -> tuple[Verb, ...]:
    """Return the verbs by which a rule speaks of `verb`: what gives an arm back what it had is a promotion, too."""
    return (verb, Verb.PROMOTE) if verb in (Verb.UNDO, Verb.REAPPLY) else (verb,)


def _count(approval: Approval, demand: Demand) -> str:
    noun = "approval" if demand.need == 1 else "approvals"
    return f"{demand.need - approval.missing(demand)} of {demand.need} {noun}"
