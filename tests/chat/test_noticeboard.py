"""Posting digests, on their whole way to the stand-in Slack with a real client: once, with a picture, or on record."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chat.connection import web_client
from chat.digest_drawing import week_chart
from chat.noticeboard import SlackNoticeboard, digest_key
from mesh.domain.digests import Edition, Slot
from mesh.domain.letters import Fate
from mesh.domain.weeks import Week
from playground.serving import free_port
from playground.slack.world import default_world
from tests.chat.conftest import Slack, workspace
from tests.chat.editions import CALM, FULL, MANY
from tests.chat.posting import PostOffice

SLOT = Slot("daily", 1764493200)


class Board:
    """A board that draws, and all that sends what stands on it."""

    def __init__(self, slack: Slack) -> None:
        self.office = PostOffice(slack)
        self._board = SlackNoticeboard(self.office.outbox, slack.client, week_chart)
        self.picture = self._board.picture

    def post(self, edition: Edition, *, picture: str = "", channel: str = "C0PROD") -> None:
        """Post it, and have it delivered."""
        self._board.post(SLOT, channel, edition, picture=picture)
        self.office.deliver()

    @property
    def fate(self) -> Fate:
        """What became of it."""
        return self.office.outbox.rows[digest_key(SLOT)].fate


@pytest.fixture
def board(slack: Slack) -> Board:
    """Where this workspace's digests stand."""
    return Board(slack)


def posted(slack: Slack) -> list[dict[str, Any]]:
    """What the channel got."""
    return slack.driver.messages("C0PROD")


def images(message: dict[str, Any]) -> list[str]:
    """The pictures in a message."""
    return [block["slack_file"]["id"] for block in message["blocks"] if block["type"] == "image"]


def test_a_digest_is_posted_with_its_picture(slack: Slack, board: Board) -> None:
    """One message, which shows the uploaded picture as soon as Slack has looked it over."""
    picture = board.picture(FULL.week)
    assert picture
    board.post(FULL, picture=picture)
    [message] = posted(slack)
    assert images(message) == [picture]
    assert "Rollouts under way (2)" in slack.driver.render_text(message)


def test_a_week_without_changes_has_no_picture(slack: Slack, board: Board) -> None:
    """Nothing is uploaded, and the message is a line."""
    assert board.picture(Week()) == board.picture(CALM.week) == ""
    board.post(CALM, picture="")
    assert "Nothing to report" in slack.driver.render_text(posted(slack)[0])


def test_where_slack_takes_no_picture_the_week_is_characters(slack: Slack, board: Board) -> None:
    """A scope is missing, or the upload breaks: that costs the picture and nothing else."""
    slack.driver.trouble("error", method="files.getUploadURLExternal", error="missing_scope")
    picture = board.picture(FULL.week)
    assert picture == ""
    board.post(FULL, picture=picture)
    assert "# promotions" in slack.driver.render_text(posted(slack)[0])


def test_a_picture_that_slack_refuses_costs_only_the_picture(slack: Slack, board: Board) -> None:
    """The message is posted without it, once."""
    board.post(FULL, picture="F0NOSUCHFILE")
    [message] = posted(slack)
    assert images(message) == []


def test_a_thousand_services_fit(slack: Slack, board: Board) -> None:
    """Slack takes the digest of a thousand."""
    board.post(MANY, picture="")
    assert len(posted(slack)[0]["blocks"]) > 3


def test_a_slot_is_one_message(slack: Slack, board: Board) -> None:
    """Whoever posts it again, and whatever it says by then."""
    board.post(CALM)
    board.post(FULL)
    assert ["Nothing to report" in one["text"] for one in posted(slack)] == [True]


@pytest.mark.parametrize(
    "trouble",
    [
        {"kind": "ratelimit", "retry_after": 30},
        {"kind": "error", "error": "internal_error"},
        {"kind": "status", "status": 503},
        {"kind": "accept_then_drop"},
    ],
)
def test_trouble_costs_no_digest_and_makes_no_second_one(slack: Slack, board: Board, trouble: dict[str, Any]) -> None:
    """It is looked for where Slack did not say, and posted where it is not there."""
    slack.driver.trouble(method="chat.postMessage", **trouble)
    board.post(FULL)
    assert (len(posted(slack)), board.fate, board.office.lost) == (1, Fate.POSTED, [])


def test_a_channel_without_the_bot_is_on_record(board: Board) -> None:
    """Nobody asked, so nobody is answered instead: the audit log says that it reached nobody."""
    board.post(FULL, channel="C0RAND")
    assert [(row.letter.key, row.why) for row in board.office.lost] == [(digest_key(SLOT), "not_in_channel")]


def test_a_digest_is_not_said_twice_where_nobody_may_look() -> None:
    """Without the scope for it nobody knows whether it is there: that is on record, and no second one is posted."""
    world = default_world()
    scopes = tuple(scope for scope in world.bot.scopes if "history" not in scope)
    with workspace(replace(world, bot=replace(world.bot, scopes=scopes))) as slack:
        board = Board(slack)
        slack.driver.trouble("disconnect", method="chat.postMessage")
        board.post(FULL)
        assert (posted(slack), board.fate) == ([], Fate.UNKNOWN)
        assert [row.why for row in board.office.lost] == ["nobody knows whether Slack showed it"]


def test_a_slack_that_is_not_there_has_no_picture() -> None:
    """That is no reason to post nothing."""
    client = web_client("xoxb-x", f"http://127.0.0.1:{free_port()}/api/")
    slack = Slack("", client, None, None)  # type: ignore[arg-type]  # nobody drives what is not there
    assert Board(slack).picture(FULL.week) == ""
