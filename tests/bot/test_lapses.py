"""What comes to nothing by time, load or an absent part is told to whoever asked, logged, counted and on record."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError

from bot import arrival
from bot.chores import WAITING, Chores
from bot.hooks import Reply
from chat.form import PREVIEW
from chat.memory import FixedDirectory
from mesh.domain.catalog import Catalog, Flood
from mesh.domain.errors import Lapse, Unavailable, Unsure, Unwritten
from mesh.domain.policy import Policy
from mesh.ports import Receipt
from store.memory import MemoryOperations
from store.operations import MAYBE_HINT, MAYBE_STARTED
from telemetry.metrics import GIVEN_UP, WAYS, begin_bot
from tests.bot.bench import SRE, Bench, Wall
from tests.bot.senders import (
    Back,
    Mail,
    button,
    event,
    home_opened,
    reason_given,
    signed,
    slash,
    submission,
    suggestion,
    view_button,
)
from tests.bot.test_hooks import PATH, alert, message
from tests.bot.test_hooks import mail as alarm
from tests.bot.test_votes import asking

LINE = re.compile(r"came to nothing: (\w+) \(")


def given_up() -> dict[tuple[str, str], float]:
    """Return what was counted until now, by way and reason."""
    found = (sample for family in GIVEN_UP.collect() for sample in family.samples)
    return {(one.labels["way"], one.labels["reason"]): one.value for one in found if one.value}


class Watch:
    """Looks at what a request leaves behind."""

    def __init__(self, bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
        self.bench, self.caplog = bench, caplog
        self._before, self._entries = given_up(), len(self._log())
        caplog.clear()
        caplog.set_level(logging.INFO)

    @property
    def counted(self) -> dict[tuple[str, str], float]:
        """What was counted since then."""
        now, before = given_up(), self._before
        return {key: value - before.get(key, 0) for key, value in now.items() if value != before.get(key)}

    @property
    def logged(self) -> list[str]:
        """The reasons that stand in the log since then, at the level of a warning."""
        lines = [one.getMessage() for one in self.caplog.records if one.levelno == logging.WARNING]
        return [found[1] for line in lines if (found := LINE.search(line))]

    @property
    def on_record(self) -> list[str]:
        """The texts of the audit log since then."""
        return [str(entry.facts["text"]) for entry in self._log()[self._entries :]]

    def _log(self) -> list[Any]:
        return list(self.bench.operations.log.entries())


class Silent(FixedDirectory):
    """A Slack that does not say who somebody is."""

    def outsider(self, actor: object) -> None:
        """Say nothing."""
        raise Unavailable("Slack did not say who is who (users.info: TimeoutError).", lapse=Lapse.SLACK)


def told(bench: Bench, back: Back) -> str:
    """Return all that the person sees of it, wherever it stands."""
    views = [view for *_, view in (*bench.screens.updated, *bench.screens.published)]
    return " ".join([back.text, *bench.told, *map(str, views)])


WHERE: dict[str, tuple[str, Callable[[str], Mail]]] = {
    "slash": ("slash", lambda _: slash("promote api 50")),
    "form": ("slash", lambda _: slash("")),
    "mention": ("mention", lambda _: event("<@UMESHBOT> promote api 50")),
    "button": ("button", lambda name: button("meshbot.rollback", name)),
    "vote": ("button", lambda name: button("meshbot.approve", name)),
    "denial": ("button", lambda name: button("meshbot.deny", name)),
    "reason": ("modal", lambda name: reason_given(name, "no")),
    "modal": ("modal", lambda _: submission()),
    "preview": ("modal", lambda _: view_button(PREVIEW)),
    "home": ("home", lambda _: home_opened()),
}
"""By what somebody does: the way in, and what Slack sends. The name is that of a change that waits for approval."""


@pytest.mark.parametrize("what", WHERE)
def test_who_is_late_is_told_so_on_every_way_in(
    what: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is started; the person, the log, the number and the audit log say why."""
    bench = Bench()
    way, mail = WHERE[what]
    sent = mail(asking(bench).id)
    before, seen = len(bench.started), Watch(bench, caplog)
    monkeypatch.setattr(arrival, "LATEST_S", -1.0)  # time passes
    back = bench.send(sent)
    assert "took too long" in told(bench, back)
    assert len(bench.started) == before
    assert seen.logged == ["late"]
    assert seen.counted == {(way, "late"): 1}
    assert seen.on_record == ["came to nothing (late): The request took too long, so nothing was started"]


