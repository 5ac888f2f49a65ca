"""The two manifests of the Slack app ask for what the code hears and calls, and for nothing more."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.listeners import Listeners, listen
from bot.web import SLACK_PATH

ROOT = Path(__file__).parents[2]
NAMES = ("slack-app.yaml", "slack-app-socket.yaml")
SCOPES_OF_METHODS = {
    "api_call": None,
    "auth_test": None,
    "bots_info": "users:read",
    "chat_getPermalink": None,
    "chat_postEphemeral": "chat:write",
    "chat_postMessage": "chat:write",
    "chat_update": "chat:write",
    "files_completeUploadExternal": "files:write",
    "files_getUploadURLExternal": "files:write",
    "views_open": None,
    "views_publish": None,
    "views_update": None,
    "auth.test": None,
    "conversations.info": "channels:read groups:read",
    # Done without where the scope is not granted: it is used only to find a message whose answer was lost.
    "conversations_history": None,
    "conversations_replies": None,
    "files.completeUploadExternal": "files:write",
    "files.getUploadURLExternal": "files:write",
    "usergroups.users.list": "usergroups:read",
    "users.info": "users:read",
}
"""Every method that the code calls, with the scopes it needs (docs.slack.dev /reference/methods)."""
SCOPES_OF_EVENTS = {
    "app_mention": "app_mentions:read",
    "message.im": "im:history",
    "app_home_opened": None,
    "user_change": "users:read",
    "subteam_members_changed": "usergroups:read",
    "subteam_updated": "usergroups:read",
    "channel_archive": "channels:read",
    "channel_unarchive": "channels:read",
    "channel_shared": "channels:read groups:read",
    "channel_unshared": "channels:read groups:read",
    "group_archive": "groups:read",
    "group_unarchive": "groups:read",
    "member_joined_channel": "channels:read groups:read",
}
SUBSCRIPTIONS = {"message": "message.im"} | {name: name for name in SCOPES_OF_EVENTS if name != "message.im"}
"""How the events that listeners hear are subscribed to: of messages, those in direct messages only."""

_CALLS = re.compile(r"[cC]lient\.([a-z]+_[a-zA-Z_]+)\b|_(?:ask|call)\(\"([a-z]+\.[a-zA-Z.]+)\"")


def manifest(name: str) -> dict[str, Any]:
    """One manifest."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "manifests" / name).read_text())
    return found


def called() -> set[str]:
    """Every Web API method that the product's source names in a call."""
    sources = [path.read_text() for room in ("bot", "chat", "workers") for path in (ROOT / room).rglob("*.py")]
    found = {next(filter(None, match)) for source in sources for match in _CALLS.findall(source)}
    return {name for name in found if not name.startswith(("api_url", "base_", "load_", "connect_"))}


class Registry:
    """An app that only notes which events are listened to."""

    def __init__(self) -> None:
        self.events: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        """Note an event; whatever else is registered is of no concern."""
        return self._note if name == "event" else lambda *_: lambda _: None

    def _note(self, kind: str) -> Any:
        self.events.add(kind)
        return lambda _: None


def heard() -> set[str]:
    """The events that listeners are registered for."""
    app = Registry()
    listen(app, Listeners(None, None, None, None, None))  # type: ignore[arg-type]  # nothing is heard here
    return app.events


@pytest.mark.parametrize("name", NAMES)
def test_the_events_are_those_that_are_heard(name: str) -> None:
    """An event without a listener is noise, a listener without its event is deaf."""
    subscribed = set(manifest(name)["settings"]["event_subscriptions"]["bot_events"])
    assert subscribed == {SUBSCRIPTIONS[kind] for kind in heard()}


@pytest.mark.parametrize("name", NAMES)
def test_the_scopes_are_the_least(name: str) -> None:
    """One scope too few breaks a method, one too many is asked for in vain: people refuse broad apps."""
    needed = {"commands"}
    for scopes in [SCOPES_OF_METHODS[method] for method in called()] + [
        SCOPES_OF_EVENTS[event] for event in SCOPES_OF_EVENTS
    ]:
        needed |= set((scopes or "").split())
    assert set(manifest(name)["oauth_config"]["scopes"]["bot"]) == needed


@pytest.mark.parametrize("name", NAMES)
def test_the_app_is_within_slacks_limits(name: str) -> None:
    """Names as long as Slack takes, the Home on, writing to the app allowed, names in commands as ids."""
    app = manifest(name)
    [command] = app["features"]["slash_commands"]
    assert len(app["display_information"]["name"]) <= 35
    assert len(app["display_information"]["description"]) <= 140
    assert (len(command["command"]) <= 32, command["should_escape"]) == (True, True)
    assert app["features"]["app_home"] == {
        "home_tab_enabled": True,
        "messages_tab_enabled": True,
        "messages_tab_read_only_enabled": False,
    }
    assert app["settings"]["interactivity"]["is_enabled"] is True


def addresses(app: dict[str, Any]) -> list[str]:
    """Take every address out of a manifest, and return them."""
    settings = app["settings"]
    places = [(command, "url") for command in app["features"]["slash_commands"]]
    places += [(settings["event_subscriptions"], "request_url"), (settings["interactivity"], "request_url")]
    places += [(settings["interactivity"], "message_menu_options_url")]
    return [part.pop(key) for part, key in places if key in part]


def test_every_kind_of_delivery_goes_where_the_bot_listens() -> None:
    """Commands, events, interactions and the form's suggestions arrive at the one address there is for Slack."""
    found = addresses(manifest("slack-app.yaml"))
    assert len(found) == 4
    assert {"/" + address.split("/", 3)[3] for address in found} == {SLACK_PATH}


def test_the_two_differ_in_how_they_are_delivered_only() -> None:
    """Socket Mode has no address; all else is the same."""
    http, socket = copy.deepcopy(manifest(NAMES[0])), copy.deepcopy(manifest(NAMES[1]))
    addresses(http)
    assert addresses(socket) == []
    assert (http["settings"].pop("socket_mode_enabled"), socket["settings"].pop("socket_mode_enabled")) == (False, True)
    assert http == socket
