"""People, groups, channels and files through the real WebClient."""

from __future__ import annotations

import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest
from slack_sdk.errors import SlackApiError

from tests.playground.slack.stage import WORLD, Stage, open_stage


def test_people_carry_their_flags(stage: Stage) -> None:
    """Guests, externals, leavers and workflow bots can be told from staff; externals are no strangers."""
    users = {user["id"]: user for user in stage.client.users_list()["members"]}
    assert {i for i, u in users.items() if u["is_restricted"]} == {"U0MIA"}
    assert {i for i, u in users.items() if u["deleted"]} == {"U0GONE"}
    assert {i for i, u in users.items() if u["is_bot"]} == {"U0WF", "UMESHBOT"}
    assert users["U0WF"]["is_workflow_bot"] is True
    assert (users["U0EXT"]["team_id"], users["U0EXT"]["is_stranger"]) == ("T0OTHER", False)
    assert stage.client.users_info(user="U0JIN")["user"]["profile"]["title"] == "Site reliability engineer"
    with pytest.raises(SlackApiError, match="user_not_found"):
        stage.client.users_info(user="U0NOBODY")


def test_groups_list_their_members(stage: Stage) -> None:
    """Both ways to ask for a group's people agree."""
    groups = stage.client.usergroups_list(include_users=True)["usergroups"]
    assert {g["handle"]: g["users"] for g in groups} == {"sre": ["U0JIN"], "api-owners": ["U0ANA"]}
    assert stage.client.usergroups_users_list(usergroup="S0SRE")["users"] == ["U0JIN"]
    with pytest.raises(SlackApiError, match="no_such_subteam"):
        stage.client.usergroups_users_list(usergroup="S0NONE")


def test_channels_tell_what_they_are(stage: Stage) -> None:
    """Membership, privacy, sharing and archiving are visible, and lists come in pages."""
    info = {c: stage.client.conversations_info(channel=c)["channel"] for c in ("C0RAND", "C0PRIV", "C0VEND", "C0OLD")}
    assert [info["C0RAND"]["is_member"], info["C0PRIV"]["is_private"]] == [False, True]
    assert [info["C0VEND"]["is_ext_shared"], info["C0OLD"]["is_archived"]] == [True, True]
    pages = stage.client.conversations_list(types="public_channel,private_channel,im", limit=4)
    assert [len(page["channels"]) for page in pages] == [4, 4, 4]
    assert "U0JIN" in stage.client.conversations_members(channel="C0PROD")["members"]


def test_history_is_newest_first_and_needs_membership(stage: Stage) -> None:
    """History starts with the newest message and leaves out what is hidden."""
    for text in ("one", "two"):
        stage.client.chat_postMessage(channel="C0PROD", text=text)
    stage.client.chat_postEphemeral(channel="C0PROD", user="U0JIN", text="psst")
    messages = stage.client.conversations_history(channel="C0PROD")["messages"]
    assert [m["text"] for m in messages] == ["two", "one"]
    newer = stage.client.conversations_history(channel="C0PROD", oldest=messages[1]["ts"])["messages"]
    assert [m["text"] for m in newer] == ["two"]
    with pytest.raises(SlackApiError, match="not_in_channel"):
        stage.client.conversations_history(channel="C0RAND")


def test_a_method_beyond_the_scopes_is_refused() -> None:
    """Without channels:history the token cannot read a channel, and the answer names the scope."""
    world = replace(WORLD, bot=replace(WORLD.bot, scopes=("chat:write",)))
    with open_stage(world=world) as stage, pytest.raises(SlackApiError) as caught:
        stage.client.conversations_history(channel="C0PROD")
    assert (caught.value.response["error"], caught.value.response["needed"]) == ("missing_scope", "channels:history")


def test_a_file_is_uploaded_in_two_steps_and_shown(stage: Stage, tmp_path: Path) -> None:
    """The client's two-step upload ends as a message with the file; completing again is refused."""
    (tmp_path / "plan.txt").write_text("weights")
    done = stage.client.files_upload_v2(file=str(tmp_path / "plan.txt"), channel="C0PROD", initial_comment="the plan")
    (seen,) = stage.driver.messages("C0PROD")
    assert (seen["text"], seen["files"][0]["name"], seen["files"][0]["size"]) == ("the plan", "plan.txt", 7)
    with urllib.request.urlopen(stage.url + seen["files"][0]["url_private"], timeout=60) as answer:
        assert (answer.read(), answer.headers["Content-Type"]) == (b"weights", "application/octet-stream")
    with pytest.raises(SlackApiError, match="file_not_found"):
        stage.client.files_completeUploadExternal(files=[{"id": done["file"]["id"]}], channel_id="C0PROD")


def test_metadata_comes_where_it_is_asked_for(stage: Stage) -> None:
    """An edit keeps a message's metadata; history and replies show it to who asks for all metadata, as Slack does."""
    metadata = {"event_type": "meshbot_message", "event_payload": {"key": "a random id"}}
    posted = stage.client.chat_postMessage(channel="C0PROD", text="hello", metadata=metadata)
    stage.client.chat_update(channel="C0PROD", ts=str(posted["ts"]), text="edited")
    for wanted, seen in ((True, metadata), (False, None)):
        (found,) = stage.client.conversations_history(channel="C0PROD", include_all_metadata=wanted)["messages"]
        (replied,) = stage.client.conversations_replies(
            channel="C0PROD", ts=str(posted["ts"]), include_all_metadata=wanted
        )["messages"]
        assert (found.get("metadata"), replied.get("metadata")) == (seen, seen)
