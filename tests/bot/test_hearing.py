"""What is heard in time becomes an operation, and what comes late becomes words."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from bot import arrival, hearing
from mesh.domain.commands import ANSWERED_BY_BOT, Command, Verb
from mesh.ports import Bucket
from tests.bot.bench import Bench
from tests.bot.senders import event, slash

LAPSE = re.compile(r"came to nothing \((\w+)\)")


def lapses(bench: Bench) -> list[str]:
    """Return why each request came to nothing, by the audit log; there must be nothing else."""
    told = [str(entry.facts["text"]) for entry in bench.operations.log.entries()]
    return [found[1] if (found := LAPSE.match(text)) else text for text in told]


CHANGES = ["promote api 50", "set api v1=50 v2=50", "rollback api", "undo api", "undo op-k3v9x2m4ta"]


@pytest.mark.parametrize("text", CHANGES)
@pytest.mark.parametrize("age_s", [40, 61, 330])
def test_a_change_that_slack_sends_again_later_is_refused(text: str, age_s: int) -> None:
    """After the bot was down, nothing changes out of the blue: words, no operation, and an entry that says so."""
    bench = Bench()
    assert bench.send(event(f"<@UMESHBOT> {text}", event_time=int(time.time()) - age_s)).status == 200
    assert bench.started == []
    assert lapses(bench) == ["old"]
    assert "too late to start a change" in bench.told[0]


def test_a_change_that_was_slow_on_its_way_is_started() -> None:
    """Some seconds, and a clock that runs ahead of Slack's or behind it, do no harm."""
    bench = Bench()
    for service, age_s in (("api", 20), ("web", -20)):
        bench.send(event(f"<@UMESHBOT> rollback {service}", event_time=int(time.time()) - age_s))
    assert len(bench.started) == 2


@pytest.mark.parametrize("text", ["status api", "gates api", "promote api 50 --dry-run", "plan rollback api"])
def test_reading_may_be_late(text: str) -> None:
    """Who asked to see something still may."""
    bench = Bench()
    bench.send(event(f"<@UMESHBOT> {text}", event_time=int(time.time()) - 330))
    assert len(bench.started) == 1


@pytest.mark.parametrize(("asked", "user"), [("groups", "U0LEE"), ("active", "U0JIN")])
def test_threat_16_a_slow_slack_does_not_start_something_late(
    asked: str, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When asking Slack who somebody is took too long, nothing is started after it, and that is on record."""
    bench = Bench()
    inner = getattr(bench.directory, asked)

    def slow(*arguments: Any) -> Any:
        monkeypatch.setattr(arrival, "LATEST_S", -1.0)  # time passes
        return inner(*arguments)

    setattr(bench.directory, asked, slow)
    bench.send(slash("promote api 50", user_id=user))
    assert bench.started == []
    assert lapses(bench) == ["late"]
    assert "too long" in bench.told[0]


@pytest.mark.parametrize("text", ["promote api 50", "rollback api", "freeze api --reason x"])
def test_threat_16_a_slow_redis_does_not_start_something_late(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """When what is asked of Redis before the write took too long, nothing is written after it."""
    bench = Bench()
    standing = bench.desk.buckets.take

    def slow(bucket: Bucket) -> float:
        # What is asked last: of the channel where that is counted, else of the person.
        if bucket.name.startswith(("channel:", "back:")):
            monkeypatch.setattr(arrival, "LATEST_S", -1.0)  # time passes
        return standing(bucket)

    bench.desk.buckets.take = slow  # type: ignore[method-assign]
    bench.send(slash(text))
    assert bench.started == []
    assert "too long" in bench.told[0]


def test_the_bot_answers_what_the_domain_says_it_answers() -> None:
    """A verb that makes no operation has an answer here, and none has one that makes an operation."""
    assert set(hearing._READING) == ANSWERED_BY_BOT | {Verb.DIGEST}
    assert [Command(verb=Verb.DIGEST, topic=word).answered_by_bot for word in ("list", "now")] == [True, False]
