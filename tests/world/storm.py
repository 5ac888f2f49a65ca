"""A crowd in Slack that types, presses, presses twice and is heard twice: what people do in the storm."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

import yaml

from mesh.domain.operations import Card, Operation
from playground.parts import World
from playground.slack.delivery import encode
from tests.world.district import District, House
from tests.world.town import ANA, JIN, LEE, PROD, post, signed

PEOPLE = (JIN, ANA, LEE)
IMS = {JIN: "D0JIN", ANA: "D0ANA", LEE: "D0LEE"}
INCIDENTS, AUDIT = "C0INC", "C0AUDIT"
FREE = tuple(House(f"free{number}", 60.0) for number in range(4))
"""Whoever changes their traffic needs nobody else."""
SOLO = (House("solo0", 60.0), House("solo1", 60.0))
"""One more person must agree."""
PAIR = (House("pair0", 60.0), House("pair1", 60.0))
"""Two more."""
CANARIES = (House("bird0", 60.0), House("bird1", 60.0))
HOUSES = (*FREE, *SOLO, *PAIR, *CANARIES)
ABOVE = 20.0
PONDERED_S = 0.5
"""How long somebody thinks about why they deny."""
TWICE = 0.25
"""Share of what is sent that Slack delivers twice, or whose answer it never gets."""
TROUBLE = 0.08
"""Share of moments at which Slack itself takes a message without an answer, or refuses one."""
APPROVALS = {
    "solo": {"services": ["solo*"], "need": 1, "users": list(PEOPLE), "above": ABOVE, "channel": INCIDENTS},
    "pair": {"services": ["pair*"], "need": 2, "users": list(PEOPLE), "above": ABOVE, "channel": INCIDENTS},
}


def configure(world: World) -> None:
    """Let all three change everything, some of it with the yes of others; and let nobody be too many."""
    config = yaml.safe_load(world.configuration.read_text())
    approvals = {name: {**rule, "expires": "60s"} for name, rule in APPROVALS.items()}
    config["policy"] = {"roles": {"all": {"users": list(PEOPLE), "may": "*"}}, "approvals": approvals}
    config["channels"] = {"audit": AUDIT, "incidents": INCIDENTS}
    config["digests"] = [{"name": "minutely", "channel": AUDIT, "cron": "* * * * *", "zone": "UTC"}]
    config["flood"] = {"user_per_minute": 10_000, "channel_per_minute": 10_000, "open_per_service": 100}
    world.configuration.write_text(yaml.safe_dump(config))


@dataclass
class Crowd:
    """Three people with many hands."""

    town: District
    dice: random.Random
    hands: ThreadPoolExecutor
    """Press at the same moment."""
    repeated: list[dict[str, Any]]
    """What was delivered once more, past Slack's own record, and got no answer in its acknowledgement, which would be
    shown to nobody."""

    def act(self) -> None:
        """Do one thing, whatever the dice say."""
        if self.dice.random() < TROUBLE:
            self.town.world.slack.trouble(**self.dice.choice(_SLACK_FAILS))
        kinds = tuple(_ACTS)
        _ACTS[self.dice.choices(kinds, [weight for weight, _ in _ACTS.values()])[0]][1](self)

    # --- typing ------------------------------------------------------------------------------------------------------

    def say(self, words: str, *, who: str = "", where: str = "") -> None:
        """Type a command: as a slash command or as a mention, sometimes twice at once, sometimes heard twice."""
        who = who or self.dice.choice(PEOPLE)
        where = where or self.dice.choice((PROD, INCIDENTS, IMS[who]))
        self._maybe_twice()
        mention = self.dice.random() < 0.2 and not where.startswith("D")
        text = f"@mesh {words}" if mention else f"/mesh {words}"
        times = 2 if self.dice.random() < 0.15 else 1
        self._at_once([lambda: self.town.world.slack.send(who, where, text)] * times)

    def promote(self) -> None:
        """A share of 5 % steps, forced half of the time, or weights."""
        house = self.dice.choice((*FREE, *SOLO, *PAIR)).name
        share = self.dice.randrange(5, 100, 5)
        words = self.dice.choice((f"promote {house} {share}", f"set {house} v1={100 - share} v2={share}"))
        self.say(words + self.dice.choice(("", ' --force --reason "the storm"')))

    def go_back(self) -> None:
        """Rollback or undo."""
        self.say(f"{self.dice.choice(('rollback', 'undo'))} {self._house()}")

    def freeze(self) -> None:
        """Freeze a service that nobody votes about for a minute, or lift that."""
        house = self.dice.choice((*FREE, *CANARIES)).name
        self.say(self.dice.choice((f'freeze {house} for 1m --reason "storm"', f"unfreeze {house}")))

    def steer(self) -> None:
        """Begin a rollout, or say a word to one."""
        house = self.dice.choice(CANARIES).name
        word = self.dice.choice(("canary", "canary", "pause", "resume", "skip", "abort"))
        self.say(f"{word} {house}" + (" --force --reason storm" if word == "skip" else ""))

    def read(self) -> None:
        """Status, or a digest."""
        self.say(self.dice.choice((f"status {self._house()}", "digest now", f"plan promote {self._house()} 30")))

    def repeat(self) -> None:
        """Deliver something of long ago once more, as Slack does when it never heard an answer."""
        old = self.town.world.slack.deliveries()
        if not old:
            return
        again = self.dice.choice(old)
        kind, body = encode(again["kind"], again["payload"])
        answer = ""
        with suppress(OSError, HTTPException):
            _, answer = post(self.town.world.bot_url, body, {**signed(body), "Content-Type": kind})
        if not answer:
            self.repeated.append(again)

    # --- pressing ----------------------------------------------------------------------------------------------------

    def vote(self) -> None:
        """Several people press Approve or Deny on what waits, at once, some of them twice; some type it.

        Where nothing waits, ask for something that will.
        """
        waiting = self.town.operations.waiting()
        if not waiting:
            share = self.dice.randrange(25, 100, 5)
            return self.say(f'promote {self.dice.choice((*SOLO, *PAIR)).name} {share} --force --reason "the storm"')
        one = self.dice.choice(waiting)
        if self.dice.random() < 0.2:
            return self.say(f"approve {one.id}")
        action = "meshbot.deny" if self.dice.random() < 0.2 else "meshbot.approve"
        people = self.dice.choices(PEOPLE, k=self.dice.randint(2, 6))
        self._press(self._card_of(one), action, people)
        if action == "meshbot.deny":
            self._at_once([lambda who=who: self._say_why(who, one) for who in people])  # type: ignore[misc]  # bound now
        return None

    def _say_why(self, who: str, waiting: Operation) -> None:
        """Send off every form that asks this person why they deny it; some of them twice."""
        slack = self.town.world.slack
        time.sleep(PONDERED_S)
        asked = [view for view in slack.views(who) if waiting.id in str(view.get("private_metadata"))]
        for view in asked:
            self._maybe_twice()
            slack.submit_view(who, view["id"], {"reason": {"reason": {"value": "the storm"}}})

    def press(self) -> None:
        """Press Roll back or Undo on a card, as one person or several, once or twice."""
        action = self.dice.choice(("meshbot.rollback", "meshbot.undo"))
        channel = self.dice.choice((PROD, INCIDENTS))
        found = [one for one in self.town.world.slack.messages(channel) if action in _buttons(one)]
        if not found:
            return self.go_back()
        message = self.dice.choice(found[-10:])
        return self._press(Card(channel, message["ts"]), action, self.dice.choices(PEOPLE, k=self.dice.randint(1, 3)))

    def _press(self, place: Card | None, action: str, people: list[str]) -> None:
        if place is None:
            return
        seen = self.town.world.slack.messages(place.channel)
        message = next((one for one in seen if one["ts"] == place.ts), None)
        if message is None or action not in _buttons(message):
            return
        self._maybe_twice()
        slack = self.town.world.slack
        self._at_once([lambda who=who: slack.click(who, message, action) for who in people])  # type: ignore[misc]  # bound now

    def _card_of(self, operation: Operation) -> Card | None:
        """One of the places in which everybody can press; None while there is none."""
        rows = (self.town.outbox.find(f"{key} {operation.id}") for key in self.dice.sample(("card", "mirror"), 2))
        places = [row.place for row in rows if row and not row.letter.channel.startswith("D")]
        return next((place for place in places if place), None)

    def _at_once(self, deeds: list[Callable[[], None]]) -> None:
        for done in [self.hands.submit(deed) for deed in deeds]:
            with suppress(RuntimeError):
                # The button vanished between the look and the press, as it does for people.
                done.result()

    def _maybe_twice(self) -> None:
        if self.dice.random() < TWICE:
            kind = self.dice.choice(("duplicate_delivery", "accept_then_drop"))
            self.town.world.slack.trouble(kind, delivery="*")

    def _house(self) -> str:
        # Seldom what waits for votes: any newer change voids it.
        return self.dice.choice((*FREE, *FREE, *FREE, *HOUSES)).name


def rage(town: District, acts: int, *, seed: int) -> list[dict[str, Any]]:
    """Let four threads do so many things between them, as fast as people with their hands full.

    Returns what came once more and may have been answered to somebody, each as often as it did; see `Crowd.repeated`.
    """
    repeated: list[dict[str, Any]] = []
    with ThreadPoolExecutor(8) as hands, ThreadPoolExecutor(4) as crowd:

        def one(number: int) -> None:
            dice = random.Random(seed * 1000 + number)
            time.sleep(dice.uniform(0.1, 1.5))
            Crowd(town, dice, hands, repeated).act()

        for _ in crowd.map(one, range(acts)):
            pass
    return repeated


def _buttons(message: dict[str, Any]) -> set[str]:
    rows = [block["elements"] for block in message["blocks"] if block["type"] == "actions"]
    return {button["action_id"] for row in rows for button in row}


_SLACK_FAILS: tuple[dict[str, Any], ...] = (
    {"kind": "accept_then_drop", "method": "chat.postMessage"},
    {"kind": "ratelimit", "method": "chat.postMessage", "retry_after": 2},
    {"kind": "status", "method": "chat.update", "status": 503},
    {"kind": "accept_then_drop", "method": "chat.postEphemeral"},
    {"kind": "ratelimit", "method": "chat.postEphemeral", "retry_after": 2},
)
_ACTS: dict[str, tuple[int, Callable[[Crowd], None]]] = {
    "promote": (30, Crowd.promote),
    "vote": (28, Crowd.vote),
    "press": (10, Crowd.press),
    "go back": (10, Crowd.go_back),
    "steer": (9, Crowd.steer),
    "freeze": (6, Crowd.freeze),
    "read": (7, Crowd.read),
    "repeat": (10, Crowd.repeat),
}
"""What people and Slack do, and how often beside each other."""
