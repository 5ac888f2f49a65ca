"""How the Slack app must be made: what manifests/slack-app.yaml says, for whoever has only this program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from bot.web import SLACK_PATH
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
PLACEHOLDER = "example.com"
"""What the shipped manifest has in the place of the bot's host; nobody can own it (RFC 2606)."""
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
    differences = [*_events(manifest), *_command(manifest), *_people(manifest), *_settings(manifest, socket=socket)]
    if not socket:
        differences += _addresses(manifest)
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


def _command_of(manifest: Mapping[str, Any]) -> Mapping[str, Any] | None:
    commands = (manifest.get("features") or {}).get("slash_commands") or ()
    return next((one for one in commands if one.get("command") == COMMAND), None)


def _command(manifest: Mapping[str, Any]) -> Iterator[str]:
    found = _command_of(manifest)
    if found is None:
        commands = (manifest.get("features") or {}).get("slash_commands") or ()
        names = ", ".join(str(one.get("command")) for one in commands) or "none"
        yield f"it has no {COMMAND}, but {names}"
    elif not found.get("should_escape"):
        yield f"{COMMAND} does not escape channels and users, so names in commands are only text"


def _people(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Yield what keeps people from the app."""
    features = manifest.get("features") or {}
    home = features.get("app_home") or {}
    if not features.get("bot_user"):
        yield "it has no bot user, so nobody can mention or invite it, and it posts nothing"
    if not home.get("home_tab_enabled"):
        yield "the Home tab is off"
    if not home.get("messages_tab_enabled"):
        yield "the Messages tab is off, so nobody can write to it directly"
    elif home.get("messages_tab_read_only_enabled"):
        yield "the Messages tab is read-only, so nobody can write to it directly"


def _settings(manifest: Mapping[str, Any], *, socket: bool) -> Iterator[str]:
    settings = _settings_of(manifest)
    if not (settings.get("interactivity") or {}).get("is_enabled"):
        yield "interactivity is off, so buttons and forms do nothing"
    if settings.get("token_rotation_enabled"):
        yield "token rotation is on, so its tokens end after twelve hours, and meshbot asks for no new ones"
    if bool(settings.get("socket_mode_enabled")) != socket:
        yield "Socket Mode is off" if socket else "Socket Mode is on, so nothing is sent to the bot's address"


def _addresses(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Yield where Slack's deliveries go that do not come to the bot, as far as the addresses themselves tell."""
    settings = _settings_of(manifest)
    places = {"events": (settings.get("event_subscriptions") or {}).get("request_url")}
    if command := _command_of(manifest):
        places[COMMAND] = command.get("url")
    if (interactivity := settings.get("interactivity") or {}).get("is_enabled"):
        places["buttons and forms"] = interactivity.get("request_url")
        places["what the form offers"] = interactivity.get("message_menu_options_url")
    if nowhere := [what for what, url in places.items() if not url]:
        yield f"no address is set for {', '.join(nowhere)}"
    known = {what: urlsplit(str(url)) for what, url in places.items() if url}
    if invented := [what for what, url in known.items() if f".{url.hostname}".endswith(f".{PLACEHOLDER}")]:
        yield f"the manifest's example stands in the place of the bot's own host, for {', '.join(invented)}"
    if elsewhere := [what for what, url in known.items() if url.path != SLACK_PATH]:
        yield f"the bot hears Slack at {SLACK_PATH} alone, and {', '.join(elsewhere)} go elsewhere"
    # Without what an address may have of a login.
    hosts = {what: url.netloc.rpartition("@")[2] for what, url in known.items() if what not in invented}
    if len(set(hosts.values())) > 1:
        each = ", ".join(f"{what} to {host}" for what, host in hosts.items())
        yield f"not all is sent to one place: {each}"
