"""What clocks hand out of digests, on a real Redis: each slot, whatever the number of clocks, also after a restart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import redis

from mesh.domain.digests import LATE_S, Digest, Slot, SlotState
from mesh.domain.errors import Unavailable
from settings.cron import CronAlmanac
from store.connection import patient
from store.digests import AGAIN_S, DueDigests, RedisSlots
from store.jobs import NORMAL, JobQueue

pytestmark = pytest.mark.redis

NINE = 1764493200
"""30 November 2025, 9:00 UTC."""
DAY = 86_400
DAILY = Digest("daily", "C0PROD", "0 9 * * *")
HOURLY = Digest("hourly", "C0PROD", "0 * * * *")
QUARTERLY = Digest("quarterly", "C0PROD", "*/15 * * * *")


class Handed(list[tuple[Slot, int]]):
    """An `enqueue` that notes what it was given, or fails."""

    broken = False

    def __call__(self, slot: Slot, attempt: int, *, within_s: float) -> None:
        """Note the call."""
        if self.broken:
            raise Unavailable("Redis did not answer.")
        self.append((slot, attempt))

    @property
    def slots(self) -> list[int]:
        """The times of the slots, in their order, each once."""
        return list(dict.fromkeys(slot.at for slot, _ in self))


@pytest.fixture
def client(redis_url: str) -> redis.Redis:
    """A client of an empty Redis."""
    return patient(redis_url)


@pytest.fixture
def clock(client: redis.Redis) -> Callable[..., tuple[DueDigests, Handed]]:
    """Make the digests of one clock process; call it again for another, or for the same after a restart."""

    def make(*digests: Digest) -> tuple[DueDigests, Handed]:
        handed = Handed()
        due = DueDigests(client, digests or (DAILY,), CronAlmanac(), slots=RedisSlots(client), enqueue=handed)
        return due, handed

    return make


Make = Callable[..., tuple[DueDigests, Handed]]


def finish(client: redis.Redis, slot: Slot, state: SlotState = SlotState.POSTED) -> None:
    """Do what the worker does."""
    slots = RedisSlots(client)
    assert slots.close(slot, slots.claim(slot), state)


def test_a_slot_is_handed_out_when_it_comes(clock: Make, client: redis.Redis) -> None:
    """Not a moment before, and not again once it is posted."""
    due, handed = clock()
    due.begin(NINE - 100)
    due.begin(NINE - 0.1)
    assert handed == []
    due.begin(NINE)
    due.begin(NINE + 0.25)
    assert handed == [(Slot("daily", NINE), 0)]
    finish(client, handed[0][0])
    for later in range(0, 3 * 3600, 10):
        due.begin(NINE + later)
    assert len(handed) == 1
    due.begin(NINE + DAY)
    assert handed[1:] == [(Slot("daily", NINE + DAY), 0)]


def test_it_is_handed_out_again_until_it_is_over(clock: Make, client: redis.Redis) -> None:
    """A worker that dies is followed by another, ever more rarely."""
    due, handed = clock()
    due.begin(NINE - 1)
    for second in range(601):
        due.begin(NINE + second)
    again = [attempt * AGAIN_S for _, attempt in handed]
    assert again == [0, 15, 45, 105, 225, 465]
    finish(client, handed[0][0], SlotState.MISSED)
    for second in range(601, 4000):
        due.begin(NINE + second)
    assert len(handed) == 6


def test_two_clocks_make_one_job(client: redis.Redis) -> None:
    """Both may lead for a moment: RQ takes the same attempt once."""
    slots = RedisSlots(client)
    clocks = [
        DueDigests(client, (DAILY,), CronAlmanac(), slots=slots, enqueue=JobQueue(client).digest) for _ in range(2)
    ]
    for at in (NINE - 1, NINE, NINE + 0.25):
        for clock in clocks:
            clock.begin(at)
    assert client.lrange(f"rq:queue:{NORMAL}", 0, -1) == [f"digest-daily-{NINE}-0".encode()]


def test_a_restart_hands_out_nothing_twice(clock: Make, client: redis.Redis) -> None:
    """What was posted is remembered by Redis, not by the clock; what was not is handed out by the new one."""
    due, handed = clock()
    due.begin(NINE - 1)
    due.begin(NINE)
    again, handed_again = clock()
    again.begin(NINE + 40)
    assert handed_again.slots == [NINE]
    finish(client, handed[0][0])
    third, handed_third = clock()
    third.begin(NINE + 60)
    assert handed_third == []


def test_what_was_missed_is_late_for_an_hour(clock: Make) -> None:
    """Everything was down: within an hour it is still news, later it is not."""
    clock()[0].begin(NINE - DAY / 2)
    late, handed = clock()
    late.begin(NINE + LATE_S - 1)
    assert handed.slots == [NINE]
    too_late, none = clock()
    too_late.begin(NINE + LATE_S + 1)
    assert none == []


def test_of_what_was_missed_only_the_newest_comes(clock: Make) -> None:
    """Four quarters of an hour were missed; one digest is posted."""
    clock(QUARTERLY)[0].begin(NINE - DAY)
    due, handed = clock(QUARTERLY)
    due.begin(NINE + 100)
    assert handed.slots == [NINE]


def test_a_newer_slot_takes_the_place_of_an_older(clock: Make) -> None:
    """Slack was away from nine on: at a quarter past the nine o'clock digest is not tried any more."""
    due, handed = clock(QUARTERLY)
    due.begin(NINE - 1)
    for second in range(0, 1000, 5):
        due.begin(NINE + second)
    assert handed.slots == [NINE, NINE + 900]
    after = [slot.at for slot, _ in handed if slot.at == NINE + 900]
    assert [slot.at for slot, _ in handed][-len(after) :] == after


