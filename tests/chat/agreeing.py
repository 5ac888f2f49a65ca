"""Operations that wait for approval, or had to, in every state people see; made with the domain's own rules."""

from __future__ import annotations

from dataclasses import replace

from mesh.domain.approvals import Approval, Passed, Rule, Voter, ask, ask_for, with_vote
from mesh.domain.commands import Command, Target, Verb
from mesh.domain.operations import Event, Operation, Origin, Paused, State, Step
from mesh.domain.policy import Actor
from mesh.domain.strategies import RolloutStep, Strategy
from tests.chat.samples import AT, HALF, HEALTHY, gates, operation, planned, route

ANA, LEE = Actor("U0ANA", "T0MESH"), Actor("U0LEE", "T0MESH")
TWO = Rule("production", need=2, groups=("S0SRE",), users=(LEE.user,), above=20)
LEADS = Rule("leads", groups=("S0LEADS",), escalate_s=60, second=("S0SRE",))
STEPS = Strategy((RolloutStep(5), RolloutStep(25), RolloutStep(100)))


def asked(*rules: Rule, strategy: Strategy | None = None) -> Approval:
    """Return what these rules ask about the plan to give v2 half."""
    return ask(rules or (TWO,), HALF, 50.0, now=AT + 2, strategy=strategy)


def agreed_by(approval: Approval, *voters: Actor) -> Approval:
    """Return it with the votes of these members of the group."""
    for number, voter in enumerate(voters):
        seen = Voter(voter, voter.user, active=True, groups=frozenset({"S0SRE"}))
        approval = with_vote(approval, seen, f"op-vote{number}22", AT + 10 + number)
    return approval


def waiting(approval: Approval, *events: Event, text: str = "promote api 50", **changes: object) -> Operation:
    """Return an operation that asks for this approval, with these events after the asking."""
    made = operation(text, Step.CHECKING, Step.ASKED, plan=HALF, gates=gates(("v2", HEALTHY)), approval=approval)
    fields: dict[str, object] = {"state": State.WAITING, "story": (*made.story, *events)} | changes
    return replace(made, **fields)  # type: ignore[arg-type]  # replace() checks the names


_VOTED = Event(Step.VOTED, AT + 10, "1 of 2 approvals", ANA.user)
_ONE, _BOTH = agreed_by(asked(), ANA), agreed_by(asked(), ANA, LEE)
_DENIED = Event(Step.VOTED_DOWN, AT + 30, "not during *the sale*", LEE.user)

