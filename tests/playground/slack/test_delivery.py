"""Deliveries over HTTP to a real bolt app."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import parse_qs

import pytest
from slack_bolt import Ack, BoltResponse, Respond

from playground.slack.rules import Rules
from tests.playground.slack.stage import Stage, open_stage, wait_until

Body = dict[str, Any]


def note(found: list[Any], what: object) -> bool:
    """Append, as an expression."""
    found.append(what)
    return True


BUTTONS = [
    {
        "type": "actions",
        "block_id": "row",
        "elements": [
            {"type": "button", "text": {"type": "plain_text", "text": "Undo"}, "action_id": "undo", "value": "op-1"}
        ],
    }
]


def test_a_command_arrives_signed_escaped_and_its_answer_is_private(stage: Stage) -> None:
    """Bolt accepts the signature, names are ids with labels, and the ack text is seen by the asker only."""
    texts: list[str] = []

    @stage.app.command("/mesh")
    def _(ack: Ack, command: Body) -> None:
        texts.append(command["text"])
        ack("on it")

    stage.driver.send("U0JIN", "C0PROD", "/mesh promote api 50 for @ana in #prod & <@U0LEE> @nobody")
    answer = stage.driver.wait_for_text("on it")
    assert answer["ephemeral_to"] == "U0JIN"
    assert texts == ["promote api 50 for <@U0ANA|ana> in <#C0PROD|prod> &amp; &lt;@U0LEE&gt; @nobody"]
    assert stage.heard[0]["signed"] is True
    assert stage.driver.deliveries()[0]["response_body"] == "on it"


def test_a_command_carries_slacks_fields(stage: Stage) -> None:
    """The form has Slack's names; ims and private channels are named as Slack names them; there is no thread_ts."""
    stage.app.command("/mesh")(lambda ack: ack())
    for channel in ("D0JIN", "C0PRIV", "C0PROD"):
        stage.driver.send("U0JIN", channel, "/mesh status")
    forms = wait_until(lambda: len(stage.heard) == 3 and [parse_qs(h["body"]) for h in stage.heard])
    assert sorted(form["channel_name"][0] for form in forms) == ["directmessage", "privategroup", "prod"]
    fields = {"command", "text", "user_id", "channel_id", "team_id", "api_app_id", "response_url", "trigger_id"}
    assert fields <= forms[0].keys()
    assert "thread_ts" not in forms[0]


def test_an_in_channel_answer_shows_the_command_too(stage: Stage) -> None:
    """With in_channel everybody sees what was typed and what was answered."""
    stage.app.command("/mesh")(lambda ack: ack(text="90 % to v1", response_type="in_channel"))
    stage.driver.send("U0JIN", "C0PROD", "/mesh status api")
    stage.driver.wait_for_text("90 % to v1")
    assert [(m["author"]["name"], m["text"]) for m in stage.driver.messages("C0PROD")] == [
        ("jin", "/mesh status api"),
        ("mesh", "90 % to v1"),
    ]


def test_a_late_ack_is_an_operation_timeout_for_the_person() -> None:
    """Who acks after the deadline leaves an ephemeral notice and a recorded time-out; there is no retry."""
    with open_stage(rules=Rules(ack_deadline_s=0.2)) as stage:

        @stage.app.command("/mesh")
        def _(ack: Ack) -> None:
            time.sleep(0.5)
            ack("too late")

        stage.driver.send("U0JIN", "C0PROD", "/mesh status")
        notice = stage.driver.wait_for(lambda message: bool(message["notice"]))
        assert (notice["text"], notice["ephemeral_to"]) == ("/mesh failed with the error operation_timeout", "U0JIN")
        (delivery,) = stage.driver.deliveries()
        assert (delivery["timeout"], delivery["seconds_to_ack"], len(delivery["attempts"])) == (True, None, 1)


def test_without_an_app_people_read_dispatch_failed() -> None:
    """No request URL and no websocket: the command fails and says so."""
    with open_stage(over_http=False) as stage:
        stage.driver.send("U0JIN", "C0PROD", "/mesh status")
        assert stage.driver.wait_for_text("dispatch_failed")["notice"] is True


def test_commands_are_refused_in_threads_and_for_outsiders(stage: Stage) -> None:
    """Slack does not run commands in threads, for other organisations, or under unknown names."""
    ts = str(stage.client.chat_postMessage(channel="C0PROD", text="card")["ts"])
    stage.driver.send("U0JIN", "C0PROD", "/mesh status", ts)
    stage.driver.send("U0EXT", "C0VEND", "/mesh status")
    stage.driver.send("U0JIN", "C0PROD", "/mush status")
    notices = [m["text"] for m in stage.driver.transcript() if m["notice"]]
    assert [text.split(".")[0] for text in notices] == [
        "/mesh is not supported in threads",
        "/mesh works only for members of Mesh playground",
        "/mush is not a valid command",
    ]
    assert stage.heard == []