@pytest.mark.parametrize("what", WHERE)
def test_a_silent_slack_is_no_denial_of_ours(what: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever is turned away because Slack does not say who they are is told that, and it is counted as Slack's."""
    bench = Bench()
    way, mail = WHERE[what]
    sent = mail(asking(bench).id)
    bench.directory.__class__ = Silent
    before, seen = len(bench.started), Watch(bench, caplog)
    back = bench.send(sent)
    assert "Slack could not say who you are" in told(bench, back)
    assert len(bench.started) == before
    assert (seen.logged, seen.counted) == (["slack"], {(way, "slack"): 1})
    # The door has noted it, once.
    assert len(seen.on_record) == 1


def test_a_suggestion_that_cannot_be_made_leaves_its_trace(caplog: pytest.LogCaptureFixture) -> None:
    """There is no place for words in an empty list."""
    bench = Bench(directory=Silent({}))
    seen = Watch(bench, caplog)
    assert bench.send(suggestion()).json == {"options": []}
    assert (seen.logged, seen.counted) == (["slack"], {("suggestion", "slack"): 1})


class Failing(MemoryOperations):
    """Operations of a Redis in trouble."""

    troubles: Iterable[Exception] = ()

    def receive(self, operation: Any, **more: Any) -> Receipt:
        """Raise the next trouble, while there is one."""
        for trouble in self.troubles:
            if isinstance(trouble, Unsure):
                trouble.operation = operation.id
            raise trouble
        return super().receive(operation, **more)


TROUBLES = {
    "redis": Unavailable("Redis did not answer, so nothing was started.", lapse=Lapse.REDIS),
    "unsure": Unsure(MAYBE_STARTED, hint=MAYBE_HINT),
    "other": Unavailable("The audit log is damaged, so nothing more is done."),
}


@pytest.mark.parametrize("reason", TROUBLES)
def test_a_write_that_failed_is_told_by_its_reason(reason: str, caplog: pytest.LogCaptureFixture) -> None:
    """What may have been started is named in the log by the id that it has then; words of the person's are not."""
    operations = Failing(Wall())
    operations.troubles = iter([TROUBLES[reason]])
    bench = Bench(operations=operations)
    seen = Watch(bench, caplog)
    back = bench.send(slash("promote api 50 --reason hush-4711"))
    assert TROUBLES[reason].args[0] in back.text
    assert (seen.logged, seen.counted) == ([reason], {("slash", reason): 1})
    [line] = [one.getMessage() for one in caplog.records if LINE.search(one.getMessage())]
    assert line.startswith("promote of U0JIN, by slash, came to nothing")
    assert re.search(r"request [0-9a-f]{12}\)", line)
    assert ("look for op-" in line) == (reason == "unsure")
    assert "hush" not in line
    assert seen.on_record[0].startswith(f"came to nothing ({reason}): ")


def test_what_surely_was_not_written_is_written_while_there_is_time(caplog: pytest.LogCaptureFixture) -> None:
    """A write that came too late to Redis is no reason to send anybody away: it is tried again, and there is one."""
    operations = Failing(Wall())
    operations.troubles = iter([Unwritten("Redis was too slow, so nothing was started.")] * 3)
    bench = Bench(operations=operations)
    seen = Watch(bench, caplog)
    assert "Queued" in bench.send(slash("promote api 50")).text
    assert len(bench.started) == 1
    assert (seen.logged, seen.counted) == ([], {})


def test_what_surely_was_not_written_is_given_up_in_time(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """After the time that Slack waits nothing is written any more, and the person hears it on another way."""

    def troubles() -> Iterable[Exception]:
        yield Unwritten("Redis was too slow, so nothing was started.")
        monkeypatch.setattr(arrival, "LATEST_S", -1.0)  # time passes
        yield Unwritten("Redis was too slow, so nothing was started.")

    operations = Failing(Wall())
    operations.troubles = troubles()
    bench = Bench(operations=operations)
    seen = Watch(bench, caplog)
    assert bench.send(slash("promote api 50")).text == ""
    assert "too long" in bench.told[0]
    assert bench.started == []
    assert (seen.logged, seen.counted) == (["slow"], {("slash", "slow"): 1})


def test_an_answer_that_is_ready_too_late_goes_another_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slack shows nothing of an acknowledgement that it does not wait for any more, whatever stands there."""
    bench = Bench()
    inner = bench.operations.receive

    def slow(*arguments: Any, **more: Any) -> Receipt:
        monkeypatch.setattr(arrival, "LATEST_S", -1.0)  # time passes
        return inner(*arguments, **more)

    monkeypatch.setattr(bench.operations, "receive", slow)
    assert bench.send(slash("promote api 50")).text == ""
    assert len(bench.started) == 1
    assert "Queued" in bench.told[0]


def test_a_flood_is_counted_and_on_record_once(caplog: pytest.LogCaptureFixture) -> None:
    """What is refused for its number is in the log and in the numbers each time, on record once a minute."""
    bench = Bench(catalog=Catalog(policy=Policy((SRE,)), flood=Flood(user_per_minute=1)))
    seen = Watch(bench, caplog)
    for service in ("api", "web", "cart"):
        bench.send(slash(f"promote {service} 50"))
    assert len(bench.started) == 1
    assert (seen.logged, seen.counted) == (["flood"] * 2, {("slash", "flood"): 2})
    assert [text for text in seen.on_record if "within a minute" in text] == seen.on_record[1:]
    assert len(seen.on_record) == 2


@pytest.mark.parametrize("what", ["form", "denial", "preview"])
def test_a_form_that_slack_does_not_show_is_slacks_lapse(what: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever pressed is told so, by words where there is no form."""
    bench = Bench()
    way, mail = WHERE[what]
    sent = mail(asking(bench).id)
    trouble = SlackApiError("no", {"error": "internal_error"})  # type: ignore[no-untyped-call]  # slack_sdk's

    class Broken(type(bench.screens)):  # type: ignore[misc]  # the bench's
        tries = 0

        def open(self, *_: Any) -> None:
            raise trouble

        def update(self, *shown: Any) -> str:
            self.tries += 1
            if self.tries == 1:
                raise trouble
            return str(super().update(*shown))

    bench.screens.__class__ = Broken
    seen = Watch(bench, caplog)
    assert "internal_error" in told(bench, bench.send(sent))
    assert (seen.logged, seen.counted) == (["slack"], {(way, "slack"): 1})


def test_a_hook_that_cannot_be_heard_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    """Its sender is told to try again, and the log has it."""
    bench = Bench()
    seen = Watch(bench, caplog)

    def away(_posted: object) -> Reply:
        raise Unavailable("Redis did not answer.", lapse=Lapse.REDIS)

    bench.hooks._table["alertmanager"] = away  # type: ignore[index]  # a dict, here
    assert bench.send(alarm(message(alert())), path=PATH).status == 503
    assert seen.counted == {("hook", "redis"): 1}
    assert "503" in caplog.text


def test_what_slack_signed_long_ago_is_told_from_a_forgery(caplog: pytest.LogCaptureFixture) -> None:
    """A clock that goes wrong turns everybody away: that is a warning and a number, a stranger's request is neither."""
    bench = Bench()
    seen = Watch(bench, caplog)
    assert bench.send(signed("text=forged", secret="another", age_s=400)).status == 401
    assert bench.send(signed("text=forged", secret="another")).status == 401
    assert [one.levelno for one in caplog.records if one.name == "bot.gate"] == [logging.INFO] * 2
    assert seen.counted == {}
    assert bench.send(signed("text=help", age_s=400)).status == 401
    assert caplog.records[-1].levelno == logging.WARNING
    assert seen.counted == {("gate", "old"): 1}


def test_chores_that_are_too_many_or_fail_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    """A Home that is not drawn is told to nobody, so it must leave a trace."""
    seen = Watch(Bench(), caplog)
    chores = Chores()
    chores._room._value = 0  # as when WAITING of them wait
    chores.later("an App Home", lambda: None)
    assert seen.counted == {("chore", "full"): 1}
    chores._room._value = WAITING

    def fails() -> None:
        raise Unavailable("Redis did not answer.", lapse=Lapse.REDIS)

    chores.later("an App Home", fails)
    chores.close()
    assert seen.counted == {("chore", "full"): 1, ("chore", "redis"): 1}
    assert "an App Home was dropped" in caplog.text
    assert "an App Home was not done" in caplog.text


def test_every_way_and_reason_begins_at_zero() -> None:
    """The first of its kind is seen to rise, and no other word makes a series."""
    begin_bot()
    pairs = {(one.labels["way"], one.labels["reason"]) for family in GIVEN_UP.collect() for one in family.samples}
    assert pairs == {(way, str(lapse)) for way in (*WAYS, "other") for lapse in Lapse}
