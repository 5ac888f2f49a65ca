"""The outbox without Redis: for tests of what writes into it and of what sends from it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace

from mesh.domain.errors import Conflict, LostLease
from mesh.domain.letters import Fate, Letter, Row
from mesh.domain.operations import Card
from mesh.ports import Lane, Lease, Pace, Time
from store.memory import MemoryLocks


@dataclass
class _Lane:
    turns: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Key of what waits -> (urgency, number)."""
    count: int = 0


class MemoryOutbox:
    """Implements `ports.Outbox` and `ports.Lanes` in dictionaries, one lock around everything."""

    def __init__(self, time: Time, *, locks: MemoryLocks | None = None) -> None:
        """Leases are those of `locks`; without them every lease stands."""
        self.rows: dict[str, Row] = {}
        self.lanes: dict[str, float] = {}
        """Channel in which something waits -> when it is due."""
        self._time = time
        self._locks = locks
        self._waiting: dict[str, _Lane] = {}
        self._own_turn: dict[str, tuple[int, int]] = {}
        self._spent: dict[str, float] = {}
        self._lock = threading.RLock()

    def put(self, letter: Letter) -> Card | None:
        """Write what the message says from now on."""
        with self._lock:
            row = self.rows.get(letter.key)
            if row is None or _is_news(row, letter):
                row = _redrawn(row, letter)
                self.rows[letter.key] = row
                if row.fate is not Fate.UNKNOWN:
                    self._enter(letter)
            elif _is_same(row, letter):
                self.rows[letter.key] = row = replace(row, letter=letter)
            return row.place

    def find(self, key: str) -> Row | None:
        """Return how far a message came."""
        return self.rows.get(key)

    def revive(self, key: str, channel: str) -> bool:
        """Let a lost message of that channel be tried again."""
        with self._lock:
            row = self.rows.get(key)
            if row is None or row.letter.channel != channel or row.fate is not Fate.LOST:
                return False
            self.rows[key] = replace(row, fate=_anew(row), failures=0, not_before=0.0, why="")
            lane = self._waiting.setdefault(channel, _Lane())
            lane.count += 1
            lane.turns[key] = self._own_turn[key]
            self.lanes[channel] = min(self._time.now(), self.lanes.get(channel, self._time.now()))
            return True

    def due(self, now: float, limit: int = 100) -> list[str]:
        """Return the channels whose lane is due."""
        return [channel for channel, at in self.lanes.items() if at <= now][:limit]

    def look(self, channel: str, most: int) -> Lane:
        """Return the head of a lane."""
        with self._lock:
            lane = self._waiting.setdefault(channel, _Lane())
            names = sorted(lane.turns, key=lambda key: lane.turns[key])
            return Lane(tuple(self.rows[name] for name in names[:most]), len(names) <= most, lane.count)

    def begin(self, row: Row, lease: Lease, pace: Pace, *, now: float) -> tuple[Row, float]:
        """Write down that the row is sent now, if the pace allows."""
        with self._lock:
            stored = self.rows[row.letter.key]
            if self._locks is not None and not self._locks.holds(lease):
                raise LostLease(f"The lease {lease.key} was lost.")
            if stored.attempts != row.attempts:
                raise Conflict(f"{row.letter.key} was sent by somebody else.")
            if pace.every_s and (free := self.spend(pace, now=now)):
                return row, free
            fate = row.fate if row.fate is Fate.POSTED else Fate.SENDING
            begun = replace(row, fate=fate, attempts=row.attempts + 1, since=now, sending=row.drawing)
            self.rows[row.letter.key] = replace(begun, letter=stored.letter, drawing=stored.drawing)
            return begun, 0.0

    def settle(self, row: Row, *, waits: bool = False) -> None:
        """Write down what came of it."""
        with self._lock:
            key = row.letter.key
            stored, turns = self.rows[key], self._waiting[row.letter.channel].turns
            if stored.attempts != row.attempts:
                return
            newer = stored.drawing > row.drawing
            fate = _anew(row) if newer and row.fate in (Fate.UNKNOWN, Fate.LOST) else row.fate
            self.rows[key] = replace(row, letter=stored.letter, drawing=stored.drawing, fate=fate)
            if newer:
                turns[key] = self._own_turn[key]
            elif waits:
                turns.setdefault(key, self._own_turn[key])
            else:
                turns.pop(key, None)

    def spend(self, pace: Pace, *, now: float) -> float:
        """Count one of this pace, and return 0, or when it allows one."""
        with self._lock:
            spent = self._spent.get(pace.name, 0.0)
            if (free := spent - (pace.burst - 1) * pace.every_s) > now:
                return free
            self._spent[pace.name] = max(spent, now) + pace.every_s
            return 0.0

    def slow(self, pace: Pace, *, until: float) -> None:
        """Let nothing of this pace be sent before `until`."""
        spent = until + (max(pace.burst, pace.most) - 1) * pace.every_s
        self._spent[pace.name] = max(self._spent.get(pace.name, 0.0), spent)

    def rest(self, channel: str, *, seen: int, due: float | None) -> None:
        """Leave the lane until `due`."""
        with self._lock:
            lane = self._waiting.setdefault(channel, _Lane())
            if not lane.turns:
                self.lanes.pop(channel, None)
            else:
                self.lanes[channel] = due if due is not None and seen == lane.count else 0.0

    def _enter(self, letter: Letter) -> None:
        lane = self._waiting.setdefault(letter.channel, _Lane())
        lane.count += 1
        turn = (int(letter.urgency), lane.count)
        self._own_turn[letter.key] = turn
        lane.turns[letter.key] = min(turn, lane.turns.get(letter.key, turn))
        for key, (urgency, number) in list(lane.turns.items()):
            if letter.under and self.rows[key].letter.under == letter.under:
                # A thread is told in order: what waits of it already must be as urgent as what follows.
                lane.turns[key] = (min(urgency, turn[0]), number)
        self.lanes[letter.channel] = min(self._time.now(), self.lanes.get(letter.channel, self._time.now()))


def _is_news(row: Row, letter: Letter) -> bool:
    if letter.once or letter.version < row.letter.version:
        return False
    return letter.body != row.letter.body or (row.fate is Fate.UNKNOWN and letter.must)


def _is_same(row: Row, letter: Letter) -> bool:
    """Tell whether it says the same as before, from a newer drawing."""
    return not letter.once and letter.version >= row.letter.version


def _anew(row: Row) -> Fate:
    """Return how a message that was given up is tried again: by an edit where it was posted before."""
    return Fate.POSTED if row.ts else Fate.WAITING


def _redrawn(row: Row | None, letter: Letter) -> Row:
    if row is None:
        return Row(letter, fate=Fate.POSTED if letter.ts else Fate.WAITING, ts=letter.ts)
    wanted = row.fate is Fate.LOST or (row.fate is Fate.UNKNOWN and letter.must)
    return replace(row, letter=letter, drawing=row.drawing + 1, fate=_anew(row) if wanted else row.fate)
