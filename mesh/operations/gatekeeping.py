"""The gate that Flagger asks at: each of its questions is an operation that waits for approval, and changes nothing.

Flagger moves the weights of its canaries itself, and asks before it does, again and again until it hears yes. What it
may do is bound to the revision's checksum: another revision is another question. It is bound to its asking as well, or
a yes of yesterday would let the same revision through once more: it lasts while Flagger goes on asking, and no longer.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace

from mesh.domain.approvals import Rule, ask_for, rules_for
from mesh.domain.catalog import Catalog
from mesh.domain.commands import Command, Target, Verb
from mesh.domain.errors import Flooded, NotFound, Refused, Unavailable
from mesh.domain.gates import Verdict
from mesh.domain.operations import Event, Operation, Origin, State, Step
from mesh.domain.policy import Actor
from mesh.operations import facts
from mesh.operations.approving import check_votes
from mesh.operations.desk import Desk
from mesh.operations.freezing import refuse_frozen
from mesh.operations.incidents import Guard
from mesh.operations.noting import note
from mesh.operations.receiving import receive
from mesh.operations.recording import Record
from mesh.operations.stage import Stage
from mesh.ports import Bucket, Round, Rounds

STARTS, ROLLBACK = "confirm-rollout", "rollback"
HOOKS = (STARTS, "confirm-traffic-increase", "confirm-promotion", ROLLBACK)
"""What Flagger asks about (docs.flagger.app/usage/webhooks)."""
FLAGGER = Actor("flagger")
OPEN_S = 86_400.0
"""How long people have, whatever the rule says: Flagger asks until its own deadline, and a question is asked once."""
MOST_TIMES = 10
"""How often one question is asked again, within a day, after it came to no answer or its yes is over."""
QUIET_S = 1800.0
"""Once Flagger was silent for longer, in seconds, it is at something else; where its interval is longer than half of
that, once it was silent for two of them."""
LONGEST_S = 43_200.0
"""The longest interval, in seconds: two of them are as long as a question waits."""
NEW_PER_MINUTE = 10
"""How many new questions about one service: each of the hooks, for two revisions, and something to spare."""

_NO_ANSWER = frozenset({State.EXPIRED, State.VOID, State.FAILED})


def question(desk: Desk, command: Command, *, interval_s: float = 0.0) -> Operation:
    """Return the operation that stands for a question of Flagger's; the first time, people are asked.

    `interval_s` is how often Flagger asks, at most `LONGEST_S`; 0 where nobody says. Raises Refused where nobody could
    be asked, NotFound for an unknown cluster or service, Flooded for too many new questions, Unavailable.
    """
    target = desk.catalog.target(command)
    _check_known(desk.catalog, target)
    _begin_anew(desk, command, target)
    last, quiet_s = _rounds(desk).last(str(target), command.checksum, command.hook), max(QUIET_S, 2 * interval_s)
    found = _standing(desk, last, quiet_s) or _asked(desk, command, target, last, quiet_s)
    former = last if last and last.operation == found.id else Round(found.id, 0.0)
    noted = replace(former, asked_at=desk.time.now())
    _rounds(desk).note(str(target), command.checksum, command.hook, noted)
    return found


def _begin_anew(desk: Desk, command: Command, target: Target) -> None:
    """Forget what was agreed to of a run that is over: people are asked anew about the next one, at every hook.

    Flagger asks whether to start before a run and never in it (fluxcd/flagger, pkg/controller/scheduler.go,
    `checkCanaryStatus`): this revision comes again once that is asked after it was told to go back, or after it was
    told to start and has asked something that it asks in a run only. That one went back by its own metrics. As long as
    it asks the same again because the answer was lost, nothing is forgotten, and never a press to go back that it was
    not told of yet.
    """
    if command.hook != STARTS:
        return
    rounds, canary = _rounds(desk), str(target)
    known = {hook: rounds.last(canary, command.checksum, hook) for hook in HOOKS}
    start, back = known.pop(STARTS), known[ROLLBACK]
    sent_back = back is not None and bool(back.heard_at)
    begun_at = start.heard_at if start else 0.0
    has_run = bool(begun_at) and any(one is not None and one.asked_at > begun_at for one in known.values())
    if sent_back or has_run:
        rounds.forget(canary)
        if back is not None and not sent_back:
            rounds.note(canary, command.checksum, ROLLBACK, back)


def answered(desk: Desk, operation: Operation, why_not: str = "") -> None:
    """Put on record what Flagger is told now of what people agreed to, where it was told something else before.

    An empty `why_not` is yes. Raises Unavailable: then it must not be told.
    """
    command, target, now = operation.command, str(operation.target), desk.time.now()
    last, answer = _rounds(desk).last(target, command.checksum, command.hook), why_not or "yes"
    if last is None or last.operation != operation.id or last.answer == answer:
        return
    event = Event(Step.ANSWERED, now, f"Flagger hears no: {why_not}" if why_not else "Flagger hears yes")
    entry, about = facts.of_event(operation, event), f"{target} {command.hook}"
    if not note(desk.operations, desk.buckets, entry, most=NEW_PER_MINUTE, about=about):
        # It is not remembered either, so it is on record with the next answer.
        return
    noted = replace(last, answer=answer, heard_at=last.heard_at or (0.0 if why_not else now))
    _rounds(desk).note(target, command.checksum, command.hook, noted)


def turned_away(desk: Desk, command: Command, why: str) -> None:
    """Put on record, once a minute, that Flagger was told no before anybody could be asked. Raises Unavailable."""
    target = Target(command.cluster, command.namespace, command.service)
    event = Event(Step.DENIED, desk.time.now(), why)
    note(desk.operations, desk.buckets, facts.of_denial(FLAGGER, Origin("hook"), command, target, event))


def _standing(desk: Desk, last: Round | None, quiet_s: float) -> Operation | None:
    """Return the question of this round while it waits, and once it was answered for as long as that counts.

    By its id, for the name by which a delivery is known is forgotten after a day, and its card would have a twin.
    """
    if last is None:
        return None
    try:
        found = desk.operations.get(last.operation)
    except NotFound:
        return None
    now = desk.time.now()
    if is_open(found):
        return None if _is_over(found, last, now, quiet_s) else found
    if found.state in _NO_ANSWER or (found.done and now - found.story[-1].at > OPEN_S):
        return None
    return found


def _is_over(found: Operation, last: Round | None, now: float, quiet_s: float) -> bool:
    """Tell whether a yes counts no more: another revision was asked about since, or Flagger was silent for long.

    That people take their time to agree is no silence of Flagger's. That it heard yes to going back does not use that
    up: the answer may have been lost on its way, and it asks again an interval later, or never. Before it was told of
    that it may come as late as people may.
    """
    if last is None or last.operation != found.id:
        return True
    if found.command.hook == ROLLBACK and not last.heard_at:
        quiet_s = OPEN_S
    return now - max(last.asked_at, found.story[-1].at) > quiet_s


def _asked(desk: Desk, command: Command, target: Target, last: Round | None, quiet_s: float) -> Operation:
    """Return the question that people are asked for this round: the first one that is not over."""
    name = f"flagger {target} {command.hook} {command.checksum}"
    origin = Origin("hook", channel=_channel(desk.catalog, target))
    for _ in range(MOST_TIMES):
        if desk.operations.delivered(name) is None:
            _not_flooded(desk, command, target)
        found = receive(desk, command, FLAGGER, origin, dedupe=name).operation
        over = is_open(found) and _is_over(found, last, desk.time.now(), quiet_s)
        if not over and found.state not in _NO_ANSWER:
            return found
        name = f"{name} {found.id}"
    raise Refused(
        f"People were asked {MOST_TIMES} times about this revision within a day.",
        hint="Ask again tomorrow, or about another revision.",
    )


def _rounds(desk: Desk) -> Rounds:
    if desk.rounds is None:
        raise Unavailable("Nothing remembers what Flagger asked.", hint="A bot that answers it has a place for that.")
    return desk.rounds


def is_open(operation: Operation) -> bool:
    """Tell whether Flagger may go on."""
    return operation.state is State.SUCCEEDED


def refuse_rise(desk: Desk, operation: Operation) -> None:
    """Raise Refused where nothing of this canary may rise now, whatever people agreed to: it waits, and stays agreed.

    Flagger writes the weights itself, so this is the last moment. Raises Unavailable where nobody can tell. Going back
    is held up by nothing.
    """
    if operation.command.hook == ROLLBACK:
        return
    target = operation.target
    refuse_frozen(desk, target)
    for row in Guard(desk.catalog, desk.incidents, desk.time).judge(target):
        found = row.why
        if row.verdict is Verdict.UNKNOWN:
            raise Unavailable(found)
        if row.verdict is Verdict.FAIL:
            raise Refused(f"{target.service} has an open {found}.", hint="It is asked again when that is over.")


def refuse_replaced(stage: Stage, operation: Operation) -> None:
    """Raise Refused where people are asked the same of a newer revision: Flagger asks about one at a time.

    So at most one question for each hook of a service is open.
    """
    for newer in _beside(stage, operation):
        if newer.created_at > operation.created_at:
            raise Refused(
                f"{newer.id} asks the same of a newer revision, {newer.command.checksum}.",
                hint="Nothing was changed. Vote on that one.",
            )


def keep(stage: Stage, record: Record) -> None:
    """Ask people, or open the gate once enough have agreed; raises Refused where their votes no longer count."""
    operation = record.operation
    if operation.approval is None:
        refuse_replaced(stage, operation)
        now = stage.time.now()
        approval = ask_for(_rules(stage.catalog, operation), hashed(operation), now=now)
        # Its one card stands in that channel already.
        approval = replace(approval, expires_at=now + OPEN_S, channel="")
        record.tell(State.WAITING, Step.ASKED, approval.in_words, approval=approval, deadline=0.0)
        for older in _beside(stage, operation):
            # A worker finds that it is replaced, and says so on its card.
            stage.operations.later(older.id, seconds=0)
        return
    check_agreed(stage, operation)
    record.end(State.SUCCEEDED, Step.OPENED, "Flagger hears yes the next time it asks")


def check_agreed(stage: Stage, operation: Operation) -> None:
    """Raise Refused where votes no longer count, Unheard where Slack does not say; nothing where nobody was asked."""
    if operation.approval is not None:
        check_votes(stage, operation, operation.approval, _rules(stage.catalog, operation))


def hashed(operation: Operation) -> str:
    """Return SHA-256 over what people agree to: this hook of this canary at this revision."""
    agreed = f"flagger {operation.target} {operation.command.hook} {operation.command.checksum}"
    return hashlib.sha256(agreed.encode()).hexdigest()


def _beside(stage: Stage, operation: Operation) -> list[Operation]:
    """Return what waits at the same hook of the same service for other revisions."""
    asked = operation.target, operation.command.verb, operation.command.hook
    return [
        one
        for one in stage.operations.waiting()
        if (one.target, one.command.verb, one.command.hook) == asked
        and one.command.checksum != operation.command.checksum
    ]


def _check_known(catalog: Catalog, target: Target) -> None:
    """Raise NotFound for what the configuration does not name: whoever has the token could invent names for ever."""
    if not catalog.knows(target):
        raise NotFound(
            f"No service of the configuration is {target}, so nobody is asked.",
            hint=f"Add `services.{target.service}`, with its namespace and cluster if it names any.",
        )


def _not_flooded(desk: Desk, command: Command, target: Target) -> None:
    """Raise Flooded where too many new questions come, about one service or altogether.

    Going back is counted apart, so that no flood of other questions keeps it away.
    """
    kind = "back" if command.hook == ROLLBACK else "question"
    for name, most in ((str(target), NEW_PER_MINUTE), (FLAGGER.user, desk.catalog.flood.user_per_minute)):
        wait_s = desk.buckets.take(Bucket(f"{kind}:{name}", most))
        if wait_s:
            raise Flooded(
                f"More than {most} new questions came within a minute, so nobody was asked.",
                hint=f"Ask again in {max(1, math.ceil(wait_s))} s. What people were asked already is answered as ever.",
                wait_s=wait_s,
            )


def _rules(catalog: Catalog, operation: Operation) -> tuple[Rule, ...]:
    """Return who is asked. Going back takes one person of any rule, and is urged upon nobody."""
    rules = _of_target(catalog, operation.target)
    if operation.command.hook != ROLLBACK:
        return rules
    groups = tuple(dict.fromkeys(group for rule in rules for group in (*rule.groups, *rule.second)))
    users = tuple(dict.fromkeys(user for rule in rules for user in rule.users))
    return (Rule(ROLLBACK, groups=groups, users=users),)


def _of_target(catalog: Catalog, target: Target) -> tuple[Rule, ...]:
    rules = rules_for(catalog.approvals, Verb.FLAGGER, target, 100.0)
    if not rules:
        raise Refused(
            f"No rule of policy.approvals speaks of flagger and {target}, so nobody could agree.",
            hint="Add one with `verbs: [flagger]`.",
        )
    return rules


def _channel(catalog: Catalog, target: Target) -> str:
    """Return where people are asked: Flagger itself is in no channel."""
    rules = _of_target(catalog, target)
    channel = next((rule.channel for rule in rules if rule.channel), "") or catalog.service(target).approvals
    if not channel:
        raise Refused(
            f"Nothing says in which channel to ask about {target}.",
            hint=f"Set `channel` of the rule {rules[0].name}, or `services.{target.service}.channels.approvals`.",
        )
    return channel
