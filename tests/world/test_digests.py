"""Digests on real parts: two clocks, two workers, a real Redis; each slot is one message, whoever is killed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mesh.domain.digests import Digest, Slot
from mesh.domain.letters import Row
from mesh.domain.operations import State
from store.auditlog import RedisAuditLog
from store.connection import patient
from tests.world.ledger import due
from tests.world.shown import astray, badly_shown, badly_timed
from tests.world.town import CONFIGURATION, PROD, Town, kill, make_world, until

pytestmark = pytest.mark.world

EVERY_MINUTE = """
digests:
  - {name: minutely, channel: C0PROD, cron: "* * * * *", zone: Asia/Seoul}
  - {name: yearly, channel: C0AUDIT, cron: "0 9 1 1 *", zone: Europe/Berlin, quiet: true}
"""


MINUTELY = Digest("minutely", PROD, "* * * * *", "Asia/Seoul")


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    """A world with a digest every minute, a second worker and a second clock."""
    world = make_world(tmp_path, mesh="istio")
    text = CONFIGURATION.replace("MESH", "istio").replace("STABLE", "v1") + EVERY_MINUTE
    (tmp_path / "meshbot.yaml").write_text(text)
    with world:
        world.start_meshbot("worker2", "worker")
        world.start_meshbot("clock2", "clock")
        yield Town(world)


def digests(town: Town) -> list[dict[str, Any]]:
    """The digests in the channel that came by themselves, oldest first."""
    messages = town.world.slack.messages(PROD)
    return [one for one in messages if one["text"].startswith("Digest minutely.") and "Asked by" not in one["text"]]


def await_digests(town: Town, count: int) -> list[dict[str, Any]]:
    """Wait until there are as many."""
    deadline = time.monotonic() + 60 * count + 90
    while len(found := digests(town)) < count:
        assert time.monotonic() < deadline, "no digest came"
        time.sleep(0.2)
    return found


def assert_each_slot_is_a_message(town: Town) -> None:
    """Hold every minute up to the last entry on record against the letters, and those against the channel."""
    client = patient(town.world.redis.url)
    facts = [entry.facts for entry in RedisAuditLog(client).entries()]
    recorded = Counter(one["slot"] for one in facts if one["step"] == "digest posted")
    slots = due(client, MINUTELY, until=max(recorded))
    until(lambda: all(row.settled for row in letters(town, slots).values()), "a digest is not shown")
    rows, shown = letters(town, slots), digests(town)
    assert list(badly_timed(slots, {int(key.partition("@")[2]) for key in rows}, recorded)) == []
    assert list(badly_shown(rows, shown)) == []
    # One more may have come meanwhile; it has its letter, too.
    assert list(astray(letters(town, due(client, MINUTELY, until=time.time())), shown)) == []


def letters(town: Town, slots: Iterable[int]) -> dict[str, Row]:
    """The letters of these slots, by key."""
    found = {key: town.outbox.find(key) for key in (f"digest {Slot(MINUTELY.name, at)}" for at in slots)}
    return {key: row for key, row in found.items() if row}


def test_each_slot_is_one_message(town: Town) -> None:
    """It shows the route off its rest; then, after a promotion and two kills, the week with a picture; never twice."""
    town.reset("istio-traffic.yaml")
    assert "minutely" in (listed := town.answer("/mesh digest list"))
    assert "<!date^" in listed.replace("\\u003c", "<")
    first = await_digests(town, 1)[0]
    assert "Off their resting split (1)" in town.world.slack.render_text(first)
    town.await_gates("v2")
    assert town.do("/mesh promote api 30").state is State.SUCCEEDED
    asked = town.do("/mesh digest")
    assert asked.state is State.SUCCEEDED
    assert "v1 70 % / v2 30 %" in town.card(asked)
    town.kill_worker("worker")
    kill(town.world.children["clock"].pid)
    begun = time.time()
    # One more slot: with the first one's whole minute before it, in which that could have come again.
    found = await_digests(town, len(digests(town)) + 1)
    last = town.world.slack.render_text(found[-1])
    assert "1 promotion" in last
    assert [block for block in found[-1]["blocks"] if block["type"] == "image"]
    assert_each_slot_is_a_message(town)
    assert time.time() - begun < 120
