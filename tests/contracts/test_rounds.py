"""What every memory of Flagger's asking keeps."""

from __future__ import annotations

import json

import pytest

from mesh.ports import Round, Rounds
from store import keys
from store.connection import quick
from store.memory import MemoryRounds
from store.rounds import RedisRounds

pytestmark = pytest.mark.redis

CANARY = "prod/shop/podinfo"
ASKED = Round("op-aaaaaaaaaa", 1000.5)


@pytest.fixture(params=["memory", "redis"])
def rounds(request: pytest.FixtureRequest) -> Rounds:
    """Each implementation in turn."""
    return MemoryRounds() if request.param == "memory" else RedisRounds(quick(request.getfixturevalue("redis_url")))


def test_each_hook_of_a_revision_is_remembered_by_itself(rounds: Rounds) -> None:
    """The newest that was noted of it, and nothing of other canaries."""
    assert rounds.last(CANARY, "5d9f", "rollback") is None
    rounds.note(CANARY, "5d9f", "rollback", ASKED)
    later = Round("op-bbbbbbbbbb", 2000.0, heard_at=2001.0, answer="yes")
    rounds.note(CANARY, "5d9f", "confirm-rollout", later)
    assert rounds.last(CANARY, "5d9f", "rollback") == ASKED
    assert rounds.last(CANARY, "5d9f", "confirm-rollout") == later
    rounds.note(CANARY, "5d9f", "rollback", later)
    assert rounds.last(CANARY, "5d9f", "rollback") == later
    assert rounds.last("prod/shop/web", "5d9f", "rollback") is None


def test_what_is_forgotten_is_so_at_every_hook(rounds: Rounds) -> None:
    """A new round begins; nothing of other canaries is touched."""
    for canary in (CANARY, "prod/shop/web"):
        rounds.note(canary, "5d9f", "rollback", ASKED)
        rounds.note(canary, "5d9f", "confirm-rollout", ASKED)
    rounds.forget(CANARY)
    rounds.forget("prod/shop/never")
    assert [rounds.last(CANARY, "5d9f", hook) for hook in ("rollback", "confirm-rollout")] == [None, None]
    assert rounds.last("prod/shop/web", "5d9f", "rollback") == ASKED


def test_another_revision_forgets_the_former_at_every_hook(rounds: Rounds) -> None:
    """Also once the former one is asked about again."""
    rounds.note(CANARY, "5d9f", "rollback", ASKED)
    rounds.note(CANARY, "77aa", "confirm-rollout", ASKED)
    assert rounds.last(CANARY, "5d9f", "rollback") is None
    assert rounds.last(CANARY, "77aa", "rollback") is None
    rounds.note(CANARY, "5d9f", "confirm-rollout", ASKED)
    assert rounds.last(CANARY, "5d9f", "rollback") is None


def test_what_a_newer_meshbot_noted_beside_it_is_passed_over(redis_url: str) -> None:
    """Flagger is answered by either of two versions while one follows the other."""
    client = quick(redis_url)
    noted = {"operation": ASKED.operation, "asked_at": ASKED.asked_at, "run": 2}
    client.hset(keys.rounds(CANARY), mapping={"revision": "5d9f", "rollback": json.dumps(noted)})
    assert RedisRounds(client).last(CANARY, "5d9f", "rollback") == ASKED
