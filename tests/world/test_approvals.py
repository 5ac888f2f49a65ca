"""Approvals on real parts: one person asks, two others press the stand-in's buttons, and only then traffic moves."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mesh.domain.operations import Operation, State, Step
from playground.parts import FLAGGER_TOKEN
from tests.stepups import LINK, checkpoint
from tests.world.town import ANA, JIN, LEE, PROD, Town, make_world, post, until

pytestmark = pytest.mark.world

INCIDENTS = "C0INC"
SETTLED_S = 1.0
"""Longer than a changed configuration file is left alone, in case it is half written."""
RULE = """
  approvals:
    production: {need: 2, users: [U0JIN, U0ANA, U0LEE], above: 20, channel: C0INC}
"""
VOTES = {"meshbot.approve", "meshbot.deny"}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A world whose policy wants two people above 20 %."""
    world = make_world(tmp_path_factory.mktemp("approvals"), mesh="istio")
    known = world.configuration.read_text().replace("services:\n", "services:\n  podinfo: {}\n", 1)
    world.configuration.write_text(known.rstrip("\n") + RULE)
    with world:
        yield Town(world)


def asked(town: Town, text: str) -> Operation:
    """Type a change and return it once its card asks in both channels."""
    operation_id = town.ask(text, JIN)
    until(lambda: town.operations.get(operation_id).mirror is not None, "nobody was asked")
    return town.operations.get(operation_id)


def message_of(town: Town, channel: str, ts: str) -> dict[str, Any]:
    """The message as it is now."""
    found: dict[str, Any] = town.world.slack.wait_for(lambda m: (m["channel"], m["ts"]) == (channel, ts))
    return found


def buttons(message: dict[str, Any]) -> set[str]:
    """The buttons of a message by action id."""
    rows = [block["elements"] for block in message["blocks"] if block["type"] == "actions"]
    return {button["action_id"] for row in rows for button in row}


def test_a_requester_and_two_approvers_move_traffic_with_buttons(town: Town) -> None:
    """Jin asks and may not approve; Ana and Lee press where they see it; the buttons vanish in both channels."""
    town.reset("istio-traffic.yaml")
    town.await_gates("v2")
    slack = town.world.slack
    operation = asked(town, '/mesh promote api 50 --reason "hotfix 4412"')
    assert operation.card
    assert operation.mirror
    here = message_of(town, PROD, operation.card.ts)
    there = message_of(town, INCIDENTS, operation.mirror.ts)
    assert buttons(here) == buttons(there) == VOTES
    slack.click(JIN, here, "meshbot.approve")
    slack.wait_for(lambda m: m["ephemeral_to"] == JIN and "cannot approve" in m["text"])
    slack.click(ANA, there, "meshbot.approve")
    until(lambda: town.operations.get(operation.id).story[-1].step is Step.VOTED, "Ana's vote was not counted")
    assert _weights(town) == [90, 10]
    until(lambda: "1 of 2" in town.card(town.operations.get(operation.id)), "the card does not show the vote")
    slack.click(LEE, message_of(town, PROD, operation.card.ts), "meshbot.approve")
    done = town.settled(operation.id)
    assert (done.state, _weights(town)) == (State.SUCCEEDED, [50, 50])
    for place in (operation.card, operation.mirror):
        until(
            lambda p=place: not buttons(message_of(town, p.channel, p.ts)) & VOTES,  # type: ignore[misc]  # bound now
            "buttons were left",
        )
    town.answer(f"/mesh deny {operation.id}", ANA)
    late = slack.wait_for(lambda m: m["ephemeral_to"] == ANA and "decided before" in m["text"])
    assert "@lee" in slack.render_text(late)
    steps = [event.step for event in done.story]
    assert (steps.count(Step.VOTED), steps.count(Step.APPROVED)) == (1, 1)


