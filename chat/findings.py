"""What was found out about weights besides the weights: the split that is seen, drift, and who owns them. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from chat.escape import DAY_AND_TIME, Markup, bold, code, date, esc, join, shorten, tell, user
from chat.figures import counted, percent, short_name, span
from chat.locales import heard, mark, tr
from mesh.domain.gates import Verdict
from mesh.domain.operations import Operation, RouteStatus
from mesh.domain.routes import Acceptance, Drift, Owner
from mesh.domain.splits import SplitSeen

MOST_ADVICE = 5
_MOST_ARMS = 8

MOST_PARENTS = 6
_LOOK = {
    "VirtualService": (
        mark("the callers have a sidecar, or come through a gateway that it names"),
        mark("no other VirtualService and no earlier rule takes their requests"),
        mark("the subsets of the DestinationRule select the pods that they should"),
    ),
    "TrafficSplit": (
        mark("the callers are meshed and call the apex service"),
        mark("no HTTPRoute or ServiceProfile of that service overrules the split"),
    ),
}
_LOOK_ANYWHERE = (
    mark("the callers are in the mesh, or come through a gateway that it names"),
    mark("no earlier rule and no other route takes their requests"),
    mark("every parent accepts it"),
)
"""Where traffic goes that does not follow the weights."""


def split_line(split: SplitSeen) -> Markup:
    """Say in one line which split the metrics showed, or why there is none."""
    if split.verdict is Verdict.UNKNOWN:
        why = shorten(heard(split.why), 300) or tr("no reason given")
        return esc(tr("Split not known: {why}.", why=why))
    shown = " / ".join(f"{short_name(name)} {percent(share)}" for name, share in split.shares[:_MOST_ARMS])
    more = ", …" if len(split.shares) > _MOST_ARMS else ""
    told = {"requests": counted(split.requests, "requests"), "window": span(split.window_s)}
    return esc(tr("Split seen: {shares} in {requests} over {window}", shares=shown + more, **told))


def astray_lines(operation: Operation) -> Markup:
    """Say that the traffic does not follow the weights, by how much, and where to look; empty where it does."""
    split, plan = operation.split, operation.plan
    if split is None or plan is None or split.verdict is not Verdict.FAIL:
        return Markup("")
    loud = join(" ", [esc(":warning:"), bold(esc(tr("The traffic does not follow the weights.")))])
    seen = split_line(split) + esc(f"; {shorten(heard(split.why), 300)}.")
    look = [esc(f"• {tr(what)}") for what in _LOOK.get(plan.kind, _LOOK_ANYWHERE)]
    return join("\n", [loud, seen, esc(tr("For {route}, check that", route=shorten(plan.label, 200))), *look])


def drift_line(drift: Drift) -> Markup:
    """Say who changed the weights after us, when, and what we had left."""
    who = code(shorten(drift.by, 80)) or esc(tr("somebody else"))
    left = code(shorten(drift.written, 200)) or esc(tr("other weights"))
    when = _moment(drift.at)
    changed = tell(_CHANGED if when else _CHANGED_ONCE, who=who, when=when, weights=left)
    return join(" ", [esc(":warning:"), bold(esc(tr("Drift:"))), changed])


_CHANGED = mark("{who} changed these weights {when}, after meshbot had left {weights}.")
_CHANGED_ONCE = mark("{who} changed these weights, after meshbot had left {weights}.")


def _moment(written: str) -> Markup:
    """Show the API server's time (RFC 3339) in the reader's zone; what is no such time, as it stands."""
    try:
        at = datetime.fromisoformat(written)
        unix = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return esc(shorten(written, 40))
    return date(unix, shown=DAY_AND_TIME) if unix > 0 else esc(shorten(written, 40))


def owner_lines(owner: Owner) -> list[Markup]:
    """Say which controller owns the weights, how that stands, and its own commands."""
    name = f" ({shorten(owner.name, 120)})" if owner.name else ""
    owns = tell("{controller} owns these weights.", controller=bold(esc(f"{owner.controller}{name}")))
    said = shorten(heard(owner.state), 240).removesuffix(".")
    state = esc(tr("It says: {state}.", state=said)) if said else Markup("")
    first = join(" ", [esc(":lock:"), owns, state])
    asked = [esc(tr("Change them its way:"))] if owner.advice else []
    return [first, *asked, *(join(" ", [esc("•"), code(shorten(line, 300))]) for line in owner.advice[:MOST_ADVICE])]


def route_findings(route: RouteStatus) -> Markup:
    """Say what stands beside the weights of one route: rollout, Git, parents, owner, drift, doubts; empty for none."""
    running = esc(f":hourglass_flowing_sand: {shorten(heard(route.rollout), 400)}.") if route.rollout else Markup("")
    owned = owner_lines(route.owner) if route.owner else []
    drift = drift_line(route.drift) if route.drift else Markup("")
    kept = esc(f":card_file_box: {shorten(heard(route.kept), 400)}.") if route.kept else Markup("")
    return join("\n", [running, kept, *parent_lines(route), *owned, drift, unclear_line(route)])


def unclear_line(route: RouteStatus) -> Markup:
    """Say why nobody knows which arm is stable; empty where that is known."""
    if not route.unclear:
        return Markup("")
    said = tell("It is not known which arm is stable: {why}.", why=esc(shorten(heard(route.unclear), 300)))
    return join(" ", [esc(":grey_question:"), said])


def parent_lines(route: RouteStatus) -> list[Markup]:
    """Say which parents accept a Gateway API route as it is now, and which are silent; a refusal is a warning."""

    def named(word: Acceptance) -> str:
        said = [parent.name for parent in route.parents if parent.said(route.generation) is word]
        names = ", ".join(shorten(name, 120) for name in said[:MOST_PARENTS])
        hidden = len(said) - MOST_PARENTS
        return tr("{names} and {count} more", names=names, count=hidden) if hidden > 0 else names

    accepting, silent = named(Acceptance.ACCEPTED), named(Acceptance.PENDING)
    lines = [esc(tr("Accepted by {parents}.", parents=accepting))] if accepting else []
    waiting = esc(":hourglass_flowing_sand: ") + esc(
        tr("Not accepted yet, as it is now, by {parents}.", parents=silent)
    )
    return [*lines, waiting] if silent else lines


def astray_story(operation: Operation) -> Markup:
    """Tell the card's thread that the traffic does not follow, and call the person; empty where it does."""
    lines = astray_lines(operation)
    return join(" ", [user(operation.actor.user), lines]) if lines else lines