def test_what_is_new_in_the_configuration_begins_with_its_next_time(clock: Make) -> None:
    """Who configures a digest for nine at half past nine does not get it at once; nor who changes its times."""
    due, handed = clock()
    due.begin(NINE + 1800)
    assert handed == []
    due.begin(NINE + DAY)
    assert handed.slots == [NINE + DAY]
    changed, handed = clock(replace(DAILY, cron="30 8 * * *"))
    changed.begin(NINE + DAY)
    assert handed == []


def test_nothing_is_lost_when_redis_is_away(clock: Make) -> None:
    """A call that failed is made good by the next one."""
    due, handed = clock()
    due.begin(NINE - 1)
    handed.broken = True
    with pytest.raises(Unavailable):
        due.begin(NINE)
    handed.broken = False
    due.begin(NINE + 1)
    assert handed.slots == [NINE]


def test_digests_are_none_of_each_others_business(clock: Make) -> None:
    """Each has its own times."""
    due, handed = clock(DAILY, HOURLY)
    due.begin(NINE - 1)
    due.begin(NINE)
    assert [slot.digest for slot, _ in handed] == ["daily", "hourly"]
    due.begin(NINE + 3600)
    assert [slot.digest for slot, attempt in handed if attempt == 0] == ["daily", "hourly", "hourly"]


def test_a_bug_with_one_digest_is_no_trouble_for_the_others(client: redis.Redis) -> None:
    """The clock goes on, the other digest comes, and the broken one is tried again after a while."""
    handed, almanac = Handed(), CronAlmanac()

    class Buggy(CronAlmanac):
        def due(self, digest: Digest, *, since: float, until: float) -> list[int]:
            if digest.name == "hourly":
                raise KeyError("a bug")
            return almanac.due(digest, since=since, until=until)

    due = DueDigests(client, (HOURLY, DAILY), Buggy(), slots=RedisSlots(client), enqueue=handed)
    due.begin(NINE - 1)
    due.begin(NINE)
    assert [slot.digest for slot, _ in handed] == ["daily"]
