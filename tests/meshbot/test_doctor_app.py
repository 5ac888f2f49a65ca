"""How the Slack app must be made: the doctor asks for what the shipped manifests have, and names each difference."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from mesh.domain.catalog import Catalog, Channels
from mesh.domain.policy import Policy, Role
from meshbot.doctor.app import EVENTS, LOOKED_UP, PICTURES, SCOPES, drift, scopes
from meshbot.doctor.slack import clock, manifest, socket, workspace
from playground.slack.world import default_world
from settings.environment import Environment
from tests.playground.slack.stage import open_stage

ROOT = Path(__file__).parents[2] / "manifests"
BOTH = [("slack-app.yaml", False), ("slack-app-socket.yaml", True)]


HOST = "mesh.shop.test"


def shipped(name: str, host: str = HOST) -> dict[str, Any]:
    """A manifest as it is shipped, with our own host in it."""
    found: dict[str, Any] = yaml.safe_load((ROOT / name).read_text().replace("meshbot.example.com", host))
    return found


@pytest.mark.parametrize(("name", "by_socket"), BOTH)
def test_the_shipped_apps_are_what_is_asked_for(name: str, by_socket: bool) -> None:
    """Who makes the app from its manifest hears of no difference, and of one where it is delivered the other way."""
    [well] = drift(shipped(name), socket=by_socket)
    assert well.level == "ok"
    assert any("Socket Mode" in one.text for one in drift(shipped(name), socket=not by_socket))
    assert sorted(shipped(name)["settings"]["event_subscriptions"]["bot_events"]) == sorted(EVENTS)


COMMAND, EVENT = "features.slash_commands.0", "settings.event_subscriptions.request_url"
CHANGES: list[tuple[str, Any, str]] = [
    ("settings.event_subscriptions.bot_events", ["app_mention"], "does not hear app_home_opened, message.im"),
    ("features.slash_commands", [], "it has no /mesh, but none"),
    ("features.slash_commands", [{"command": "/traffic"}], "it has no /mesh, but /traffic"),
    (f"{COMMAND}.should_escape", False, "does not escape"),
    (f"{COMMAND}.url", "https://old.shop.test/slack/events", "one place: events to mesh.shop.test, /mesh to old"),
    (f"{COMMAND}.url", "https://mesh.shop.test/slack/commands", "/slack/events alone, and /mesh go elsewhere"),
    (f"{COMMAND}.url", "", "no address is set for /mesh"),
    ("features.bot_user", None, "it has no bot user"),
    ("features.app_home.home_tab_enabled", False, "the Home tab is off"),
    ("features.app_home.messages_tab_enabled", False, "the Messages tab is off"),
    ("features.app_home.messages_tab_read_only_enabled", True, "the Messages tab is read-only"),
    (EVENT, "", "no address is set for events"),
    (EVENT, "https://mesh.shop.test/", "and events go elsewhere"),
    (EVENT, "https://mesh.shop.test:8443/slack/events", "not all is sent to one place"),
    ("settings.interactivity.request_url", "", "no address is set for buttons and forms"),
    (
        "settings.interactivity.request_url",
        "https://meshbot.example.com/slack/events",
        "own host, for buttons and forms",
    ),
    ("settings.token_rotation_enabled", True, "token rotation is on"),
    ("settings.interactivity.is_enabled", False, "interactivity is off"),
    ("settings.interactivity.message_menu_options_url", "", "no address is set for what the form offers"),
    ("settings.socket_mode_enabled", True, "nothing is sent to the bot's address"),
]


@pytest.mark.parametrize(("place", "value", "said"), CHANGES)
def test_each_difference_is_named(place: str, value: Any, said: str) -> None:
    """With what to do about it."""
    app = copy.deepcopy(shipped("slack-app.yaml"))
    part: Any = app
    *way, last = (int(name) if name.isdecimal() else name for name in place.split("."))
    for name in way:
        part = part[name]
    part[last] = value
    [finding] = drift(app, socket=False)
    assert (finding.level, said in finding.text, bool(finding.todo)) == ("fail", True, True)


def test_the_examples_address_is_no_address() -> None:
    """Who pastes the manifest as it is hears of it, for each kind of delivery; with Socket Mode none counts."""
    pasted = shipped("slack-app.yaml", "meshbot.example.com")
    [finding] = drift(pasted, socket=False)
    assert finding.text.endswith("own host, for events, /mesh, buttons and forms, what the form offers")
    pasted["settings"]["socket_mode_enabled"] = True
    assert [one.level for one in drift(pasted, socket=True)] == ["ok"]


def test_an_app_that_was_made_by_hand_is_told_all_at_once() -> None:
    """What is missing altogether is named as well as what is wrong, each once."""
    found = [one.text for one in drift({}, socket=False)]
    assert len(found) == len(set(found)) == 7
    assert "no address is set for events" in found


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
        by_socket = Environment(bot.bot_token, slack_api_url=url, slack_config_token=bot.config_token)
        assert [one.text for one in manifest(by_socket)] == ["Socket Mode is off"]
        [stale] = manifest(of(slack_config_token="xoxe-old"))
        assert (stale.level, "invalid_auth" in stale.text) == ("warn", True)


def test_channels_and_people_of_the_configuration_are_looked_at() -> None:
    """The workspace is asked for where the bot is, and for who holds each role."""
    roles = (Role("ghosts", usergroups=("S0NONE",), verbs=("*",)), Role("sre", users=("U0JIN",), verbs=("*",)))
    catalog = Catalog(policy=Policy(roles), channels=Channels(audit="C0NOWHERE"))
    with open_stage() as stage:
        where = Environment(default_world().bot.bot_token, slack_api_url=f"{stage.url}/api/")
        found = [(one.level, one.what, one.text) for one in workspace(where, catalog)]
    assert ("warn", "roles", "nobody holds ghosts") in found
    assert ("fail", "channels") in [one[:2] for one in found]
    assert list(workspace(Environment(slack_api_url="http://127.0.0.1:9"), catalog)) == []
