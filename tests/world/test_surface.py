"""The form and the App Home on real parts: suggestions, a preview by a worker, a change, and who sees none of it."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from playground.slack.driver import SlackDriver
from tests.world.town import JIN, PROD, Town, until

pytestmark = pytest.mark.world


def modal(slack: SlackDriver, *, holding: str, timeout_s: float = 60) -> dict[str, Any]:
    """Jin's modal, once it shows these words."""
    deadline = time.monotonic() + timeout_s
    while True:
        views = [view for view in slack.views(JIN) if view["type"] == "modal"]
        if views and holding in json.dumps(views[-1], ensure_ascii=False):
            return views[-1]
        assert time.monotonic() < deadline, f"no modal shows {holding!r}: {json.dumps(views)[-3000:]}"
        time.sleep(0.05)


def filled(option: dict[str, Any], amount: str) -> dict[str, Any]:
    """The form's values."""
    chosen = {"verb": "set", "cluster": "demo"}
    verb, cluster = ({key: {"selected_option": {"value": value}}} for key, value in chosen.items())
    typed = {"amount": {"amount": {"value": amount}}, "version": {"version": {"value": None}}}
    return {"verb": verb, "cluster": cluster, "service": {"meshbot.form.service": {"selected_option": option}}, **typed}


def test_the_form_previews_and_moves_traffic(istio: Town) -> None:
    """`/mesh` alone, a part of the name, Preview, Run: the plan is shown in the form, then the route is changed."""
    istio.reset("istio-traffic.yaml")
    slack = istio.world.slack
    slack.send(JIN, PROD, "/mesh")
    view = modal(slack, holding="Preview the plan")
    options = slack.suggest(JIN, view, "meshbot.form.service", "ap")
    # Less for the canary: no gate need be waited for.
    values = filled(options[0], "v1=95 v2=5")
    assert options[0]["text"]["text"].startswith("api ·")
    slack.click_view(JIN, view, "meshbot.form.preview", values=values)
    modal(slack, holding="Patch")
    assert [arm["weight"] for arm in _arms(istio)] == [90, 10]
    errors = slack.submit_view(JIN, view["id"], {**values, "amount": {"amount": {"value": "lots"}}})
    assert list(errors["errors"]) == ["amount"]
    assert slack.submit_view(JIN, view["id"], values)["response_action"] == "update"
    modal(slack, holding="Queued as")
    slack.wait_for(lambda m: m["channel"] == PROD and "95 %" in slack.render_text(m) and "Verified" in m["text"])
    until(lambda: [arm["weight"] for arm in _arms(istio)] == [95, 5], "the route was not changed")


def test_the_home_and_an_outsider(istio: Town) -> None:
    """A member's Home shows rights and running operations; a guest's the reason, and it is on record."""
    slack = istio.world.slack
    for user in (JIN, "U0MIA"):
        slack.open_home(user)
    deadline = time.monotonic() + 60
    while not (slack.views("U0MIA") and [view for view in slack.views(JIN) if view["type"] == "home"]):
        assert time.monotonic() < deadline, "no Home was published"
        time.sleep(0.05)
    mine = next(view for view in slack.views(JIN) if view["type"] == "home")
    assert "Your rights" in json.dumps(mine)
    assert "Guests of this workspace" in json.dumps(slack.views("U0MIA"))


def _arms(town: Town) -> list[dict[str, int]]:
    arms: list[dict[str, int]] = town.object("VirtualService", "api-vs")["spec"]["http"][-1]["route"]
    return arms


def test_a_korean_is_answered_in_korean_and_others_are_not(istio: Town) -> None:
    """The same words of two people in one channel: answers and cards in the language of each one's Slack."""
    istio.reset("istio-traffic.yaml")
    slack = istio.world.slack
    slack.send("U0SOO", PROD, "/mesh promote api lots")
    slack.wait_for(lambda m: "트래픽 비율이 아닙니다" in m["text"])
    for user, words in (("U0SOO", "조회됨"), (JIN, "Read")):
        slack.send(user, PROD, "/mesh status api")
        slack.wait_for(lambda m, words=words: m["channel"] == PROD and words in slack.render_text(m))  # type: ignore[misc]
