"""The parts of a card that only a rollout has: its steps, what it waits for, why, its chart, and its people. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from chat.blocks import Block, Plain, image, section
from chat.chart_words import alt_text
from chat.escape import DAY_AND_TIME, Markup, bold, code, date, esc, fence, join, shorten, tell, user
from chat.figures import percent, span, units_kept, width
from chat.locales import heard, many, mark, tr
from chat.phases import canary_of, place, rollout_of, rollout_sign, share_of, stable_of
from chat.tables import Moved
from mesh.domain.operations import Operation
from mesh.domain.plans import Plan
from mesh.domain.rollouts import Happening, Phase, Rollout, after

MOST_WIDTH = 42
"""Characters of a line of steps that a phone shows unbroken."""
_WHY = 600
_NOW: dict[Phase, str] = {
    Phase.MOVING: mark("moving"),
    Phase.BAKING: mark("baking"),
    Phase.CONFIRMING: mark("baked"),
    Phase.PAUSED: mark("paused"),
    Phase.HELD: mark("held"),
    Phase.TURNING_BACK: mark("left"),
    Phase.TURNED_BACK: mark("left"),
    Phase.ABORTED: mark("left"),
    Phase.STOPPED: mark("stopped"),
    Phase.EXPIRED: mark("expired"),
}
"""What the current step is doing; a completed rollout has none."""
_DID = {
    Happening.PAUSE: mark("Paused by {person}"),
    Happening.RESUME: mark("Resumed by {person}"),
    Happening.SKIP: mark("Skipped by {person}"),
    Happening.CONFIRM: mark("Confirmed by {person}"),
    Happening.ABORT: mark("Aborted by {person}"),
    Happening.TAKEN_OVER: mark("Taken over by {person}"),
}
_BECAUSE = frozenset(Phase) - {Phase.MOVING, Phase.BAKING, Phase.COMPLETED}
"""Phases that people ask the reason of."""


def progress(operation: Operation, rollout: Rollout) -> Block:
    """Draw the steps, why it stands where it stands, and what comes next, when, and without whom."""
    heading = bold(esc(place(rollout).capitalize()))
    now = _WAITING[rollout.phase](operation, rollout)
    return section(join("\n", [heading, steps_bar(rollout), reason(operation, rollout), now]))


def steps_bar(rollout: Rollout) -> Markup:
    """Draw every step with its share and a word: what is done, where it stands (in brackets), what is to come.

    In plain letters: signs and lines have another width in the fonts of many devices, and words must stay under steps.
    """
    at = len(rollout.strategy.steps) if rollout.phase is Phase.COMPLETED else rollout.at
    open_ended = rollout.active and rollout.phase is not Phase.TURNING_BACK
    cells: list[tuple[str, str]] = []
    for index, step in enumerate(rollout.strategy.steps):
        if index < at:
            cells.append((f" {percent(step.share)} =", tr("done")))
        elif index == at:
            cells.append((f"[{percent(step.share)}]-", tr(_NOW[rollout.phase])))
        else:
            cells.append((f" {percent(step.share)} -", tr("confirm") if step.confirm and open_ended else ""))
    return fence(_lines(cells))


def reason(operation: Operation, rollout: Rollout) -> Markup:
    """Return why it is held, turned back, paused or ended: meshbot's own words, or a person's, set apart."""
    why = shorten(rollout.why.strip(), _WHY)
    if rollout.phase not in _BECAUSE or not why:
        return Markup("")
    if rollout.steered and why == f"{rollout.cause} {rollout.said}":
        # Without a reason of theirs the record names the operation: the people below say it better.
        return Markup("")
    if rollout.steered:
        # A code span, so that nothing in the person's own words can look like ours.
        return tell("Reason: {reason}", reason=code(why))
    said = units_kept(shorten(as_sentence(operation, heard(rollout.why.strip())), _WHY))
    loud = bold(esc(said if said[-1] in ".!?:…" else f"{said}."))
    return join(" ", [esc(rollout_sign(operation, rollout).emoji), loud])


def as_sentence(operation: Operation, why: str) -> str:
    """Return the reason with a capital letter, unless it begins with a name, which keeps its own."""
    names = {canary_of(operation), stable_of(operation), operation.target.service}
    return why if why.split(" ", maxsplit=1)[0] in names else why[:1].upper() + why[1:]


def people(operation: Operation) -> list[Markup | Plain]:
    """Return who started a rollout and why, who answers for it now, who steered it last; nothing for what is none."""
    rollout = rollout_of(operation)
    if rollout is None:
        return []
    started = tell("Started by {person}", person=user(operation.actor.user))
    said = Plain(f"“{shorten(operation.command.reason, 300)}”" if operation.command.reason else "")
    did = _DID.get(rollout.cause) if rollout.cause and rollout.by else None
    steered = join(" ", [tell(did, person=user(rollout.by)), date(rollout.entered_at)]) if did else Markup("")
    return [started, said, _adopted(operation, rollout), steered]


def _adopted(operation: Operation, rollout: Rollout) -> Markup:
    """Say who answers for the steps, where that is not whoever started it."""
    adopted = rollout.adopted
    if adopted is None or adopted.by == operation.actor.user:
        return Markup("")
    return join(" ", [tell("Steps answered for by {person}", person=user(adopted.by)), date(adopted.at)])


def chart(operation: Operation) -> Iterator[Block]:
    """Yield the picture of a rollout, where there is one."""
    if operation.chart:
        yield image(operation.chart, alt_text(operation))


def bars(rollout: Rollout, plan: Plan) -> Moved | None:
    """Return how true the plan is by now; None where it is not about where the traffic is, or goes.

    The plan is that of the last move: of the current step, of the one before, or of the way back.
    """
    back = all(arm.share_after == 0 for arm in plan.arms if arm.name == plan.canary)
    if rollout.phase in (Phase.TURNED_BACK, Phase.ABORTED):
        return Moved.DONE if back else None
    if rollout.phase is Phase.TURNING_BACK:
        return Moved.NOT_YET if back else Moved.DONE
    reached = any(arm.name == plan.canary and _is_near(arm.share_after, rollout.current.share) for arm in plan.arms)
    again = bool(rollout.moves) and rollout.moves[-1].share == rollout.current.share
    if rollout.phase in (Phase.MOVING, Phase.HELD) and reached and not (again or _stayed(rollout)):
        return Moved.NOT_YET
    if rollout.phase is Phase.EXPIRED and not rollout.moves:
        return None
    return None if rollout.cause is Happening.TAKEN_OVER else Moved.DONE


def _stayed(rollout: Rollout) -> bool:
    """Tell whether it is held after a step was written: before that, its plan is of what is still to come."""
    return rollout.phase is Phase.HELD and bool(rollout.moves)


def _is_near(share: float, wanted: float) -> bool:
    """Tell whether two shares are the same step; weights are whole, so they may differ by half a point."""
    return abs(share - wanted) <= 0.5


# --- the steps -----------------------------------------------------------------------------------------------------


def _lines(cells: Sequence[tuple[str, str]]) -> list[str]:
    """Return pairs of lines, the words under their steps, wrapped where a phone would wrap them.

    The last letter of a step is what joins it to the next one.
    """
    pairs = [("", "")]
    for at, (step, word) in enumerate(cells):
        joint = "" if at == len(cells) - 1 else step[-1] * max(2, width(word) + 4 - len(step))
        above = step[:-1] + joint
        if pairs[-1][0] and len(pairs[-1][0]) + len(above) > MOST_WIDTH:
            pairs.append(("", ""))
        former = pairs[-1]
        pairs[-1] = (former[0] + above, former[1] + f" {word}" + " " * (len(above) - 1 - width(word)))
    return [line for pair in pairs for line in pair if line.strip()]


# --- what it waits for ---------------------------------------------------------------------------------------------


def _moving(operation: Operation, rollout: Rollout) -> Markup:
    told = {"canary": canary_of(operation), "share": percent(rollout.current.share)}
    return esc(tr("The weights are written: {canary} goes to {share}.", **told))


def _baking(operation: Operation, rollout: Rollout) -> Markup:
    """Say until when it bakes; or, once that is over by what was measured last, how long it may stay undecided."""
    measured_at = max((gate.at for gate in operation.gates), default=0.0)
    if measured_at >= rollout.ripe_at > 0:
        return tell(
            "The bake is over since {since}, but the gates do not pass yet. If they do not by {until}, "
            "it is held and people are asked.",
            since=date(rollout.ripe_at),
            until=date(rollout.asks_at),
        )
    bake = tell(
        "{canary} must stay healthy at {share} for {time}, until {until}; then {next}.",
        canary=esc(canary_of(operation)),
        share=esc(percent(rollout.current.share)),
        time=esc(span(rollout.current.bake_s)),
        until=date(rollout.ripe_at),
        next=esc(_next(rollout)),
    )
    return join(" ", [bake, esc(_worse(operation, rollout))])


def _next(rollout: Rollout) -> str:
    step = rollout.upcoming
    if step is None:
        return tr("the canary is complete")
    share = percent(step.share)
    return tr("somebody must confirm {share}", share=share) if step.confirm else share


def _worse(operation: Operation, rollout: Rollout) -> str:
    if rollout.strategy.on_failure == "rollback":
        return tr("If it is worse, all goes back to {stable}.", stable=stable_of(operation))
    return tr("If it is worse, it is held.")


def _confirming(operation: Operation, rollout: Rollout) -> Markup:
    step = rollout.upcoming
    if step is None:
        return Markup("")
    otherwise = tr("it is held")
    if step.otherwise == "rollback":
        otherwise = tr("all traffic goes back to {stable}", stable=stable_of(operation))
    return tell(
        "Somebody must press Confirm before {canary} gets {share}, by {until}; else {otherwise}.",
        canary=esc(canary_of(operation)),
        share=esc(percent(step.share)),
        until=date(rollout.deadline, shown=DAY_AND_TIME),
        otherwise=esc(otherwise),
    )


def _paused(operation: Operation, rollout: Rollout) -> Markup:
    if not rollout.moves:
        return esc(tr("Nothing was written, and no step follows."))
    kept = {"canary": canary_of(operation), "share": percent(share_of(rollout))}
    stays = tr("{canary} keeps {share} and is still watched; no step follows.", **kept)
    return join(" ", [esc(stays), esc(_ways(operation, rollout)), _expiring(rollout)])


def _held(operation: Operation, rollout: Rollout) -> Markup:
    drifted = rollout.cause is Happening.DRIFTED
    as_now = tr("The weights are left as they are now.")
    stays = as_now if drifted else tr("The weights stay, and no step follows.")
    given_up = rollout.cause is Happening.UNTURNED
    stuck = tr("Traffic could not be brought back in {count} tries.", count=rollout.tries) if given_up else ""
    return join(
        " ", [esc(stuck), esc(stays), esc(_by_itself(rollout)), esc(_ways(operation, rollout)), _expiring(rollout)]
    )


def _by_itself(rollout: Rollout) -> str:
    """Say when it goes on without anybody; empty where it does not."""
    if after(rollout, Happening.CLEARED) is None:
        return ""
    if rollout.cause is Happening.BARRED:
        return tr("It goes on by itself when that is over and every gate passes.")
    return tr("It goes on by itself when every gate passes.")


def _ways(operation: Operation, rollout: Rollout) -> str:
    """Say what people can do now: only what the machine takes."""
    said = {
        Happening.RESUME: _resuming(rollout),
        Happening.SKIP: tr("Skip takes the next step unproven"),
        Happening.ABORT: tr("Abort sends all traffic to {stable}", stable=stable_of(operation)),
    }
    ways = [what for happening, what in said.items() if after(rollout, happening)]
    return f"{', '.join(ways)}." if ways else ""


def _resuming(rollout: Rollout) -> str:
    if rollout.phase is Phase.PAUSED:
        return tr("Resume goes on")
    if not rollout.moves:
        return tr("Resume takes the first step")
    share = percent(rollout.current.share)
    if rollout.cause is Happening.WORSE:
        return tr("Resume (once no gate fails) writes {share} again and bakes it anew", share=share)
    return tr("Resume writes {share} again and bakes it anew", share=share)


def _expiring(rollout: Rollout) -> Markup:
    return tell("If nobody decides by {until}, it ends as it is.", until=date(rollout.deadline, shown=DAY_AND_TIME))


def _turning_back(operation: Operation, rollout: Rollout) -> Markup:
    back = esc(tr("All traffic goes back to {stable} now.", stable=stable_of(operation)))
    if not rollout.tries:
        return back
    return join(
        " ",
        [
            back,
            esc(
                many(
                    "Tried once in vain so far; it is tried again.",
                    "Tried {count} times in vain so far; it is tried again.",
                    rollout.tries,
                )
            ),
        ],
    )


def _back(operation: Operation, _rollout: Rollout) -> Markup:
    return esc(tr("All traffic is on {stable} again.", stable=stable_of(operation)))


def _completed(operation: Operation, rollout: Rollout) -> Markup:
    told = {"canary": canary_of(operation), "share": percent(share_of(rollout))}
    return esc(tr("Every step is done: {canary} has {share}.", **told))


def _stopped(operation: Operation, _rollout: Rollout) -> Markup:
    look = f"/mesh status {operation.target.service}"
    return esc(tr("No step follows. See {command} for the weights.", command=look))


def _expired(operation: Operation, rollout: Rollout) -> Markup:
    if not rollout.moves:
        return esc(tr("Nothing was written, and no step follows."))
    kept = {"canary": canary_of(operation), "share": percent(share_of(rollout))}
    return esc(tr("{canary} keeps {share}; no step follows.", **kept))


_WAITING: dict[Phase, Callable[[Operation, Rollout], Markup]] = {
    Phase.MOVING: _moving,
    Phase.BAKING: _baking,
    Phase.CONFIRMING: _confirming,
    Phase.PAUSED: _paused,
    Phase.HELD: _held,
    Phase.TURNING_BACK: _turning_back,
    Phase.COMPLETED: _completed,
    Phase.TURNED_BACK: _back,
    Phase.ABORTED: _back,
    Phase.STOPPED: _stopped,
    Phase.EXPIRED: _expired,
}
