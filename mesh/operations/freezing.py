"""Freezes: what holds now, who is turned away by it, and how people make and lift them."""

from __future__ import annotations

import math
from typing import Protocol

from mesh.domain.catalog import Catalog
from mesh.domain.commands import Target, Verb
from mesh.domain.errors import Barred, NotFound, Refused, Unavailable
from mesh.domain.freezes import Freeze, covering, in_force
from mesh.domain.hours import in_zone
from mesh.domain.operations import Event, Operation, State, Step
from mesh.domain.scopes import Scope
from mesh.operations.recording import LeftToTheNext, Record
from mesh.operations.stage import Stage
from mesh.ports import Freezes, Time

_EVERYTHING = Scope()
SETTLE_S = 10.0
"""How long a freeze waits at most for what is being written already, in seconds: more than a lock lives."""
SETTLE_AGAIN_S = 0.3
"""When to look again whether it is."""
_LONGEST_REASON = 200
"""Characters of a reason in a hint: it must not be cut where it is set apart."""


class Watchful(Protocol):
    """Whoever can tell what is frozen now: a desk, or a stage."""

    @property
    def catalog(self) -> Catalog:
        """The configuration of the moment."""

    @property
    def freezes(self) -> Freezes:
        """What people froze."""

    @property
    def time(self) -> Time:
        """The clock."""


def holding(place: Watchful) -> tuple[Freeze, ...]:
    """Return every freeze that holds now, by people and by the calendar; raise Unavailable where nobody can tell."""
    return in_force(place.freezes.standing(), place.catalog.freezes, place.time.now())


def upcoming(place: Watchful) -> tuple[Freeze, ...]:
    """Return what the calendar freezes next: of each closure the next time, soonest first."""
    now = place.time.now()
    found = [one for closure in place.catalog.freezes if (one := closure.upcoming(now)) is not None]
    return tuple(sorted(found, key=lambda one: one.since))


def refuse_frozen(place: Watchful, target: Target) -> None:
    """Raise Barred where a freeze means this target, and Unavailable where nobody can tell: then nothing rises."""
    try:
        found = covering(holding(place), target)
    except Unavailable as error:
        text = f"Nobody can tell whether {target.service} is frozen, so it gets no more traffic: {error.message}"
        hint = "Going back works: /mesh rollback. Try again once that is mended."
        raise Unavailable(text, hint=hint, lapse=error.lapse) from error
    if found:
        raise Barred(
            f"{in_words(found[0], target.service)}.",
            hint=f"{_why(found[0])}--force does not pass a freeze. Going back stays possible: "
            f"/mesh rollback {target.service}. /mesh freezes shows what holds.",
        )


def in_words(freeze: Freeze, what: str) -> str:
    """Return `api is frozen until 2026-11-30 17:00 UTC (op-…, default/shop/api)`, without anybody's own words."""
    return f"{what} is frozen {ends(freeze)} ({freeze.id}, {freeze.scope})"


def _why(freeze: Freeze) -> str:
    """Return the reason, set apart: nothing in a person's own words may look like ours."""
    said = freeze.reason.replace("`", "'")
    said = said if len(said) <= _LONGEST_REASON else f"{said[: _LONGEST_REASON - 1]}…"
    return f"Reason: `{said}`. " if said.strip() else ""


def ends(freeze: Freeze) -> str:
    """Say until when, for texts that know no reader's zone."""
    return "until it is lifted" if math.isinf(freeze.until) else f"until {in_zone(freeze.until)}"


def carry_out(stage: Stage, record: Record) -> None:
    """Make a freeze, or lift some. It holds before anybody is told; done twice it is done once."""
    try:
        _DONE[record.operation.command.verb](stage, record)
    except Unavailable as error:
        # Perhaps it was written: the next worker writes it again, under the same id, and then people are told.
        raise LeftToTheNext(error.message) from error


def scope_of(place: Watchful, freeze_id: str) -> Target:
    """Return what a freeze of people's is about; raise NotFound where none of that id holds."""
    found = next((one for one in place.freezes.standing() if one.id == freeze_id), None)
    if found is None:
        raise NotFound(f"No freeze {freeze_id} holds.", hint="See /mesh freezes.")
    scope = found.scope
    return Target(scope.clusters[0], scope.namespaces[0], scope.services[0])


