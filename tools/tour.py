"""Walks through `docs/commands.md` in a playground world: each command is typed, in the page's order, as one story.

The page says in comments, which readers do not see, what else happens before a block of commands:

    <!-- tour: as ana -->                      who types this block; jin where nothing is said
    <!-- tour: refused -->                     this block is to be refused
    <!-- tour: drift web v1=70 v2=30 -->       somebody else writes these weights
    <!-- tour: alert search -->                an alert of a service fires; `resolved search` ends it
    <!-- tour: until confirm -->               wait until the newest rollout is in this phase
    <!-- tour: no picture -->                  the section's picture is not of this block

`op-k3v9x2m4ta` stands for the newest operation of the story. A test walks to see that all is as the page says, and
`tools.cards` to take the pictures.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import requests
import yaml

from mesh.domain.commands import Command, Verb
from mesh.domain.errors import Refused
from mesh.domain.gates import Verdict, overall
from mesh.domain.grammar import parse
from mesh.domain.operations import State
from playground.parts import World
from playground.slack.world import default_world
from playground.traffic.profile import DEFAULT
from settings.time import SystemTime
from store.connection import patient
from store.operations import RedisOperations
from store.outbox import RedisOutbox

PAGE = Path(__file__).parents[1] / "docs/commands.md"
SAMPLE = "op-k3v9x2m4ta"
OPERATION = re.compile(r"\bop-[a-z0-9]{10}\b")
SECTION = re.compile(r"^### `(?P<verb>[a-z]+)`$", re.MULTILINE)
PART = re.compile(r"<!-- tour: (?P<direction>.*?) -->|^```text\n(?P<block>.*?)^```$", re.DOTALL | re.MULTILINE)
PATIENCE_S = 60.0
DECIDABLE_S = 13
"""Age of the first scrape at which every gate of the demo's services can decide."""
SPLITS = "/apis/split.smi-spec.io/v1alpha2/namespaces/mesh-demo/trafficsplits"
CHANNEL = "C0PROD"
ENDED_BADLY = (State.REFUSED, State.FAILED, State.EXPIRED)


@dataclass(frozen=True)
class Stop:
    """One block of commands of the page."""

    verb: str
    """Whose section it stands in."""
    commands: tuple[str, ...]
    directions: tuple[str, ...] = ()

    @property
    def person(self) -> str:
        """The Slack id of who types."""
        named = [one.removeprefix("as ") for one in self.directions if one.startswith("as ")]
        names = {person.name: person.id for person in default_world().people}
        return names[named[0] if named else "jin"]

    @property
    def refused(self) -> bool:
        """Whether the page says that this is refused."""
        return "refused" in self.directions

    def is_pictured(self, command: str) -> bool:
        """Whether the section's picture may be of this command; it is of the last one."""
        own = command.split()[1:2] == [self.verb]
        return own and not self.refused and "no picture" not in self.directions


@dataclass
class Result:
    """What one command came to."""

    command: str
    text: str
    """What people read, all messages together."""
    message: dict[str, Any]
    """The message to look at: the card, or the answer where there is none."""
    complaint: str = ""
    """Why this is not what the page says; empty where it is."""
    undecided: bool = False
    """Whether it was refused because gates could not decide."""


def stops(page: str) -> Iterator[Stop]:
    """Return the blocks of commands of a page, in its order."""
    marks = list(SECTION.finditer(page))
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        directions: list[str] = []
        for part in PART.finditer(page, mark.end(), following.start() if following else len(page)):
            if part["direction"]:
                directions.append(part["direction"])
                continue
            commands = [line for line in part["block"].splitlines() if line.startswith("/mesh")]
            yield Stop(mark["verb"], tuple(commands), tuple(directions))
            directions = []


def calm_world(directory: Path) -> World:
    """Return the world of `make demo`, not yet started, in which nothing fails by chance: the page promises an end."""
    services = [asdict(replace(service, error_rate=0.0)) for service in DEFAULT.services]
    profile = directory / "profile.yaml"
    profile.write_text(yaml.safe_dump({"services": services}))
    return World(directory, profile=profile)


