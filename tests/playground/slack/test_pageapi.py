"""The JSON under the page."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web
from slack_bolt import Ack

from playground.serving import ServerThread
from playground.slack.alerting import NEVER, Alerting
from playground.slack.driver import SlackDriver
from playground.slack.server import make_app
from tests.playground.slack.stage import WORLD, Stage, wait_until

COMPLETIONS = [{"insert": "/mesh promote api 50", "hint": "half of the traffic"}]


@pytest.fixture
def traffic() -> Iterator[str]:
    """A traffic simulator's two paths."""

    async def state(_: web.Request) -> web.Response:
        return web.json_response({"v1": 90})

    async def take(request: web.Request) -> web.Response:
        return web.json_response({"took": await request.json()}, status=202)

    app = web.Application()
    app.router.add_get("/state", state)
    app.router.add_post("/break", take)
    with ServerThread(app) as server:
        yield server.url


def call(url: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
    """Return status and JSON."""
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=data), timeout=60) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_the_state_is_the_agreed_shape() -> None:
    """Team, bot, people with flags, channels, commands and completions."""
    with ServerThread(make_app(WORLD, completions=COMPLETIONS)) as server:
        state = SlackDriver(server.url).state()
    assert (state["team"], state["bot"]) == (
        {"id": "T0MESH", "name": "Mesh playground"},
        {"id": "UMESHBOT", "name": "mesh"},
    )
    flags = {person["name"]: person["flags"] for person in state["people"]}
    assert (flags["jin"], flags["mia"], flags["ext"]) == ([], ["guest"], ["external"])
    channels = {channel["id"]: channel for channel in state["channels"]}
    assert channels["C0RAND"]["bot_is_member"] is False
    assert {c["kind"] for c in channels.values()} == {"public", "private", "im"}
    assert channels["C0PROD"].keys() == {"id", "name", "kind", "topic", "members", "bot_is_member"}
    assert state["commands"][0].keys() == {"command", "description", "usage_hint"}
    assert state["usergroups"][0] == {"id": "S0SRE", "handle": "sre"}
    assert state["completions"] == COMPLETIONS


def test_the_traffic_simulator_is_passed_through(traffic: str) -> None:
    """GET and POST reach it, with its status; without one the answer is 503."""
    with ServerThread(make_app(WORLD, traffic_url=traffic)) as server:
        assert call(f"{server.url}/page/world") == (200, {"v1": 90, "alerts": None})
        assert call(f"{server.url}/page/world/break", {"service": "api"}) == (202, {"took": {"service": "api"}})
    with ServerThread(make_app(WORLD)) as server:
        assert call(f"{server.url}/page/world") == (503, {"ok": False, "error": "no traffic simulator"})


def test_an_alert_is_posted_as_alertmanager_does(traffic: str) -> None:
    """With the token, the same start at its end, and an end; what fires is in the world; a refusal is passed on."""
    heard: list[tuple[str, dict[str, Any]]] = []

    async def hook(request: web.Request) -> web.Response:
        body = await request.json()
        heard.append((request.headers["Authorization"], body["alerts"][0]))
        return web.json_response({}, status=503 if body["alerts"][0]["labels"]["service"] == "web" else 200)

    app = web.Application()
    app.router.add_post("/hooks/alertmanager", hook)
    with ServerThread(app) as bot:
        alerting = Alerting(f"{bot.url}/hooks/alertmanager", "a-token")
        with ServerThread(make_app(WORLD, traffic_url=traffic, alerting=alerting)) as server:
            api, web_ = ({"namespace": "shop", "service": name} for name in ("api", "web"))
            assert call(f"{server.url}/page/world/alert", {**api, "firing": True})[1] == {"ok": True}
            assert call(f"{server.url}/page/world")[1]["alerts"] == ["shop/api"]
            assert call(f"{server.url}/page/world/alert", {**api, "firing": False})[1] == {"ok": True}
            refused = call(f"{server.url}/page/world/alert", {**web_, "firing": True})[1]
            assert refused["error"] == "the bot answered 503 to the alert"
            assert call(f"{server.url}/page/world")[1]["alerts"] == []
    (token, first), (_, second), _ = heard
    assert (token, first["status"], second["status"]) == ("Bearer a-token", "firing", "resolved")
    assert first["startsAt"] == second["startsAt"] < second["endsAt"]
    assert (first["endsAt"], first["fingerprint"]) == (NEVER, second["fingerprint"])


