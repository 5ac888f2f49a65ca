"""What is different where weights are written by commits: who may write, what is recorded, and waiting for the sync.

A commit is the patch of a service that Git keeps. It is certain once it is on the branch; traffic moves only when
Argo CD or Flux has applied it, so the operation ends when the cluster shows the weights, or says that it does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mesh.domain.errors import MeshbotError, Refused, Unavailable
from mesh.domain.gates import span
from mesh.domain.operations import Operation, Step
from mesh.domain.plans import Plan
from mesh.domain.repositories import Commit
from mesh.domain.routes import Kept, Route, in_words
from mesh.operations.choosing import again_with

FIRST_S = 2.0
"""How soon after a commit the cluster is looked at; later looks come at longer intervals, up to the next number."""
LONGEST_S = 15.0


def check_writable(route: Route, operation: Operation) -> None:
    """Raise Unavailable or Refused where Git cannot be written to, or does not have what the cluster has.

    Going back is right whatever the cluster has by now: what is committed and not yet synced must go back as well.
    """
    kept = route.kept
    if kept is None:
        return
    if kept.trouble:
        raise (Unavailable if kept.passing else Refused)(kept.trouble, hint=kept.hint)
    if not (route.synced or operation.command.goes_back):
        raise Refused(
            f"The cluster does not have what Git has: {lag(route)}.",
            hint="Nothing was changed. Wait until Argo CD or Flux has synced, see why it does not, or roll back.",
        )


def check_counts(route: Route) -> None:
    """Raise MeshbotError where Git already has what is asked for and the cluster does not: nothing is done then."""
    if not route.synced:
        # Not Unavailable: to try it again would show nobody that the sync is what hangs.
        raise MeshbotError(
            f"Git already has these weights, and the cluster does not: {lag(route)}.",
            hint="Sync the application in Argo CD or Flux.",
        )


def refuse_overtaken(route: Route, operation: Operation) -> None:
    """Raise Refused for what waited for Git where somebody committed other weights since: they wanted those then.

    Told by the commit's own time. What was made before and pushed since cannot be told apart, and is taken back.
    """
    pushed = route.kept.pushed if route.kept else ()
    newer = next((one for one in pushed if one.at > operation.created_at), None)
    if newer is not None:
        raise Refused(
            f"Commit {newer.commit[:8]} moved these weights in Git after this was asked for, to {route.shares}.",
            hint="Nothing was changed. Repeat it if it is still wanted.",
            choices=(again_with(operation.command),),
        )


def refuse_rollout(route: Route) -> None:
    """Raise Refused for a canary of what Git keeps: its steps, and above all its way back, would wait for syncs."""
    if route.kept:
        raise Refused(
            f"{route.label} is kept in Git, and a canary must be turned back within seconds: a commit is applied "
            "when Argo CD or Flux syncs, and nobody would watch the canary until then.",
            hint="Promote step by step: each one is judged, and each is a commit.",
        )


def noted(plan: Plan, route: Route) -> Plan:
    """Say in a plan that it becomes a commit, or a merge request."""
    kept = route.kept
    if kept is None or not plan.moves:
        return plan
    said = f"written by a commit to {kept.where}; traffic moves when that is synced"
    if kept.in_git and kept.in_git.proposes(raises=plan.raises):
        said = f"proposed by a merge request for {kept.where}; traffic moves when that is merged and synced"
    return replace(plan, notes=(*plan.notes, f"Kept in Git: {said}"))


def in_status(route: Route) -> str:
    """Say in a status where it is kept, and whether the cluster follows; an empty string where Git has no part."""
    kept = route.kept
    if kept is None:
        return ""
    if kept.trouble:
        return f"Kept in Git, and not to be written now: {kept.trouble}"
    return f"Kept in Git: {kept.where}" + ("" if route.synced else f". Not synced: {lag(route)}")


def unsigned(former: Operation, route: Route) -> str:
    """Say that Git has what a change proposed, by the weights alone; an empty string where it has not, or says whose.

    A squash merge keeps the two numbers and can lose the trailer. Somebody else may have written the same two.
    """
    made, ours = former.plan, route.written is not None and route.stands(route.written)
    if route.kept is None or made is None or ours or not (former.went(Step.PROPOSED) and made.moves):
        return ""
    if (made.uid, made.rule) != (route.uid, route.rule) or not route.stands(made.weights):
        return ""
    return f"Git has what {former.id} proposed, and no commit says that it is that: it may be somebody else's change"


def with_proposal(route: Route, said: str, changes: Sequence[Operation]) -> str:
    """Return what a status says of where a route is kept, `said`, with the one of the `changes` that it may hold."""
    found = next(filter(None, (unsigned(one, route) for one in changes)), "")
    return f"Kept in Git: {route.kept.where}. {found}" if route.kept and found and route.synced else said


def lag(route: Route) -> str:
    """Return both splits of a route that is not synced."""
    live = route.as_live
    return f"{route.shares} in Git, {in_words((arm.name, live.share(arm)) for arm in live.arms)} in the cluster"


def recorded(route: Route | None) -> dict[str, Any]:
    """Return what an operation keeps of the commit that wrote its weights."""
    return {"commit": route.kept.commit} if route and route.kept and route.kept.commit else {}


def committed(text: str, route: Route | None) -> str:
    """Add the commit to what is told of a change."""
    commit = recorded(route).get("commit")
    return f"{text}, commit {commit.short}" if commit else text


def awaited(kept: Kept, commit: Commit | None) -> str:
    """Say what is waited for."""
    return f"for the cluster to show commit {commit.short if commit else ''}, {span(kept.sync_s)} at most"


def not_synced(kept: Kept, commit: Commit | None) -> tuple[str, str]:
    """Return the end, and what to do, where the cluster does not show a commit in time."""
    what = f"Committed as {commit.short}" if commit else "Committed"
    text = f"{what}, but the cluster does not show it after {span(kept.sync_s)}"
    hint = (
        f"It is in {kept.where} and counts as soon as it is synced: sync the application (Argo CD asks Git every few "
        "minutes, Flux at its interval; a webhook of the Git server makes it at once), or undo it."
    )
    return text, hint


def taken_out(commit: Commit) -> tuple[str, str]:
    """Return the end, and what to do, where a commit that was on the branch is there no longer."""
    return (
        f"Commit {commit.short} is no longer on the branch: somebody rewrote its history",
        "Nothing more was done. Look at /mesh status, and repeat it if it is still wanted.",
    )


def proposed(commit: Commit) -> tuple[str, str]:
    """Return the end, and what to do, where a merge request was made."""
    return (
        f"Proposed as {commit.request} (commit {commit.short}); no weight was moved",
        "Traffic moves when it is merged and synced.",
    )


def pause(waited_s: float) -> float:
    """Return when to look again whether the cluster follows, so long after the commit, in seconds."""
    return min(max(FIRST_S, waited_s / 8), LONGEST_S)
