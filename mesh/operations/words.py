"""Words of people to a rollout that wait to be heard: what was said in time counts, though it is heard late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mesh.domain.catalog import Catalog
from mesh.domain.choices import about, parted
from mesh.domain.commands import Command, Target, Verb
from mesh.domain.errors import NotFound, Refused, Unavailable
from mesh.domain.grammar import parse
from mesh.domain.operations import Operation
from mesh.domain.rollouts import Happening, after
from mesh.operations.stage import Stage
from mesh.operations.telling import the_rollout
from mesh.ports import Operations

SAID: dict[Verb, Happening] = {
    Verb.PAUSE: Happening.PAUSE,
    Verb.RESUME: Happening.RESUME,
    Verb.SKIP: Happening.SKIP,
    Verb.CONFIRM: Happening.CONFIRM,
    Verb.ABORT: Happening.ABORT,
}
"""What each word is to a rollout."""


def bound(operations: Operations, command: Command, target: Target) -> Command:
    """Return a word to a rollout with what it is about: the one under way, the step whose weights stand, the stop.

    That is how the store has them before the word is in it, so no clock is asked what its person can have known. Where
    it does not say, or only a newer meshbot can read it, the word goes on as it is: an abort is not lost by that.
    """
    try:
        parent = operations.rollout(target)
    except Unavailable:
        return command
    if parent is None or parent.rollout is None:
        return command
    return replace(command, promised=f"{parent.id}/{parent.rollout.standing}/{parent.rollout.stop}")


def offered(choices: Sequence[str], *, operations: Operations, catalog: Catalog) -> tuple[str, ...]:
    """Return the choices of a slip of the pen, each word to a rollout being about the one under way, its step and stop.

    Where there is none, or the store does not say, that word is left out: its button would be about whatever runs by
    the time of the press.
    """
    return tuple(found for one in choices if (found := _offered(one, operations, catalog)))


def _offered(choice: str, operations: Operations, catalog: Catalog) -> str:
    typed, what = parted(choice)
    try:
        command = parse(typed)
    except Refused:
        return choice
    if what or not command.steers:
        return choice
    try:
        parent = operations.rollout(catalog.target(command))
    except (NotFound, Unavailable):
        return ""
    return about(typed, on_card(parent)) if parent is not None and parent.rollout is not None else ""


def on_card(parent: Operation) -> str:
    """Return what a button of the rollout's card is about at this moment."""
    rollout = the_rollout(parent)
    return f"{parent.id}/{rollout.at}/{rollout.stop}"


def decides_in_time(stage: Stage, operation: Operation) -> Operation | None:
    """Return a word that was received before the rollout's deadline, can still decide, and was not worked on yet.

    A word that no worker comes for expires, so nothing is held up by it for longer than that. Raises Unavailable.
    """
    rollout, now = the_rollout(operation), stage.time.now()
    for said in stage.operations.beside(operation):
        happening = SAID.get(said.command.verb)
        if happening is None or said.done or now > said.deadline or said.id in rollout.heard:
            continue
        if said.created_at < rollout.deadline and after(rollout, happening):
            return said
    return None
