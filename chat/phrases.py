"""What an operation is called: while it runs, when it is done, and when it did not happen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chat.commits import commit_sign, was_proposed
from chat.escape import clean
from chat.figures import percent
from chat.freezes import target_in_words, was_about_freezes
from chat.phases import Sign, rollout_of, rollout_sign, rollout_title
from mesh.domain.commands import CHANGING, Verb
from mesh.domain.gates import GateResult, Verdict, overall
from mesh.domain.operations import Operation, State, Step


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


def is_plan(operation: Operation) -> bool:
    """Tell a dry run of a changing command."""
    return operation.command.dry_run and operation.command.verb in CHANGING


def is_change(operation: Operation) -> bool:
    """Tell an operation that may move traffic."""
    return operation.command.changes_traffic


def title(operation: Operation) -> str:
    """Return the headline: what is happening, or what became of it. Plain text."""
    if rollout := rollout_of(operation):
        return rollout_title(operation, rollout)
    said = phrase(operation)
    aside = " (dry run)" if is_plan(operation) else ""
    if operation.state in _UNDONE:
        undone = "Denied" if was_denied(operation) else _UNDONE[operation.state]
        return f"{undone}: {said.wish}{aside}"
    if is_plan(operation):
        return f"Plan: {said.wish}"
    if operation.state is not State.SUCCEEDED:
        return said.doing
    idle = is_change(operation) and not was_written(operation) and not was_steered(operation)
    if idle and not was_about_freezes(operation):
        return f"{'Proposed' if was_proposed(operation) else 'Nothing to change'}: {said.wish}"
    return said.did


def was_written(operation: Operation) -> bool:
    """Tell whether the weights were certainly written."""
    return operation.went(Step.PATCHED) or operation.went(Step.VERIFIED)


def was_steered(operation: Operation) -> bool:
    """Tell whether a person's word reached the rollout that it was said to."""
    return operation.went(Step.STEERED)


def is_unsure(operation: Operation) -> bool:
    """Tell whether a patch was sent and the operation failed before anybody knew what became of it."""
    return operation.state is State.FAILED and operation.patch_step is Step.PATCHING


def is_unaccepted(operation: Operation) -> bool:
    """Tell whether the weights were written and the mesh does not say that it took them."""
    return operation.state is State.FAILED and operation.patch_step is Step.UNACCEPTED


def went_astray(operation: Operation) -> bool:
    """Tell whether the metrics show another split than the one that was written."""
    return operation.split is not None and operation.split.verdict is Verdict.FAIL


def was_forced(operation: Operation) -> bool:
    """Tell whether a gate did not pass and the person went ahead."""
    return operation.went(Step.FORCED)


def was_denied(operation: Operation) -> bool:
    """Tell whether somebody who had to agree did not."""
    return operation.went(Step.VOTED_DOWN)


def sign(operation: Operation) -> Sign:
    """Return the sign of the state; colour and picture never stand without their word."""
    if rollout := rollout_of(operation):
        return rollout_sign(operation, rollout)
    if told := commit_sign(operation):
        return told
    if operation.state is State.REFUSED:
        return _refused(operation)
    if operation.state is State.FAILED:
        return _failed(operation)
    if operation.state is State.SUCCEEDED:
        return _succeeded(operation)
    return _OPEN.get(operation.state) or _running(operation)


_UNDONE = {
    State.WAITING: "Waiting for approval",
    State.REFUSED: "Refused",
    State.FAILED: "Failed",
    State.EXPIRED: "Expired",
    State.VOID: "Void",
}
"""What stands before a wish that did not come about, or not yet."""
_OPEN = {
    State.QUEUED: Sign(":hourglass_flowing_sand:", "Queued"),
    State.WAITING: Sign(":raised_hand:", "Waiting for approval"),
    State.EXPIRED: Sign(":no_entry:", "Expired"),
    State.VOID: Sign(":no_entry:", "Void"),
}
_JUDGED = {
    Verdict.PASS: Sign(":white_check_mark:", "Gates pass"),
    Verdict.FAIL: Sign(":x:", "A gate fails"),
    Verdict.UNKNOWN: Sign(":warning:", "Unknown: not proven safe"),
}


