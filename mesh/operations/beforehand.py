"""What Slack is asked before a service's lock is taken: a Slack that hangs holds up nobody else's change of it.

Under the lock the same questions are asked again, and answered by what was heard, a silence included. What nobody asked
yet, because something changed meanwhile, ends that try (`Unasked`): it is asked without the lock, and tried again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar, cast

from mesh.domain.commands import Verb
from mesh.domain.errors import Unavailable
from mesh.domain.operations import Operation, State
from mesh.domain.policy import Actor
from mesh.operations import approving, gatekeeping, voting
from mesh.operations.checking import Checks
from mesh.operations.persons import HANGS_S, persons_of
from mesh.operations.recording import Record
from mesh.operations.stage import Stage
from mesh.ports import Directory, Place

FRESH_S = 5.0
"""How old an answer may be when the lock is taken, in seconds: where asking took longer, somebody may have left since.
Who asks again is told by the directory at once, unless Slack told of a change."""
T = TypeVar("T")


class Unasked(Exception):
    """Under a lock something turned out to matter that Slack was not asked about."""


class Beforehand:
    """Implements `mesh.ports.Directory`, for one try at one operation: asks another one, or only remembers it."""

    def __init__(self, directory: Directory, *, alone: Callable[[], bool] = lambda: True) -> None:
        """Ask `directory`, outside of `asking_nobody`, unless `alone`, which is asked first and once, says no.

        An operation is handed to another worker every few seconds: each of them would wait for a Slack that hangs.
        """
        self._directory = directory
        self._alone = alone
        self._is_alone: bool | None = None
        self._turn = threading.Lock()
        self._heard: dict[tuple[Any, ...], tuple[float, Any]] = {}
        """When something was heard, and what: answers, and silences as errors, by question."""
        self._unasked: dict[tuple[Any, ...], Callable[[], Any]] = {}
        self._hangs: Unavailable | None = None
        self._asks = True
        self._from = 0.0
        """Since when an answer must have been heard to count now."""

    @contextmanager
    def asking_nobody(self) -> Iterator[None]:
        """Answer by what was heard alone, and lately, in a `with` block; anything else raises Unasked there."""
        self._asks, self._from = False, time.monotonic() - FRESH_S
        try:
            yield
        finally:
            self._asks, self._from = True, 0.0

    def ask(self) -> bool:
        """Ask what was wanted and not asked, one after another, and nothing more once Slack hangs.

        False where somebody else asks for this operation now.
        """
        for question, ask in self._unasked.items():
            if self._hangs is None and self._may_ask():
                self._ask(question, ask)
        self._unasked.clear()
        return self._may_ask()

    def place(self, channel: str) -> Place:
        """Return what a channel is; raise Unavailable, Unasked."""
        return self._answer(("place", channel), lambda: self._directory.place(channel))

    def active(self, actor: Actor) -> bool:
        """Tell whether the actor is a full member of the home workspace; raise Unavailable, Unasked."""
        return self._answer(("active", actor), lambda: self._directory.active(actor))

    def groups(self, actor: Actor, named: frozenset[str]) -> frozenset[str]:
        """Return those of the `named` usergroups the actor is in; raise Unavailable, Unasked."""
        return self._answer(("groups", actor, named), lambda: self._directory.groups(actor, named))

    def person(self, actor: Actor) -> str:
        """Return the id that all accounts of this person share; raise Unavailable, Unasked."""
        return self._answer(("person", actor), lambda: self._directory.person(actor))

    def changed_lately(self, actor: Actor, groups: frozenset[str], channel: str) -> bool:
        """Tell whether Slack told of a change: that is on record, so nobody is asked."""
        return self._directory.changed_lately(actor, groups, channel)

    def _answer(self, question: tuple[Any, ...], ask: Callable[[], T]) -> T:
        if not self._is_known(question):
            if self._asks and self._may_ask():
                self._ask(question, ask)
            elif self._hangs is not None:
                raise self._hangs
            else:
                self._unasked[question] = ask
                raise Unasked
        _, found = self._heard[question]
        if isinstance(found, Unavailable):
            raise found
        return cast(T, found)

    def _is_known(self, question: tuple[Any, ...]) -> bool:
        """Tell whether it was heard, lately where it is an answer; from whoever hangs none could be had anew."""
        if question not in self._heard:
            return False
        at, found = self._heard[question]
        return at >= self._from or self._hangs is not None or isinstance(found, Unavailable)

    def _may_ask(self) -> bool:
        with self._turn:
            if self._is_alone is None:
                self._is_alone = self._alone()
            return self._is_alone

    def _ask(self, question: tuple[Any, ...], ask: Callable[[], Any]) -> None:
        began = time.monotonic()
        try:
            answer = ask()
        except Unavailable as error:
            answer = error
            if time.monotonic() - began > HANGS_S:
                self._hangs = error
        self._heard[question] = time.monotonic(), answer


def ask_beforehand(stage: Stage, operation: Operation) -> None:
    """Ask Slack what is known to matter for this operation, by asking all of it as the work will.

    What comes of that is judged under the lock; here it decides nothing, and whatever is wrong is found and told there.
    """
    # What became of a patch is found out first, and asks nobody; nor does what waits, or a rollout that goes on.
    if operation.patch_is_open or operation.state is State.WAITING or operation.active_rollout:
        return
    with suppress(Exception):
        if operation.command.votes:
            _of_vote(stage, operation)
        elif operation.command.verb is Verb.FLAGGER:
            gatekeeping.check_agreed(stage, operation)
        else:
            _of_change(stage, operation)


def _of_vote(stage: Stage, vote: Operation) -> None:
    waiting, sources = stage.operations.get(vote.command.operation), (stage.catalog, stage.directory)
    voting.check_vote(vote.command, vote.actor, waiting, sources=sources, now=stage.time.now())
    if vote.command.verb is Verb.APPROVE and waiting.command.verb is not Verb.FLAGGER:
        Checks(stage, Record(stage, waiting, None)).still_asks()


def _of_change(stage: Stage, operation: Operation) -> None:
    command, rule = operation.command, stage.catalog.step_up
    Checks(stage, Record(stage, operation, None)).authorise()
    if command.rollout:
        return
    approving.check_agreed(stage, operation)
    if rule is not None and rule.asks(command.verb, operation.target):
        persons_of(stage.catalog, stage.directory, (operation.actor,))
