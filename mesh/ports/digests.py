"""What digests need of the world: when they are due, who posts which, and where to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from mesh.domain.digests import Digest, Edition, Slot, SlotState
from mesh.domain.weeks import Deed, Week


class Almanac(Protocol):
    """When digests are due."""

    def due(self, digest: Digest, *, since: float, until: float) -> list[int]:
        """Return the times after `since`, up to and including `until`, oldest first: Unix time in whole seconds.

        A time in the hour that daylight saving skips comes once, just after it; one in the doubled hour comes once.
        """

    def upcoming(self, digest: Digest, *, after: float) -> int | None:
        """Return the next time after `after`; None when it never comes."""


class Slots(Protocol):
    """Which slot has come how far: the durable memory that keeps one from being gathered for ever."""

    def claim(self, slot: Slot) -> str:
        """Take a slot that nobody works on, for a while; return what to prove that with, else an empty string.

        Who dies with it has it taken over then. Of an older slot than one that was claimed before nothing comes any
        more. Raises Unavailable.
        """

    def close(self, slot: Slot, claim: str, state: SlotState, *, note: str = "") -> bool:
        """Write down what became of it, with the reason; False when the claim is lost.

        `OPEN` gives it back, to be tried again.
        """

    def state(self, slot: Slot) -> SlotState:
        """Return how far it has come; `OPEN` for one that nobody has heard of."""


class Deeds(Protocol):
    """The changes of the last days, by time."""

    def since(self, at: float) -> Sequence[Deed]:
        """Return what ended at `at` (Unix time) or later, oldest first; a week is remembered, and never too many."""


class Noticeboard(Protocol):
    """Where digests are posted."""

    def picture(self, week: Week) -> str:
        """Draw the week and upload it where nobody sees it yet; return its id, empty where there is none. Never raises.

        Nothing is drawn of a week without changes.
        """

    def post(self, slot: Slot, channel: str, edition: Edition, *, picture: str) -> None:
        """Let it be posted, once for each slot, whoever does this and how often; it is on record when this returns.

        Raises Unavailable when it may not be: post it again.
        """


@dataclass(frozen=True)
class Newsroom:
    """All that making digests needs beside the stage."""

    slots: Slots
    deeds: Deeds
    board: Noticeboard
