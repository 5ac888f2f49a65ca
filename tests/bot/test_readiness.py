"""Which bot gets requests: one that tells people that Redis is away is better than none."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.hooks import Hooks
from bot.readiness import Once, Readiness
from mesh.domain.catalog import Catalog
from playground.servers import RedisServer
from playground.serving import free_port
from store.connection import quick
from tests.store.refusing import WHY, refusing

pytestmark = pytest.mark.redis


@dataclass(frozen=True)
class InForce:
    """A configuration that is well."""

    good: bool = True
    trouble: str = ""
    catalog: Catalog = field(default_factory=Catalog)


def readiness(url: str, reached: Once, slack: str = "") -> Readiness:
    """Return what one serving process says, on that Redis, with such trouble with Slack."""
    return Readiness(quick(url), InForce, Hooks({}, {}, stranger=lambda *_, **__: None), lambda: slack, reached)


def test_a_bot_that_reached_redis_once_stays_ready_without_it(own_redis: RedisServer) -> None:
    """All bots share that Redis, so taking them out of service would leave nobody to say that nothing was started."""
    ready = readiness(own_redis.url, Once())
    assert (ready()[0], ready()[1]["redis"]) == (True, "ok")
    own_redis.stop()
    assert (ready()[0], ready()[1]["redis"]) == (True, "does not answer")


def test_a_bot_that_never_reached_redis_takes_no_others_place(own_redis: RedisServer) -> None:
    """Its address or its password may be wrong: a rolling upgrade waits for it, and it is ready once Redis answers."""
    ready = readiness(own_redis.url, Once())
    own_redis.stop()
    assert ready()[0] is False
    own_redis.start()
    assert ready()[0] is True


@pytest.mark.parametrize(("why", "ours"), [(why, why != "replica") for why in WHY])
def test_a_bot_that_is_led_to_a_replica_takes_no_others_place(why: str, ours: bool, tmp_path: Path) -> None:
    """A Redis that is full is full for all bots; one that is a replica may be the wrong one."""
    with refusing(why, tmp_path / "redis") as server:
        ready, facts = readiness(server.url, Once())()
    assert (ready, facts["ready"], facts["redis"]) == (ours, ours, WHY[why])


def test_a_token_that_is_no_good_is_told_and_not_judged(redis_url: str) -> None:
    """All bots have that token; whoever looks reads Slack's word for it."""
    said = [readiness(redis_url, Once(), slack)() for slack in ("", "token_revoked")]
    assert [(ready, facts["slack"]) for ready, facts in said] == [(True, "ok"), (True, "token_revoked")]


def test_what_one_process_of_a_pod_reached_the_others_have_reached(redis_url: str) -> None:
    """One that takes the place of another while Redis is away does not make its pod unready."""
    reached = Once()
    child = os.fork()
    if not child:
        os._exit(0 if readiness(redis_url, reached)()[0] else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert readiness(f"redis://127.0.0.1:{free_port()}/0", reached)()[0] is True
