"""Posting digests, against the stand-in Slack with a real client: once, with its picture, and what trouble means."""

from __future__ import annotations

from typing import Any

import pytest

from chat import noticeboard
from chat.connection import web_client
from chat.digest_drawing import week_chart
from chat.noticeboard import SlackNoticeboard
from mesh.digest_ports import OutcomeUnknown
from mesh.domain.errors import MeshbotError, Refused, Unavailable
from mesh.domain.weeks import Week
from playground.serving import free_port
from tests.chat.conftest import Slack
from tests.chat.editions import CALM, FULL, MANY


@pytest.fixture
def board(slack: Slack, monkeypatch: pytest.MonkeyPatch) -> SlackNoticeboard:
    """A board that draws, and that waits for Slack by its clock."""
    monkeypatch.setattr(noticeboard, "sleep", slack.driver.advance)
    return SlackNoticeboard(slack.client, week_chart)


def posted(slack: Slack) -> list[dict[str, Any]]:
    """What the channel got."""
    return slack.driver.messages("C0PROD")


def images(message: dict[str, Any]) -> list[str]:
    """The pictures in a message."""
    return [block["slack_file"]["id"] for block in message["blocks"] if block["type"] == "image"]


def test_a_digest_is_posted_with_its_picture(slack: Slack, board: SlackNoticeboard) -> None:
    """One message, which shows the uploaded picture as soon as Slack has looked it over."""
    picture = board.picture(FULL.week)
    assert picture
    ts = board.post("C0PROD", FULL, picture=picture)
    [message] = posted(slack)
    assert message["ts"] == ts
    assert images(message) == [picture]
    assert "Rollouts under way (2)" in slack.driver.render_text(message)


def test_a_week_without_changes_has_no_picture(slack: Slack, board: SlackNoticeboard) -> None:
    """Nothing is uploaded, and the message is a line."""
    assert board.picture(Week()) == board.picture(CALM.week) == ""
    board.post("C0PROD", CALM, picture="")
    assert "Nothing to report" in slack.driver.render_text(posted(slack)[0])


def test_where_slack_takes_no_picture_the_week_is_characters(slack: Slack, board: SlackNoticeboard) -> None:
    """A scope is missing, or the upload breaks: that costs the picture and nothing else."""
    slack.driver.trouble("error", method="files.getUploadURLExternal", error="missing_scope")
    picture = board.picture(FULL.week)
    assert picture == ""
    board.post("C0PROD", FULL, picture=picture)
    assert "# promotions" in slack.driver.render_text(posted(slack)[0])


def test_a_picture_that_slack_refuses_costs_only_the_picture(slack: Slack, board: SlackNoticeboard) -> None:
    """The message is posted without it, once."""
    board.post("C0PROD", FULL, picture="F0NOSUCHFILE")
    [message] = posted(slack)
    assert images(message) == []


def test_a_thousand_services_fit(slack: Slack, board: SlackNoticeboard) -> None:
    """Slack takes the digest of a thousand."""
    board.post("C0PROD", MANY, picture="")
    assert len(posted(slack)[0]["blocks"]) > 3


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        ({"kind": "error", "error": "not_in_channel"}, Refused),
        ({"kind": "error", "error": "channel_not_found"}, Refused),
        ({"kind": "error", "error": "invalid_auth"}, Refused),
        ({"kind": "ratelimit", "retry_after": 30}, Unavailable),
        ({"kind": "error", "error": "internal_error"}, OutcomeUnknown),
        ({"kind": "status", "status": 503}, OutcomeUnknown),
        ({"kind": "accept_then_drop"}, OutcomeUnknown),
    ],
)
def test_what_slack_says_decides_what_is_next(
    slack: Slack, board: SlackNoticeboard, trouble: dict[str, Any], kind: type[MeshbotError]
) -> None:
    """Never, later, or nobody knows."""
    slack.driver.trouble(method="chat.postMessage", **trouble)
    with pytest.raises(MeshbotError) as raised:
        board.post("C0PROD", FULL, picture="")
    assert type(raised.value) is kind
    assert len(posted(slack)) == (trouble["kind"] == "accept_then_drop")


def test_a_slack_that_is_not_there_has_posted_nothing() -> None:
    """A connection that was refused is certain."""
    nobody = SlackNoticeboard(web_client("xoxb-x", f"http://127.0.0.1:{free_port()}/api/"))
    with pytest.raises(Unavailable):
        nobody.post("C0PROD", FULL, picture="")
    assert nobody.picture(FULL.week) == ""
