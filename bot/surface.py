"""The modal and the App Home: other ways in to the same grammar, the same rights, the same operations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from bot.arrival import Arrival
from bot.chores import Chores
from bot.forms import Misplaced, read_form, understand
from bot.hearing import Answer, Ear, in_words, words
from bot.homes import Homes
from bot.requests import Payload, Request, from_button, from_home, from_modal
from chat import answers
from chat.form import View, asking, form, options, previewed, receipt, told
from chat.home import home, home_told
from chat.locales import heard
from chat.screens import Screens
from chat.trouble import TROUBLE, word
from mesh.domain.commands import ANSWERED_BY_BOT, Command
from mesh.domain.errors import Denied, Lapse, MeshbotError, Refused, Unavailable
from mesh.domain.grammar import MEANT_FOR, format_command
from mesh.domain.operations import Origin
from mesh.domain.outsiders import HINT, WHY
from mesh.operations.desk import Desk
from mesh.operations.offering import offered
from mesh.operations.overview import Boards, overview
from mesh.operations.receiving import receive
from mesh.ports import People
from telemetry.counting import answering

Response = dict[str, Any]
"""What a modal is answered with (docs.slack.dev/surfaces/modals)."""

MOST_SAID = 400
"""Characters of an error beside a field."""


@dataclass(frozen=True)
class Surface:
    """What happens in views."""

    ear: Ear
    people: People
    boards: Boards
    screens: Screens
    homes: Homes
    chores: Chores

    # --- the modal ---------------------------------------------------------------------------------------------------

    def open(self, request: Request, arrival: Arrival) -> Answer | None:
        """Open the form at once, for its trigger dies after 3 s; returns what to say when that did not work."""
        try:
            with self.ear.lapses.watched(request, arrival):
                desk = self.ear.enter(request, arrival)
                with asking_slack(_unopened):
                    self.screens.open(request.trigger, _form(desk, request.origin))
        except Exception as error:  # noqa: BLE001 (people must get an answer whatever happens)
            return in_words(error)
        return None

    def suggest(self, body: Payload, arrival: Arrival) -> list[dict[str, Any]]:
        """Return the services that fit what is typed; none for outsiders, and none when something is wrong."""
        request = from_modal(body)
        request = replace(request, origin=replace(request.origin, way="suggestion"))
        try:
            # What is typed is no command: it would be counted as one.
            with self.ear.lapses.watched(request, arrival):
                desk = self.ear.enter(request, arrival)
                cluster = read_form(body.get("view") or {}).cluster
                found = offered(desk, request.actor, request.text, cluster=cluster, channel=request.origin.channel)
        except Exception as error:  # noqa: BLE001 (there is no place for words here; bugs are logged)
            in_words(error)
            return []
        return options(found)

    def submit(self, body: Payload, arrival: Arrival) -> Response:
        """Do what the form says as if it had been typed; errors stand beside their fields."""
        request = from_modal(body)
        try:
            with self.ear.lapses.watched(request, arrival):
                desk = self.ear.enter(request, arrival)
        except Exception as error:  # noqa: BLE001 (as above)
            return {"response_action": "update", "view": told(in_words(error).message)}
        try:
            request = replace(request, origin=_reachable(self.people, request))
            command = understand(desk, read_form(body["view"]), request.actor, channel=request.origin.channel)
            text = format_command(command)
            request = replace(request, text=text)
            with self.ear.lapses.watched(request, arrival), answering(text, request.origin.way, arrival.at):
                said = words(desk, request)
        except MeshbotError as error:
            return {"response_action": "errors", "errors": {_field(error): beside(error)}}
        except Exception as error:  # noqa: BLE001 (as above)
            return {"response_action": "update", "view": told(in_words(error).message)}
        self.touched(request)
        makes_card = command.verb not in ANSWERED_BY_BOT
        shown = receipt(said, request.origin.channel) if makes_card else told(said)
        return {"response_action": "update", "view": shown}

    def preview(self, body: Payload, arrival: Arrival) -> None:
        """Start a dry run that a worker shows in the modal; what is wrong is shown there as well.

        The modal says so first: its state after that belongs to this preview alone, so an older one that is still under
        way cannot take its place, and neither can this one take the place of a newer.
        """
        request, view = from_button(body), body["view"]
        view_id, seen = str(view.get("id") or ""), str(view.get("hash") or "")
        try:
            with self.ear.lapses.watched(request, arrival):
                desk = self.ear.enter(request, arrival)
                command = _planned(understand(desk, read_form(view), request.actor, channel=request.origin.channel))
                waiting = _form(desk, request.origin, asking(format_command(replace(command, dry_run=False))))
                with asking_slack(_unchanged):
                    seen = self.screens.update(view_id, seen, waiting)
                arrival.check()
                if seen:
                    origin = replace(request.origin, view=view_id, view_hash=seen)
                    receive(desk, command, request.actor, origin, dedupe=request.dedupe)
        except Exception as error:  # noqa: BLE001 (as above)
            said = in_words(error).message
            shown = told(said) if isinstance(error, Denied) else _form(self.ear.desk, request.origin, previewed(said))
            self.chores.later("a modal", lambda: _ignored(self.screens.update(view_id, seen, shown)))

    # --- the App Home ------------------------------------------------------------------------------------------------

    def look(self, request: Request, arrival: Arrival) -> None:
        """Draw the App Home of whoever looks at it: with everything for members, with the reason for others."""
        try:
            with self.ear.lapses.watched(request, arrival):
                self.ear.enter(request, arrival)
        except Exception as error:  # noqa: BLE001 (as above)
            said = in_words(error).message
            self.homes.looked(request.actor.user, lambda: home_told(said))
            return
        self.homes.looked(request.actor.user, lambda: self._home(request))

    def opened(self, body: Payload, arrival: Arrival) -> None:
        """Draw the App Home when its tab is opened; the messages tab is of no concern."""
        if body["event"].get("tab") == "home":
            self.look(from_home(body), arrival)

    def touched(self, request: Request) -> None:
        """Draw the App Home of whoever asked for something again, if they looked at it lately or pressed it there."""
        user, origin = request.actor.user, request.origin
        # A form that was opened on a Home is answered between the two of us.
        on_home = origin.way == "home" or (origin.way == "modal" and origin.channel == user)
        follow = self.homes.pressed if on_home else self.homes.touched
        follow(user, lambda: self._home(request))

    def _home(self, request: Request) -> View:
        with self.ear.voice.to(request.actor.user):
            return self._drawn(request)

    def _drawn(self, request: Request) -> View:
        # Drawn later than it was asked for: the person may have left meanwhile.
        outsider = self.people.outsider(request.actor)
        if outsider is not None:
            return home_told(answers.error_answer(Denied(WHY[outsider], hint=HINT)))
        found = overview(self.ear.desk, self.boards, request.actor)
        if found.running:
            self.homes.running(request.actor.user, lambda: self._home(request))
        return home(found)


@contextmanager
def asking_slack(trouble: Callable[[str], Unavailable]) -> Iterator[None]:
    """Raise the `trouble` that Slack's word makes where the block, which calls Slack, does not get its way."""
    try:
        yield
    except TROUBLE as error:
        raise trouble(word(error)) from error


