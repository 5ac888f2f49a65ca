"""The question asked before a button changes anything: what a command will do, in words. Pure."""

from __future__ import annotations

from collections.abc import Callable

from chat.blocks import Confirm
from chat.escape import clean, shorten
from chat.figures import percent
from mesh.domain.commands import Command, Target, Verb

NAMES: dict[Verb, str] = {
    Verb.PROMOTE: "Promote",
    Verb.SET: "Set",
    Verb.ROLLBACK: "Roll back",
    Verb.UNDO: "Undo",
    Verb.ADOPT: "Adopt",
    Verb.REAPPLY: "Re-apply",
    Verb.CANARY: "Canary",
    Verb.PAUSE: "Pause",
    Verb.RESUME: "Resume",
    Verb.SKIP: "Skip",
    Verb.CONFIRM: "Confirm",
    Verb.ABORT: "Abort",
    Verb.STATUS: "Status",
    Verb.GATES: "Gates",
    Verb.HISTORY: "History",
    Verb.INCIDENTS: "Incidents",
    Verb.HELP: "Help",
    Verb.WHOAMI: "Who am I",
    Verb.CAN: "May I",
    Verb.FREEZE: "Freeze",
    Verb.UNFREEZE: "Unfreeze",
    Verb.FREEZES: "Freezes",
    Verb.DIGEST: "Digest",
    Verb.APPROVE: "Approve",
    Verb.DENY: "Deny",
    Verb.APPROVALS: "Approvals",
    Verb.FLAGGER: "Flagger",
}
"""What a button for a verb is called."""


def confirm_command(command: Command, target: Target | None = None, *, known: str = "") -> Confirm | None:
    """Return the question before `command`; None for one that changes nothing.

    `target` is where, and `known` are the weights it is about, as far as the card knows them.
    """
    if not command.changes_traffic:
        return None
    name = NAMES[command.verb]
    weights = shorten(clean(known), 110) or _UNKNOWN.get(command.verb, "")
    follows = " ".join(filter(None, (_CONSEQUENCES[command.verb](command, weights), _where(command, target))))
    pieces = [f"{follows.removesuffix(',')}.", _forced(command), "The card names you."]
    what = f"the canary of {command.service}" if command.steers else command.service or _frozen(command)
    return Confirm(f"{name} {what}?", " ".join(filter(None, pieces)), name)


def _where(command: Command, target: Target | None) -> str:
    """Return the place, as far as it is typed or known; a freeze that has none of its own says what it is about."""
    if command.freezes and not command.service:
        return ""
    cluster = command.cluster or (target.cluster if target else "")
    namespace = command.namespace or (target.namespace if target else "")
    place = " / ".join(filter(None, (cluster, namespace)))
    return ", ".join(filter(None, (place and f"in {place}", command.route and f"route {shorten(command.route, 80)}")))


def _forced(command: Command) -> str:
    if not command.force:
        return ""
    return f"FORCED, even if a gate does not pass. Reason: {shorten(clean(command.reason), 60).rstrip('.')}."


def _judged(command: Command) -> str:
    return "" if command.force else ", if the gates pass,"


def _promote(command: Command, _known: str) -> str:
    arm = shorten(command.version, 60) or "the canary"
    return f"This gives {arm} {percent(command.share or 0.0)} of {command.service}{_judged(command)}"


def _set(command: Command, _known: str) -> str:
    weights = shorten(" ".join(f"{arm}={weight}" for arm, weight in command.weights), 90)
    return f"This writes {weights} for {command.service}{_judged(command)}"


def _rollback(command: Command, known: str) -> str:
    what = "all traffic of one route" if command.route else "all traffic"
    return f"This sends {what} of {command.service} to {known}, at once and without gates,"


def _undo(command: Command, _known: str) -> str:
    what = command.operation or f"the last change of {command.service}"
    return f"This restores the weights from before {what}{_judged(command)}"


def _adopt(command: Command, known: str) -> str:
    return f"This takes {known} of {command.service} for meshbot's own; only annotations are written, no traffic moves,"


def _reapply(command: Command, known: str) -> str:
    return f"This writes {known} for {command.service} again, over somebody else's weights{_judged(command)}"


def _canary(command: Command, _known: str) -> str:
    arm = shorten(command.version, 60) or "the canary"
    steps = ", ".join(percent(step.share).removesuffix(" %") for step in command.steps[:20])
    by = f"by {steps} %" if steps else "by the steps of its strategy"
    return f"This gives {arm} more and more of {command.service}, {by}, watched all the time,"


def _frozen(command: Command) -> str:
    """Return what a freeze is about: a service, an id, or how wide it is."""
    narrowed = [("namespace", command.namespace), ("cluster", command.cluster)]
    wide = " of ".join(f"{what} {name}" for what, name in narrowed if name) or "everything"
    return shorten(command.service or command.operation or wide, 80)


def _steer(what: str) -> Callable[[Command, str], str]:
    return lambda command, _known: what.format(shorten(command.service, 60))


_UNKNOWN = {
    Verb.ROLLBACK: "stable",
    Verb.ADOPT: "the weights as they are",
    Verb.REAPPLY: "meshbot's last weights",
}
"""What a verb is about where nobody has looked at the route yet."""
_CONSEQUENCES: dict[Verb, Callable[[Command, str], str]] = {
    Verb.PROMOTE: _promote,
    Verb.SET: _set,
    Verb.ROLLBACK: _rollback,
    Verb.UNDO: _undo,
    Verb.ADOPT: _adopt,
    Verb.REAPPLY: _reapply,
    Verb.CANARY: _canary,
    Verb.PAUSE: _steer("No step of the canary of {} follows until somebody resumes it,"),
    Verb.RESUME: _steer("The canary of {} goes on,"),
    Verb.SKIP: _steer("The canary of {} takes its next step without waiting,"),
    Verb.CONFIRM: _steer("The canary of {} takes the step that it asks about,"),
    Verb.ABORT: _steer("All traffic of {} goes back to stable, at once,"),
    Verb.FREEZE: lambda command, _known: f"Nothing of {_frozen(command)} is given more traffic then,",
    Verb.UNFREEZE: lambda command, _known: f"This lifts the freeze of {_frozen(command)}, for everybody,",
}
