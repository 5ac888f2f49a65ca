"""A bot token that is replaced while processes run, and one that is no good any more."""

from __future__ import annotations

from pathlib import Path

import pytest
from slack_sdk.errors import SlackApiError

from bot import identity
from bot.identity import Passport
from chat.bearer import Bearer
from chat.connection import web_client
from chat.directory import SlackDirectory
from chat.trouble import BAD_TOKEN
from mesh.domain.errors import Unavailable
from mesh.domain.policy import Actor
from playground.slack.world import default_world
from settings.environment import read_again
from telemetry import metrics
from telemetry.slack import counted
from tests.chat.conftest import Slack
from tests.world.town import until

GOOD = default_world().bot.bot_token


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file that holds a token which Slack does not take."""
    path = tmp_path / "token"
    path.write_text("xoxb-old")
    return path


def bearer(secret: Path) -> Bearer:
    """Return what a process that started with that file has."""
    environ = {"SLACK_BOT_TOKEN_FILE": str(secret)}
    return Bearer(read_again("SLACK_BOT_TOKEN", environ), lambda: read_again("SLACK_BOT_TOKEN", environ))


def test_a_token_that_was_replaced_is_used_from_the_next_call_on(slack: Slack, secret: Path) -> None:
    """No restart, no call that fails, and every client of the process has it."""
    found = bearer(secret)
    one, other = (web_client(found, f"{slack.url}/api/") for _ in range(2))
    secret.write_text(GOOD)
    assert one.chat_postMessage(channel="C0PROD", text="hello")["ok"]
    assert other.auth_test()["ok"]
    assert (found.token, other.token, found.trouble) == (GOOD, GOOD, "")
    assert len([one for one in slack.driver.messages("C0PROD") if one["text"] == "hello"]) == 1


@pytest.mark.parametrize("content", ["xoxb-old", "", "no token at all"])
def test_a_token_that_is_no_good_is_told(slack: Slack, secret: Path, content: str) -> None:
    """Counted by Slack's word, and known to the process until a call succeeds; a broken file takes no token's place."""
    found = bearer(secret)
    client = counted(web_client(found, f"{slack.url}/api/"))
    before = metrics.SLACK_BAD_TOKEN.labels("invalid_auth")._value.get()
    secret.write_text(content)
    with pytest.raises(SlackApiError, match="invalid_auth"):
        client.auth_test()
    assert metrics.SLACK_BAD_TOKEN.labels("invalid_auth")._value.get() == before + 1
    assert (found.token, found.trouble) == ("xoxb-old", "invalid_auth")
    secret.write_text(GOOD)
    client.auth_test()
    assert found.trouble == ""


def test_the_app_level_token_is_another_matter(slack: Slack, secret: Path) -> None:
    """What Slack says of it says nothing of the bot token."""
    found = Bearer(GOOD)
    with pytest.raises(SlackApiError, match="invalid_auth"):
        web_client(found, f"{slack.url}/api/").apps_connections_open(app_token="xapp-wrong")
    assert found.trouble == ""


def test_a_good_app_level_token_does_not_speak_for_the_bot_token(slack: Slack, secret: Path) -> None:
    """A websocket that comes back is no reason to think that the bot token is good again."""
    found = bearer(secret)
    client = web_client(found, f"{slack.url}/api/")
    with pytest.raises(SlackApiError, match="invalid_auth"):
        client.auth_test()
    assert client.apps_connections_open(app_token=default_world().bot.app_token)["ok"]
    assert found.trouble == "invalid_auth"


def test_a_person_hears_whose_fault_a_bad_token_is(slack: Slack, secret: Path) -> None:
    """Repeating it in a minute helps nobody."""
    directory = SlackDirectory(web_client(bearer(secret), f"{slack.url}/api/"))
    with pytest.raises(Unavailable, match="invalid_auth") as caught:
        directory.active(Actor("U0JIN", "T0MESH"))
    assert caught.value.hint == "The app's token is no good any more: tell whoever runs meshbot."


def test_a_token_is_tried_when_nobody_asks_for_anything(
    slack: Slack, secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is on call hears of a revoked one before they need it."""
    monkeypatch.setattr(identity, "TRIED_S", 0.01)
    secret.write_text(GOOD)
    found = bearer(secret)
    passport = Passport(web_client(found, f"{slack.url}/api/"))
    passport.learn_in_background()
    until(lambda: bool(passport.identity.team), "it learnt nothing")
    slack.driver.trouble("error", error="token_revoked", method="auth.test", times=1000)
    until(lambda: found.trouble == "token_revoked", "nobody tried the token")
    slack.driver.clear_trouble()
    until(lambda: not found.trouble, "it stays bad")


def test_all_rooms_know_the_same_words() -> None:
    """What is counted as a bad token is what is read again and told as one."""
    assert set(metrics.BAD_TOKEN) == BAD_TOKEN
