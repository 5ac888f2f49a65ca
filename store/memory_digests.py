"""The memory of digests without Redis: for tests of the verbs."""

from __future__ import annotations

import itertools
import threading
import time as stopwatch
from collections.abc import Sequence
from dataclasses import dataclass

from mesh.domain.deeds import deed_of
from mesh.domain.digests import Slot, SlotState
from mesh.domain.weeks import Deed
from store.digests import LEASE_S
from store.memory import MemoryOperations


@dataclass
class _Kept:
    """What is known of one slot."""

    state: SlotState = SlotState.OPEN
    claim: str = ""
    until: float = 0.0
    note: str = ""


class MemorySlots:
    """Implements `mesh.ports.Slots` in a dictionary."""

    def __init__(self, *, lease_s: float = LEASE_S) -> None:
        self._lease_s = lease_s
        self._kept: dict[Slot, _Kept] = {}
        self._newest: dict[str, int] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def claim(self, slot: Slot) -> str:
        """Take a slot that nobody works on; return what to prove that with, else an empty string."""
        with self._lock:
            kept, now = self._kept.setdefault(slot, _Kept()), stopwatch.monotonic()
            left = kept.until <= now
            if not (kept.state is SlotState.OPEN or (kept.state is SlotState.CLAIMED and left)):
                return ""
            if self._newest.get(slot.digest, slot.at) > slot.at:
                kept.state = SlotState.MISSED
                return ""
            self._newest[slot.digest] = slot.at
            self._kept[slot] = _Kept(SlotState.CLAIMED, f"claim-{next(self._numbers)}", now + self._lease_s)
            return self._kept[slot].claim

    def close(self, slot: Slot, claim: str, state: SlotState, *, note: str = "") -> bool:
        """Write down what became of it; False when the claim is lost."""
        with self._lock:
            kept = self._kept.setdefault(slot, _Kept())
            if kept.claim != claim or (kept.state is not state and (kept.state.over or kept.state is SlotState.OPEN)):
                return False
            kept.state, kept.note = state, note
            return True

    def state(self, slot: Slot) -> SlotState:
        """Return how far it has come."""
        return self._kept.get(slot, _Kept()).state


class MemoryDeeds:
    """Implements `mesh.ports.Deeds` over the operations there are; nothing is ever forgotten."""

    def __init__(self, operations: MemoryOperations) -> None:
        """Remember what became of `operations`."""
        self._operations = operations

    def since(self, at: float) -> Sequence[Deed]:
        """Return what ended at `at` or later, oldest first."""
        found = (deed for one in self._operations.all() if (deed := deed_of(one)) and deed.at >= at)
        return sorted(found, key=lambda deed: deed.at)
