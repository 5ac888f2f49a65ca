"""Many commands at once in one channel, on real parts: every one acknowledged in time, every result seen."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis

from store import keys
from tests.world.town import JIN, PROD, Town, make_world, until

pytestmark = [pytest.mark.world, pytest.mark.timeout(240)]

COMMANDS = 60
AT_ONCE = 20
ACK_S = 3.0
"""When Slack tells a person that the app did not answer."""
SLOWER_S = 15.0
"""How much longer than a message a second the last one may take."""


def test_a_flood_of_commands_is_answered_and_shown(tmp_path: Path) -> None:
    """Acknowledgements come in time, Slack refuses nothing, and each result is a card within what its pace allows."""
    with make_world(tmp_path, mesh="istio") as world:
        town, slack = Town(world), world.slack
        began = time.monotonic()
        with ThreadPoolExecutor(AT_ONCE) as people:
            # Each for a route of its own words: the same wish again would be the same operation.
            for number in range(COMMANDS):
                people.submit(slack.send, JIN, PROD, f"/mesh plan promote api {1 + number}")
        asked = time.monotonic() - began
        until(lambda: _is_over(town), "not all have ended and are shown", timeout_s=COMMANDS + SLOWER_S)
        took = time.monotonic() - began
        deliveries = slack.deliveries()
        waited = [delivery["attempts"][0]["seconds"] for delivery in deliveries]
        shown = [one["text"] for one in slack.messages(PROD) if one["author"]["is_bot"]]
        refused = (tmp_path / "worker.log").read_text().count("Slack wants")
    print(f"\n{COMMANDS} commands in {asked:.1f} s: slowest ack {max(waited):.2f} s, all shown after {took:.0f} s")  # noqa: T201 - the figures are what it is for
    assert not any(delivery["timeout"] for delivery in deliveries)
    assert max(waited) < ACK_S
    assert refused == 0
    assert len(shown) == COMMANDS
    assert [text for text in shown if "Checking" in text] == []
    assert took < COMMANDS + SLOWER_S


def _is_over(town: Town) -> bool:
    """Tell whether no operation is open and no message waits."""
    with redis.Redis.from_url(town.world.redis.url) as store:
        return not store.exists(keys.OPEN, keys.LANES)
