"""What is heard in time becomes an operation, and what comes late becomes words."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import Any

import pytest

from bot import arrival, hearing
from mesh.domain.commands import ANSWERED_BY_BOT, Command, Target, Verb
from mesh.domain.operations import Operation
from mesh.operations.words import on_card
from mesh.ports import Bucket
from tests.bot.bench import Bench
from tests.bot.senders import Back, button, event, slash
from tests.chat.rolling import ROLLOUTS

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


# --- slips of the pen ------------------------------------------------------------------------------------------------


def under_way(bench: Bench, name: str) -> Operation:
    """A canary of api, as it is on record."""
    canary = replace(ROLLOUTS["canary_paused"], id=name, target=Target("default", "default", "api"))
    return bench.operations.receive(canary, dedupe=name, intent=name, facts={}).operation


def pressable(back: Back) -> list[str]:
    """The values of the buttons of an answer."""
    rows = [block for block in back.json["blocks"] if block["type"] == "actions"]
    return [element["value"] for row in rows for element in row["elements"]]


@pytest.mark.parametrize("slip", ["resum api", "skp api", "confrm api", "abrot api", "canary resume api"])
def test_a_slip_offers_a_word_about_the_rollout_that_is_under_way(slip: str) -> None:
    """The button names it, its step and its stop, as those of its card do, and so does the word that is pressed."""
    bench = Bench()
    canary = under_way(bench, "op-k3v9x2m4ta")
    (value,) = pressable(bench.send(slash(slip)))
    assert value.startswith(f"{on_card(canary)} /mesh ")
    bench.send(button("meshbot.choice.0", value))
    (pressed,) = (one for one in bench.started if one.id != canary.id)
    assert (pressed.command.steers, pressed.command.promised) == (True, on_card(canary))


@pytest.mark.parametrize("slip", ["abrot api", "canary abort api", "abrot api -c nowhere"])
def test_a_slip_offers_no_word_to_whatever_begins_later(slip: str) -> None:
    """Nothing is under way: the answer says what was probably meant, and no button of it waits for a canary to end."""
    back = Bench().send(slash(slip))
    assert pressable(back) == []
    assert "Did you mean" in back.text


def test_a_slip_about_something_else_is_offered_as_it_is() -> None:
    """A promotion is about its service, whatever is under way."""
    bench = Bench()
    under_way(bench, "op-k3v9x2m4ta")
    assert pressable(bench.send(slash("promot api 50"))) == ["/mesh promote api 50"]