def _running(operation: Operation) -> Sign:
    if operation.patch_step is Step.AWAITING:
        return Sign(":hourglass_flowing_sand:", "Waiting to be accepted")
    if was_written(operation):
        return Sign(":hourglass_flowing_sand:", "Verifying")
    return Sign(":hourglass_flowing_sand:", "Patching" if operation.patch_step is Step.PATCHING else "Checking")


def _failed(operation: Operation) -> Sign:
    if is_unsure(operation):
        return Sign(":warning:", "Unknown: written or not")
    return Sign(":warning:", "Written, not accepted") if is_unaccepted(operation) else Sign(":x:", "Failed")


def _refused(operation: Operation) -> Sign:
    if was_denied(operation):
        return Sign(":no_entry:", "Denied")
    held = operation.gates and overall(operation.gates) is Verdict.UNKNOWN and not was_forced(operation)
    return Sign(":warning:", "Unknown: not proven safe") if held else Sign(":no_entry:", "Refused")


def _succeeded(operation: Operation) -> Sign:
    if is_change(operation):
        return _changed(operation)
    if operation.went(Step.OPENED):
        return Sign(":white_check_mark:", "Approved")
    if operation.command.verb is Verb.GATES:
        return _JUDGED[overall(_judged(operation))]
    if is_plan(operation):
        return _JUDGED[overall(operation.gates)] if operation.gates else Sign(":memo:", "Plan only")
    return Sign(":mag:", "Read")


_WORDS = {
    Step.STEERED: Sign(":white_check_mark:", "Done"),
    Step.FROZEN: Sign(":snowflake:", "Frozen"),
    Step.LIFTED: Sign(":white_check_mark:", "Lifted"),
}
"""Ends of what writes no weights."""


def _changed(operation: Operation) -> Sign:
    if told := next((sign for step, sign in _WORDS.items() if operation.went(step)), None):
        return told
    if went_astray(operation):
        return Sign(":warning:", "Written, traffic does not follow")
    if operation.went(Step.VERIFIED):
        return Sign(":white_check_mark:", "Verified")
    if was_written(operation):
        return Sign(":warning:", "Patched, not verified")
    return Sign(":white_check_mark:", "Already so")


def _judged(operation: Operation) -> tuple[GateResult, ...]:
    """Return the gates that decide: the canary's where there is one, `gates` shows the other arms for comparison."""
    canaries = {arm.name for route in operation.statuses for arm in route.arms if arm.role == "canary"}
    return tuple(gate for gate in operation.gates if not canaries or gate.arm in canaries)


def _service(operation: Operation) -> str:
    """Return the service's name; a command may leave it out (`status`, `undo op-…`)."""
    return clean(operation.target.service or operation.command.service)


def _promote(operation: Operation) -> Phrase:
    service, command, plan = _service(operation), operation.command, operation.plan
    version = clean(command.version or (plan.canary if plan else "") or "canary")
    share = f" {percent(command.share)}" if command.share is not None else ""
    reached = next((percent(arm.share_after) for arm in plan.arms if arm.name == version), "") if plan else ""
    return Phrase(
        f"Promoting {service} to {version}{share}",
        f"Promoted {service}: {version} at {reached or share.strip()}",
        f"promote {service} to {version}{share}",
    )


def _set(operation: Operation) -> Phrase:
    service = _service(operation)
    weights = ", ".join(f"{clean(arm)} {weight}" for arm, weight in operation.command.weights)
    return Phrase(f"Setting {service} to {weights}", f"Set {service} to {weights}", f"set {service} to {weights}")


def _rollback(operation: Operation) -> Phrase:
    service = _service(operation)
    stable = clean(operation.plan.stable if operation.plan else "") or "stable"
    return Phrase(
        f"Rolling back {service} to {stable}",
        f"Rolled back {service} to {stable}",
        f"roll back {service} to {stable}",
    )


def _undo(operation: Operation) -> Phrase:
    service, undone = _service(operation), clean(operation.command.operation)
    what = (undone or "the last change") + (f" of {service}" if service else "")
    return Phrase(f"Undoing {what}", f"Undid {what}", f"undo {what}")


