"""Choices on real parts: what was unclear is asked, a press answers it, and the press is an operation of its own."""

from __future__ import annotations

import pytest

from mesh.domain.operations import State
from tests.world.town import ANA, JIN, PROD, Town

pytestmark = pytest.mark.world


def test_a_pressed_choice_moves_the_chosen_route(istio: Town) -> None:
    """Two routes carry weights of api: the card offers both, and the pressed one alone is changed, by the presser."""
    istio.reset("istio-traffic.yaml", "istio-bundle.yaml")
    refused = istio.do("/mesh set api v1=95 v2=5")
    assert refused.state is State.REFUSED
    assert refused.card
    place, slack = refused.card, istio.world.slack
    message = slack.wait_for(lambda m: (m["channel"], m["ts"]) == (place.channel, place.ts))
    row = next(block for block in message["blocks"] if block["type"] == "actions")["elements"]
    wanted = next(button for button in row if "VirtualService/api-vs" in button["value"])
    slack.click(JIN, message, wanted["action_id"])
    done = slack.wait_for(lambda m: m["ts"] > place.ts and "95 %" in slack.render_text(m) and "Verified" in m["text"])
    assert "<@U0JIN>" in done["text"]
    assert [arm["weight"] for arm in _arms(istio, "api-vs")] == [95, 5]
    assert [arm["weight"] for arm in _arms(istio, "api")] == [90, 10]


def test_a_mistyped_word_is_mended_by_a_press(istio: Town) -> None:
    """The answer that only Ana sees has the command that was meant; her press asks for it in the channel."""
    istio.reset("istio-traffic.yaml")
    slack = istio.world.slack
    istio.answer("/mesh statuz", ANA)
    hint = slack.wait_for(lambda m: m["ephemeral_to"] == ANA and "statuz" in m["text"])
    slack.click(ANA, hint, "meshbot.choice.0")
    card = slack.wait_for(lambda m: m["ts"] > hint["ts"] and m["text"].startswith("Status of every service"))
    assert (card["channel"], "<@U0ANA>" in card["text"]) == (PROD, True)


def _arms(town: Town, name: str) -> list[dict[str, int]]:
    arms: list[dict[str, int]] = town.object("VirtualService", name)["spec"]["http"][-1]["route"]
    return arms
