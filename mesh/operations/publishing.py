"""Posting one slot of a digest: claimed, gathered, put into the outbox, closed. Once, whoever dies where."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from mesh.domain.digests import LATE_S, Digest, Edition, Slot, SlotState
from mesh.domain.errors import MeshbotError
from mesh.operations.digests import gather, newsroom
from mesh.operations.stage import Stage

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _End:
    """What became of a slot."""

    state: SlotState
    note: str = ""
    """The reason, where there is no message."""


@dataclass(frozen=True)
class _Ready:
    """A digest that only has to be posted."""

    digest: Digest
    edition: Edition
    picture: str


def publish(slot: Slot, stage: Stage) -> SlotState:
    """Bring a slot as far as it goes now and return how far that is; safe to run any number of times, from anywhere.

    Raises Unavailable where the store does not answer, and a bug as it is: then the slot is tried again later.
    """
    slots = newsroom(stage).slots
    digest = next((one for one in stage.catalog.digests if one.name == slot.digest), None)
    claim = slots.claim(slot)
    if not claim:
        return slots.state(slot)
    try:
        ready = _prepared(stage, slot, digest)
        # Who ends between this line and the last leaves it to the next one, whose letter has the same key.
        end = _posted(stage, slot, ready) if isinstance(ready, _Ready) else ready
    except BaseException:
        # The next one need not wait for the end of this claim.
        slots.close(slot, claim, SlotState.OPEN)
        raise
    if slots.close(slot, claim, end.state, note=end.note):
        _tell(stage, slot, digest, end)
    return end.state


def _prepared(stage: Stage, slot: Slot, digest: Digest | None) -> _Ready | _End:
    """Gather what is to be posted, or say why nothing is."""
    late_s = stage.time.now() - slot.at
    if digest is None:
        return _End(SlotState.MISSED, "the configuration has no such digest any more")
    if late_s > LATE_S:
        return _End(SlotState.MISSED, f"it was {late_s:.0f} s late")
    edition = gather(stage, digest, at=stage.time.now())
    if edition.is_empty and digest.quiet:
        return _End(SlotState.SKIPPED, "there was nothing to say")
    return _Ready(digest, edition, newsroom(stage).board.picture(edition.week))


def _posted(stage: Stage, slot: Slot, ready: _Ready) -> _End:
    newsroom(stage).board.post(slot, ready.digest.channel, ready.edition, picture=ready.picture)
    return _End(SlotState.POSTED)


def _tell(stage: Stage, slot: Slot, digest: Digest | None, end: _End) -> None:
    """Leave an audit entry; where that is not possible the digest is none the worse for it."""
    level = logging.INFO if end.state in (SlotState.POSTED, SlotState.SKIPPED) else logging.WARNING
    log.log(level, "digest %s: %s (%s)", slot, end.state, end.note)
    facts = {
        "step": f"digest {end.state}",
        "operation": "",
        "actor": "meshbot",
        "channel": digest.channel if digest else "",
        "digest": slot.digest,
        "slot": slot.at,
        "text": end.note,
    }
    try:
        stage.operations.audit(facts)
    except MeshbotError as error:
        log.warning("the audit log has no entry of digest %s: %s", slot, error.message)
