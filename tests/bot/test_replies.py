"""Answers that follow the acknowledgement reach the person, and trouble with one does not trouble the others."""

from __future__ import annotations

import threading
from concurrent.futures import wait
from dataclasses import dataclass
from typing import Any

import pytest

from bot.chores import THREADS, WAITING
from bot.replies import Replies
from bot.requests import Request
from chat.answers import late_answer
from chat.calls import SlackCalls
from chat.connection import web_client
from chat.letters import REPEATED
from chat.locales import Locale, speaking
from chat.paces import ALONE
from mesh.domain.errors import Unavailable
from mesh.domain.letters import Fate, Letter
from mesh.domain.operations import Origin
from mesh.domain.policy import Actor
from store.memory_outbox import MemoryOutbox
from tests.bot.bench import Wall
from tests.chat.conftest import Slack, slack
from tests.chat.posting import PostOffice
from tests.chat.proxies import ODD, proxy

__all__ = ["slack"]
MESSAGE = late_answer()
KEY = "answer x"


@dataclass
class Desk:
    """Replies, the outbox that they write into, and who sends from that."""

    office: PostOffice
    replies: Replies

    def answer(self, *requests: Request) -> None:
        """Answer, and wait until what is said at once was said."""
        for request in requests:
            self.replies.later(request, MESSAGE)
        is_over(self.replies)

    def shown(self, channel: str = "C0PROD", user: str = "U0JIN") -> list[str]:
        """Return what that person alone, or in direct messages, was shown there."""
        driver = self.office.slack.driver
        found = [one for one in driver.transcript() if one["channel"] == channel]
        return [
            driver.render_text(one) for one in found if one["ephemeral_to"] == (user if channel[0] == "C" else None)
        ]

    @property
    def waiting(self) -> list[str]:
        """The keys of what is in the outbox and was not sent."""
        return [key for key, row in self.office.outbox.rows.items() if not row.settled]


@pytest.fixture
def desk(slack: Slack) -> Desk:
    """Everything between an answer and Slack."""
    office = PostOffice(slack)
    return Desk(office, Replies(SlackCalls(slack.client), office.outbox, office.time))


def is_over(replies: Replies) -> None:
    """Wait until nothing is left to be said at once."""
    wait(replies._unsaid.copy())


def replies_to(url: str) -> tuple[Replies, MemoryOutbox]:
    """Replies of a bot whose Slack is at `url`, and their outbox."""
    outbox = MemoryOutbox(Wall())
    return Replies(SlackCalls(web_client("xoxb-test", url)), outbox, Wall()), outbox


def asked(channel: str, *, thread: str = "", response_url: str = "", dedupe: str = "x") -> Request:
    """A request by Jin."""
    origin = Origin("mention", channel=channel, thread=thread, response_url=response_url)
    return Request(Actor("U0JIN", "T0MESH"), origin, dedupe=dedupe)


def test_only_the_asking_person_sees_the_answer(desk: Desk) -> None:
    """In a channel the answer is ephemeral; a direct message is answered with a message; no letter is needed."""
    desk.answer(asked("C0PROD"), asked("D0JIN"))
    assert ["too long" in text for text in (*desk.shown(), *desk.shown("D0JIN"))] == [True, True]
    assert len(desk.office.slack.driver.transcript()) == 2
    assert desk.office.outbox.rows == {}


@pytest.mark.parametrize(
    ("channel", "method"),
    [("C0PROD", "chat.postEphemeral"), ("D0JIN", "chat.postMessage"), ("U0JIN", "chat.postMessage")],
)
def test_an_answer_that_slack_refuses_for_now_comes_later(desk: Desk, channel: str, method: str) -> None:
    """It waits in the outbox as long as Slack wants, and is then shown, once and unmarked."""
    desk.office.slack.driver.trouble("ratelimit", method=method, retry_after=2)
    desk.answer(asked(channel))
    assert (desk.waiting, desk.office.slack.driver.transcript()) == ([KEY], [])
    assert desk.office.deliver() > 1, "Slack wants two seconds, of which some have gone"
    [text] = desk.shown("D0JIN" if channel == "U0JIN" else channel)
    assert ("too long" in text, REPEATED in text) == (True, False)


