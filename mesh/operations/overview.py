"""What concerns one person now: what waits for them, what runs for them, what they may do, what is frozen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mesh.domain.errors import Unavailable
from mesh.domain.operations import Operation
from mesh.domain.policy import Actor
from mesh.operations.receiving import Desk, Whoami, whoami


@dataclass(frozen=True)
class Notice:
    """One line of a board."""

    text: str
    """One sentence for people, without a final stop; may hold a person's own words."""
    command: str = ""
    """What its button runs as typed text, e.g. `/mesh status api`; empty for no button."""


class Board(Protocol):
    """A list that concerns a person."""

    def notices(self, actor: Actor) -> Sequence[Notice]:
        """Return what concerns the actor now, the most urgent first; raise Unavailable."""


class Running(Protocol):
    """Who waits for what."""

    def running(self, user: str) -> list[Operation]:
        """Return the person's operations that are not done, newest first, steps of rollouts and previews left out."""


class Nothing:
    """A board with nothing on it."""

    def notices(self, actor: Actor) -> Sequence[Notice]:
        """Return nothing."""
        del actor
        return ()


@dataclass(frozen=True)
class Boards:
    """The boards there are; each defaults to one with nothing on it."""

    running: Running
    waiting: Board = field(default_factory=Nothing)
    """What waits for the person's approval."""
    freezes: Board = field(default_factory=Nothing)
    """What is frozen where the person may change something."""


@dataclass(frozen=True)
class Overview:
    """Everything at one moment."""

    at: float
    """Unix time in seconds."""
    who: Whoami | None
    """None where Slack does not say."""
    running: tuple[Operation, ...]
    waiting: tuple[Notice, ...]
    freezes: tuple[Notice, ...]
    trouble: str = ""
    """What could not be looked up, in words."""


def overview(desk: Desk, boards: Boards, actor: Actor) -> Overview:
    """Look everything up; what does not answer is left out and named."""
    trouble: list[str] = []
    running: Sequence[Operation] = ()
    waiting: Sequence[Notice] = ()
    freezes: Sequence[Notice] = ()
    who: Whoami | None = None
    try:
        running = boards.running.running(actor.user)
        waiting, freezes = boards.waiting.notices(actor), boards.freezes.notices(actor)
    except Unavailable as error:
        trouble.append(error.message)
    try:
        who = whoami(desk, actor)
    except Unavailable as error:
        trouble.append(error.message)
    said = " ".join(trouble)
    return Overview(desk.time.now(), who, tuple(running), tuple(waiting), tuple(freezes), said)
