"""What a process does before it says that it is ready, so that nobody's first command waits for it.

A rehearsal: a command is understood and judged by the policy, Redis is read for it, its answers are drawn in each
language, and a request is led past every listener. Nothing is written, counted or sent. A part that is away delays the
start by a moment, and keeps nobody from starting.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from slack_bolt import App, BoltRequest

from chat.answers import accepted_answer, error_answer, help_answer, late_answer
from chat.blocks import Message
from chat.form import form
from chat.locales import Locale, speaking
from mesh.domain.commands import Command, Verb
from mesh.domain.errors import Denied, MeshbotError, NotFound
from mesh.domain.grammar import format_command, parse
from mesh.domain.operations import Operation, Origin
from mesh.domain.outsiders import HINT, WHY, Outsider
from mesh.domain.policy import Actor, decide
from mesh.operations.desk import Desk
from mesh.ports import Receipt

NAME = "op-rehearsal"
SOMEBODY = Actor("U0REHEARSAL", "T0REHEARSAL")
"""Nobody: no role names them, and Slack is not asked about them."""
HERE = Origin("slash", channel="C0REHEARSAL")

log = logging.getLogger(__name__)


def warm(*steps: Callable[[], object]) -> None:
    """Take each step; never raises: a process that is cold is better than none."""
    for step in steps:
        try:
            step()
        except MeshbotError as error:
            log.warning("not everything is warm: %s", error.message)
        except Exception:
            log.exception("a bug: not everything is warm")


def rehearse(desk: Desk) -> list[Message]:
    """Return what is said to one command in each language, and where it is refused; raise Unavailable.

    Reads by every port that is read before a write.
    """
    command = parse(format_command(Command(verb=Verb.PROMOTE, service="rehearsal", share=50)))
    target = desk.catalog.target(command)
    decide(desk.catalog.policy, SOMEBODY, frozenset(), command.verb, target)
    # What is drawn needs nobody.
    said = [one for locale in Locale for one in _drawn(desk, command, locale)]
    with _unknown():
        desk.operations.get(NAME)
    desk.operations.recent(target=target, channel=HERE.channel)
    desk.operations.undone(target)
    desk.operations.waiting()
    desk.freezes.standing()
    return said


def _drawn(desk: Desk, command: Command, locale: Locale) -> list[Message]:
    operation = Operation(NAME, command, desk.catalog.target(command), SOMEBODY, HERE, desk.time.now())
    with speaking(locale):
        form([cluster.name for cluster in desk.catalog.clusters], channel=HERE.channel)
        answers = [
            accepted_answer(Receipt(operation, created=True)),
            error_answer(Denied(WHY[Outsider.GUEST], hint=HINT)),
            late_answer(),
        ]
        answers.append(help_answer())
        for one in answers:
            json.dumps(one.ephemeral())
    return answers


@contextmanager
def _unknown() -> Iterator[None]:
    try:
        yield
    except NotFound:
        return


def walk(app: App) -> None:
    """Lead a request past every listener; none hears it."""
    app.dispatch(BoltRequest(body={"type": "rehearsal"}, mode="socket_mode"))