def _freeze(stage: Stage, record: Record) -> None:
    freeze = _freeze_of(record.operation)
    stage.freezes.put(freeze)
    what = "Nothing" if freeze.scope == _EVERYTHING else f"Nothing of {freeze.scope}"
    text = f"{what} is given more traffic {ends(freeze)}; going back stays possible"
    if freeze.until <= stage.time.now():
        text = "It waited longer than the freeze was to last, so nothing was frozen"
        record.end(State.EXPIRED, Step.EXPIRED, text, hint="Repeat it if it is still wanted.")
        return
    if _may_be_written(stage, record, freeze.scope):
        stage.operations.later(freeze.id, seconds=SETTLE_AGAIN_S)
        return
    record.end(State.SUCCEEDED, Step.FROZEN, text, choices=(f"/mesh unfreeze {freeze.id}",))


def _may_be_written(stage: Stage, record: Record, scope: Scope) -> bool:
    """Tell whether a change that began before the freeze was on record still has its service's lock.

    Tokens grow with each lease: who has an older one than a lease of this moment may not have seen the freeze. Given up
    after `SETTLE_S`: on a busy service somebody always goes back.
    """
    if stage.time.now() - record.operation.created_at > SETTLE_S:
        return False
    with stage.locks.hold(f"freeze {record.operation.id}", wait_s=0) as mark:
        if mark is None:
            return True
        own = {mark.key, record.lease.key if record.lease else ""}
        before = [key for key, token in stage.locks.held().items() if token < mark.token and key not in own]
    return any(_is_covered(scope, key) for key in before)


def _is_covered(scope: Scope, key: str) -> bool:
    """Tell whether a lock is that of a service in the scope; other locks have other names."""
    parts = key.split("/")
    return len(parts) == 3 and scope.covers(Target(*parts))


def _freeze_of(operation: Operation) -> Freeze:
    """Return the same freeze each time: a worker may come back to it."""
    command, since = operation.command, operation.created_at
    until = since + command.lasts_s if command.lasts_s else math.inf
    return Freeze(operation.id, Scope.of(operation.target), since, until, command.reason, operation.actor.user)


def _unfreeze(stage: Stage, record: Record) -> None:
    ids = _being_lifted(record.operation) or [one.id for one in _meant(stage, record.operation)]
    if not record.operation.went(Step.LIFTING):
        record.tell(State.RUNNING, Step.LIFTING, " ".join(ids))
    for one in ids:
        stage.freezes.lift(one)
    left = covering(holding(stage), record.operation.target)
    text = f"Lifted {', '.join(ids)}"
    hint = f"Still frozen by {', '.join(one.id for one in left)}: see /mesh freezes." if left else ""
    record.end(State.SUCCEEDED, Step.LIFTED, text, hint=hint)


def _being_lifted(operation: Operation) -> list[str]:
    """Return the ids on record, where a worker died while it lifted them: by now they may be lifted."""
    said: Event | None = next((event for event in operation.story if event.step is Step.LIFTING), None)
    return said.text.split() if said else []


def _meant(stage: Stage, operation: Operation) -> list[Freeze]:
    """Return the freezes that were made of exactly this; raise Refused where there is none, with what does hold."""
    wanted, scope = operation.command.operation, Scope.of(operation.target)
    found = [one for one in stage.freezes.standing() if (one.id == wanted if wanted else one.scope == scope)]
    if found:
        return found
    others = covering(holding(stage), operation.target)
    people = [one for one in others if one.by]
    raise Refused(
        f"No freeze of exactly {scope} holds.",
        hint="It is frozen by " + ", ".join(f"{one.id} ({one.scope})" for one in others) + "." if others else "",
        choices=tuple(f"/mesh unfreeze {one.id}" for one in people),
    )


_DONE = {Verb.FREEZE: _freeze, Verb.UNFREEZE: _unfreeze}
