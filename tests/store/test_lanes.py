"""Lanes on a real Redis: when they are due, and how they get to whoever sends."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
import redis

from mesh.domain.errors import Unavailable
from mesh.domain.letters import Letter
from playground.servers import RedisServer
from settings.time import SystemTime
from store import keys
from store.connection import patient, quick
from store.jobs import POST, JobQueue
from store.outbox import AGAIN_S, ONCE_S, RETENTION_S, RedisOutbox

pytestmark = pytest.mark.redis
LETTER = Letter("card op-1", "C1", "hello")


class Noted:
    """An `enqueue` that only notes what it was given, or that finds no Redis."""

    def __init__(self, *, away: bool = False) -> None:
        self.calls: list[tuple[str, int]] = []
        self.away = away

    def __call__(self, channel: str, number: int) -> None:
        """Note the call."""
        if self.away:
            raise Unavailable("Redis is away")
        self.calls.append((channel, number))


@pytest.fixture
def client(redis_url: str) -> redis.Redis:
    """The shared Redis, empty."""
    return patient(redis_url)


def waiting(client: redis.Redis) -> list[bytes]:
    """Return the jobs of the queue `post`."""
    found: Any = client.lrange(f"rq:queue:{POST}", 0, -1)
    return list(found)


def test_what_is_put_is_enqueued_at_once(client: redis.Redis) -> None:
    """A letter brings its lane to a sender without the clock, and a second one adds no job to one that waits."""
    outbox = RedisOutbox(client, SystemTime(), enqueue=JobQueue(client).send)
    outbox.put(LETTER)
    assert waiting(client) == [b"send-C1-1"]
    outbox.put(replace(LETTER, key="card op-2"))
    assert waiting(client) == [b"send-C1-1"]
    outbox.put(replace(LETTER, channel="C2", key="card op-3"))
    assert waiting(client) == [b"send-C1-1", b"send-C2-1"]


def test_a_lane_that_was_taken_comes_back(client: redis.Redis) -> None:
    """Who takes a lane and dies leaves it to the clock, some seconds later; many clocks make one job of it."""
    noted, now = Noted(), time.time()
    outboxes = [RedisOutbox(client, SystemTime(), enqueue=noted) for _ in range(3)]
    outboxes[0].put(LETTER)
    assert noted.calls == [("C1", 1)]
    assert outboxes[0].due(now + 1) == []
    later = now + AGAIN_S + 1
    assert outboxes[1].due(later) == ["C1"]
    assert [outbox.hand_out("C1", later) for outbox in outboxes] == [True, False, False]
    assert noted.calls == [("C1", 1), ("C1", 2)]


def test_a_job_that_was_not_enqueued_is_made_good(client: redis.Redis) -> None:
    """A letter whose lane could not be enqueued is written all the same, and the clock hands its lane out."""
    RedisOutbox(client, SystemTime(), enqueue=Noted(away=True)).put(LETTER)
    noted = Noted()
    clock = RedisOutbox(client, SystemTime(), enqueue=noted)
    assert clock.hand_out("C1", time.time() + AGAIN_S + 1)
    assert noted.calls == [("C1", 2)]


def test_without_redis_nothing_is_promised(own_redis: RedisServer) -> None:
    """A letter that may not be on record is Unavailable."""
    outbox = RedisOutbox(quick(own_redis.url), SystemTime())
    outbox.put(LETTER)
    own_redis.kill()
    for ask in (lambda: outbox.put(LETTER), lambda: outbox.find(LETTER.key), lambda: outbox.look("C1", 1)):
        with pytest.raises(Unavailable):
            ask()


def test_letters_survive_a_restart(own_redis: RedisServer) -> None:
    """What is on record is there after Redis was killed and started again, and so is its lane."""
    outbox = RedisOutbox(patient(own_redis.url), SystemTime())
    outbox.put(LETTER)
    own_redis.kill()
    own_redis.start()
    again = RedisOutbox(patient(own_redis.url), SystemTime())
    row = again.find(LETTER.key)
    assert row
    assert row.letter == LETTER
    assert again.due(time.time()) == ["C1"]


def test_how_long_a_message_is_remembered(client: redis.Redis) -> None:
    """What waits is kept for ever, what was said once for days, and what can be edited as long as operations."""
    outbox = RedisOutbox(client, SystemTime())
    for letter in (LETTER, replace(LETTER, key="line", once=True)):
        outbox.put(letter)
        assert client.ttl(keys.letter(letter.key)) == -1
        row = outbox.find(letter.key)
        assert row
        outbox.settle(row)
    assert client.ttl(keys.letter(LETTER.key)) == pytest.approx(RETENTION_S, abs=5)
    assert client.ttl(keys.letter("line")) == pytest.approx(ONCE_S, abs=5)
    outbox.put(replace(LETTER, body="again"))
    assert client.ttl(keys.letter(LETTER.key)) == -1


def test_secrets_are_in_no_repr() -> None:
    """The address for answers is in no log that shows a letter."""
    assert "hooks" not in repr(replace(LETTER, answer_to="https://hooks.slack.com/x"))


def test_a_row_of_a_newer_form_holds_up_no_lane(client: redis.Redis, caplog: pytest.LogCaptureFixture) -> None:
    """It waits for a sender of the version that wrote it; the others of its channel are sent."""
    outbox = RedisOutbox(client, SystemTime())
    for number in range(3):
        outbox.put(replace(LETTER, key=f"card op-{number}"))
    client.hset(keys.letter("card op-0"), "fate", "of later days")
    client.hset(keys.letter("card op-1"), "letter", '{"form": "of later days"}')
    assert [row.letter.key for row in outbox.look("C1", 10).rows] == ["card op-2"]
    assert caplog.text.count("written by a newer meshbot") == 2
    assert outbox.due(time.time() + 1) == ["C1"]
