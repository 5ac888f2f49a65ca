"""Words of people to a rollout that wait to be heard: what was said in time counts, though it is heard late."""

from __future__ import annotations

from mesh.domain.commands import Verb
from mesh.domain.operations import Operation
from mesh.domain.rollouts import Happening, after
from mesh.operations.stage import Stage
from mesh.operations.telling import the_rollout

SAID: dict[Verb, Happening] = {
    Verb.PAUSE: Happening.PAUSE,
    Verb.RESUME: Happening.RESUME,
    Verb.SKIP: Happening.SKIP,
    Verb.CONFIRM: Happening.CONFIRM,
    Verb.ABORT: Happening.ABORT,
}
"""What each word is to a rollout."""


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