def _adopt(operation: Operation) -> Phrase:
    what = f"the weights of {_service(operation)}"
    return Phrase(f"Adopting {what}", f"Adopted {what}", f"adopt {what}")


def _reapply(operation: Operation) -> Phrase:
    what = f"our last weights of {_service(operation)}"
    return Phrase(f"Re-applying {what}", f"Re-applied {what}", f"re-apply {what}")


def _canary(operation: Operation) -> Phrase:
    service, command = _service(operation), operation.command
    version = clean(command.version or (operation.plan.canary if operation.plan else ""))
    what = f"{service} to {version}" if version else service
    return Phrase(f"Starting a canary of {what}", f"Canary of {what}", f"canary {what}{_by_steps(operation)}")


def _by_steps(operation: Operation) -> str:
    """Return ` by 5, 25, 50, 100 %`: of the rollout, or as far as it was typed."""
    rollout, typed = operation.rollout, operation.command.steps
    steps = [step.share for step in (rollout.strategy.steps if rollout else typed)]
    return f" by {', '.join(percent(share).removesuffix(' %') for share in steps)} %" if steps else ""


def _steering(doing: str, did: str) -> Callable[[Operation], Phrase]:
    def say(operation: Operation) -> Phrase:
        what = f"the canary of {_service(operation)}"
        return Phrase(f"{doing} {what}", f"{did} {what}", f"{operation.command.verb} {what}")

    return say


def _freezing(doing: str, did: str) -> Callable[[Operation], Phrase]:
    def say(operation: Operation) -> Phrase:
        what = clean(target_in_words(operation.target))
        return Phrase(f"{doing} {what}", f"{did} {what}", f"{operation.command.verb} {what}")

    return say


def _voting(doing: str, did: str) -> Callable[[Operation], Phrase]:
    def say(operation: Operation) -> Phrase:
        name = clean(operation.command.operation)
        return Phrase(f"{doing} {name}", f"{did} {name}", f"{operation.command.verb} {name}")

    return say


def _flagger(operation: Operation) -> Phrase:
    what = f"{clean(operation.command.hook)} of {_service(operation)}"
    return Phrase(f"Flagger asks about {what}", f"Flagger may go on: {what}", f"{what} by Flagger")


def _reading(noun: str) -> Callable[[Operation], Phrase]:
    def say(operation: Operation) -> Phrase:
        name = _service(operation) or "every service"
        return Phrase(f"{noun.capitalize()} of {name}", f"{noun.capitalize()} of {name}", f"{noun} of {name}")

    return say


_PHRASES: dict[Verb, Callable[[Operation], Phrase]] = {
    Verb.PROMOTE: _promote,
    Verb.SET: _set,
    Verb.ROLLBACK: _rollback,
    Verb.UNDO: _undo,
    Verb.ADOPT: _adopt,
    Verb.REAPPLY: _reapply,
    Verb.CANARY: _canary,
    Verb.PAUSE: _steering("Pausing", "Paused"),
    Verb.RESUME: _steering("Resuming", "Resumed"),
    Verb.SKIP: _steering("Skipping a step of", "Skipped a step of"),
    Verb.CONFIRM: _steering("Confirming the next step of", "Confirmed the next step of"),
    Verb.ABORT: _steering("Aborting", "Aborted"),
    Verb.STATUS: _reading("status"),
    Verb.GATES: _reading("gates"),
    Verb.PLAN: _reading("plan"),
    Verb.HISTORY: _reading("history"),
    Verb.INCIDENTS: _reading("incidents"),
    Verb.HELP: _reading("help"),
    Verb.WHOAMI: _reading("rights"),
    Verb.DIGEST: lambda _operation: Phrase("Digest", "Digest", "digest"),
    Verb.CAN: _reading("rights"),
    Verb.FREEZES: _reading("freezes"),
    Verb.FREEZE: _freezing("Freezing", "Froze"),
    Verb.UNFREEZE: _freezing("Lifting the freeze of", "Lifted the freeze of"),
    Verb.APPROVE: _voting("Approving", "Approved"),
    Verb.DENY: _voting("Denying", "Denied"),
    Verb.APPROVALS: _reading("approvals"),
    Verb.FLAGGER: _flagger,
}
