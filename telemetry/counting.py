"""What is counted of an operation when something is written down about it, and of a request when it was answered."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from mesh.domain.commands import Verb
from mesh.domain.errors import Denied, Lapse, MeshbotError, Unavailable
from mesh.domain.gates import GateResult, Lack
from mesh.domain.operations import Operation, Step
from telemetry import tracing
from telemetry.metrics import (
    ACK,
    APPROVAL_WAIT,
    BUTTON,
    COMMANDS,
    GATES,
    GIVEN_UP,
    OPERATION,
    OPERATIONS,
    OTHER,
    ROLLOUTS_ENDED,
    WAYS,
)

_BUILT_IN = frozenset({"requests", "success", "p99", "errors", "slow", "incident", "ready", "first share", "alerts"})
_LACKS = frozenset(str(lack) for lack in Lack)
_JUDGED = frozenset({Step.PATCHING, Step.FORCED, Step.REFUSED, Step.BARRED, Step.ASKED})
"""Steps that come right after the gates of a plan were asked."""
_DECIDED = {
    Step.APPROVED: "approved",
    Step.VOTED_DOWN: "denied",
    Step.EXPIRED: "expired",
    Step.VOID: "void",
}
_VERBS = frozenset(verb.value for verb in Verb)

_made: ContextVar[list[str] | None] = ContextVar("made", default=None)
"""The operations that the request at hand has made; None where there is no request."""


@contextmanager
def answering(text: str, way: str, arrived: float) -> Iterator[None]:
    """Count the request that the block answers, by how it ends; the trace of what it makes begins with it.

    `arrived` is when it came, on the monotonic clock, in seconds.
    """
    token = _made.set([])
    outcome = "taken"
    try:
        yield
    except Exception as error:
        outcome = outcome_of(error)
        raise
    finally:
        made = _made.get() or []
        _made.reset(token)
        verb = spoken(text)
        COMMANDS.labels(verb, outcome).inc()
        for operation in made:
            since = time.time() - (time.monotonic() - arrived)
            tracing.made("slack request", {"verb": verb, "way": way}, operation=operation, since=since)


def acknowledged(way: str, arrived: float) -> None:
    """Count an acknowledgement that is ready now, of what arrived then on the monotonic clock, in seconds."""
    ACK.labels(way).observe(max(0.0, time.monotonic() - arrived))


def given_up(way: str, lapse: Lapse | None) -> None:
    """Count what came in by this `way` and came to nothing by time, load or an absent part; None is no such thing."""
    if lapse is not None:
        GIVEN_UP.labels(way if way in WAYS else OTHER, str(lapse)).inc()


def received(operation: Operation, since: float) -> None:
    """Tell the trace of a new operation where it comes from: the request at hand, or another operation's worker."""
    made = _made.get()
    if made is not None:
        made.append(operation.id)
        return
    facts = {"verb": str(operation.command.verb), "way": operation.origin.way}
    if operation.command.rollout:
        facts["rollout"] = operation.command.rollout
    tracing.made("made by another", facts, operation=operation.id, since=since)


def spoken(text: str) -> str:
    """Return the verb that a command begins with, `other` for any other word and `button` for none.

    A mention begins with whom it mentions.
    """
    word = next((word for word in text.split() if not word.startswith("<@")), "")
    return word.lower() if word.lower() in _VERBS else OTHER if word else BUTTON


def outcome_of(error: Exception) -> str:
    """Return one of `denied`, `refused`, `unavailable` and `bug`.

    Who is denied for want of an answer, or because it is too late, met no rule: that is `unavailable`.
    """
    if isinstance(error, MeshbotError) and error.lapse not in (None, Lapse.FLOOD):
        return "unavailable"
    for kind, word in ((Denied, "denied"), (Unavailable, "unavailable"), (MeshbotError, "refused")):
        if isinstance(error, kind):
            return word
    return "bug"


def committed(operation: Operation, entries: Sequence[dict[str, Any]], now: float) -> None:
    """Count what a write says that no write before it said. `now` is Unix time in seconds."""
    step = operation.story[-1].step if operation.story else None
    if entries and step in _JUDGED:
        judged(operation.gates, at="plan")
    if entries and step in _DECIDED and operation.approval is not None:
        APPROVAL_WAIT.labels(_DECIDED[step]).observe(max(0.0, now - operation.approval.asked_at))
    # Written once, by whoever told people the end; what is measured afterwards is written with a step of its own.
    if operation.reported and step is not Step.MEASURED:
        _ended(operation)


def judged(gates: Sequence[GateResult], *, at: str) -> None:
    """Count verdicts, `at` a plan or a look; an administrator's own gates are one."""
    for row in gates:
        lack = row.lack if row.lack in _LACKS else ""
        GATES.labels(row.name if row.name in _BUILT_IN else "custom", str(row.verdict), at, lack).inc()


def _ended(operation: Operation) -> None:
    verb = str(operation.command.verb)
    OPERATIONS.labels(verb, str(operation.state)).inc()
    if operation.rollout is not None:
        ROLLOUTS_ENDED.labels(str(operation.rollout.phase)).inc()
    elif operation.approval is None:
        # What happened after the end (a repeated word on its way) is no part of it.
        ends = [event.at for event in operation.story]
        OPERATION.labels(verb).observe(max(0.0, ends[-1] - operation.created_at) if ends else 0.0)
