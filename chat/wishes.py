"""What was asked for, in three moods: while it runs, when it is done, and when it did not happen. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chat.escape import clean
from chat.figures import percent
from chat.freezes import target_in_words
from chat.locales import mark, tr
from mesh.domain.commands import Verb
from mesh.domain.operations import Operation


@dataclass(frozen=True)
class Phrase:
    """One wish in three moods. Plain text."""

    doing: str
    """`Promoting api to v2 50 %`."""
    did: str
    """`Promoted api: v2 at 50 %`."""
    wish: str
    """`promote api to v2 50 %`."""


def phrase(operation: Operation) -> Phrase:
    """Say what was asked for."""
    return _PHRASES[operation.command.verb](operation)


def _service(operation: Operation) -> str:
    """Return the service's name; a command may leave it out (`status`, `undo op-…`)."""
    return clean(operation.target.service or operation.command.service)


def _phrase(doing: str, did: str, wish: str, **values: str) -> Phrase:
    """Say three marked sentences about the same values."""
    return Phrase(tr(doing, **values), tr(did, **values), tr(wish, **values))


def _promote(operation: Operation) -> Phrase:
    service, command, plan = _service(operation), operation.command, operation.plan
    version = clean(command.version or (plan.canary if plan else "")) or tr("canary")
    share = percent(command.share) if command.share is not None else ""
    reached = next((percent(arm.share_after) for arm in plan.arms if arm.name == version), "") if plan else ""
    told = {"service": service, "goal": tr("{version} {share}", version=version, share=share) if share else version}
    return Phrase(
        tr("Promoting {service} to {goal}", **told),
        tr("Promoted {service}: {version} at {share}", service=service, version=version, share=reached or share),
        tr("promote {service} to {goal}", **told),
    )


def _set(operation: Operation) -> Phrase:
    service = _service(operation)
    weights = ", ".join(f"{clean(arm)} {weight}" for arm, weight in operation.command.weights)
    return _phrase(
        mark("Setting {service} to {weights}"),
        mark("Set {service} to {weights}"),
        mark("set {service} to {weights}"),
        service=service,
        weights=weights,
    )


def _rollback(operation: Operation) -> Phrase:
    service = _service(operation)
    stable = clean(operation.command.version or (operation.plan.stable if operation.plan else "")) or tr("stable")
    return _phrase(
        mark("Rolling back {service} to {stable}"),
        mark("Rolled back {service} to {stable}"),
        mark("roll back {service} to {stable}"),
        service=service,
        stable=stable,
    )


def _undo(operation: Operation) -> Phrase:
    service, undone = _service(operation), clean(operation.command.operation)
    what = undone or tr("the last change")
    if service:
        what = tr("{change} of {service}", change=what, service=service)
    return _phrase(mark("Undoing {what}"), mark("Undid {what}"), mark("undo {what}"), what=what)


def _adopt(operation: Operation) -> Phrase:
    return _phrase(
        mark("Adopting the weights of {service}"),
        mark("Adopted the weights of {service}"),
        mark("adopt the weights of {service}"),
        service=_service(operation),
    )


def _reapply(operation: Operation) -> Phrase:
    return _phrase(
        mark("Re-applying our last weights of {service}"),
        mark("Re-applied our last weights of {service}"),
        mark("re-apply our last weights of {service}"),
        service=_service(operation),
    )


def _canary(operation: Operation) -> Phrase:
    service, command = _service(operation), operation.command
    version = clean(command.version or (operation.plan.canary if operation.plan else ""))
    what = tr("{service} to {version}", service=service, version=version) if version else service
    steps = _steps(operation)
    return Phrase(
        tr("Starting a canary of {what}", what=what),
        tr("Canary of {what}", what=what),
        tr("canary {what} by {steps}", what=what, steps=steps) if steps else tr("canary {what}", what=what),
    )


def _steps(operation: Operation) -> str:
    """Return `5, 25, 50, 100 %`: of the rollout, or as far as it was typed."""
    rollout, typed = operation.rollout, operation.command.steps
    steps = [step.share for step in (rollout.strategy.steps if rollout else typed)]
    return f"{', '.join(percent(share).removesuffix(' %') for share in steps)} %" if steps else ""


