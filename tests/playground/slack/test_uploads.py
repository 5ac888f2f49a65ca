"""Pictures that were uploaded: when blocks may show them, and to whom."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError

from playground.slack.rules import Rules
from tests.playground.slack.stage import Stage, open_stage

PNG = b"\x89PNG\r\n\x1a\n and so on"
SCAN_S = Rules().file_scan_s


def uploaded(stage: Stage, *, name: str = "chart.png", complete: bool = True, scanned: bool = True) -> str:
    """Upload a picture that is shared with nobody; return its id."""
    ticket = stage.client.files_getUploadURLExternal(filename=name, length=len(PNG), alt_txt="a chart")
    urllib.request.urlopen(ticket["upload_url"], data=PNG, timeout=60).close()
    if complete:
        stage.client.files_completeUploadExternal(files=[{"id": ticket["file_id"]}])
    if scanned:
        stage.driver.advance(SCAN_S)
    return str(ticket["file_id"])


def block(file_id: str) -> dict[str, Any]:
    """An image block with that file."""
    return {"type": "image", "slack_file": {"id": file_id}, "alt_text": "a chart"}


def seen(stage: Stage, file_id: str, person: str) -> bool:
    """Whether a person's page gets the picture."""
    try:
        with urllib.request.urlopen(f"{stage.url}/files/{file_id}?as={person}", timeout=60) as answer:
            return bool(answer.read() == PNG)
    except urllib.error.HTTPError as error:
        with error:
            assert error.code == 404
            return False


def refusal(stage: Stage, *blocks: dict[str, Any]) -> Any:
    """Post the blocks in vain; return the answer."""
    with pytest.raises(SlackApiError) as caught:
        stage.client.chat_postMessage(channel="C0PROD", text="x", blocks=blocks)
    return caught.value.response


def test_a_picture_is_shown_to_those_it_was_posted_for(stage: Stage) -> None:
    """A posted message shares its pictures with the channel: a private channel's with its members only."""
    file_id = uploaded(stage)
    assert not seen(stage, file_id, "U0JIN")
    stage.client.chat_postMessage(channel="C0PRIV", text="x", blocks=[block(file_id)])
    assert seen(stage, file_id, "U0JIN")
    assert not seen(stage, file_id, "U0ANA")
    section = {"type": "section", "text": {"type": "plain_text", "text": "x"}, "accessory": block(file_id)}
    stage.client.chat_postMessage(channel="C0PROD", text="x", blocks=[section])
    assert seen(stage, file_id, "U0ANA")


def test_an_edit_shares_nothing(stage: Stage) -> None:
    """A picture that an edit brings in is accepted and seen by nobody, until a message is posted with it."""
    file_id = uploaded(stage)
    ts = str(stage.client.chat_postMessage(channel="C0PROD", text="x")["ts"])
    stage.client.chat_update(channel="C0PROD", ts=ts, text="x", blocks=[block(file_id)])
    assert not seen(stage, file_id, "U0JIN")
    stage.client.chat_postMessage(channel="C0PROD", thread_ts=ts, text="x", blocks=[block(file_id)])
    assert seen(stage, file_id, "U0JIN")


def test_a_file_completed_into_a_channel_is_shared(stage: Stage) -> None:
    """Naming a channel at completion shares the file as well."""
    file_id = uploaded(stage, complete=False)
    stage.client.files_completeUploadExternal(files=[{"id": file_id}], channel_id="C0PROD")
    assert seen(stage, file_id, "U0ANA")


def test_a_new_file_is_looked_over_first(stage: Stage) -> None:
    """For a moment after its completion a file cannot be shown; then it can."""
    with open_stage(rules=Rules(file_scan_s=60)) as slow:
        file_id = uploaded(slow, scanned=False)
        answer = refusal(slow, {"type": "divider"}, block(file_id))
        assert answer["error"] == "invalid_blocks"
        assert answer["errors"] == ["invalid slack file [json-pointer:/blocks/1/slack_file]"]
        assert answer["response_metadata"]["messages"] == ["[ERROR] " + answer["errors"][0]]
        slow.driver.advance(60)
        slow.client.chat_postMessage(channel="C0PROD", text="x", blocks=[block(file_id)])


def test_only_finished_pictures_can_be_shown(stage: Stage) -> None:
    """A file that is unknown, unfinished or no picture is no slack file."""
    for bad in ("F99999999", uploaded(stage, complete=False), uploaded(stage, name="plan.txt")):
        assert refusal(stage, block(bad))["error"] == "invalid_blocks"


def test_a_long_description_is_refused(stage: Stage) -> None:
    """More than 1,000 characters for a screen reader are too many."""
    with pytest.raises(SlackApiError, match="alt_txt_too_large"):
        stage.client.files_getUploadURLExternal(filename="a.png", length=1, alt_txt="x" * 1001)


def test_the_upload_itself_can_fail(stage: Stage) -> None:
    """A failure can be ordered for the address that takes the bytes."""
    stage.driver.trouble("status", method="upload", status=413)
    with pytest.raises(urllib.error.HTTPError, match="413") as caught:
        uploaded(stage)
    caught.value.close()


def test_a_broadcast_says_so(stage: Stage) -> None:
    """A reply that the channel sees as well is marked for the page and for the app."""
    ts = str(stage.client.chat_postMessage(channel="C0PROD", text="card")["ts"])
    said = stage.client.chat_postMessage(channel="C0PROD", thread_ts=ts, text="held", reply_broadcast=True)
    assert said["message"]["subtype"] == "thread_broadcast"
    seen = [(m["broadcast"], m["reply_count"]) for m in stage.driver.messages("C0PROD")]
    assert seen == [(False, 1), (True, 0)]
