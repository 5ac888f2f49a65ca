"""How the Slack app must be made: the doctor asks for what the shipped manifests have, and names each difference."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshbot.doctor.app import EVENTS, LOOKED_UP, PICTURES, SCOPES, drift, scopes
from meshbot.doctor.slack import clock, manifest, socket
from playground.slack.world import default_world
from settings.environment import Environment
from tests.playground.slack.stage import open_stage

ROOT = Path(__file__).parents[2] / "manifests"
BOTH = [("slack-app.yaml", False), ("slack-app-socket.yaml", True)]


def shipped(name: str) -> dict[str, Any]:
    """A manifest as it is shipped."""
    found: dict[str, Any] = yaml.safe_load((ROOT / name).read_text())
    return found


@pytest.mark.parametrize(("name", "by_socket"), BOTH)
def test_the_shipped_apps_are_what_is_asked_for(name: str, by_socket: bool) -> None:
    """Who makes the app from its manifest hears of no difference, and of one where it is delivered the other way."""
    [well] = drift(shipped(name), socket=by_socket)
    assert well.level == "ok"
    assert "Socket Mode" in [one.text for one in drift(shipped(name), socket=not by_socket)][-1]
    assert sorted(shipped(name)["settings"]["event_subscriptions"]["bot_events"]) == sorted(EVENTS)


CHANGES: list[tuple[str, Any, str]] = [
    ("settings.event_subscriptions.bot_events", ["app_mention"], "does not hear app_home_opened, message.im"),
    ("settings.event_subscriptions", None, "does not hear"),
    ("features.slash_commands", [{"command": "/traffic"}], "it has no /mesh, but /traffic"),
    ("features.slash_commands", [{"command": "/mesh"}], "does not escape"),
    ("settings.interactivity.is_enabled", False, "interactivity is off"),
    ("settings.interactivity.message_menu_options_url", "", "no options URL"),
    ("features.app_home", None, "the Home tab is off"),
    ("settings.socket_mode_enabled", True, "nothing is sent to the bot's address"),
]


@pytest.mark.parametrize(("place", "value", "said"), CHANGES)
def test_each_difference_is_named(place: str, value: Any, said: str) -> None:
    """With what to do about it."""
    app = copy.deepcopy(shipped("slack-app.yaml"))
    part = app
    *way, last = place.split(".")
    for name in way:
        part = part[name]
    part[last] = value
    [finding] = drift(app, socket=False)
    assert (finding.level, said in finding.text, bool(finding.todo)) == ("fail", True, True)


def test_scopes_beyond_what_is_needed_are_warned_about() -> None:
    """Those that may be given are not; what is missing is told beside it."""
    assert {one.level for one in scopes(",".join((*SCOPES, PICTURES, "channels:history")))} == {"ok"}
    [spare] = scopes(",".join((*SCOPES, PICTURES, *LOOKED_UP, "admin", "users:write")))
    assert (spare.level, "more than needed: admin, users:write" in spare.text) == ("warn", True)
    assert [one.level for one in scopes("admin,commands")] == ["fail", "warn"]


@pytest.mark.parametrize(
    ("header", "now", "level"),
    [
        ("Thu, 01 Jan 2026 00:00:00 GMT", 1767225610.0, None),
        ("Thu, 01 Jan 2026 00:00:00 GMT", 1767225660.0, "warn"),
        ("Thu, 01 Jan 2026 00:00:00 GMT", 1767225540.0, "warn"),
        ("Thu, 01 Jan 2026 00:00:00 GMT", 1767225600.0 + 400, "fail"),
        ("no date", 0.0, None),
        (None, 0.0, None),
    ],
)
def test_a_clock_that_is_wrong_is_named(header: str | None, now: float, level: str | None) -> None:
    """Far from Slack's, all its requests would look forged."""
    assert [one.level for one in clock(header, now)] == ([level] if level else [])


def test_tokens_of_the_app_are_tried() -> None:
    """A websocket's token and a configuration token that are good, none, and of the wrong kind."""
    bot = default_world().bot
    with open_stage() as stage:
        url = f"{stage.url}/api/"

        def of(**tokens: str) -> Environment:
            return Environment(bot.bot_token, "secret", slack_api_url=url, **tokens)

        assert [one.level for one in socket(of())] == []
        assert [one.level for one in socket(of(slack_app_token=bot.app_token))] == ["ok"]
        [wrong] = socket(of(slack_app_token=bot.bot_token))
        assert (wrong.level, "not_allowed_token_type" in wrong.text) == ("fail", True)
        [untold] = manifest(of())
        assert (untold.level, "slack-app.yaml" in untold.todo) == ("ok", True)
        assert [one.level for one in manifest(of(slack_config_token=bot.config_token))] == ["ok"]
        [stale] = manifest(of(slack_config_token="xoxe-old"))
        assert (stale.level, "invalid_auth" in stale.text) == ("warn", True)