def test_a_flood_of_answers_is_told_at_the_pace_of_slack(desk: Desk) -> None:
    """Those beyond what Slack takes at once are never refused by it: they wait, and everybody gets theirs once."""
    many = [asked("C0PROD", dedupe=str(number)) for number in range(ALONE.burst + 60)]
    desk.answer(*many)
    assert ALONE.burst <= len(desk.shown()) < len(many)
    desk.office.deliver()
    assert len(desk.shown()) == len(many)


@pytest.mark.parametrize("trouble", ["accept_then_drop", "disconnect"])
def test_an_answer_that_nobody_can_look_for(desk: Desk, trouble: str) -> None:
    """Where nobody knows whether it was shown it is said once more, marked in the person's own language."""
    desk.office.slack.driver.trouble(trouble, method="chat.postEphemeral")
    with speaking(Locale.KO):
        desk.answer(asked("C0PROD"))
    desk.office.deliver()
    found = desk.shown()
    assert len(found) == (2 if trouble == "accept_then_drop" else 1)
    assert ["중복일 수" in text for text in found] == [False, True][-len(found) :]


def test_an_answer_is_not_said_a_third_time(desk: Desk) -> None:
    """While nothing gets an answer people are shown it twice, and it is on record that nobody knows."""
    desk.office.slack.driver.trouble("accept_then_drop", method="chat.postEphemeral", times=9)
    desk.answer(asked("C0PROD"))
    desk.office.deliver(within_s=600)
    assert len(desk.shown()) == 2
    assert [(row.letter.key, row.fate) for row in desk.office.lost] == [(KEY, Fate.UNKNOWN)]


@pytest.mark.parametrize(("trouble", "times"), [("status", 2), ("accept_then_drop", 2), ("ratelimit", 1)])
def test_an_address_that_fails_is_no_end(desk: Desk, trouble: str, times: int) -> None:
    """An answer by response_url that went wrong is said in the channel, marked where it may have arrived."""
    address = desk.office.slack.response_url("U0JIN", "C0PROD")
    desk.office.slack.driver.trouble(trouble, method="response_url")
    desk.answer(asked("C0PROD", response_url=address))
    desk.office.deliver()
    *_, last = desk.shown()
    assert ("too long" in last, REPEATED in last) == (True, times == 2)


def test_where_the_app_is_not_an_answer_is_written_directly(desk: Desk) -> None:
    """What cannot be shown in the channel comes as a direct message."""
    desk.answer(asked("C0RAND"))
    desk.office.deliver()
    [text] = desk.shown("D0JIN")
    assert "too long" in text


def test_a_response_url_that_is_not_slacks_is_never_called(caplog: pytest.LogCaptureFixture) -> None:
    """A payload cannot make the bot send requests elsewhere; the address is a secret and is not logged."""
    replies, outbox = replies_to("http://127.0.0.1:9/api/")
    replies.later(asked("C0PROD", response_url="http://169.254.169.254/latest/secretpath"), MESSAGE)
    is_over(replies)
    assert "an answer to U0JIN was not shown at once (ValueError)" in caplog.text
    assert list(outbox.rows) == [KEY]
    assert "secretpath" not in caplog.text


@pytest.mark.parametrize(("answer", "said"), ODD.values(), ids=ODD)
def test_a_proxys_page_is_not_logged(answer: bytes, said: str, caplog: pytest.LogCaptureFixture) -> None:
    """What comes back in Slack's place is logged by its kind alone; the answer waits, marked."""
    with proxy(answer) as url:
        replies, outbox = replies_to(url)
        replies.later(asked("C0PROD"), MESSAGE)
        is_over(replies)
    [ours] = [record.getMessage() for record in caplog.records if record.name == "bot.replies"]
    assert ours == f"an answer to U0JIN was not shown at once ({said}); it is in the outbox"
    assert REPEATED in outbox.rows[KEY].letter.body


