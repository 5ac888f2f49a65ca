"""Writing down what happens to one operation, and telling people."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from mesh.domain.errors import Conflict, LostLease, MeshbotError, Unavailable, Uncopied
from mesh.domain.limits import rise_of
from mesh.domain.operations import UNSENT, Event, Operation, State, Step
from mesh.domain.splits import SplitSeen
from mesh.operations import facts
from mesh.operations.stage import Stage
from mesh.ports import Lease

TELL_AGAIN_S = 5.0
"""When to try again to put the end into the outbox, after that failed; later and later, up to the next number."""
TELL_AGAIN_MOST_S = 600.0

UNSENT_AGAIN_S = 5.0
"""When to announce a patch again, after no replica had that; later and later, up to the next number."""
UNSENT_AGAIN_MOST_S = 300.0

KEEP_TRIES = 5
"""How often what was shown is written beside what others write of the same operation."""

_WITH_PLAN = frozenset({Step.PATCHING, Step.FORCED, Step.REFUSED, Step.BARRED, Step.ASKED, Step.VOID})

log = logging.getLogger(__name__)


class LeftToTheNext(MeshbotError):
    """This worker can no longer write down what it does, so it does nothing more."""


class Record:
    """One worker's hold on one operation: `operation` is what the store has, and every change goes through here."""

    def __init__(self, stage: Stage, operation: Operation, lease: Lease | None) -> None:
        """Hold `operation`; with a `lease`, nothing can be written once it is lost."""
        self.operation = operation
        self.lease = lease
        self.uncopied = False
        """True once a patch was sent that no replica of Redis knew of."""
        self._stage = stage

    def tell(self, state: State, step: Step, text: str = "", *, by: str = "", **changes: Any) -> None:
        """Move the operation and write the step into its story and into the audit log, all or nothing.

        `by` is the person who made it happen, where that is not whoever asked for the operation. Raises LeftToTheNext
        when that cannot be written.
        """
        event = Event(step, self._stage.time.now(), text, by)
        operation = self.operation.move(state, event, **changes)
        more: dict[str, Any] = {"state": str(state)}
        if step in _WITH_PLAN and operation.plan:
            more |= facts.of_plan(operation.plan, operation.gates)
        if operation.commit and "commit" in changes:
            more["commit"] = asdict(operation.commit)
        if operation.rollout:
            more |= facts.of_rollout(operation.rollout, operation.gates)
        if operation.approval:
            more |= facts.of_approval(operation.approval)
        # Readings leave one line (that they were asked for), or the log would drown in them.
        entries = [facts.of_event(operation, event, **more)] if operation.command.acts else []
        self._commit(operation, *entries)

    def write_down(self, **changes: Any) -> None:
        """Change what is no event, and in no story; raises LeftToTheNext when that cannot be written."""
        self._commit(replace(self.operation, **changes))

    def end(self, state: State, step: Step, text: str, **changes: Any) -> None:
        """Tell the last step; its text is the outcome. Raises LeftToTheNext."""
        self.tell(state, step, text, outcome=text, **changes)

    def fail(self, state: State, step: Step, error: MeshbotError) -> None:
        """Tell an end that an error made, with its hint and choices. Raises LeftToTheNext."""
        self.end(state, step, error.message.removesuffix("."), hint=error.hint, choices=error.choices)

    def show(self, drawn: Operation | None = None) -> None:
        """Show how far it is. That is worth no delay and no failure: only the end must reach people.

        `drawn` is the operation with what need not be on record, such as the verdicts of a moment.
        """
        try:
            shown = self._stage.cards.show(drawn or self.operation)
        except Unavailable as error:
            log.warning("%s runs and could not be shown: %s", self.operation.id, error.message)
            return
        except Exception:
            log.exception("a bug kept the card of %s from being drawn", self.operation.id)
            return
        self._keep(shown)

    def report(self, drawn: Operation | None = None) -> None:
        """Put the end into the outbox; only then is the operation settled. Tried again later when that fails.

        Who is killed in between leaves it to the next worker, who writes the same letters again, which changes nothing.
        """
        shown = self._told(drawn or self.operation)
        if shown is None:
            return
        self._keep(shown)
        if self._written(lambda: self._announced(self.operation)) is not None:
            self._commit(replace(self.operation, reported=True))

    def _announced(self, operation: Operation) -> Operation:
        """Let the audit channel hear of a change."""
        if operation.command.changes_traffic:
            entry = self._stage.auditlog.latest(operation.id)
            self._stage.cards.announce(operation, f"{entry.facts['seq']} {entry.hash[:12]}" if entry else "")
        return operation

    def measured(self, split: SplitSeen) -> None:
        """Put on the card, after the end, what split the metrics showed, and write it down. Raises LeftToTheNext.

        In that order: once it is on record nobody comes back, and traffic gone astray would never be told.
        """
        event = Event(Step.MEASURED, self._stage.time.now(), split.in_words)
        shown = self._told(self.operation.add(event, split=split))
        if shown is not None:
            self._commit(shown, facts.of_event(shown, event, split=asdict(split)))

    def _told(self, operation: Operation) -> Operation | None:
        """Show what must reach people; None where that may not be on record: then the clock comes back later."""
        return self._written(lambda: self._stage.cards.show(operation))

    def _written(self, write: Callable[[], Operation]) -> Operation | None:
        operation = self.operation
        try:
            return write()
        except Exception as error:
            bug = None if isinstance(error, Unavailable) else error
            log.warning("%s ended and that could not be written down for people: %s", operation.id, error, exc_info=bug)
            since_the_end = self._stage.time.now() - self.operation.story[-1].at
            pause = min(max(TELL_AGAIN_S, since_the_end / 2), TELL_AGAIN_MOST_S)
            self._stage.operations.later(operation.id, seconds=pause)
            return None

    def _keep(self, shown: Operation) -> None:
        """Write down what people were shown, and where; also where the operation went on meanwhile."""
        seen: dict[str, Any] = {"card": shown.card, "mirror": shown.mirror, "told": shown.told, "chart": shown.chart}
        for _ in range(KEEP_TRIES):
            if all(getattr(self.operation, name) == value for name, value in seen.items()):
                return
            try:
                self.operation = self._stage.operations.commit(replace(self.operation, **seen), lease=self.lease)
            except Conflict:
                self.operation = self._stage.operations.get(self.operation.id)
            except (LostLease, Unavailable) as error:
                raise LeftToTheNext(error.message) from error

    def _commit(self, operation: Operation, *entries: dict[str, Any]) -> None:
        """Write to the store. When that fails, nothing may be concluded: what was done is found on the object later."""
        try:
            self.operation = self._stage.operations.commit(operation, entries, lease=self.lease)
        except Uncopied as error:
            self.operation = replace(operation, revision=operation.revision + 1)
            goes_back = operation.command.goes_back and operation.plan is not None and not rise_of(operation.plan)
            if not goes_back:
                self._unsent()
                raise LeftToTheNext(error.message) from error
            # A failover now would forget the record, not the patch; that the canary keeps its traffic is worse.
            log.warning("%s goes back, and no replica of Redis has its plan yet", operation.id)
            self.uncopied = True
        except (LostLease, Conflict, Unavailable) as error:
            raise LeftToTheNext(error.message) from error

    def _unsent(self) -> None:
        """Write down that the announced patch is not sent, or the next worker would look for it, and shut it out."""
        self.tell(State.RUNNING, Step.UNWRITTEN, UNSENT)
        self.show()
        first = next(event.at for event in self.operation.story if event.text == UNSENT)
        pause = min(max(UNSENT_AGAIN_S, (self._stage.time.now() - first) / 4), UNSENT_AGAIN_MOST_S)
        try:
            self._stage.operations.later(self.operation.id, seconds=pause)
        except Unavailable as error:
            log.warning("%s is looked at again as if nothing had been said: %s", self.operation.id, error.message)


def incident(operation: Operation, error: Exception) -> MeshbotError:
    """Put a bug into the log, and return the words that people get for it."""
    log.error("a bug stopped %s", operation.id, exc_info=error)
    return MeshbotError(
        f"A bug in meshbot stopped this operation ({type(error).__name__}).",
        hint=f"Look at /mesh status {operation.target.service}; the worker's log has the details under {operation.id}.",
    )
