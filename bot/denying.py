"""Denying by button: the press asks why, and what is sent off becomes `deny … --reason` as if it had been typed."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import partial

from bot.arrival import Arrival
from bot.forms import Misplaced, written
from bot.hearing import Answer, in_words, voted_on, words
from bot.requests import Payload, Request, from_modal
from bot.surface import Response, Surface, asking_slack, beside
from chat.denying import REASON, why_form
from chat.form import told
from mesh.domain.commands import Command, Verb
from mesh.domain.errors import Lapse, Refused, Unavailable
from mesh.domain.grammar import format_command
from mesh.domain.terms import is_operation
from mesh.operations.ballots import check_may_vote
from telemetry.counting import answering


@dataclass(frozen=True)
class Denials:
    """What happens between the press of *Deny* and the vote."""

    surface: Surface

    def ask(self, request: Request, arrival: Arrival) -> Answer | None:
        """Ask whoever pressed *Deny* why, at once: the trigger dies after 3 s. Returns what to say where that fails.

        Who may not deny is told so now, on record, and not after having written a reason.
        """
        try:
            with self.surface.ear.lapses.watched(request, arrival):
                self._ask(request, arrival)
        except Exception as error:  # noqa: BLE001 (people must get an answer whatever happens)
            return in_words(error)
        return None

    def _ask(self, request: Request, arrival: Arrival) -> None:
        desk, origin = self.surface.ear.enter(request, arrival), request.origin
        waiting = voted_on(desk, request, Verb.DENY)
        denial = Command(verb=Verb.DENY, operation=waiting.id)
        typed = f"Type it instead: /mesh {format_command(replace(denial, reason='why'))}"
        check_may_vote(desk, denial, request.actor, origin)
        arrival.check()
        with asking_slack(partial(_unopened, typed)):
            self.surface.screens.open(request.trigger, why_form(waiting, channel=origin.channel, thread=origin.thread))

    def submit(self, body: Payload, arrival: Arrival) -> Response:
        """Deny with the reason that was written, by the one grammar, the same rights and the same operation."""
        request, view = from_modal(body), body["view"]
        try:
            with self.surface.ear.lapses.watched(request, arrival):
                desk = self.surface.ear.enter(request, arrival)
                request = replace(request, text=_text(view))
                with answering(request.text, request.origin.way, arrival.at):
                    said = words(desk, request)
        except Misplaced as error:
            return {"response_action": "errors", "errors": {error.field: beside(error)}}
        except Exception as error:  # noqa: BLE001 (as above)
            return {"response_action": "update", "view": told(in_words(error).message)}
        self.surface.touched(request)
        return {"response_action": "update", "view": told(said)}


def _unopened(typed: str, why: str) -> Unavailable:
    said = f"Slack did not open the form ({why}), so nothing was counted."
    return Unavailable(said, hint=typed, lapse=Lapse.SLACK)


def _text(view: Payload) -> str:
    """Return the words that a person would type; raises Misplaced where the reason cannot be one."""
    reason = written(REASON, _reason(view))
    if not reason:
        raise Misplaced(REASON, Refused("Say why.", hint="Whoever asked has to know what to do about it."))
    return format_command(Command(verb=Verb.DENY, operation=_operation(view), reason=reason))


def _reason(view: Payload) -> str:
    """Return what was written, on one line; empty where that has another shape."""
    found: object = view
    for key in ("state", "values", REASON, REASON, "value"):
        found = found.get(key) if isinstance(found, dict) else None
    return " ".join(found.split()) if isinstance(found, str) else ""


def _operation(view: Payload) -> str:
    """Return what the form is about: only a claim, so it is looked up and rights are asked again."""
    try:
        kept = json.loads(view.get("private_metadata") or "")
    except (TypeError, ValueError):
        kept = None
    claim = str(kept.get("operation") or "") if isinstance(kept, dict) else ""
    if not is_operation(claim):
        raise Refused("This form names no change.", hint="Type it instead: /mesh help deny.")
    return claim
