"""Answers that follow the acknowledgement reach the person, and trouble with one does not trouble the others."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import pytest

from bot.chores import WAITING
from bot.replies import Replies
from bot.requests import Request
from chat.answers import late_answer
from chat.connection import web_client
from mesh.domain.operations import Origin
from mesh.domain.policy import Actor
from playground.processes import Child
from playground.serving import free_port
from playground.slack.driver import SlackDriver
from playground.slack.world import default_world
from tests.chat.proxies import ODD, proxy

MESSAGE = late_answer()


@pytest.fixture(scope="module")
def slack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a stand-in Slack."""
    log = tmp_path_factory.mktemp("slack") / "slack.log"
    argv = [sys.executable, "-m", "playground.slack", "--port", str(free_port())]
    with Child("slack", argv, log_path=log) as child:
        yield child.wait_ready_line()


def asked(channel: str, *, thread: str = "", response_url: str = "") -> Request:
    """A request by Jin."""
    origin = Origin("mention", channel=channel, thread=thread, response_url=response_url)
    return Request(Actor("U0JIN", "T0MESH"), origin, dedupe="x")


def test_only_the_asking_person_sees_the_answer(slack: str) -> None:
    """In a channel the answer is ephemeral; a direct message is answered with a message."""
    replies = Replies(web_client(default_world().bot.bot_token, f"{slack}/api/"))
    replies.later(asked("C0PROD"), MESSAGE)
    replies.later(asked("D0JIN"), MESSAGE)
    replies.close()
    found = {message["channel"]: message for message in SlackDriver(slack).transcript()}
    assert found["C0PROD"]["ephemeral_to"] == "U0JIN"
    assert found["D0JIN"]["ephemeral_to"] is None
    assert "too long" in found["C0PROD"]["text"]


def test_a_response_url_that_is_not_slacks_is_never_called(caplog: pytest.LogCaptureFixture) -> None:
    """A payload cannot make the bot send requests elsewhere; the address is a secret and is not logged."""
    replies = Replies(web_client("xoxb-test", "http://127.0.0.1:9/api/"))
    replies.later(asked("C0PROD", response_url="http://169.254.169.254/latest/secretpath"), MESSAGE)
    replies.close()
    assert "an answer to U0JIN was not done: ValueError" in caplog.text
    assert "secretpath" not in caplog.text


@pytest.mark.parametrize(("answer", "said"), ODD.values(), ids=ODD)
def test_a_proxys_page_is_not_logged(answer: bytes, said: str, caplog: pytest.LogCaptureFixture) -> None:
    """What comes back in Slack's place is logged by its kind alone."""
    with proxy(answer) as url:
        replies = Replies(web_client("xoxb-test", url))
        replies.later(asked("C0PROD"), MESSAGE)
        replies.close()
    [ours] = [record.getMessage() for record in caplog.records if record.name == "bot.chores"]
    assert ours == f"an answer to U0JIN was not done: {said}"


def test_a_flood_is_dropped_without_waiting(caplog: pytest.LogCaptureFixture) -> None:
    """When too much waits, the rest is dropped and logged; nobody's acknowledgement waits for it."""
    replies = Replies(web_client("xoxb-test", "http://127.0.0.1:9/api/"))
    answers = threading.Event()
    replies._deliver = lambda *_: answers.wait(10)  # type: ignore[assignment,method-assign]  # a slow Slack
    for _ in range(WAITING + 10):
        replies.later(asked("C0PROD"), MESSAGE)
    assert caplog.text.count("was dropped") == 10
    answers.set()
    replies.close()


def test_a_sent_answer_makes_room_for_the_next(caplog: pytest.LogCaptureFixture) -> None:
    """However many answers were sent before, sent or failed, the next one is not dropped."""
    replies = Replies(web_client("xoxb-test", "http://127.0.0.1:9/api/"))
    replies._deliver = lambda *_: None  # type: ignore[method-assign]  # a Slack that takes everything
    for _ in range(2 * WAITING):
        replies.later(asked("C0PROD"), MESSAGE)
        replies._chores._pool.submit(lambda: None).result()
    replies.close()
    assert "was dropped" not in caplog.text
