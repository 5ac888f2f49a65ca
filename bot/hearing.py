"""From a request to an answer: understand, check the clock, write down, say so. The same for every way in."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from bot.arrival import Arrival, Late, Old
from bot.identity import Passport
from bot.lapses import Lapses, caller_of
from bot.punctual import punctual
from bot.requests import Request
from bot.voice import Voice
from chat import answers, freezes, rights
from chat.approvals import APPROVE, approvals_answer
from chat.blocks import Message
from chat.buttons import ROLLBACK, UNDO
from chat.choices import CHOICES
from chat.digests import list_answer
from chat.incidents import FREEZE, ROLL_BACK, STATUS, incidents_answer
from chat.places import is_on_card
from chat.steering import STEER
from mesh.domain.catalog import Catalog
from mesh.domain.choices import parted
from mesh.domain.commands import Command, Verb
from mesh.domain.errors import MeshbotError, Refused
from mesh.domain.grammar import format_command, parse
from mesh.domain.incidents import Incident
from mesh.domain.operations import Operation
from mesh.domain.outsiders import Outsider
from mesh.domain.policy import Actor
from mesh.domain.terms import is_incident, is_operation
from mesh.operations.admitting import admit, turn_away
from mesh.operations.ballots import turn_vote_away, waiting_for
from mesh.operations.completing import nothing_started
from mesh.operations.desk import Desk
from mesh.operations.explaining import can, whoami
from mesh.operations.freezing import holding, upcoming
from mesh.operations.incidents import open_incidents
from mesh.operations.receiving import digests, history, receive
from mesh.operations.words import offered
from mesh.ports import Bucket, Buckets, Directory, People, Place
from telemetry.counting import answering

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

    def person(self, actor: Actor) -> str:
        """Return the person's id; raise Late when the answer took too long."""
        found = self.directory.person(actor)
        self.arrival.check()
        return found

    def place(self, channel: str) -> Place:
        """Return what the channel is; raise Late when the answer took too long."""
        found = self.directory.place(channel)
        self.arrival.check()
        return found

    def changed_lately(self, actor: Actor, groups: frozenset[str], channel: str) -> bool:
        """Tell whether one of them changed; that asks Redis alone."""
        return self.directory.changed_lately(actor, groups, channel)


@dataclass(frozen=True)
class _PunctualBuckets:
    """Buckets that know what time it is: they are asked last before the write, after all that a slow Redis delays."""

    buckets: Buckets
    arrival: Arrival

    def take(self, bucket: Bucket) -> float:
        """Take a token; raise Late when everything before took too long."""
        found = self.buckets.take(bucket)
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

    def __init__(
        self,
        desk: Desk,
        passport: Passport,
        lapses: Lapses,
        *,
        catalog: Callable[[], Catalog] | None = None,
        voice: Voice | None = None,
    ) -> None:
        """Work at `desk`, as the bot that `passport` says; `catalog` is asked at each request.

        `lapses` has the door, and looks on.
        """
        self.voice = voice or Voice()
        self._desk = desk
        self._catalog = catalog or (lambda: desk.catalog)
        self._passport = passport
        self.lapses = lapses
        self._door = lapses.door

    @property
    def desk(self) -> Desk:
        """The desk, for what is not in a hurry, with one whole configuration, whatever becomes of the file."""
        return replace(self._desk, catalog=self._catalog())

    def hear(self, request: Request, arrival: Arrival) -> Answer:
        """Answer one request. Whatever goes wrong becomes words; they say so when something may have been started."""
        with self.voice.to(request.actor.user):
            try:
                with self.lapses.watched(request, arrival), answering(request.text, request.origin.way, arrival.at):
                    desk = self.enter(request, arrival)
                    said = BUTTONS[request.button](desk, request) if request.button else words(desk, request)
                    answer = Answer(said)
            except Exception as error:  # noqa: BLE001 (the last line: people must get an answer whatever happens)
                answer = in_words(error)
        # Not only what was given up may be too late to ride on the acknowledgement.
        return replace(answer, late=answer.late or arrival.over())

    def enter(self, request: Request, arrival: Arrival) -> Desk:
        """Let the request in, and return the desk that knows its time; raise Denied or Refused, on record, or Late."""
        caller = caller_of(request)
        try:
            self._passport.identity.check(request)
        except Refused as error:
            turn_away(self._door, caller, error)
        arrival.check()
        admit(replace(self._door, people=_PunctualPeople(self._door.people, arrival)), caller)
        desk = self.desk
        directory, buckets = _Punctual(desk.directory, arrival), _PunctualBuckets(desk.buckets, arrival)
        operations = punctual(desk.operations, arrival)
        punctually = replace(desk, operations=operations, directory=directory, buckets=buckets)
        return replace(punctually, locale=self.voice.locale(request.actor.user))


def in_words(error: Exception) -> Answer:
    """Return what the person is told of an error, whatever it is."""
    if isinstance(error, Late):
        return Answer(answers.late_answer(), late=True)
    return Answer(answers.error_answer(error) if isinstance(error, MeshbotError) else incident(error))


def incident(error: Exception) -> Message:
    """Log a bug with its traceback under a number, and tell the person that number."""
    number = secrets.token_hex(4)
    log.error("Incident %s", number, exc_info=error)
    hint = "Look for a card before you repeat it, and give that number to whoever runs meshbot."
    return answers.error_answer(MeshbotError(f"A bug in meshbot stopped your request (incident {number}).", hint=hint))


