"""What a card says where weights are written by commits: the traffic moves when they are synced, not before. Pure."""

from __future__ import annotations

from chat.escape import Markup, code, esc, join, link
from chat.phases import Sign
from chat.tables import Moved
from mesh.domain.operations import Operation, State, Step

COMMIT_STEPS = {
    Step.PATCHING: "committing",
    Step.PATCHED: "committed",
    Step.AWAITING: "waiting for the sync",
    Step.UNACCEPTED: "not synced",
    Step.VERIFIED: "synced",
}
"""Steps that have another name where a commit was made."""


def was_proposed(operation: Operation) -> bool:
    """Tell whether a merge request asks for the change."""
    return operation.went(Step.PROPOSED)


def commit_sign(operation: Operation) -> Sign | None:
    """Return the sign of a change that a commit made, as long as the cluster does not show it; else None."""
    if operation.commit is None:
        return None
    if was_proposed(operation):
        return Sign(":memo:", "Proposed, not merged yet")
    if operation.state is State.RUNNING and operation.patch_step is Step.AWAITING:
        return Sign(":hourglass_flowing_sand:", "Committed, waiting for the sync")
    unsynced = operation.state is State.FAILED and operation.patch_step is Step.UNACCEPTED
    return Sign(":warning:", "Committed, not synced") if unsynced else None


def commit_moved(operation: Operation) -> Moved | None:
    """Return how much of such a plan is true; None where a commit is no reason to say something else."""
    return Moved.NOT_YET if commit_sign(operation) else None


def commit_line(operation: Operation) -> Markup:
    """Name the commit, with its page, and its merge request; empty where there is none."""
    commit = operation.commit
    if commit is None:
        return Markup("")
    said = link(commit.url, commit.short) if commit.url else code(commit.short)
    line = join(" ", [esc("Commit"), said, esc("in"), code(commit.repository)])
    return join(" · ", [line, link(commit.request, "merge request")]) if commit.request else line
