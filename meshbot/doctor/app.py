"""How the Slack app must be made: what manifests/slack-app.yaml says, for whoever has only this program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from meshbot.findings import Finding

SCOPES = (
    "chat:write", "commands", "app_mentions:read", "im:history", "users:read", "usergroups:read",
    "channels:read", "groups:read",
)  # fmt: skip
"""What the bot token needs (docs.slack.dev/reference/scopes)."""
PICTURES = "files:write"
"""Without it everything works, but charts are drawn with characters."""
LOOKED_UP = ("channels:history", "groups:history")
"""May be given: a post that Slack did not answer is then looked up, and never repeated (docs/messages.md)."""
UNSEEN = "a post that Slack does not answer cannot be looked up: what must be known is said again and marked"
CHOICE = (
    "Your choice: add them if one message too many is worse for you than an app that can read its channels "
    "(docs/messages.md)."
)
EVENTS = (
    *("app_home_opened", "app_mention", "message.im", "user_change", "subteam_members_changed", "subteam_updated"),
    *("channel_archive", "channel_unarchive", "channel_shared", "channel_unshared", "group_archive", "group_unarchive"),
    "member_joined_channel",
)  # fmt: skip
COMMAND = "/mesh"
ADD = "Change the app as manifests/slack-app.yaml has it, then install it again."


def scopes(header: str | None) -> Iterator[Finding]:
    """Yield what the scopes of a token, as Slack's header `x-oauth-scopes` tells them, lack or have too many of."""
    if header is None:
        yield Finding("warn", "scopes", "Slack did not say which scopes the token has")
        return
    given = {scope.strip() for scope in header.split(",") if scope.strip()}
    missing = [scope for scope in SCOPES if scope not in given]
    spare = sorted(given - {*SCOPES, PICTURES, *LOOKED_UP})
    if missing:
        yield Finding("fail", "scopes", f"missing {', '.join(missing)}", "Add them to the app, then install it again.")
    elif PICTURES not in given:
        said = f"without {PICTURES} the charts of rollouts are drawn with characters"
        yield Finding("warn", "scopes", said, "Add it to the app, then install it again.")
    elif not spare:
        yield Finding("ok", "scopes", "the token has every scope it needs")
    if spare:
        todo = "Take them away: whoever steals the token has them too."
        yield Finding("warn", "scopes", f"more than needed: {', '.join(spare)}", todo)
    if not missing and (blind := [scope for scope in LOOKED_UP if scope not in given]):
        yield Finding("ok", "scopes", f"without {', '.join(blind)} {UNSEEN}", CHOICE)


def drift(manifest: Mapping[str, Any], *, socket: bool) -> Iterator[Finding]:
    """Yield how an app differs from the one that meshbot needs; `socket`: it is to be reached by Socket Mode."""
    differences = [*_events(manifest), *_command(manifest), *_settings(manifest, socket=socket)]
    for text in differences:
        yield Finding("fail", "app", text, ADD)
    if not differences:
        yield Finding("ok", "app", "the app's manifest has all that is needed")


def _settings_of(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = manifest.get("settings") or {}
    return found


def _events(manifest: Mapping[str, Any]) -> Iterator[str]:
    subscribed = (_settings_of(manifest).get("event_subscriptions") or {}).get("bot_events") or ()
    if missing := [event for event in EVENTS if event not in subscribed]:
        yield f"it does not hear {', '.join(missing)}"


def _command(manifest: Mapping[str, Any]) -> Iterator[str]:
    commands = (manifest.get("features") or {}).get("slash_commands") or ()
    found = next((one for one in commands if one.get("command") == COMMAND), None)
    if found is None:
        names = ", ".join(str(one.get("command")) for one in commands) or "none"
        yield f"it has no {COMMAND}, but {names}"
    elif not found.get("should_escape"):
        yield f"{COMMAND} does not escape channels and users, so names in commands are only text"


def _settings(manifest: Mapping[str, Any], *, socket: bool) -> Iterator[str]:
    settings, home = _settings_of(manifest), (manifest.get("features") or {}).get("app_home") or {}
    interactivity = settings.get("interactivity") or {}
    if not interactivity.get("is_enabled"):
        yield "interactivity is off, so buttons and forms do nothing"
    elif not socket and not interactivity.get("message_menu_options_url"):
        yield "no options URL is set, so the form finds no services"
    if not home.get("home_tab_enabled"):
        yield "the Home tab is off"
    if bool(settings.get("socket_mode_enabled")) != socket:
        yield "Socket Mode is off" if socket else "Socket Mode is on, so nothing is sent to the bot's address"