def test_a_denial_and_a_rollback_meanwhile(town: Town) -> None:
    """A rollback waits for nobody while a change waits, and voids it; Ana denies the next one on her Home, and why."""
    town.reset("istio-traffic.yaml")
    town.await_gates("v2")
    waiting = asked(town, "/mesh promote api 60")
    assert town.do("/mesh rollback api", JIN).state is State.SUCCEEDED
    void = town.settled(waiting.id)
    assert (void.state, _weights(town)) == (State.VOID, [100, 0])
    town.reset("istio-traffic.yaml")
    next_one = asked(town, "/mesh promote api 70")
    assert next_one.id in town.answer("/mesh approvals", ANA)
    slack = town.world.slack
    slack.open_home(ANA)
    until(lambda: '"meshbot.deny"' in json.dumps(slack.views(ANA)), "her Home does not ask")
    slack.click_view(ANA, next(view for view in slack.views(ANA) if view["type"] == "home"), "meshbot.deny")
    until(lambda: '"meshbot.deny.why"' in json.dumps(slack.views(ANA)), "nobody asked her why")
    form = next(view for view in slack.views(ANA) if view["type"] == "modal")
    empty = slack.submit_view(ANA, form["id"], {"reason": {"reason": {"value": " "}}})
    assert list(empty["errors"]) == ["reason"]
    slack.submit_view(ANA, form["id"], {"reason": {"reason": {"value": "not during\nthe sale"}}})
    denied = town.settled(next_one.id)
    assert (denied.state, _weights(town)) == (State.REFUSED, [90, 10])
    assert "not during the sale" in town.card(denied)
    until(lambda: '"meshbot.deny"' not in json.dumps(slack.views(ANA)), "her Home still asks")


def test_a_change_waits_for_the_proof_that_it_is_you(town: Town, tmp_path: Path) -> None:
    """A real worker asks a real server; Jin alone is shown the link, and once proven the same words go through."""
    town.reset("istio-traffic.yaml")
    town.await_gates("v2")
    configuration, before = town.world.configuration, town.world.configuration.read_text()
    with checkpoint(tmp_path) as check:
        said = f"  step_up: {{url: '{check.rule.url}', token_file: '{check.rule.token_file}', valid_for: 0}}\n"
        configuration.write_text(before + said)
        time.sleep(SETTLED_S)
        refused = town.do("/mesh promote api 15", JIN)
        assert (refused.state, _weights(town)) == (State.REFUSED, [90, 10])
        shown = town.world.slack.wait_for(lambda m: m["ephemeral_to"] == JIN and LINK in json.dumps(m["blocks"]))
        assert "no proof of" in town.world.slack.render_text(shown)
        assert LINK not in json.dumps([m for m in town.world.slack.transcript() if not m["ephemeral_to"]])
        check.proven = {JIN}
        assert town.do("/mesh promote api 15", JIN).state is State.SUCCEEDED
        assert town.do("/mesh rollback api", JIN).state is State.SUCCEEDED
        assert (_weights(town), [one["user"] for one in check.asked]) == ([100, 0], [JIN, JIN])
    configuration.write_text(before)
    time.sleep(SETTLED_S)


def test_flagger_hears_yes_once_two_people_pressed(town: Town) -> None:
    """403 while they think, with one card however often it asks; 200 after the second press; 401 for strangers."""
    body = {"name": "podinfo", "namespace": "shop", "phase": "Progressing", "checksum": "85d557f47b", "metadata": {}}
    url = town.world.bot_url.replace("/slack/events", "/hooks/flagger/confirm-promotion")
    slack = town.world.slack

    def ask(token: str = FLAGGER_TOKEN) -> int:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        return post(url, json.dumps(body).encode(), headers)[0]

    assert [ask("wrong"), ask(), ask()] == [401, 403, 403]
    card = slack.wait_for(lambda m: m["channel"] == INCIDENTS and "podinfo" in m["text"] and buttons(m) == VOTES)
    for number, person in enumerate((ANA, LEE), start=1):
        assert ask() == 403
        slack.click(person, message_of(town, INCIDENTS, card["ts"]), "meshbot.approve")
        counted = f"{number} of 2"
        until(lambda c=counted: c in slack.render_text(message_of(town, INCIDENTS, card["ts"])), "no vote was counted")  # type: ignore[misc]  # bound now
    until(lambda: ask() == 200, "Flagger heard no yes")
    about = [m for m in slack.messages(INCIDENTS) if "podinfo" in m["text"]]
    assert len(about) == 1


def _weights(town: Town) -> list[int]:
    return [arm["weight"] for arm in town.object("VirtualService", "api-vs")["spec"]["http"][-1]["route"]]
