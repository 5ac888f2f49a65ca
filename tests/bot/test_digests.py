"""`/mesh digest` at the door: the list is answered on the spot, the digest itself is an operation that reads."""

from __future__ import annotations

from mesh.domain.digests import Digest
from tests.bot.bench import Bench
from tests.bot.senders import event, slash

DAILY = Digest("daily", "C0PROD", "0 9 * * *", "Europe/Berlin")


def test_the_list_is_answered_on_the_spot() -> None:
    """With the next time as a date of Slack's; no operation is made of it."""
    bench = Bench(digests=(DAILY,))
    answer = bench.send(slash("digest list")).text
    assert "daily" in answer
    assert "date^" in answer
    assert bench.started == []


def test_without_digests_it_says_where_they_are_configured() -> None:
    """What to do next."""
    assert "digests" in Bench().send(slash("digest list")).text


def test_everybody_may_ask_for_one() -> None:
    """It reads, so nobody needs a role; the operation knows its channel."""
    bench = Bench()
    bench.send(slash("digest", user_id="U0LEE"))
    bench.send(event("<@UMESHBOT> digest now -n shop"))
    assert [one.command.topic for one in bench.started] == ["now", "now"]
    assert bench.started[0].origin.channel


def test_another_word_is_asked_back() -> None:
    """Nothing is guessed."""
    bench = Bench()
    assert "digest now" in bench.send(slash("digest tomorrow")).text
    assert bench.started == []
