"""Who may post which slot of a digest, in Redis and in memory alike: at most one, whoever dies where."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from mesh.domain.digests import Slot, SlotState
from mesh.ports import Slots
from playground.servers import RedisServer
from store.connection import patient
from store.digests import RedisSlots
from store.memory_digests import MemorySlots

SLOT = Slot("daily", 1764493200)
NEXT = Slot("daily", 1764579600)
LEASE_S, BRIEF_S = 60.0, 0.1
"""A life that no busy machine outlasts, and one that is waited for."""


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def make(request: pytest.FixtureRequest) -> Iterator[Callable[[float], tuple[Slots, Slots]]]:
    """Two processes on one memory, whose claims live for so many seconds."""
    if request.param == "memory":
        yield lambda lease_s: (slots := MemorySlots(lease_s=lease_s), slots)
        return
    client = patient(request.getfixturevalue("redis_url"))
    yield lambda lease_s: (RedisSlots(client, lease_s=lease_s), RedisSlots(client, lease_s=lease_s))
    client.close()


@pytest.fixture
def two(make: Callable[[float], tuple[Slots, Slots]]) -> tuple[Slots, Slots]:
    """Two processes on one memory, whose claims outlive every test."""
    return make(LEASE_S)


@pytest.fixture
def forgetful(make: Callable[[float], tuple[Slots, Slots]]) -> tuple[Slots, Slots]:
    """Two processes on one memory, whose claims live for a moment only."""
    return make(BRIEF_S)


def test_a_slot_goes_its_way(two: tuple[Slots, Slots]) -> None:
    """Open, claimed, posted; everybody sees it, and nobody else gets it on the way or after."""
    mine, others = two
    assert others.state(SLOT) is SlotState.OPEN
    claim = mine.claim(SLOT)
    assert claim
    assert others.claim(SLOT) == ""
    assert others.state(SLOT) is SlotState.CLAIMED
    assert mine.close(SLOT, claim, SlotState.POSTED)
    assert others.claim(SLOT) == mine.claim(SLOT) == ""
    assert others.state(SLOT) is SlotState.POSTED


def test_what_was_posted_stays_so_after_its_lease(forgetful: tuple[Slots, Slots]) -> None:
    """Only who is on the way to it can be too late."""
    mine, others = forgetful
    assert mine.close(SLOT, mine.claim(SLOT), SlotState.POSTED)
    time.sleep(BRIEF_S * 1.5)
    assert others.claim(SLOT) == mine.claim(SLOT) == ""
    assert others.state(SLOT) is SlotState.POSTED


def test_many_claim_and_one_gets_it(two: tuple[Slots, Slots]) -> None:
    """However many workers come at the same moment."""
    with ThreadPoolExecutor(16) as pool:
        claims = list(pool.map(lambda number: two[number % 2].claim(SLOT), range(64)))
    assert len([claim for claim in claims if claim]) == 1


def test_killed_on_its_way_it_is_started_over(forgetful: tuple[Slots, Slots]) -> None:
    """After the lease the next worker gets it; the first one, should it live, has no word in it any more."""
    mine, others = forgetful
    first = mine.claim(SLOT)
    time.sleep(BRIEF_S * 1.5)
    second = others.claim(SLOT)
    assert second not in ("", first)
    assert not mine.close(SLOT, first, SlotState.POSTED)
    assert others.close(SLOT, second, SlotState.POSTED)


def test_given_back_it_is_claimed_anew(two: tuple[Slots, Slots]) -> None:
    """After a failure the next one need not wait for the end of the lease."""
    mine, others = two
    claim = mine.claim(SLOT)
    assert mine.close(SLOT, claim, SlotState.OPEN)
    assert others.claim(SLOT)


def test_an_older_slot_is_not_begun_after_a_newer_one(two: tuple[Slots, Slots]) -> None:
    """Of what was missed only the newest is worth reading; another digest is none of its business."""
    mine, others = two
    assert mine.claim(NEXT)
    assert others.claim(SLOT) == ""
    assert others.state(SLOT) is SlotState.MISSED
    assert others.claim(Slot("weekly", SLOT.at))


def test_the_same_word_twice_changes_nothing(two: tuple[Slots, Slots]) -> None:
    """A client that repeats a call whose answer was lost is answered as the first time."""
    mine, _ = two
    claim = mine.claim(SLOT)
    assert mine.close(SLOT, claim, SlotState.POSTED)
    assert mine.close(SLOT, claim, SlotState.POSTED)
    assert not mine.close(SLOT, claim, SlotState.OPEN)


@pytest.mark.redis
def test_a_claim_outlives_a_restart_of_redis(own_redis: RedisServer) -> None:
    """What was posted before Redis was killed was posted after it."""
    client = patient(own_redis.url)
    slots = RedisSlots(client)
    claim = slots.claim(SLOT)
    assert slots.close(SLOT, claim, SlotState.POSTED)
    own_redis.stop()
    own_redis.start()
    assert RedisSlots(patient(own_redis.url)).claim(SLOT) == ""
    assert slots.state(SLOT) is SlotState.POSTED
