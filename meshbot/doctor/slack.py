"""What the doctor asks Slack about the app: its tokens, its scopes, its manifest, and what time it is there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

from slack_sdk.errors import SlackApiError

from chat.connection import web_client
from chat.directory import SlackDirectory
from chat.trouble import TROUBLE, word
from mesh.domain.catalog import Catalog
from meshbot.doctor import app, rights_of_people
from meshbot.findings import Finding
from meshbot.people import people
from settings.environment import Environment

LATE_S = 30.0
"""How far the clocks may be apart; Slack's requests count for five minutes, by our own clock."""
DEAF_S = 240.0


def token(environment: Environment) -> Iterator[Finding]:
    """Yield what the bot token is good for, and how far Slack's clock is from ours."""
    if not environment.slack_bot_token:
        return
    try:
        answer = web_client(environment.slack_bot_token, environment.slack_api_url).auth_test()
    except SlackApiError as error:
        todo = f"Check SLACK_BOT_TOKEN, and that {environment.slack_api_url} is Slack's."
        yield Finding("fail", "slack", f"auth.test: {word(error)}", todo)
        return
    except TROUBLE as error:
        yield Finding("fail", "slack", f"no answer ({word(error)})", f"Is {environment.slack_api_url} reachable?")
        return
    yield Finding("ok", "slack", f"{answer.get('user')} in {answer.get('team')} ({answer.get('team_id')})")
    headers = {name.lower(): value for name, value in answer.headers.items()}
    yield from app.scopes(headers.get("x-oauth-scopes"))
    yield from clock(headers.get("date"), time.time())


def clock(header: str | None, now: float) -> Iterator[Finding]:
    """Compare Slack's `Date` with our clock (Unix time in seconds); a header that is none says nothing."""
    try:
        apart = now - parsedate_to_datetime(header or "").timestamp()
    except ValueError:
        return
    text = f"our clock is {abs(apart):.0f} s {'ahead of' if apart > 0 else 'behind'} Slack's"
    if abs(apart) > DEAF_S:
        yield Finding("fail", "clock", f"{text}, so its requests look forged and are refused", "Set the time by NTP.")
    elif abs(apart) > LATE_S:
        yield Finding("warn", "clock", text, "Set the time by NTP: after five minutes nothing from Slack is heard.")


def socket(environment: Environment) -> Iterator[Finding]:
    """Try whether Slack would open a websocket; a granted address is not used."""
    if not environment.slack_app_token:
        return
    try:
        web_client("", environment.slack_api_url).apps_connections_open(app_token=environment.slack_app_token)
    except TROUBLE as error:
        todo = "Check SLACK_APP_TOKEN: an app-level token with connections:write, and Socket Mode on in the app."
        yield Finding("fail", "socket", f"Slack opens no websocket ({word(error)})", todo)
    else:
        yield Finding("ok", "socket", "Slack opens a websocket for the app-level token")


def manifest(environment: Environment) -> Iterator[Finding]:
    """Compare the app with what meshbot needs, where a configuration token is given; else say what to compare."""
    if not environment.slack_config_token:
        todo = (
            "Compare the app's manifest with manifests/slack-app.yaml, or set SLACK_CONFIG_TOKEN for this once "
            "(api.slack.com/apps, app configuration tokens)."
        )
        yield Finding("ok", "app", "its manifest was not compared", todo)
        return
    try:
        bot = web_client(environment.slack_bot_token, environment.slack_api_url)
        mine = bot.auth_test()
        # Not every kind of token is told it here.
        number = mine.get("app_id") or (bot.bots_info(bot=mine.get("bot_id")).get("bot") or {}).get("app_id", "")
        owner = web_client(environment.slack_config_token, environment.slack_api_url)
        found = owner.apps_manifest_export(app_id=number).get("manifest") or {}
    except TROUBLE as error:
        todo = "Make a new configuration token: they live for twelve hours."
        yield Finding("warn", "app", f"its manifest was not compared ({word(error)})", todo)
        return
    yield from app.drift(found, socket=not environment.slack_signing_secret)


def workspace(environment: Environment, catalog: Catalog) -> Iterator[Finding]:
    """Yield what is wrong with the configuration's channels, usergroups and people."""
    if environment.slack_bot_token:
        directory = SlackDirectory(web_client(environment.slack_bot_token, environment.slack_api_url))
        yield from people(catalog, directory)
        yield from rights_of_people.held(catalog, directory)
