"""What an operation is called: while it runs, when it is done, and when it did not happen."""

from __future__ import annotations

from chat.commits import commit_sign, was_proposed
from chat.freezes import was_about_freezes
from chat.locales import mark, tr
from chat.phases import Sign, rollout_of, rollout_sign, rollout_title
from chat.wishes import phrase
from mesh.domain.burning import INCIDENT
from mesh.domain.commands import CHANGING, Verb
from mesh.domain.gates import GateResult, Verdict, overall
from mesh.domain.incidents import ALERTS
from mesh.domain.operations import Operation, State, Step


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
    if operation.state in _UNDONE:
        undone = mark("Denied") if was_denied(operation) else _UNDONE[operation.state]
        wish = as_dry_run(said.wish) if is_plan(operation) else said.wish
        return tr("{end}: {wish}", end=tr(undone), wish=wish)
    if is_plan(operation):
        return tr("Plan: {wish}", wish=said.wish)
    if operation.state is not State.SUCCEEDED:
        return said.doing
    idle = is_change(operation) and not was_written(operation) and not was_steered(operation)
    if idle and not was_about_freezes(operation):
        idle_end = mark("Proposed: {wish}") if was_proposed(operation) else mark("Nothing to change: {wish}")
        return tr(idle_end, wish=said.wish)
    return said.did


def as_dry_run(wish: str) -> str:
    """Return the wish with the word that nothing was meant to change."""
    return tr("{wish} (dry run)", wish=wish)


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
    rollout = rollout_of(operation)
    return rollout_sign(operation, rollout) if rollout else _sign(operation).spoken


def _sign(operation: Operation) -> Sign:
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
    State.WAITING: mark("Waiting for approval"),
    State.REFUSED: mark("Refused"),
    State.FAILED: mark("Failed"),
    State.EXPIRED: mark("Expired"),
    State.VOID: mark("Void"),
}
"""What stands before a wish that did not come about, or not yet."""
_OPEN = {
    State.QUEUED: Sign(":hourglass_flowing_sand:", mark("Queued")),
    State.WAITING: Sign(":raised_hand:", mark("Waiting for approval")),
    State.EXPIRED: Sign(":no_entry:", mark("Expired")),
    State.VOID: Sign(":no_entry:", mark("Void")),
}
_JUDGED = {
    Verdict.PASS: Sign(":white_check_mark:", mark("Gates pass")),
    Verdict.FAIL: Sign(":x:", mark("A gate fails")),
    Verdict.UNKNOWN: Sign(":warning:", mark("Unknown: not proven safe")),
}


def _running(operation: Operation) -> Sign:
    if operation.patch_step is Step.AWAITING:
        return Sign(":hourglass_flowing_sand:", mark("Waiting to be accepted"))
    if was_written(operation):
        return Sign(":hourglass_flowing_sand:", mark("Verifying"))
    return Sign(
        ":hourglass_flowing_sand:", mark("Patching") if operation.patch_step is Step.PATCHING else mark("Checking")
    )


def _failed(operation: Operation) -> Sign:
    if is_unsure(operation):
        return Sign(":warning:", mark("Unknown: written or not"))
    return Sign(":warning:", mark("Written, not accepted")) if is_unaccepted(operation) else Sign(":x:", mark("Failed"))


def _refused(operation: Operation) -> Sign:
    if was_denied(operation):
        return Sign(":no_entry:", mark("Denied"))
    held = operation.gates and overall(operation.gates) is Verdict.UNKNOWN and not was_forced(operation)
    return Sign(":warning:", mark("Unknown: not proven safe")) if held else Sign(":no_entry:", mark("Refused"))


def _succeeded(operation: Operation) -> Sign:
    if is_change(operation):
        return _changed(operation)
    if operation.went(Step.OPENED):
        return Sign(":white_check_mark:", mark("Approved"))
    if operation.command.verb is Verb.GATES:
        return _JUDGED[overall(_judged(operation))]
    if is_plan(operation):
        return _JUDGED[overall(operation.gates)] if operation.gates else Sign(":memo:", mark("Plan only"))
    return Sign(":mag:", mark("Read"))


_WORDS = {
    Step.STEERED: Sign(":white_check_mark:", mark("Done")),
    Step.FROZEN: Sign(":snowflake:", mark("Frozen")),
    Step.LIFTED: Sign(":white_check_mark:", mark("Lifted")),
}
"""Ends of what writes no weights."""


def _changed(operation: Operation) -> Sign:
    if told := next((sign for step, sign in _WORDS.items() if operation.went(step)), None):
        return told
    if went_astray(operation):
        return Sign(":warning:", mark("Written, traffic does not follow"))
    if operation.went(Step.VERIFIED):
        return Sign(":white_check_mark:", mark("Verified"))
    if was_written(operation):
        return Sign(":warning:", mark("Patched, not verified"))
    return Sign(":white_check_mark:", mark("Already so"))


def _judged(operation: Operation) -> tuple[GateResult, ...]:
    """Return the gates that decide: all but those of arms that `gates` only shows for comparison with the canary.

    What is judged of the service as a whole bears its name, which may be an arm's name too.
    """
    arms = [arm for route in operation.statuses for arm in route.arms]
    if not (canaries := {arm.name for arm in arms if arm.role == "canary"}):
        return operation.gates
    others = {arm.name for arm in arms} - canaries
    return tuple(gate for gate in operation.gates if gate.arm not in others or gate.name in _OF_THE_SERVICE)


_OF_THE_SERVICE = frozenset({ALERTS, INCIDENT})