def test_a_click_carries_the_stored_value_and_the_message(stage: Stage) -> None:
    """The button's value comes from what was posted; the response_url can replace the message."""
    bodies: list[Body] = []

    @stage.app.action("undo")
    def _(ack: Ack, body: Body, respond: Respond) -> None:
        ack()
        bodies.append(body)
        respond(text="undone", replace_original=True)

    stage.client.chat_postMessage(channel="C0PROD", text="card", blocks=BUTTONS)
    stage.driver.click("U0ANA", stage.driver.wait_for_text("Undo"), "undo")
    seen = stage.driver.wait_for_text("undone")
    (body,) = bodies
    assert (seen["ts"], seen["ephemeral_to"], seen["blocks"]) == (body["container"]["message_ts"], None, [])
    assert (body["actions"][0]["value"], body["actions"][0]["block_id"]) == ("op-1", "row")
    assert (body["user"]["id"], body["channel"]["id"], body["message"]["text"]) == ("U0ANA", "C0PROD", "card")


def test_a_button_is_pressed_where_it_is_now(stage: Stage) -> None:
    """A card that was drawn anew since somebody looked is pressed all the same; one that lost the button is not."""
    values: list[str] = []

    @stage.app.action("undo")
    def _(ack: Ack, body: Body) -> None:
        values.append(body["actions"][0]["value"])
        ack()

    ts = str(stage.client.chat_postMessage(channel="C0PROD", text="card", blocks=BUTTONS)["ts"])
    seen = stage.driver.wait_for_text("Undo")
    row = {key: value for key, value in BUTTONS[0].items() if key != "block_id"}
    stage.client.chat_update(channel="C0PROD", ts=ts, text="card", blocks=[row])
    stage.driver.click("U0ANA", seen, "undo")
    wait_until(lambda: values == ["op-1"])
    stage.client.chat_update(channel="C0PROD", ts=ts, text="done", blocks=[])
    with pytest.raises(LookupError, match="has no element 'undo'"):
        stage.driver.click("U0ANA", seen, "undo")


def test_an_outsider_can_click_but_with_their_own_team(stage: Stage) -> None:
    """Slack lets externals of a shared channel press buttons; the payload tells their team."""
    teams: list[str] = []

    @stage.app.action("undo")
    def _(ack: Ack, body: Body) -> None:
        teams.append(body["user"]["team_id"])
        ack()

    stage.client.chat_postMessage(channel="C0VEND", text="card", blocks=BUTTONS)
    stage.driver.click("U0EXT", stage.driver.wait_for_text("Undo"), "undo")
    wait_until(lambda: teams == ["T0OTHER"])


def test_a_mention_is_an_event_in_threads_too(stage: Stage) -> None:
    """@mesh fires app_mention where the bot is a member, with thread_ts in threads."""
    events: list[Body] = []
    stage.app.event("app_mention")(lambda event: note(events, event))
    ts = str(stage.client.chat_postMessage(channel="C0PROD", text="card")["ts"])
    stage.driver.send("U0JIN", "C0PROD", "@mesh roll back api", ts)
    stage.driver.send("U0JIN", "C0RAND", "@mesh are you here?")
    stage.driver.send("U0JIN", "C0PROD", "no mention of meshes, ana@mesh.test")
    (event,) = wait_until(lambda: events)
    assert (event["text"], event["thread_ts"], event["user"]) == ("<@UMESHBOT> roll back api", ts, "U0JIN")
    assert len(stage.driver.deliveries()) == 1


def test_a_direct_message_is_a_message_event(stage: Stage) -> None:
    """In the im every message arrives, as message with channel_type im."""
    events: list[Body] = []
    stage.app.event("message")(lambda event: note(events, event))
    stage.driver.send("U0JIN", "D0JIN", "status api")
    (event,) = wait_until(lambda: events)
    assert (event["channel_type"], event["text"], event["channel"]) == ("im", "status api", "D0JIN")


def test_events_are_retried_at_once_after_a_minute_and_after_five() -> None:
    """A failing event comes four times with the same event_id, counting headers and a reason."""
    with open_stage(rules=Rules(retry_delays_s=(0.0, 60.0, 300.0))) as stage:
        stage.app.middleware(broken)
        stage.driver.send("U0JIN", "C0PROD", "@mesh hello")
        # The sleep of a minute starts only when the second answer is back, and that of five with the third.
        wait_until(lambda: attempts(stage) == 2)
        stage.driver.advance(59)
        assert len(stage.heard) == 2
        stage.driver.advance(1)
        wait_until(lambda: attempts(stage) == 3)
        assert len(stage.heard) == 3
        stage.driver.advance(300)
        wait_until(lambda: len(stage.heard) == 4)
        assert [h["headers"].get("x-slack-retry-num") for h in stage.heard] == [None, "1", "2", "3"]
        assert {h["headers"].get("x-slack-retry-reason") for h in stage.heard[1:]} == {"http_error"}
        assert len({h["body"] for h in stage.heard}) == 1