def words(desk: Desk, request: Request) -> Message:
    """Do what the words of an admitted request say, and return what the person is told."""
    command = _understood(desk, request.text)
    if command.answered_by_bot:
        return _READING[command.verb](desk, command, request)
    if command.acts:
        _check_age(request, desk.time.now())
    return _start(desk, command, request)


def _understood(desk: Desk, text: str) -> Command:
    """Parse the words; what a refusal offers to a rollout is about the one under way, for its buttons stay for days."""
    try:
        return parse(text)
    except Refused as error:
        error.choices = offered(error.choices, operations=desk.operations, catalog=desk.catalog)
        raise


def _check_age(request: Request, now: float) -> None:
    """Refuse a change that was asked for long ago. An earlier delivery may have started it, so nothing is promised."""
    age_s = 0.0 if request.at is None else now - request.at
    if age_s > OLDEST_S:
        raise Old(
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
        promised=f"{former.id}/{at}" if all(one.isdecimal() for one in at.split("/")) else former.id,
    )
    return _start(desk, command, request)


def _approve(desk: Desk, request: Request) -> Message:
    """Vote for the operation of the button, as if it had been typed."""
    return _start(desk, Command(verb=Verb.APPROVE, operation=voted_on(desk, request, Verb.APPROVE).id), request)


def voted_on(desk: Desk, request: Request, verb: Verb) -> Operation:
    """Return what the pressed button is about; raise Refused, on record, where it is neither on its card nor in a Home.

    A Home shows people what they may vote on, and nobody else sees it.
    """
    with nothing_started():
        waiting = desk.operations.get(_claimed(request))
        shown = request.origin.way == "home" or is_on_card(
            waiting, desk.outbox, request.origin.channel, request.message
        )
    if not shown:
        error = Refused("This button is not on the card of that change.", hint=f"See /mesh approvals for {waiting.id}.")
        turn_vote_away(desk, Command(verb=verb, operation=waiting.id), request.actor, request.origin, error)
    return waiting


def _choose(desk: Desk, request: Request) -> Message:
    """Do what the button says as if the presser had typed it: same grammar, same rights, same answers.

    A word to a rollout is said of what the button was offered for, whatever runs by the time of the press.
    """
    typed, what = parted(request.claim)
    command = parse(typed)
    if command.steers:
        return _start(desk, replace(command, promised=what), request)
    return words(desk, replace(request, text=typed))


def _roll_back_incident(desk: Desk, request: Request) -> Message:
    """Roll back the service of the incident: to the arm that its card named, or not at all."""
    incident = _incident(desk, request)
    return _start(desk, replace(_about(incident, Verb.ROLLBACK), promised=incident.stable), request)


def _look_at_incident(desk: Desk, request: Request) -> Message:
    return _start(desk, _about(_incident(desk, request), Verb.STATUS), request)


def _freeze_incident(desk: Desk, request: Request) -> Message:
    """Say the freeze as if the presser had typed it: same grammar, same rights."""
    incident = _incident(desk, request)
    _, service, where = format_command(_about(incident, Verb.STATUS)).split(" ", 2)
    return words(desk, replace(request, text=f'freeze {service} for 1h {where} --reason "incident {incident.id}"'))


def _about(incident: Incident, verb: Verb) -> Command:
    where = incident.target
    return Command(verb=verb, service=where.service, namespace=where.namespace, cluster=where.cluster)


def _incident(desk: Desk, request: Request) -> Incident:
    """Return the incident of the card: the id on the button is only a claim."""
    if not is_incident(request.claim):
        raise Refused("This button names no incident.", hint="Type the command instead: /mesh help.")
    with nothing_started():
        return desk.incidents.get(request.claim)


def _claimed(request: Request) -> str:
    """Return the id on the button: only a claim, so the operation is read again and rights are checked as ever."""
    if not is_operation(request.claim):
        raise Refused("This button names no operation.", hint="Type the command instead: /mesh help.")
    return request.claim


_READING: dict[Verb, Callable[[Desk, Command, Request], Message]] = {
    Verb.HELP: lambda _desk, command, _request: answers.help_answer(command.topic),
    Verb.HISTORY: lambda desk, command, _request: answers.history_answer(history(desk, command)),
    Verb.INCIDENTS: lambda desk, command, _request: incidents_answer(open_incidents(desk, command)),
    Verb.DIGEST: lambda desk, _command, request: list_answer(digests(desk), request.origin.channel),
    Verb.WHOAMI: lambda desk, _command, request: rights.whoami_answer(whoami(desk, request.actor)),
    Verb.CAN: lambda desk, command, request: rights.can_answer(can(desk, command, request.actor, request.origin)),
    Verb.FREEZES: lambda desk, _command, _request: freezes.freezes_answer(holding(desk), upcoming(desk)),
    Verb.APPROVALS: lambda desk, _command, request: approvals_answer(waiting_for(desk, request.actor)),
}
"""How each command that is `answered_by_bot` is answered."""

BUTTONS: dict[str, Callable[[Desk, Request], Message]] = {
    ROLLBACK: _roll_back,
    UNDO: _undo,
    ROLL_BACK: _roll_back_incident,
    FREEZE: _freeze_incident,
    STATUS: _look_at_incident,
    **dict.fromkeys(STEER, _steer),
    APPROVE: _approve,
    **dict.fromkeys(CHOICES, _choose),
}
"""What each of our buttons does; *Deny* asks why first (`bot.denying`)."""
