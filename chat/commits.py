"""What a card says where weights are written by commits: the traffic moves when they are synced, not before. Pure."""

from __future__ import annotations

from chat.escape import Markup, code, date, join, link, tell
from chat.locales import mark, tr
from chat.phases import Sign
from chat.tables import Moved
from mesh.domain.operations import UNTAKEN, Operation, State, Step

COMMIT_STEPS = {
    Step.PATCHING: mark("committing"),
    Step.PATCHED: mark("committed"),
    Step.AWAITING: mark("waiting for the sync"),
    Step.UNACCEPTED: mark("not synced"),
    Step.VERIFIED: mark("synced"),
}
"""Steps that have another name where a commit was made."""


def was_proposed(operation: Operation) -> bool:
    """Tell whether a merge request asks for the change."""
    return operation.went(Step.PROPOSED)


def commit_sign(operation: Operation) -> Sign | None:
    """Return the sign of a change that waits for Git, or for the cluster to show its commit; else None."""
    if _waits_for_git(operation):
        return Sign(":warning:", mark("No answer yet, tried again"))
    if operation.commit is None:
        return None
    if was_proposed(operation):
        return Sign(":memo:", mark("Proposed, not merged yet"))
    if operation.state is State.RUNNING and operation.patch_step is Step.AWAITING:
        return Sign(":hourglass_flowing_sand:", mark("Committed, waiting for the sync"))
    unsynced = operation.state is State.FAILED and operation.patch_step is Step.UNACCEPTED
    return Sign(":warning:", mark("Committed, not synced")) if unsynced else None


def tried_again(operation: Operation) -> Markup:
    """Say until when what goes back is tried again, and what is faster; nothing where Git answers."""
    if not _waits_for_git(operation):
        return Markup("")
    said = mark(
        "It is tried again until {until}. Traffic that must go back at once goes back with kubectl, once the sync is "
        "paused."
    )
    return tell(said, until=date(operation.deadline))


def _waits_for_git(operation: Operation) -> bool:
    unanswered = bool(operation.story) and operation.story[-1].step is Step.UNANSWERED
    return not operation.done and (unanswered or operation.outcome == UNTAKEN)


def commit_moved(operation: Operation) -> Moved | None:
    """Return how much of such a plan is true; None where a commit is no reason to say something else."""
    return Moved.NOT_YET if commit_sign(operation) else None


def commit_line(operation: Operation) -> Markup:
    """Name the commit, with its page, and its merge request; empty where there is none."""
    commit = operation.commit
    if commit is None:
        return Markup("")
    said = link(commit.url, commit.short) if commit.url else code(commit.short)
    line = tell("Commit {commit} in {repository}", commit=said, repository=code(commit.repository))
    return join(" · ", [line, link(commit.request, tr("merge request"))]) if commit.request else line