def test_changes_are_streamed_as_they_happen(stage: Stage) -> None:
    """A message, its update and its deletion arrive; what is hidden from the listener does not."""
    told: list[dict[str, Any]] = []
    connected = threading.Event()

    def listen() -> None:
        with urllib.request.urlopen(f"{stage.url}/page/events?as=U0ANA", timeout=60) as stream:
            for line in stream:
                connected.set()
                if line.startswith(b"data: "):
                    told.append(json.loads(line[6:]))
                if len(told) == 3:
                    return

    thread = threading.Thread(target=listen)
    thread.start()
    assert connected.wait(60)
    stage.client.chat_postEphemeral(channel="C0PROD", user="U0JIN", text="psst")
    ts = str(stage.client.chat_postMessage(channel="C0PROD", text="one")["ts"])
    stage.client.chat_update(channel="C0PROD", ts=ts, text="two")
    stage.client.chat_delete(channel="C0PROD", ts=ts)
    thread.join(60)
    assert [(event["type"], event["message"]["text"]) for event in told] == [
        ("message", "one"),
        ("update", "two"),
        ("delete", "two"),
    ]
    assert told[0]["message"] == {**told[0]["message"], "edited": False, "notice": False, "reply_count": 0}


def test_a_reply_tells_the_new_count_of_its_parent(stage: Stage) -> None:
    """After a reply the parent is streamed again with its reply_count; an ephemeral reply does not count."""
    parent = str(stage.client.chat_postMessage(channel="C0PROD", text="card")["ts"])
    with urllib.request.urlopen(f"{stage.url}/page/events", timeout=60) as stream:
        assert stream.readline() == b": hello\n"
        stage.client.chat_postEphemeral(channel="C0PROD", user="U0JIN", text="psst", thread_ts=parent)
        stage.client.chat_postMessage(channel="C0PROD", text="story", thread_ts=parent)
        data = (json.loads(line[6:]) for line in stream if line.startswith(b"data: "))
        told = [next(data) for _ in range(3)]
    assert [(event["type"], event["message"]["text"]) for event in told] == [
        ("message", "psst"),
        ("message", "story"),
        ("update", "card"),
    ]
    assert told[2]["message"]["reply_count"] == 1


@pytest.mark.parametrize(
    ("who", "where", "code"),
    [
        ("U0NOBODY", "C0PROD", "user_not_found"),
        ("U0GONE", "C0PROD", "account_inactive"),
        ("U0LEE", "C0PRIV", "not_in_channel"),
        ("U0JIN", "C0OLD", "is_archived"),
        ("U0JIN", "C0NONE", "channel_not_found"),
    ],
)
def test_who_cannot_act_is_told_why(stage: Stage, who: str, where: str, code: str) -> None:
    """Unknown people, leavers, strangers to the channel and archives are refused."""
    assert call(f"{stage.url}/page/send", {"as": who, "channel": where, "text": "x"}) == (
        200,
        {"ok": False, "error": code},
    )


def test_only_what_is_there_can_be_clicked(stage: Stage) -> None:
    """A message one cannot see and an action it does not have are refused."""
    button = {"type": "button", "text": {"type": "plain_text", "text": "Go"}, "action_id": "go"}
    blocks = [{"type": "actions", "block_id": "row", "elements": [button]}]
    hidden = stage.client.chat_postEphemeral(channel="C0PROD", user="U0JIN", text="x", blocks=blocks)["message_ts"]
    body = {"channel": "C0PROD", "message_ts": hidden, "block_id": "row", "action_id": "go"}
    assert call(f"{stage.url}/page/click", {**body, "as": "U0ANA"})[1]["error"] == "message_not_found"
    assert call(f"{stage.url}/page/click", {**body, "as": "U0JIN", "action_id": "no"})[1]["error"] == "action_not_found"


def test_an_option_of_a_select_is_chosen_by_its_value(stage: Stage) -> None:
    """The payload carries the selected option; a value that is not offered is refused."""
    chosen: list[str] = []

    @stage.app.action("pick")
    def _(ack: Ack, action: dict[str, Any]) -> None:
        ack()
        chosen.append(action["selected_option"]["value"])

    options = [{"text": {"type": "plain_text", "text": word}, "value": word} for word in ("api", "web")]
    select = {"type": "static_select", "action_id": "pick", "options": options}
    stage.client.chat_postMessage(channel="C0PROD", text="x", blocks=[{"type": "actions", "elements": [select]}])
    (message,) = stage.driver.messages("C0PROD")
    stage.driver.click("U0JIN", message, "pick", value="web")
    wait_until(lambda: chosen == ["web"])
    with pytest.raises(RuntimeError, match="invalid_arguments"):
        stage.driver.click("U0JIN", message, "pick", value="db")
