"""What a change would give to what is not stable, as far as its words and the record tell: nobody reads the route."""

from __future__ import annotations

from collections.abc import Mapping

from mesh.domain.commands import Command, Target, Verb
from mesh.domain.errors import Refused
from mesh.domain.limits import Rise, rise_of
from mesh.domain.operations import Step
from mesh.domain.plans import Plan
from mesh.domain.quantities import Weight, thousandths
from mesh.domain.strategies import strategy_of
from mesh.operations.desk import Desk

_GIVING_NOTHING = frozenset({Verb.ROLLBACK, Verb.ABORT, Verb.PAUSE})
_LEAST = 1e-6
"""Points: more than nothing."""
_WHOLE = 100 * thousandths(1)
"""What weights most often add up to, where the words name one of them alone."""


def least_rise(desk: Desk, command: Command, target: Target) -> Rise:
    """Return what the command gives at least, where it gives anything; raise what looking up its words raises."""
    if command.freezes or command.verb in _GIVING_NOTHING:
        return Rise()
    if command.verb is Verb.UNDO and command.operation:
        # What it would undo is on record, and with it what comes back.
        undone = desk.operations.get(command.operation).plan
        return rise_of(undone.turned_round) if undone else Rise()
    if command.verb in (Verb.SET, Verb.REAPPLY):
        return _to_weights(desk, command, target)
    if command.verb is Verb.PROMOTE and command.share is not None:
        has = _has(desk, command, target)
        if command.share <= has.get(_bare(command.version, command), has.get("", 0.0)) + _LEAST:
            return Rise()
    share = command.share or 0.0
    if command.verb is Verb.CANARY:
        known = desk.catalog.strategy(target, command.strategy)
        share = strategy_of(command, known).steps[-1].share
    return Rise(command.version or "the canary", _LEAST, max(share, _LEAST))


def _to_weights(desk: Desk, command: Command, target: Target) -> Rise:
    """Return what weights give the highest arm that may not be stable: those named, beside those on record."""
    last = next((one.plan for one in desk.operations.recent(target=target) if one.plan and one.plan.moves), None)
    stable = desk.catalog.service(target).stable or (last.stable if last else "")
    shares = _shares(command, last)
    # What we wrote last is given back where somebody else changed it, so it says nothing of what is there.
    has = _has(desk, command, target) if command.verb is Verb.SET else {}
    rising = {
        arm: share
        for arm, share in shares.items()
        if share > has.get(arm, 0.0) + _LEAST and arm != _bare(stable, command)
    }
    if not rising:
        # Where nothing is on record, what it was that we wrote is for the route to say.
        return Rise() if shares else Rise("the canary", _LEAST, _LEAST)
    most = max(rising, key=lambda arm: rising[arm])
    return Rise(most, _LEAST, rising[most])


def _has(desk: Desk, command: Command, target: Target) -> Mapping[str, float]:
    """Return what each arm has by the last change that was written, in per cent, the canary's once more by no name.

    Empty where nothing was, or where nobody knows yet whether it arrived.
    """
    last = next((one for one in desk.operations.recent(target=target) if one.went(Step.PATCHING)), None)
    if last is None or last.plan is None or not last.went(Step.PATCHED):
        return {}
    return {"": last.plan.canary_share} | {_bare(arm.name, command): arm.share_after for arm in last.plan.arms}


def _shares(command: Command, last: Plan | None) -> Mapping[str, float]:
    """Return each arm's share in per cent as it will be; empty where nobody knows of any weight."""
    kept = {_bare(arm, command): weight for arm, weight in (last.weights if last else {}).items()}
    named = {_bare(arm, command): _parts(weight) for arm, weight in command.weights}
    parts = {arm: _parts(weight or 0) for arm, weight in kept.items()} | named
    total = sum(parts.values())
    if len(parts) == 1:
        # One arm of several, and nobody knows the others.
        total = max(total, _WHOLE)
    return {arm: 100 * part / total for arm, part in parts.items()} if total else {}


def _bare(arm: str, command: Command) -> str:
    """Return the arm as people type it: `v2` for `api-v2`."""
    return arm.removeprefix(f"{command.service}-")


def _parts(weight: Weight) -> int:
    try:
        return thousandths(weight)
    except Refused:
        # The worker says what is wrong with it.
        return 0