APPROVALS: dict[str, Operation] = {
    "approval_waiting": waiting(asked(), text="promote api 50 --reason 'hotfix 4412'"),
    "approval_break_glass": waiting(
        asked(Rule("break-glass", groups=("S0SRE",))),
        text="promote api 50 --break-glass --reason 'customers are *down*'",
    ),
    "approval_past_freezes": waiting(
        replace(
            asked(Rule("break-glass", groups=("S0SRE",))),
            passes=(
                Passed("op-frozen2222", "prod/shop/api", LEE.user),
                Passed("weekend", "everything", ""),
                Passed("", "", ""),
            ),
        ),
        text="promote api 50 --break-glass --reason 'customers are *down*'",
    ),
    "approval_one_vote": waiting(_ONE, _VOTED),
    "approval_two_rules": waiting(
        agreed_by(asked(TWO, LEADS), ANA).escalated(AT + 90),
        _VOTED,
        Event(Step.ESCALATED, AT + 90, "production: 1 of 2 approvals, leads: 0 of 1 approval"),
    ),
    "approval_canary": waiting(
        asked(strategy=STEPS),
        text="canary api",
        plan=planned(route(("v1", 100), ("v2", 0)), v1=95, v2=5),
        gates=(),
    ),
    "approval_canary_paused": waiting(
        asked(strategy=STEPS),
        Event(Step.PAUSED, AT + 12, "wait for *the fair*", LEE.user),
        text="canary api",
        plan=planned(route(("v1", 100), ("v2", 0)), v1=95, v2=5),
        gates=(),
        paused=Paused(LEE.user, "op-pause22222", "wait for *the fair*"),
    ),
    "approval_given": waiting(
        _BOTH,
        _VOTED,
        *(Event(step, AT + 20 + at) for at, step in enumerate((Step.APPROVED, Step.PATCHING, Step.PATCHED))),
        Event(Step.VERIFIED, AT + 23),
        state=State.SUCCEEDED,
        outcome="v1 50 % / v2 50 %",
    ),
    "approval_denied": waiting(
        _ONE,
        _VOTED,
        _DENIED,
        state=State.REFUSED,
        outcome="Somebody who had to agree did not",
        hint="Nothing was changed. Talk to whoever denied it before you ask again.",
    ),
    "approval_expired": waiting(
        _ONE,
        _VOTED,
        Event(Step.EXPIRED, AT + 902, "Nobody decided in time: 1 of 2 approvals"),
        state=State.EXPIRED,
        outcome="Nobody decided in time: 1 of 2 approvals",
        hint="Nothing was changed. Ask again if it is still wanted.",
    ),
    "approval_void": waiting(
        _ONE,
        _VOTED,
        Event(Step.VOID, AT + 60, "op-b7w4n8q2rs (rollback) was asked for after this, and is done already"),
        state=State.VOID,
        outcome="op-b7w4n8q2rs (rollback) was asked for after this, and is done already",
        hint="Nothing was changed. Repeat it if it is still wanted.",
    ),
}
"""By the name of their golden files."""


_QUESTION = replace(
    waiting(ask_for((TWO,), "hash", now=AT + 2), plan=None, gates=()),
    command=Command(
        verb=Verb.FLAGGER, service="podinfo", namespace="shop", hook="confirm-promotion", checksum="85d557f47b"
    ),
    target=Target("prod", "shop", "podinfo"),
    actor=Actor("flagger"),
    origin=Origin("hook", "C0PROD"),
)
_BACK = replace(_QUESTION.command, hook="rollback")
APPROVALS |= {
    "flagger_waiting": _QUESTION,
    "flagger_rollback": replace(
        _QUESTION, command=_BACK, approval=ask_for((Rule("rollback", groups=("S0SRE",)),), "hash", now=AT)
    ),
    "flagger_open": replace(
        _QUESTION,
        state=State.SUCCEEDED,
        approval=agreed_by(ask_for((TWO,), "hash", now=AT), ANA, LEE),
        story=(*_QUESTION.story, _VOTED, Event(Step.APPROVED, AT + 20), Event(Step.OPENED, AT + 20)),
        outcome="Flagger hears yes the next time it asks",
    ),
}


def hostile_approvals(word: str) -> list[Operation]:
    """Return approvals with `word` in every field that a person or a configuration can fill."""
    rule = Rule(word, need=2, groups=(word, "S0SRE"), users=(word,), escalate_s=1, second=(word,), channel=word)
    approval = agreed_by(ask((rule,), HALF, 50.0, now=AT, strategy=STEPS), Actor(word, word))
    approval = replace(approval, passes=(Passed(word, word, word), Passed(word, word, "")))
    events = [Event(step, AT, word, word) for step in (Step.VOTED, Step.REMINDED, Step.ESCALATED, Step.VOTED_DOWN)]
    return [
        waiting(approval, *events, id=word),
        waiting(approval, *events, id=word, state=State.REFUSED, outcome=word, hint=word),
        waiting(approval, *events, id=word, state=State.VOID, outcome=word, hint=word),
        waiting(approval, *events, id=word, text="promote api 50 --break-glass --reason x"),
        waiting(approval, *events, id=word, plan=None, command=replace(_BACK, service=word, hook=word, checksum=word)),
    ]
