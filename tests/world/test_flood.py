"""Many commands at once in one channel, on real parts: every one acknowledged in time, every result seen.

`MESHBOT_FLOOD=200` does the whole of it: 200 commands in a second, then 200 mentions. Without it a sample.
"""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path

import pytest

from mesh.domain.operations import State
from tests.world.ledger import quiet
from tests.world.storm import PEOPLE
from tests.world.town import JIN, PROD, Town, make_world, until

COMMANDS = int(os.environ.get("MESHBOT_FLOOD", "40"))
AT_ONCE = 20
ACK_S = 3.0
"""When Slack tells a person that the app did not answer."""
SLOWER_S = 15.0
"""How much longer than a message a second the last one may take."""
BURST = 10
"""Messages that may be there before the rollback's, which comes last: those that a quiet channel takes at once."""
ROLLBACK = "/mesh rollback api"
TRIES = 3
PATIENCE_S = COMMANDS + 120.0
"""How long what is late is waited for, to tell how late it was."""
ASKED = re.compile(r"rolback\d+")

pytestmark = [pytest.mark.world, pytest.mark.timeout(TRIES * (2 * COMMANDS + 400))]


def test_a_flood_of_commands_is_answered_and_shown(tmp_path: Path) -> None:
    """Acks come in time, Slack refuses nothing, each result is a card within what its pace allows, a way back first.

    Mentions are answered each once, as fast as Slack takes answers for one person alone. A machine that is busy with
    other things is late with everything: where something was late all is done again in a fresh world, and a product
    that is too slow is so each time.
    """
    late: list[str] = []
    for number in range(TRIES):
        late = _late(tmp_path / str(number))
        if not late:
            return
    pytest.fail(f"late {TRIES} times, at last: {'; '.join(late)}")


def _late(tmp_path: Path) -> list[str]:
    """Let the flood come; return what was too late. Where nothing was, everything else is as it should be."""
    with make_world(tmp_path, mesh="istio") as world:
        town, slack = Town(world), world.slack
        town.reset("istio-traffic.yaml")
        assert world.prometheus
        # Else the rollback's split is measured over a time that nobody counted, and it stays open for a minute.
        world.prometheus.wait_until_scraped("sidecars", PATIENCE_S, since_s=12)
        began = time.monotonic()
        with ThreadPoolExecutor(AT_ONCE) as hands:
            # Each for a route of its own words: the same wish again would be the same operation.
            for number, person in zip(range(COMMANDS - 1), cycle(PEOPLE), strict=False):
                hands.submit(slack.send, person, PROD, f"/mesh plan promote api {1 + number // len(PEOPLE)}")
        slack.send(JIN, PROD, ROLLBACK)
        asked = time.monotonic() - began
        until(lambda: _is_back(town) or _too_late(town), "the rollback is not shown", timeout_s=PATIENCE_S)
        back = time.monotonic() - began - asked
        until(lambda: quiet(town), "not all have ended and are shown", timeout_s=PATIENCE_S)
        took = time.monotonic() - began
        deliveries = slack.deliveries()
        acks = sorted(delivery["attempts"][0]["seconds"] for delivery in deliveries)
        limits = {"an ack": (acks[-1], ACK_S), "the rollback": (back, SLOWER_S), "all": (took, COMMANDS + SLOWER_S)}
        # In time, but for Redis or for whoever read the request: they are told that nothing was started.
        turned_away = sum("op-" not in str(delivery["response_body"]) for delivery in deliveries)
        if late := [f"{what} took {had:.1f} s" for what, (had, most) in limits.items() if had >= most]:
            return late
        if turned_away:
            return [f"{turned_away} were turned away"]
        shown = [one["text"] for one in slack.messages(PROD) if one["author"]["is_bot"]]
        ends = [one.state for one in town.operations.recent(channel=PROD)]
        weights = [arm["weight"] for arm in town.object("VirtualService", "api-vs")["spec"]["http"][-1]["route"]]
        began = time.monotonic()
        answers = _mentioned(town)
        mentioned = time.monotonic() - began
        logs = [(tmp_path / f"{name}.log").read_text() for name in ("worker", "bot")]
        refused = sum(text.count("Slack wants") + text.count("ratelimited") for text in logs)
    middle, nearly, last = (acks[int(share * (len(acks) - 1))] for share in (0.5, 0.99, 1.0))
    print(  # noqa: T201 - the figures are what it is for
        f"\n{COMMANDS} commands in {asked:.1f} s: acks p50 {middle:.2f} s, p99 {nearly:.2f} s, slowest {last:.2f} s;",
        f"the rollback shown after {back:.1f} s, all after {took:.0f} s;",
        f"as many mentions answered after {mentioned:.0f} s",
    )
    assert not any(delivery["timeout"] or delivery["error"] for delivery in deliveries)
    assert len(acks) == COMMANDS
    assert refused == 0
    assert len(shown) == COMMANDS
    assert [text for text in shown if "Checking" in text] == []
    assert next(place for place, text in enumerate(shown) if text.startswith("Rolled back")) < BURST
    assert (ends[0], weights) == (State.SUCCEEDED, [100, 0])
    assert answers == Counter((PEOPLE[number % len(PEOPLE)], f"rolback{number}") for number in range(COMMANDS))
    return []


def _mentioned(town: Town) -> Counter[tuple[str, str]]:
    """Mention the bot with as many slips of the pen; return who was shown which of them in an answer, and how often."""
    slack = town.world.slack
    with ThreadPoolExecutor(AT_ONCE) as hands:
        for number, person in zip(range(COMMANDS), cycle(PEOPLE), strict=False):
            hands.submit(slack.send, person, PROD, f"@mesh rolback{number} api")
    # The mentions among them were heard, and what the outbox has of their answers was sent.
    until(lambda: _answered(town).total() >= COMMANDS and quiet(town), "not all were answered", timeout_s=COMMANDS + 30)
    return _answered(town)


def _answered(town: Town) -> Counter[tuple[str, str]]:
    found = [one for one in town.world.slack.transcript() if one["ephemeral_to"] and one["author"]["is_bot"]]
    named = [(one["ephemeral_to"], ASKED.search(one["text"])) for one in found]
    return Counter((person, name[0]) for person, name in named if name)


def _too_late(town: Town) -> bool:
    """Tell whether a command was not acknowledged in time: it may then have been turned away."""
    return any(delivery["timeout"] for delivery in town.world.slack.deliveries())


def _is_back(town: Town) -> bool:
    return any(one["text"].startswith("Rolled back") for one in town.world.slack.messages(PROD))
