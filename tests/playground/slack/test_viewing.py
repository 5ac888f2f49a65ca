"""Modals, their selects and the App Home, as Slack serves them to an app."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from slack_bolt import Ack
from slack_sdk.errors import SlackApiError

from tests.playground.slack.stage import Stage, open_stage, wait_until

LABEL = {"type": "plain_text", "text": "Service"}
SELECT = {"type": "external_select", "action_id": "pick", "min_query_length": 2}
BLOCKS = [
    {"type": "input", "block_id": "service", "label": LABEL, "element": SELECT},
    {"type": "actions", "block_id": "b", "elements": [{"type": "button", "action_id": "go", "text": LABEL}]},
]
MODAL = {"type": "modal", "callback_id": "ask", "title": LABEL, "submit": LABEL, "blocks": BLOCKS}
FIELDS = {"service": {"pick": {"type": "external_select", "selected_option": {"value": "api"}}}}


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A stage over HTTP."""
    with open_stage() as opened:
        yield opened


def opened(stage: Stage, **changes: Any) -> dict[str, Any]:
    """Open the modal for Jin."""
    number = len(stage.driver.deliveries()) + 1
    stage.driver.send("U0JIN", "C0PROD", "/mesh")
    trigger = stage.wait_delivery(number)["payload"]["trigger_id"]
    view: dict[str, Any] = stage.client.views_open(trigger_id=trigger, view=MODAL | changes)["view"]
    return view


def options(count: int) -> list[dict[str, Any]]:
    """Some options."""
    return [{"text": {"type": "plain_text", "text": f"api{at}"}, "value": f"api{at}"} for at in range(count)]


def test_a_select_asks_the_app_what_fits(stage: Stage) -> None:
    """What is typed reaches the app with the fields as they are, without a trigger; the answer's options come back."""
    heard: list[dict[str, Any]] = []

    @stage.app.options("pick")
    def _(ack: Ack, body: dict[str, Any]) -> None:
        heard.append(body)
        ack(options=options(2))

    view = opened(stage)
    assert stage.driver.suggest("U0JIN", view, "pick", "ap", values=FIELDS) == options(2)
    assert (heard[0]["value"], heard[0]["view"]["state"]["values"]) == ("ap", FIELDS)
    assert not {"trigger_id", "response_url"} & set(heard[0])
    assert stage.driver.suggest("U0JIN", view, "pick", "a") == []
    assert len(heard) == 1


@pytest.mark.parametrize("answer", [options(101), [{"value": "x"}]])
def test_bad_options_are_refused(stage: Stage, answer: Any) -> None:
    """More than 100 options, or malformed ones, show nothing."""

    @stage.app.options("pick")
    def _(ack: Ack) -> None:
        ack(options=answer)

    view = opened(stage)
    with pytest.raises(RuntimeError, match="invalid_options"):
        stage.driver.suggest("U0JIN", view, "pick", "ap")


def test_a_press_in_a_modal_tells_what_stands_in_the_fields(stage: Stage) -> None:
    """A button of a modal comes with the view's state and hash, with a trigger, without channel and response_url."""
    heard: list[dict[str, Any]] = []

    @stage.app.action("go")
    def _(ack: Ack, body: dict[str, Any]) -> None:
        heard.append(body)
        ack()

    view = opened(stage)
    stage.driver.click_view("U0JIN", view, "go", values=FIELDS)
    body = wait_until(lambda: heard)[0]
    assert body["view"]["state"]["values"] == FIELDS
    assert (body["view"]["hash"], body["container"]["view_id"]) == (view["hash"], view["id"])
    assert body["trigger_id"]
    assert not {"channel", "response_url"} & set(body)


def test_errors_name_fields_of_the_view(stage: Stage) -> None:
    """response_action errors for a block that is no input of the view is a mistake of the app."""

    @stage.app.view("ask")
    def _(ack: Ack) -> None:
        ack(response_action="errors", errors={"nowhere": "no"})

    with pytest.raises(RuntimeError, match="input blocks"):
        stage.driver.submit_view("U0JIN", opened(stage)["id"], FIELDS)


def test_closing_is_told_when_asked_for(stage: Stage) -> None:
    """view_closed comes with notify_on_close only."""
    heard: list[dict[str, Any]] = []

    @stage.app.view_closed("ask")
    def _(ack: Ack, body: dict[str, Any]) -> None:
        heard.append(body)
        ack()

    stage.driver.close_view("U0JIN", opened(stage)["id"])
    view = opened(stage, notify_on_close=True)
    stage.driver.close_view("U0JIN", view["id"])
    assert [body["view"]["id"] for body in wait_until(lambda: heard)] == [view["id"]]
    assert stage.driver.views("U0JIN") == []


def test_an_old_hash_does_not_overwrite_a_home(stage: Stage) -> None:
    """views.publish with the hash of an older Home is a hash_conflict."""
    home = {"type": "home", "blocks": [{"type": "divider"}]}
    first = stage.client.views_publish(user_id="U0JIN", view=home)["view"]
    stage.client.views_publish(user_id="U0JIN", view=home, hash=first["hash"])
    with pytest.raises(SlackApiError, match="hash_conflict"):
        stage.client.views_publish(user_id="U0JIN", view=home, hash=first["hash"])


def test_a_workflow_marks_what_it_writes(stage: Stage) -> None:
    """A mention by a workflow carries the marks by which an app can tell."""
    stage.driver.send("U0WF", "C0PROD", "@mesh promote api 50")
    event = stage.wait_delivery()["payload"]["event"]
    assert event["bot_profile"]["is_workflow_bot"] is True
    assert event["bot_id"]


def test_channels_and_people_change(stage: Stage) -> None:
    """A channel is renamed and shared, a person is deactivated: the app hears of it, and the Web API says so."""
    stage.driver.change_channel("C0PROD", name="production", ext_shared=True)
    stage.driver.change_person("U0ANA", flags=["deleted"])
    channel = stage.client.conversations_info(channel="C0PROD")["channel"]
    assert (channel["name"], channel["is_ext_shared"]) == ("production", True)
    assert stage.client.users_info(user="U0ANA")["user"]["deleted"] is True
    kinds = {stage.wait_delivery(number)["payload"]["event"]["type"] for number in (1, 2, 3)}
    assert kinds == {"channel_rename", "channel_shared", "user_change"}
    with pytest.raises(RuntimeError, match="account_inactive"):
        stage.driver.send("U0ANA", "C0PROD", "hello")