@dataclass
class Tour:
    """A walk in a running world."""

    world: World
    newest: str = ""
    """The newest operation of the story."""
    rollout: str = ""
    """The newest rollout."""
    operations: RedisOperations = field(init=False)
    outbox: RedisOutbox = field(init=False)

    def __post_init__(self) -> None:
        """Open the store, to read only."""
        redis = patient(self.world.redis.url)
        self.operations = RedisOperations(redis, SystemTime(), enqueue=_nothing)
        self.outbox = RedisOutbox(redis, SystemTime())

    def begin(self) -> None:
        """Wait until gates can decide."""
        if self.world.prometheus is None:
            raise RuntimeError("a tour needs Prometheus: tools/setup")
        self.world.prometheus.wait_until_scraped("sidecars", 60, since_s=DECIDABLE_S)

    def walk(self, page: str) -> Iterator[tuple[Stop, Result]]:
        """Type every command of a page; TimeoutError where one comes to no end."""
        for stop in stops(page):
            for direction in stop.directions:
                self._follow(direction)
            for command in stop.commands:
                yield stop, self._insist(stop, command.replace(SAMPLE, self.newest or SAMPLE))

    def _insist(self, stop: Stop, command: str) -> Result:
        """Type a command; again, as a person would, while gates cannot decide: samples are late on a busy machine."""
        deadline = time.monotonic() + PATIENCE_S
        result = self._type(stop, command)
        while result.undecided and time.monotonic() < deadline:
            time.sleep(1)
            result = self._type(stop, command)
        return result

    def _type(self, stop: Stop, command: str) -> Result:
        seen, answered = len(self.world.slack.transcript()), len(self.world.slack.deliveries())
        self.world.slack.send(stop.person, CHANNEL, command)
        _until(lambda: _is_answered(self.world.slack.deliveries(), answered), f"{command}: no answer")
        _until(lambda: self._said(seen), f"{command}: nothing was said")
        found = OPERATION.search(str(self.world.slack.deliveries()[answered]["response_body"]))
        asked = _understood(command)
        if found is None or asked is None or not self._began(found[0], asked):
            said = self._said(seen)
            turned_away = asked is None or not asked.answered_by_bot
            return Result(command, self._text(said), said[-1], _judge(stop, turned_away, self._text(said)))
        return self._settled(stop, command, seen, found[0])

    def _began(self, operation_id: str, asked: Command) -> bool:
        """Tell the operation that a command became from another that its answer speaks of."""
        return not asked.answered_by_bot and self.operations.get(operation_id).command.verb is asked.verb

    def _settled(self, stop: Stop, command: str, seen: int, operation_id: str) -> Result:
        _until(lambda: self._is_told(operation_id), f"{command}: {operation_id} came to no end")
        operation = self.operations.get(operation_id)
        if operation.command.votes:
            _until(lambda: self._is_told(self.newest), f"{command}: {self.newest} came to no end")
        elif not stop.refused:
            self.newest = operation_id
        self.rollout = operation_id if operation.command.verb is Verb.CANARY else self.rollout
        message = self._shown(self.newest if operation.command.votes else operation_id, seen)
        complaint = _judge(stop, operation.state in ENDED_BADLY, operation.outcome)
        undecided = operation.state is State.REFUSED and overall(operation.gates) is Verdict.UNKNOWN
        return Result(command, self._text([message]), message, complaint, undecided)

    def _shown(self, operation_id: str, seen: int) -> dict[str, Any]:
        """Return the card of an operation, or where it has none the newest thing said."""
        row = self.outbox.find(f"card {operation_id}")
        cards = [one for one in self.world.slack.transcript() if row and row.place and one["ts"] == row.place.ts]
        return (cards or self._said(seen))[-1]

    def _said(self, seen: int) -> list[dict[str, Any]]:
        """Return what was said in the channel since."""
        return [one for one in self.world.slack.transcript()[seen:] if one["channel"] == CHANNEL]

    def _is_told(self, operation_id: str) -> bool:
        operation, card = self.operations.get(operation_id), self.outbox.find(f"card {operation_id}")
        over = operation.done and operation.reported
        begun = operation.command.verb is Verb.CANARY and operation.rollout is not None
        return (over or begun or operation.state is State.WAITING) and (card is None or card.settled)

    def _text(self, messages: list[dict[str, Any]]) -> str:
        return "\n".join(self.world.slack.render_text(message) for message in messages)

    # --- what else happens ------------------------------------------------------------------------------------------

    def _follow(self, direction: str) -> None:
        word, *rest = direction.split()
        if word == "drift":
            self._write(rest[0], dict(one.split("=") for one in rest[1:]))
        elif word in ("alert", "resolved"):
            body = {"namespace": "mesh-demo", "service": rest[0], "firing": word == "alert"}
            _send("POST", f"{self.world.slack_url}/page/world/alert", body)
        elif word == "until":
            _until(lambda: self._phase() == rest[0], lambda: f"the rollout is {self._phase()}, not {rest[0]}")
        elif word not in ("as", "refused", "no"):
            raise ValueError(f"nobody knows how to follow {direction!r}")

    def _phase(self) -> str:
        rollout = self.operations.get(self.rollout).rollout
        return str(rollout.phase) if rollout else "not begun"

    def _write(self, service: str, weights: dict[str, str]) -> None:
        """Write weights as somebody would who does not use meshbot."""
        backends = [{"service": f"{service}-{arm}", "weight": int(weight)} for arm, weight in weights.items()]
        url = f"{self.world.cluster_url}{SPLITS}/{service}-split?fieldManager=kubectl-edit"
        _send("PATCH", url, {"spec": {"backends": backends}}, "application/merge-patch+json")


def _judge(stop: Stop, refused: bool, why: str) -> str:
    if refused is stop.refused:
        return ""
    return f"this was {'refused' if refused else 'done'}, and the page says otherwise: {why}"


def _understood(command: str) -> Command | None:
    try:
        return parse(command)
    except Refused:
        return None


def _is_answered(deliveries: list[dict[str, Any]], before: int) -> bool:
    return len(deliveries) > before and bool(deliveries[before]["attempts"])


def _nothing(operation_id: str, *, urgent: bool, attempt: int, ahead: bool = False) -> None:
    """Enqueue nothing: a tour only looks."""


def _send(method: str, url: str, body: object, kind: str = "application/json") -> None:
    headers = {"Content-Type": kind}
    requests.request(method, url, data=json.dumps(body), headers=headers, timeout=10).raise_for_status()


def _until(true: Callable[[], bool], complaint: str | Callable[[], str]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(complaint if isinstance(complaint, str) else complaint())
        time.sleep(0.05)
