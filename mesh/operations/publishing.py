"""Posting one slot of a digest: claimed, gathered, announced, posted, closed. At most once, whoever dies where."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from mesh.digest_ports import OutcomeUnknown
from mesh.domain.digests import LATE_S, Digest, Edition, Slot, SlotState
from mesh.domain.errors import MeshbotError, Refused, Unavailable
from mesh.operations.digests import gather, newsroom
from mesh.operations.stage import Stage

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _End:
    """What became of a slot."""

    state: SlotState
    note: str = ""
    """The message's timestamp, or the reason."""


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
    try:
        claim = slots.claim(slot)
    except OutcomeUnknown as error:
        _tell(stage, slot, digest, _End(SlotState.UNKNOWN, error.message))
        return SlotState.UNKNOWN
    return _brought_on(stage, slot, digest, claim) if claim else slots.state(slot)


def _brought_on(stage: Stage, slot: Slot, digest: Digest | None, claim: str) -> SlotState:
    """Gather, announce, post and close a slot that is ours."""
    slots = newsroom(stage).slots
    try:
        ready = _prepared(stage, slot, digest)
    except BaseException:
        # Nothing was posted, so the next one need not wait for the end of this claim.
        slots.close(slot, claim, SlotState.OPEN)
        raise
    if isinstance(ready, _Ready):
        if not slots.announce(slot, claim):
            return slots.state(slot)
        # Whatever interrupts this from now on, be it the end of the process, leaves a slot that is never posted again.
        ready = _posted(stage, slot, ready)
    if slots.close(slot, claim, ready.state, note=ready.note) and ready.state.over:
        _tell(stage, slot, digest, ready)
    return ready.state


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
    """Post it; what is not certain to have failed is never tried again."""
    board = newsroom(stage).board
    try:
        return _End(SlotState.POSTED, board.post(ready.digest.channel, ready.edition, picture=ready.picture))
    except OutcomeUnknown as error:
        return _End(SlotState.UNKNOWN, error.message)
    except Unavailable as error:
        log.warning("digest %s is tried again: %s", slot, error.message)
        return _End(SlotState.OPEN, error.message)
    except Refused as error:
        return _End(SlotState.REFUSED, error.message)
    except Exception:
        log.exception("a bug while digest %s was posted", slot)
        return _End(SlotState.UNKNOWN, "a bug in meshbot interrupted it")


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