def attempts(stage: Stage) -> int:
    """How often the first delivery was tried, with an answer or without."""
    return len(stage.driver.deliveries()[0]["attempts"]) if stage.driver.deliveries() else 0


def broken() -> None:
    """Break."""
    raise RuntimeError("broken on purpose")


def test_the_app_can_decline_retries() -> None:
    """x-slack-no-retry: 1 on a failure ends the retries."""
    with open_stage() as stage:
        stage.app.middleware(lambda: BoltResponse(status=500, headers={"x-slack-no-retry": "1"}))
        stage.driver.send("U0JIN", "C0PROD", "@mesh hello")
        delivery = stage.wait_delivery()
        assert (delivery["status"], len(delivery["attempts"])) == (500, 1)
        time.sleep(0.1)
        assert len(stage.heard) == 1


def test_a_modal_opens_with_a_fresh_trigger_once(stage: Stage) -> None:
    """trigger_id opens one modal within three seconds; afterwards it is exchanged or expired."""
    triggers: list[str] = []
    stage.app.command("/mesh")(lambda ack, body: (ack(), note(triggers, body["trigger_id"])))
    view = {"type": "modal", "title": {"type": "plain_text", "text": "Promote"}, "blocks": [{"type": "divider"}]}
    for _ in range(2):
        stage.driver.send("U0JIN", "C0PROD", "/mesh")
    first, second = wait_until(lambda: len(triggers) == 2 and triggers)
    stage.client.views_open(trigger_id=first, view=view)
    assert stage.driver.views("U0JIN")[0]["title"]["text"] == "Promote"
    with pytest.raises(Exception, match="exchanged_trigger_id"):
        stage.client.views_open(trigger_id=first, view=view)
    stage.driver.advance(3.1)
    with pytest.raises(Exception, match="expired_trigger_id"):
        stage.client.views_open(trigger_id=second, view=view)
    with pytest.raises(Exception, match="invalid_trigger_id"):
        stage.client.views_open(trigger_id="1.2.3", view=view)


def test_a_submitted_modal_follows_the_apps_answer(stage: Stage) -> None:
    """response_action errors keeps the modal; an empty ack closes it; a stale hash is a conflict."""
    triggers: list[str] = []
    stage.app.command("/mesh")(lambda ack, body: (ack(), note(triggers, body["trigger_id"])))

    @stage.app.view("ask")
    def _(ack: Ack, view: Body) -> None:
        value = view["state"]["values"]["why"]["t"]["value"]
        ack() if value else ack(response_action="errors", errors={"why": "say why"})

    label = {"type": "plain_text", "text": "Why"}
    box = {
        "type": "input",
        "block_id": "why",
        "label": label,
        "element": {"type": "plain_text_input", "action_id": "t"},
    }
    view = {"type": "modal", "callback_id": "ask", "title": label, "submit": label, "blocks": [box]}
    stage.driver.send("U0JIN", "C0PROD", "/mesh")
    opened = stage.client.views_open(trigger_id=wait_until(lambda: triggers)[0], view=view)["view"]
    stage.client.views_update(view_id=opened["id"], hash=opened["hash"], view=view)
    with pytest.raises(Exception, match="hash_conflict"):
        stage.client.views_update(view_id=opened["id"], hash=opened["hash"], view=view)
    answer = stage.driver.submit_view("U0JIN", opened["id"], {"why": {"t": {"value": None}}})
    assert (answer["errors"], len(stage.driver.views("U0JIN"))) == ({"why": "say why"}, 1)
    assert stage.driver.submit_view("U0JIN", opened["id"], {"why": {"t": {"value": "hotfix"}}}) == {}
    assert stage.driver.views("U0JIN") == []


def test_the_app_home_is_announced_and_published(stage: Stage) -> None:
    """Opening the App Home fires app_home_opened; what is published there is on the screen."""

    @stage.app.event("app_home_opened")
    def _(event: Body) -> None:
        stage.client.views_publish(user_id=event["user"], view={"type": "home", "blocks": [{"type": "divider"}]})

    stage.driver.open_home("U0ANA")
    (view,) = wait_until(lambda: stage.driver.views("U0ANA"))
    assert view["type"] == "home"