def _unopened(why: str) -> Unavailable:
    hint = "Type the command instead: /mesh help."
    return Unavailable(f"Slack did not open the form ({why}).", hint=hint, lapse=Lapse.SLACK)


def _unchanged(why: str) -> Unavailable:
    return Unavailable(f"Slack did not change the form ({why}).", hint="Press Preview again.", lapse=Lapse.SLACK)


def _form(desk: Desk, origin: Origin, preview: Any = ()) -> View:
    names = [cluster.name for cluster in desk.catalog.clusters]
    return form(names, channel=origin.channel, thread=origin.thread, preview=preview)


def _reachable(people: People, request: Request) -> Origin:
    """Return where the card can be posted: where the form was opened, else our direct messages."""
    origin = request.origin
    if origin.channel.startswith(("C", "G")) and people.place(origin.channel).joined:
        return origin
    return replace(origin, channel=request.actor.user, thread="")


def _planned(command: Command) -> Command:
    if command.verb not in MEANT_FOR["dry_run"]:
        raise Refused(f"{command.verb} changes nothing, so there is nothing to plan.", hint="Press Run to see it.")
    return replace(command, dry_run=True)


def _ignored(_hash: str) -> None:
    """Take no notice of whether the modal was overtaken."""


def _field(error: MeshbotError) -> str:
    return error.field if isinstance(error, Misplaced) else "service"


def beside(error: MeshbotError) -> str:
    """Return what stands beside a field, as short as Slack wants it."""
    return f"{heard(error.message)} {heard(error.hint)}".strip()[:MOST_SAID]
