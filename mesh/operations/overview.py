"""What concerns one person now: what waits for them, what runs for them, what they may do, what is frozen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mesh.domain.errors import Unavailable
from mesh.domain.gates import span
from mesh.domain.operations import Operation
from mesh.domain.policy import Actor
from mesh.operations.ballots import Waiting, waiting_for
from mesh.operations.desk import Desk
from mesh.operations.explaining import Whoami, whoami
from mesh.operations.freezing import holding, in_words


@dataclass(frozen=True)
class Notice:
    """One line of a board."""

    text: str
    """One sentence for people, without a final stop; may hold a person's own words."""
    command: str = ""
    """What its button runs as typed text, e.g. `/mesh status api`; empty for no button."""
    asks: Operation | None = None
    """What waits for the person's vote; None for what is only told."""


class Board(Protocol):
    """A list that concerns a person."""

    def notices(self, desk: Desk, actor: Actor) -> Sequence[Notice]:
        """Return what concerns the actor now, the most urgent first; raise Unavailable."""


class Running(Protocol):
    """Who waits for what."""

    def running(self, user: str) -> list[Operation]:
        """Return the person's operations that are not done, newest first, steps of rollouts and previews left out."""


class Approvals:
    """What waits for the person's approval, or may: where Slack does not say, it is shown."""

    def notices(self, desk: Desk, actor: Actor) -> Sequence[Notice]:
        """Return it, the most pressing first."""
        mine = [one for one in waiting_for(desk, actor) if one.mine is not False]
        return [Notice(_asked(one, desk.time.now()), asks=one.operation) for one in mine]


class Frozen:
    """What is frozen now."""

    def notices(self, desk: Desk, actor: Actor) -> Sequence[Notice]:
        """Return every freeze that holds."""
        del actor
        return [Notice(in_words(one, str(one.scope))) for one in holding(desk)]


@dataclass(frozen=True)
class Boards:
    """The boards there are."""

    running: Running
    waiting: Board = field(default_factory=Approvals)
    """What waits for the person's approval."""
    freezes: Board = field(default_factory=Frozen)
    """What is frozen."""


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
        waiting, freezes = boards.waiting.notices(desk, actor), boards.freezes.notices(desk, actor)
    except Unavailable as error:
        trouble.append(error.message)
    try:
        who = whoami(desk, actor)
    except Unavailable as error:
        trouble.append(error.message)
    said = " ".join(trouble)
    return Overview(desk.time.now(), who, tuple(running), tuple(waiting), tuple(freezes), said)


def _asked(waiting: Waiting, now: float) -> str:
    operation, target = waiting.operation, waiting.operation.target
    split = f": {operation.plan.shares_before} -> {operation.plan.shares_after}" if operation.plan else ""
    left = span(max(1.0, waiting.approval.expires_at - now))
    return f"{operation.command.verb} {target}{split}; {left} left. Its card asks, or /mesh approve {operation.id}"