def test_a_flood_is_written_down_without_waiting() -> None:
    """When too much waits, the rest goes into the outbox; nobody's acknowledgement waits for Slack."""
    replies, outbox = replies_to("http://127.0.0.1:9/api/")
    slow = threading.Event()
    replies._say = lambda _: slow.wait(10)  # type: ignore[assignment,method-assign]  # a slow Slack
    outbox.spend = lambda *_, **__: 0.0  # type: ignore[method-assign]  # which takes everything
    for number in range(WAITING + 10):
        replies.later(asked("C0PROD", dedupe=str(number)), MESSAGE)
    slow.set()
    is_over(replies)
    assert list(outbox.rows) == [f"answer {number}" for number in range(WAITING, WAITING + 10)]


def test_a_process_that_ends_writes_down_what_it_can_no_longer_say() -> None:
    """An answer that comes after the pool was closed waits in the outbox."""
    replies, outbox = replies_to("http://127.0.0.1:9/api/")
    replies.close()
    replies.later(asked("C0PROD"), MESSAGE)
    assert list(outbox.rows) == [KEY]


def test_a_process_that_ends_does_not_wait_for_slack(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not begun waits in the outbox as it is; what has no answer by then is there too, and marked."""
    monkeypatch.setattr("bot.replies.PATIENCE_S", 0.2)
    replies, outbox = replies_to("http://127.0.0.1:9/api/")
    begun, slow = threading.Semaphore(0), threading.Event()

    def say(_: Letter) -> None:
        begun.release()
        slow.wait(60)

    replies._say = say  # type: ignore[assignment,method-assign]  # a slow Slack
    outbox.spend = lambda *_, **__: 0.0  # type: ignore[method-assign]  # which takes everything
    for number in range(THREADS + 3):
        replies.later(asked("C0PROD", dedupe=str(number)), MESSAGE)
    for _ in range(THREADS):
        assert begun.acquire(timeout=60)
    replies.close()
    slow.set()
    marked = {key: REPEATED in row.letter.body for key, row in outbox.rows.items()}
    assert marked == {f"answer {number}": number < THREADS for number in range(THREADS + 3)}


def test_a_process_that_ends_waits_a_little_for_slack(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that Slack takes a moment later is shown, and not once more."""
    monkeypatch.setattr("bot.replies.PATIENCE_S", 60)
    desk.office.slack.driver.trouble("hang", method="chat.postEphemeral", seconds=0.3)
    begun, real = threading.Event(), desk.replies._say

    def say(letter: Letter) -> None:
        begun.set()
        real(letter)

    desk.replies._say = say  # type: ignore[method-assign]
    desk.replies.later(asked("C0PROD"), MESSAGE)
    assert begun.wait(60)
    desk.replies.close()
    assert (len(desk.shown()), desk.office.outbox.rows) == (1, {})


def test_an_answer_without_an_outbox(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """While Redis is away it is said at once all the same; only what Slack refuses as well is lost, and logged."""

    def away(*_: Any, **__: Any) -> Any:
        raise Unavailable("Redis did not answer.")

    desk.office.outbox.spend = desk.office.outbox.put = away  # type: ignore[method-assign]
    desk.office.slack.driver.trouble("error", method="chat.postEphemeral", error="not_in_channel")
    desk.answer(asked("C0PROD"), asked("D0JIN"))
    assert (len(desk.shown()), len(desk.shown("D0JIN"))) == (0, 1)
    assert "an answer to U0JIN was not shown (not_in_channel), and is lost: Redis did not answer." in caplog.text


def test_a_sent_answer_makes_room_for_the_next() -> None:
    """However many answers were said before, shown or failed, the next one is said at once."""
    replies, outbox = replies_to("http://127.0.0.1:9/api/")
    shown: list[Letter] = []
    replies._say = shown.append  # type: ignore[assignment,method-assign]  # a Slack that takes everything
    outbox.spend = lambda *_, **__: 0.0  # type: ignore[method-assign]
    for number in range(2 * WAITING):
        replies.later(asked("C0PROD", dedupe=str(number)), MESSAGE)
        is_over(replies)
    assert (len(shown), outbox.rows) == (2 * WAITING, {})
