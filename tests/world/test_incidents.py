"""An incident on real parts: an alert in, a card in its channel, Roll back pressed, traffic back, resolved."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mesh.domain.commands import Target
from mesh.domain.incidents import Incident
from mesh.domain.operations import State
from playground.parts import HOOK_TOKEN
from settings.time import SystemTime
from store.auditlog import RedisAuditLog
from store.connection import patient
from store.incidents import RedisIncidents
from tests.bot.test_hooks import alert, message
from tests.world.town import JIN, LEE, Town, post, until

pytestmark = pytest.mark.world

INC = "C0INC"
API = Target("demo", "mesh-demo", "api")


def send(town: Town, status: str = "firing", fingerprint: str = "f1") -> int:
    """Post what Alertmanager would."""
    url = town.world.bot_url.replace("/slack/events", "/hooks/alertmanager")
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {HOOK_TOKEN}"}
    return post(url, json.dumps(message(alert(status, fingerprint=fingerprint), status=status)).encode(), headers)[0]


def newest(town: Town) -> Incident:
    """The newest incident of api."""
    kept = RedisIncidents(patient(town.world.redis.url), SystemTime(), enqueue=lambda incident_id, attempt: None)
    found = kept.newest(API)
    assert found is not None
    return found


def cards(town: Town) -> list[dict[str, Any]]:
    """The messages of the incident channel that are cards of incidents."""
    found = [m for m in town.world.slack.transcript() if m["channel"] == INC and not m["thread_ts"]]
    return [m for m in found if "Incident of api" in town.world.slack.render_text(m)]


def drawn(town: Town) -> str:
    """The one card as a person reads it now."""
    [card] = cards(town)
    return town.world.slack.render_text(card)


def weights(town: Town) -> list[int]:
    """The weights of api's route."""
    arms = town.object("VirtualService", "api-vs")["spec"]["http"][0]["route"]
    return [arm["weight"] for arm in arms]


def test_an_alert_is_told_acted_upon_and_closed(istio: Town) -> None:
    """One card all the way; while it is open promotions are refused, and its button takes the traffic back."""
    istio.reset("istio-traffic.yaml")
    istio.await_gates("v2")
    assert [send(istio), send(istio)] == [200, 200]
    until(lambda: bool(cards(istio)), "no card came")
    until(lambda: "The last hour" in drawn(istio), "the card had no chart", timeout_s=110)
    for part in ("HighErrorRate", "critical", "5 % of requests fail", "90 %", "Roll back"):
        assert part in drawn(istio)
    refused = istio.do("/mesh promote api 50")
    assert refused.state is State.REFUSED
    assert newest(istio).id in istio.card(refused)
    assert newest(istio).id in istio.answer("/mesh incidents")

    [card] = cards(istio)
    istio.world.slack.click(LEE, card, "meshbot.incident.rollback")
    istio.world.slack.click(JIN, card, "meshbot.incident.rollback")
    until(lambda: weights(istio) == [100, 0], "the button did not take the traffic back")
    [rollback, *_] = istio.operations.recent(target=API, count=1)
    assert (rollback.command.verb, rollback.actor.user) == ("rollback", JIN)

    assert send(istio, "resolved") == 200
    until(lambda: "Resolved" in drawn(istio), "the end was not told")
    assert "roll back api to v1" in drawn(istio).lower()
    assert "Roll back ]" not in drawn(istio)
    until(lambda: newest(istio).settled, "it was not settled")
    steps = [entry.facts for entry in RedisAuditLog(patient(istio.world.redis.url)).entries()]
    mine = [entry["step"] for entry in steps if entry.get("incident") == newest(istio).id]
    assert mine == ["incident opened", "incident closed"]
    assert any(entry["step"] == "denied" and entry["actor"] == LEE for entry in steps)
    assert istio.do("/mesh promote api 10").state is State.SUCCEEDED


def test_a_worker_killed_while_the_card_was_posted(istio: Town) -> None:
    """Slack takes the post and never answers, the worker dies: the next one finds the card and posts no other."""
    istio.reset("istio-traffic.yaml")
    before = len(cards(istio))
    istio.world.slack.trouble("accept_then_drop", method="chat.postMessage")
    send(istio, fingerprint="f2")
    until(lambda: len(cards(istio)) == before + 1, "no card came")
    istio.kill_worker()
    istio.world.start_meshbot("worker")
    until(lambda: newest(istio).card is not None, "the card was not found", timeout_s=60)
    send(istio, "resolved", fingerprint="f2")
    until(lambda: newest(istio).settled, "the end was not told", timeout_s=60)
    assert len(cards(istio)) == before + 1
