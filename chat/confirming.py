"""The question asked before a button changes anything: what a command will do, in words. Pure."""

from __future__ import annotations

from collections.abc import Callable

from chat.blocks import Confirm
from chat.escape import clean, shorten
from chat.figures import percent
from chat.freezes import wide_in_words
from chat.locales import mark, tr
from mesh.domain.commands import Command, Target, Verb

NAMES: dict[Verb, str] = {
    Verb.PROMOTE: mark("Promote"),
    Verb.SET: mark("Set"),
    Verb.ROLLBACK: mark("Roll back"),
    Verb.UNDO: mark("Undo"),
    Verb.ADOPT: mark("Adopt"),
    Verb.REAPPLY: mark("Re-apply"),
    Verb.CANARY: mark("Canary"),
    Verb.PAUSE: mark("Pause"),
    Verb.RESUME: mark("Resume"),
    Verb.SKIP: mark("Skip"),
    Verb.CONFIRM: mark("Confirm"),
    Verb.ABORT: mark("Abort"),
    Verb.STATUS: mark("Status"),
    Verb.GATES: mark("Gates"),
    Verb.HISTORY: mark("History"),
    Verb.INCIDENTS: mark("Incidents"),
    Verb.HELP: mark("Help"),
    Verb.WHOAMI: mark("Who am I"),
    Verb.CAN: mark("May I"),
    Verb.FREEZE: mark("Freeze"),
    Verb.UNFREEZE: mark("Unfreeze"),
    Verb.FREEZES: mark("Freezes"),
    Verb.DIGEST: mark("Digest"),
    Verb.APPROVE: mark("Approve"),
    Verb.DENY: mark("Deny"),
    Verb.APPROVALS: mark("Approvals"),
    Verb.FLAGGER: mark("Flagger"),
}
"""What a button for a verb is called."""


def confirm_command(command: Command, target: Target | None = None, *, known: str = "") -> Confirm | None:
    """Return the question before `command`; None for one that changes nothing.

    `target` is where, and `known` are the weights it is about, as far as the card knows them.
    """
    if not command.changes_traffic:
        return None
    name = tr(NAMES[command.verb])
    weights = shorten(clean(known), 110) or tr(_UNKNOWN.get(command.verb, ""))
    pieces = [_follows(command, weights, _where(command, target)), _forced(command), tr("The card names you.")]
    what = command.service or _frozen(command)
    if command.steers:
        what = tr("the canary of {service}", service=command.service)
    return Confirm(tr("{verb} {what}?", verb=name, what=what), " ".join(filter(None, pieces)), name)


def _follows(command: Command, weights: str, where: str) -> str:
    """Say what will happen, where, and on which condition."""
    what = _CONSEQUENCES[command.verb](command, weights)
    if not where:
        return tr("{what}.", what=what.removesuffix(","))
    return tr("{what} {where}.", what=what, where=where)


def _where(command: Command, target: Target | None) -> str:
    """Return the place, as far as it is typed or known; a freeze that has none of its own says what it is about."""
    if command.freezes and not command.service:
        return ""
    cluster = command.cluster or (target.cluster if target else "")
    namespace = command.namespace or (target.namespace if target else "")
    place = " / ".join(filter(None, (cluster, namespace)))
    named = (
        place and tr("in {place}", place=place),
        command.route and tr("route {route}", route=shorten(command.route, 80)),
    )
    return ", ".join(filter(None, named))


def _forced(command: Command) -> str:
    if not command.force:
        return ""
    reason = shorten(clean(command.reason), 60).rstrip(".")
    return tr("FORCED, even if a gate does not pass. Reason: {reason}.", reason=reason)


def _judged(command: Command, what: str) -> str:
    return what if command.force else tr("{what}, if the gates pass,", what=what)


def _arm(command: Command) -> str:
    return shorten(command.version, 60) or tr("the canary")


def _promote(command: Command, _known: str) -> str:
    share = percent(command.share or 0.0)
    gives = tr("This gives {arm} {share} of {service}", arm=_arm(command), share=share, service=command.service)
    return _judged(command, gives)


def _set(command: Command, _known: str) -> str:
    weights = shorten(" ".join(f"{arm}={weight}" for arm, weight in command.weights), 90)
    return _judged(command, tr("This writes {weights} for {service}", weights=weights, service=command.service))


def _rollback(command: Command, known: str) -> str:
    said = mark("This sends all traffic of {service} to {stable}, at once and without gates,")
    if command.route:
        said = mark("This sends all traffic of one route of {service} to {stable}, at once and without gates,")
    return tr(said, service=command.service, stable=shorten(command.version, 60) or known)


def _undo(command: Command, _known: str) -> str:
    what = command.operation or tr("the last change of {service}", service=command.service)
    return _judged(command, tr("This restores the weights from before {change}", change=what))


def _adopt(command: Command, known: str) -> str:
    return tr(
        "This takes {weights} of {service} for meshbot's own; only annotations are written, no traffic moves,",
        weights=known,
        service=command.service,
    )


def _reapply(command: Command, known: str) -> str:
    said = mark("This writes {weights} for {service} again, over somebody else's weights")
    return _judged(command, tr(said, weights=known, service=command.service))


def _canary(command: Command, _known: str) -> str:
    steps = ", ".join(percent(step.share).removesuffix(" %") for step in command.steps[:20])
    by = tr("by {steps}", steps=steps + " %") if steps else tr("by the steps of its strategy")
    return tr(
        "This gives {arm} more and more of {service}, {steps}, watched all the time,",
        arm=_arm(command),
        service=command.service,
        steps=by,
    )


def _frozen(command: Command) -> str:
    """Return what a freeze is about: a service, an id, or how wide it is."""
    return shorten(command.service or command.operation or wide_in_words(command.namespace, command.cluster), 80)


def _steer(said: str) -> Callable[[Command, str], str]:
    return lambda command, _known: tr(said, service=shorten(command.service, 60))


_UNKNOWN = {
    Verb.ROLLBACK: mark("stable"),
    Verb.ADOPT: mark("the weights as they are"),
    Verb.REAPPLY: mark("meshbot's last weights"),
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
    Verb.PAUSE: _steer(mark("No step of the canary of {service} follows until somebody resumes it,")),
    Verb.RESUME: _steer(mark("The canary of {service} goes on,")),
    Verb.SKIP: _steer(mark("The canary of {service} takes its next step without waiting,")),
    Verb.CONFIRM: _steer(mark("The canary of {service} takes the step that it asks about,")),
    Verb.ABORT: _steer(mark("All traffic of {service} goes back to stable, at once,")),
    Verb.FREEZE: lambda command, _known: tr("Nothing of {scope} is given more traffic then,", scope=_frozen(command)),
    Verb.UNFREEZE: lambda command, _known: tr(
        "This lifts the freeze of {scope}, for everybody,", scope=_frozen(command)
    ),
}