def _on_a_canary(doing: str, did: str, wish: str) -> Callable[[Operation], Phrase]:
    return lambda operation: _phrase(doing, did, wish, service=_service(operation))


def _on_a_freeze(doing: str, did: str, wish: str) -> Callable[[Operation], Phrase]:
    return lambda operation: _phrase(doing, did, wish, scope=clean(target_in_words(operation.target)))


def _on_an_approval(doing: str, did: str, wish: str) -> Callable[[Operation], Phrase]:
    return lambda operation: _phrase(doing, did, wish, operation=clean(operation.command.operation))


def _flagger(operation: Operation) -> Phrase:
    return _phrase(
        mark("Flagger asks about {hook} of {service}"),
        mark("Flagger may go on: {hook} of {service}"),
        mark("{hook} of {service} by Flagger"),
        hook=clean(operation.command.hook),
        service=_service(operation),
    )


def _reading(noun: str) -> Callable[[Operation], Phrase]:
    def say(operation: Operation) -> Phrase:
        name, said = _service(operation) or tr("every service"), tr(noun)
        titled = tr("{what} of {service}", what=said.capitalize(), service=name)
        return Phrase(titled, titled, tr("{what} of {service}", what=said, service=name))

    return say


_PHRASES: dict[Verb, Callable[[Operation], Phrase]] = {
    Verb.PROMOTE: _promote,
    Verb.SET: _set,
    Verb.ROLLBACK: _rollback,
    Verb.UNDO: _undo,
    Verb.ADOPT: _adopt,
    Verb.REAPPLY: _reapply,
    Verb.CANARY: _canary,
    Verb.PAUSE: _on_a_canary(
        mark("Pausing the canary of {service}"),
        mark("Paused the canary of {service}"),
        mark("pause the canary of {service}"),
    ),
    Verb.RESUME: _on_a_canary(
        mark("Resuming the canary of {service}"),
        mark("Resumed the canary of {service}"),
        mark("resume the canary of {service}"),
    ),
    Verb.SKIP: _on_a_canary(
        mark("Skipping a step of the canary of {service}"),
        mark("Skipped a step of the canary of {service}"),
        mark("skip the canary of {service}"),
    ),
    Verb.CONFIRM: _on_a_canary(
        mark("Confirming the next step of the canary of {service}"),
        mark("Confirmed the next step of the canary of {service}"),
        mark("confirm the canary of {service}"),
    ),
    Verb.ABORT: _on_a_canary(
        mark("Aborting the canary of {service}"),
        mark("Aborted the canary of {service}"),
        mark("abort the canary of {service}"),
    ),
    Verb.STATUS: _reading(mark("status")),
    Verb.GATES: _reading(mark("gates")),
    Verb.PLAN: _reading(mark("plan")),
    Verb.HISTORY: _reading(mark("history")),
    Verb.INCIDENTS: _reading(mark("incidents")),
    Verb.HELP: _reading(mark("help")),
    Verb.WHOAMI: _reading(mark("rights")),
    Verb.DIGEST: lambda _operation: _phrase(mark("Digest"), mark("Digest"), mark("digest")),
    Verb.CAN: _reading(mark("rights")),
    Verb.FREEZES: _reading(mark("freezes")),
    Verb.FREEZE: _on_a_freeze(mark("Freezing {scope}"), mark("Froze {scope}"), mark("freeze {scope}")),
    Verb.UNFREEZE: _on_a_freeze(
        mark("Lifting the freeze of {scope}"), mark("Lifted the freeze of {scope}"), mark("unfreeze {scope}")
    ),
    Verb.APPROVE: _on_an_approval(
        mark("Approving {operation}"), mark("Approved {operation}"), mark("approve {operation}")
    ),
    Verb.DENY: _on_an_approval(mark("Denying {operation}"), mark("Denied {operation}"), mark("deny {operation}")),
    Verb.APPROVALS: _reading(mark("approvals")),
    Verb.FLAGGER: _flagger,
}
