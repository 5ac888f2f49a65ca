"""The page on the real stand-in Slack: the contract between the two holds."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from slack_sdk import WebClient

from playground.serving import ServerThread
from playground.slack.driver import SlackDriver
from playground.slack.server import make_app
from playground.slack.world import default_world
from tests.playground.page import scenes

pytestmark = pytest.mark.browser

WORLD = default_world()


@pytest.fixture
def slack_url() -> Iterator[str]:
    """A stand-in Slack of its own, with no app and no traffic simulator behind it."""
    with ServerThread(make_app(WORLD)) as server:
        yield server.url


@pytest.fixture
def bot(slack_url: str) -> WebClient:
    """The app's hand in that Slack."""
    return WebClient(WORLD.bot.bot_token, base_url=f"{slack_url}/api/")


@pytest.fixture
def visited(wide_window: Page, slack_url: str) -> Iterator[Page]:
    """The page of that Slack, listening to events."""
    with wide_window.expect_response("**/page/events"):
        wide_window.goto(slack_url)
    yield wide_window
    wide_window.goto("about:blank")


def test_card_of_the_bot(visited: Page, bot: WebClient) -> None:
    """A card the bot posts appears, its edit changes it in place, and a press is taken."""
    channel = WORLD.channels[0].id
    posted = bot.chat_postMessage(channel=channel, text="Promoting", blocks=scenes.card())
    expect(visited.locator("#log h3")).to_have_text("Promoting api to v2 50 %")
    bot.chat_update(channel=channel, ts=str(posted["ts"]), text="Promoted", blocks=scenes.card("Promoted api"))
    expect(visited.locator("#log h3")).to_have_text("Promoted api")
    with visited.expect_response("**/page/click") as answer:
        visited.locator("[data-action=undo]").click()
    assert answer.value.json() == {"ok": True}


def test_words_of_a_person(visited: Page) -> None:
    """What a person types appears escaped, can be answered in a thread, and a command without an app says it failed."""
    visited.locator("#box").fill("hello <b>you</b> & *all*")
    visited.keyboard.press("Enter")
    message = visited.locator("#log .message", has_text="hello <b>you</b> & all")
    expect(message.locator("strong", has_text="all")).to_have_count(1)
    message.hover()
    message.get_by_role("button", name="Reply in thread").click()
    expect(visited.locator("#thread-box")).to_be_focused()
    visited.keyboard.type("an answer")
    visited.keyboard.press("Enter")
    expect(message.get_by_role("button", name="1 reply")).to_be_visible()
    visited.locator("#box").fill("/mesh status")
    visited.keyboard.press("Enter")
    expect(visited.locator("#log .notice")).to_contain_text("/mesh failed")
    expect(visited.locator("#world-body")).to_contain_text("simulator is not running")


def test_everybody_can_be_acted_as(visited: Page) -> None:
    """Each person of the demo can be chosen; who may not speak learns why, and keeps the text."""
    for person in WORLD.people[:-1]:
        visited.select_option("#as", person.id)
        expect(visited.locator("#as-note")).to_contain_text(f"@{person.name}")
    visited.select_option("#as", "U0GONE")
    visited.locator("#box").fill("hello?")
    visited.keyboard.press("Enter")
    expect(visited.locator(".composer-note.error").first).to_contain_text("act as somebody else")
    expect(visited.locator("#box")).to_have_value("hello?")


def uploaded(bot: WebClient, driver: SlackDriver) -> str:
    """Upload a picture that is shared with nobody; return its id."""
    png = base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
    )
    done = bot.files_upload_v2(content=png, filename="chart.png")
    driver.advance(1)
    return str(done["file"]["id"])


def test_an_uploaded_picture(visited: Page, bot: WebClient, slack_url: str) -> None:
    """A picture is drawn for those it was posted for; one that only an edit brought in is said not to be found."""
    channel = WORLD.channels[0].id
    block = {"type": "image", "slack_file": {"id": uploaded(bot, SlackDriver(slack_url))}, "alt_text": "falling"}
    card = str(bot.chat_postMessage(channel=channel, text="card")["ts"])
    bot.chat_update(channel=channel, ts=card, text="card", blocks=[block])
    expect(visited.locator("#log .unsupported")).to_contain_text("file not found")
    bot.chat_postMessage(channel=channel, thread_ts=card, text="chart", blocks=[block])
    bot.chat_update(channel=channel, ts=card, text="card again", blocks=[block])
    picture = visited.locator("#log .b-image img")
    expect(picture).to_have_attribute("alt", "falling")
    expect(picture).to_have_js_property("naturalWidth", 1)


def test_a_broadcast_reply(visited: Page, bot: WebClient) -> None:
    """A reply that the channel sees as well says where it comes from, and leads there."""
    channel = WORLD.channels[0].id
    card = str(bot.chat_postMessage(channel=channel, text="the card")["ts"])
    bot.chat_postMessage(channel=channel, thread_ts=card, text="step taken")
    bot.chat_postMessage(channel=channel, thread_ts=card, text="it is held", reply_broadcast=True)
    told = visited.locator("#log .message", has_text="it is held")
    expect(visited.locator("#log").get_by_text("step taken")).to_have_count(0)
    told.get_by_role("button", name="replied to a thread").click()
    expect(visited.locator("#thread .message")).to_have_count(3)
    expect(visited.locator("#thread .message").last).to_contain_text("Also sent to the channel")
