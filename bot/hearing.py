"""From a request to an answer: understand, check the clock, write down, say so. The same for every way in."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from bot.arrival import Arrival, Late
from bot.identity import Passport
from bot.requests import Request
from chat import answers
from chat.blocks import Message
from chat.buttons import ROLLBACK, UNDO
from chat.choices import CHOICES
from chat.steering import STEER
from mesh.domain.commands import ANSWERED_BY_BOT, Command, Verb
from mesh.domain.errors import MeshbotError, Refused
from mesh.domain.grammar import is_operation, parse
from mesh.domain.operations import Operation
from mesh.domain.outsiders import Outsider
from mesh.domain.policy import Actor
from mesh.operations.admitting import Caller, Door, admit, turn_away
from mesh.operations.receiving import Desk, history, nothing_started, receive, whoami
from mesh.ports import Directory, People, Place

OLDEST_S = 30.0
"""Slack sends an event again after one minute and after five when it got no answer (docs.slack.dev/apis/events-api):
by then the person has gone on, and a change would come out of the blue."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """What the person is told."""

    message: Message
    late: bool = False
    """True when Slack no longer shows what an acknowledgement carries, so that it must be sent on its own."""


@dataclass(frozen=True)
class _Punctual:
    """A directory that knows what time it is: asking Slack is the one slow thing that may come before the write."""

    directory: Directory
    arrival: Arrival

    def groups(self, actor: Actor, named: frozenset[str]) -> frozenset[str]:
        """Return the groups; raise Late when the answer took too long."""
        found = self.directory.groups(actor, named)
        self.arrival.check()
        return found

    def active(self, actor: Actor) -> bool:
        """Tell whether the person may act at all; raise Late when the answer took too long."""
        found = self.directory.active(actor)
        self.arrival.check()
        return found


@dataclass(frozen=True)
class _PunctualPeople:
    """People who know what time it is, for the same reason."""

    people: People
    arrival: Arrival

    def outsider(self, actor: Actor) -> Outsider | None:
        """Return what the actor is; raise Late when the answer took too long."""
        found = self.people.outsider(actor)
        self.arrival.check()
        return found

    def place(self, channel: str) -> Place:
        """Return what the channel is; raise Late when the answer took too long."""
        found = self.people.place(channel)
        self.arrival.check()
        return found


class Ear:
    """Hears requests and answers them; never raises, never waits for anything but Redis (and rarely Slack)."""

    def __init__(self, desk: Desk, passport: Passport, door: Door) -> None:
        """Work at `desk`, behind `door`, as the bot that `passport` says."""
        self._desk = desk
        self._passport = passport
        self._door = door

    @property
    def desk(self) -> Desk:
        """The desk, for what is not in a hurry."""
        return self._desk

    def hear(self, request: Request, arrival: Arrival) -> Answer:
        """Answer one request. Whatever goes wrong becomes words; they say so when something may have been started."""
        try:
            desk = self.enter(request, arrival)
            return Answer(BUTTONS[request.button](desk, request) if request.button else words(desk, request))
        except Exception as error:  # noqa: BLE001 (the last line: people must get an answer whatever happens)
            return in_words(error)

    def enter(self, request: Request, arrival: Arrival) -> Desk:
        """Let the request in, and return the desk that knows its time; raise Denied or Refused, on record, or Late."""
        caller = _caller(request)
        try:
            self._passport.identity.check(request)
        except Refused as error:
            turn_away(self._door, caller, error)
        arrival.check()
        admit(replace(self._door, people=_PunctualPeople(self._door.people, arrival)), caller)
        return replace(self._desk, directory=_Punctual(self._desk.directory, arrival))


def in_words(error: Exception) -> Answer:
    """Return what the person is told of an error, whatever it is."""
    if isinstance(error, Late):
        return Answer(answers.late_answer(), late=True)
    return Answer(answers.error_answer(error) if isinstance(error, MeshbotError) else incident(error))


def _caller(request: Request) -> Caller:
    asked = request.text or " ".join(filter(None, (request.button, request.claim)))
    return Caller(request.actor, request.origin, asked, request.machine, request.shared)


def incident(error: Exception) -> Message:
    """Log a bug with its traceback under a number, and tell the person that number."""
    number = secrets.token_hex(4)
    log.error("Incident %s", number, exc_info=error)
    hint = "Look for a card before you repeat it, and give that number to whoever runs meshbot."
    return answers.error_answer(MeshbotError(f"A bug in meshbot stopped your request (incident {number}).", hint=hint))


def words(desk: Desk, request: Request) -> Message:
    """Do what the words of an admitted request say, and return what the person is told."""
    command = parse(request.text)
    if command.verb in ANSWERED_BY_BOT:
        return _READING[command.verb](desk, command, request)
    if command.changes_traffic:
        _check_age(request, desk.time.now())
    return _start(desk, command, request)


def _check_age(request: Request, now: float) -> None:
    """Refuse a change that was asked for long ago. An earlier delivery may have started it, so nothing is promised."""
    age_s = 0.0 if request.at is None else now - request.at
    if age_s > OLDEST_S:
        raise Refused(
            f"This message reached me {age_s:.0f} s after you wrote it, too late to start a change with it.",
            hint="If no card came of it, send it again.",
        )


def _start(desk: Desk, command: Command, request: Request) -> Message:
    return answers.accepted_answer(receive(desk, command, request.actor, request.origin, dedupe=request.dedupe))


def _roll_back(desk: Desk, request: Request) -> Message:
    with nothing_started():
        former = desk.operations.get(_claimed(request))
    where = former.target
    command = Command(
        verb=Verb.ROLLBACK,
        service=where.service,
        namespace=where.namespace,
        cluster=where.cluster,
        route=former.command.route,
        promised=_promised(former),
    )
    return _start(desk, command, request)


def _promised(former: Operation) -> str:
    """Return the arm that the question on the card named: a card may be rounds old."""
    if former.plan is not None:
        return former.plan.stable
    stables = {arm.name for route in former.statuses for arm in route.arms if arm.role == "stable"}
    return stables.pop() if len(stables) == 1 else ""


def _undo(desk: Desk, request: Request) -> Message:
    return _start(desk, Command(verb=Verb.UNDO, operation=_claimed(request)), request)


def _steer(desk: Desk, request: Request) -> Message:
    """Say a word to the rollout of the card: to that one only, at that step, whatever runs by the time of the press."""
    name, _, at = request.claim.partition("/")
    with nothing_started():
        former = desk.operations.get(_claimed(replace(request, claim=name)))
    where = former.target
    command = Command(
        verb=STEER[request.button],
        service=where.service,
        namespace=where.namespace,
        cluster=where.cluster,
        promised=f"{former.id}/{at}" if at.isdecimal() else former.id,
    )
    return _start(desk, command, request)


def _choose(desk: Desk, request: Request) -> Message:
    """Do what the button says as if the presser had typed it: same grammar, same rights, same answers."""
    return words(desk, replace(request, text=request.claim))


def _claimed(request: Request) -> str:
    """Return the id on the button: only a claim, so the operation is read again and rights are checked as ever."""
    if not is_operation(request.claim):
        raise Refused("This button names no operation.", hint="Type the command instead: /mesh help.")
    return request.claim


_READING: dict[Verb, Callable[[Desk, Command, Request], Message]] = {
    Verb.HELP: lambda _desk, command, _request: answers.help_answer(command.topic),
    Verb.HISTORY: lambda desk, command, _request: answers.history_answer(history(desk, command)),
    Verb.WHOAMI: lambda desk, _command, request: answers.whoami_answer(whoami(desk, request.actor)),
}
"""How each verb of ANSWERED_BY_BOT is answered."""

BUTTONS: dict[str, Callable[[Desk, Request], Message]] = {
    ROLLBACK: _roll_back,
    UNDO: _undo,
    **dict.fromkeys(STEER, _steer),
    **dict.fromkeys(CHOICES, _choose),
}
"""What each of our buttons does."""
