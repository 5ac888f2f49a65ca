"""Flagger's questions over HTTP: who is answered, and with what."""

from __future__ import annotations

import base64
import json
import math
import time
from dataclasses import replace
from typing import Any

import pytest

from bot.hooks import MAX_BODY
from mesh.domain.approvals import Rule
from mesh.domain.catalog import Catalog, Service
from mesh.domain.freezes import Freeze
from mesh.domain.incidents import Said
from mesh.domain.operations import Operation, State
from mesh.domain.policy import Policy
from mesh.domain.scopes import Scope
from mesh.operations.gatekeeping import HOOKS, NEW_PER_MINUTE
from mesh.operations.incidents import Labelled, hear
from mesh.operations.incidents import Mail as Alerts
from mesh.ports import Round
from tests.bot.bench import SRE, Bench
from tests.bot.senders import FLAGGER_TOKEN as TOKEN
from tests.bot.senders import TOKEN as ALERTS_TOKEN
from tests.bot.senders import Back, Mail, call

RULE = Rule("flagger", verbs=("flagger",), groups=("S0SRE",), channel="C0APPROVE")
BODY = {"name": "podinfo", "namespace": "shop", "phase": "Progressing", "checksum": "85d557f47b", "metadata": {}}


def bench() -> Bench:
    """A bot whose policy wants one SRE's yes for Flagger."""
    return Bench(catalog=Catalog(services=(Service("podinfo"),), policy=Policy((SRE,)), approvals=(RULE,)))


def post(bot: Bench, body: Any = None, *, hook: str = "confirm-promotion", token: str = f"Bearer {TOKEN}") -> Back:
    """Ask as Flagger does."""
    raw = body if isinstance(body, bytes) else json.dumps(BODY if body is None else body).encode()
    headers = {"content-type": "application/json", "authorization": token}
    return call(bot.application, Mail(raw, headers), path=f"/hooks/flagger/{hook}")


def opened(operation: Operation) -> Operation:
    """Return the question as it is once people agreed."""
    return replace(operation, state=State.SUCCEEDED)


def test_flagger_hears_no_until_people_agreed() -> None:
    """403 and one operation; 200 once that was approved; another revision is asked about anew."""
    bot = bench()
    assert [post(bot).status for _ in range(3)] == [403, 403, 403]
    (asked,) = bot.started
    assert (asked.command.hook, asked.command.checksum, str(asked.target)) == (
        "confirm-promotion",
        "85d557f47b",
        "default/shop/podinfo",
    )
    bot.operations._stored[asked.id] = opened(asked)
    assert post(bot).status == 200
    assert post(bot, {**BODY, "checksum": "other"}).status == 403


@pytest.mark.parametrize(
    ("interval", "hears"), [("1h", 200), ("0h60m0s", 200), ("3600s", 200), ("30s", 403), (None, 403)]
)
def test_a_canary_says_how_often_flagger_asks(interval: str | None, hears: int) -> None:
    """What people agreed to between two questions that are an hour apart is heard."""
    bot = bench()
    body = {**BODY, "metadata": {} if interval is None else {"interval": interval}}
    post(bot, body)
    (asked,) = bot.started
    bot.operations._stored[asked.id] = replace(opened(asked), story=(replace(asked.story[-1], at=time.time() - 3300),))
    noted, rounds = (str(asked.target), asked.command.checksum, asked.command.hook), bot.desk.rounds
    assert rounds
    rounds.note(*noted, Round(asked.id, time.time() - 3600))
    assert post(bot, body).status == hears


@pytest.mark.parametrize("interval", ["", "often", "1d", "-1h", "13h", "1h ", 3600, {"h": 1}, "9999999h", "1m1h"])
def test_an_interval_that_cannot_be_is_said_so(interval: Any) -> None:
    """It is not taken for another one, and nobody is asked."""
    bot = bench()
    back = post(bot, {**BODY, "metadata": {"interval": interval}})
    assert (back.status, "metadata.interval" in back.json["error"], bot.started) == (422, True, [])


def test_no_interval_keeps_anybody_from_going_back() -> None:
    """A mistake in the Canary is no reason to ask nobody whether to go back."""
    bot = bench()
    body = {**BODY, "metadata": {"interval": "often"}}
    assert post(bot, body, hook="rollback").status == 403
    (asked,) = bot.started
    bot.operations._stored[asked.id] = opened(asked)
    assert post(bot, body, hook="rollback").status == 200


def answers(bot: Bench) -> list[int]:
    """What Flagger hears at each of its hooks, all of which people agreed to."""
    for hook in HOOKS:
        post(bot, hook=hook)
    for asked in bot.started:
        bot.operations._stored[asked.id] = opened(asked)
    return [post(bot, hook=hook).status for hook in HOOKS]


def test_a_roll_back_is_not_used_up_by_an_answer() -> None:
    """When Flagger first heard yes is on record, and an interval later it hears it again: the answer may be lost."""
    bot = bench()
    post(bot, hook="rollback")
    (asked,) = bot.started
    bot.operations._stored[asked.id] = opened(asked)
    rounds = bot.desk.rounds
    assert rounds is not None
    about = (str(asked.target), "85d557f47b", "rollback")
    assert post(bot, hook="rollback").status == 200
    heard = rounds.last(*about)
    assert heard is not None
    assert heard.heard_at > 0
    rounds.note(*about, replace(heard, heard_at=heard.heard_at - 600))
    assert post(bot, hook="rollback").status == 200


def answers_on_record(bot: Bench) -> list[str]:
    """What Flagger was told, by the audit log."""
    return [entry.facts["text"] for entry in bot.operations.log.entries() if entry.facts["step"] == "gate answered"]


def test_what_flagger_is_told_at_last_is_on_record() -> None:
    """The first yes, and each change of it, once; not each time that it asks."""
    bot = bench()
    post(bot)
    (asked,) = bot.started
    bot.operations._stored[asked.id] = opened(asked)
    freeze = Freeze("op-aaaaaaaaaa", Scope(services=("podinfo",)), since=0.0, until=math.inf, reason="no", by="U0JIN")
    assert [post(bot).status for _ in range(3)] == [200] * 3
    bot.desk.freezes.put(freeze)
    assert [post(bot).status for _ in range(3)] == [403] * 3
    bot.desk.freezes.lift(freeze.id)
    assert post(bot).status == 200
    yes, no, again = answers_on_record(bot)
    assert (yes, again) == ("Flagger hears yes", "Flagger hears yes")
    assert "Flagger hears no: podinfo is frozen until it is lifted" in no


@pytest.mark.parametrize(
    ("how", "said"),
    [({"token": "Bearer wrong"}, "is missing or wrong"), ({"body": {**BODY, "name": "nosuch"}}, "No service of the")],
)
def test_who_is_turned_away_at_flaggers_gate_is_on_record(how: dict[str, Any], said: str) -> None:
    """With the reason, and once a minute however often it is tried."""
    bot = bench()
    for _ in range(5):
        assert post(bot, **how).status in (401, 403)
    denied = [entry.facts["text"] for entry in bot.operations.log.entries() if entry.facts["step"] == "denied"]
    assert len(denied) == 1
    assert said in denied[0]


def test_nothing_rises_by_flagger_under_a_freeze() -> None:
    """An approval stays, and is of no use until the freeze is over; going back is never frozen."""
    bot = bench()
    freeze = Freeze("op-aaaaaaaaaa", Scope(services=("podinfo",)), since=0.0, until=math.inf, reason="no", by="U0JIN")
    bot.desk.freezes.put(freeze)
    assert answers(bot) == [403, 403, 403, 200]
    assert "podinfo is frozen until it is lifted" in post(bot).text
    bot.desk.freezes.lift(freeze.id)
    assert [post(bot, hook=hook).status for hook in HOOKS[1:]] == [200, 200, 200]


def test_threat_22_a_flood_of_questions_is_bounded_and_told_when_to_ask_again() -> None:
    """Invented names ask nobody, invented revisions a few times and then 429; what was asked is answered as ever."""
    bot = bench()
    assert {post(bot, {**BODY, "name": f"invented-{one}"}).status for one in range(100)} == {403}
    assert bot.started == []
    back = [post(bot, {**BODY, "checksum": f"c{one}"}) for one in range(100)]
    assert [one.status for one in back] == [403] * NEW_PER_MINUTE + [429] * (100 - NEW_PER_MINUTE)
    assert len(bot.started) == NEW_PER_MINUTE
    assert "Ask again in" in back[-1].text
    assert 1 <= int(back[-1].headers["retry-after"]) <= 60
    assert {post(bot, {**BODY, "checksum": "c0"}).status for _ in range(100)} == {403}
    assert post(bot, {**BODY, "checksum": "new"}, hook="rollback").status == 403


@pytest.mark.parametrize(("policy", "status"), [("refuse", 403), ("warn", 200)])
def test_nothing_rises_by_flagger_in_an_incident(policy: Any, status: int) -> None:
    """While an alert of the service fires, where the configuration wants that; going back is never held up."""
    service = Service("podinfo", namespace="shop", incidents=policy)
    bot = Bench(catalog=Catalog(services=(service,), policy=Policy((SRE,)), approvals=(RULE,)))
    now = bot.desk.time.now()
    said = Said("f1", firing=True, name="HighErrorRate", severity="critical", summary="", since=now)
    hear(bot.desk, Alerts((Labelled({"service": "podinfo", "namespace": "shop"}, said),)))
    assert answers(bot) == [status, status, status, 200]


def test_threat_14_the_token_of_one_system_opens_no_door_of_another() -> None:
    """Whoever may read a Canary can ask, and neither open nor end an incident; Alertmanager's token asks nothing."""
    bot = bench()
    assert post(bot, token=f"Bearer {ALERTS_TOKEN}").status == 401
    headers = {"content-type": "application/json", "authorization": f"Bearer {TOKEN}"}
    assert call(bot.application, Mail(b"{}", headers), path="/hooks/alertmanager").status == 401


def test_without_a_token_of_its_own_flagger_has_no_hooks() -> None:
    """Fail closed: that Alertmanager has one opens nothing."""
    bot = bench()
    closed = Bench(catalog=bot.catalog, flagger_tokens=())
    assert {post(closed, hook=hook, token=f"Bearer {ALERTS_TOKEN}").status for hook in HOOKS} == {404}


def test_a_gate_without_a_token_is_not_closed_in_silence(caplog: pytest.LogCaptureFixture) -> None:
    """Counted, logged and once a minute on record: after an upgrade somebody forgot the token, and Flagger stands."""
    bot = Bench(flagger_tokens=())
    assert [post(bot).status for _ in range(3)] == [404] * 3
    assert post(bot, hook="nosuch").status == 404
    assert bot.hooks.counts() == {"flagger/confirm-promotion 404": 3}
    assert "hook flagger/confirm-promotion answered 404: no token of it is set" in caplog.text
    denied = [entry.facts["text"] for entry in bot.operations.log.entries() if entry.facts["step"] == "denied"]
    assert denied == ["no token opens /hooks/flagger/confirm-promotion"]


@pytest.mark.parametrize(
    "token", ["", "Bearer", "Bearer wrong", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer é", "Basic é"]
)
def test_only_the_token_is_answered(token: str) -> None:
    """Without it nothing is read, asked or told."""
    bot = bench()
    assert post(bot, token=token).status == 401
    assert bot.started == []


@pytest.mark.parametrize(
    ("pair", "status"),
    [(f"flagger:{TOKEN}", 403), (f":{TOKEN}", 403), (TOKEN, 401), (f"{TOKEN}:", 401), ("flagger:wrong", 401)],
)
def test_the_token_may_stand_in_the_address(pair: str, status: int) -> None:
    """Flagger cannot send headers of its own; a password in the address comes as Basic."""
    basic = base64.b64encode(pair.encode()).decode()
    assert post(bench(), token=f"Basic {basic}").status == status


@pytest.mark.parametrize("sent", ["Bearer ", "", "Basic Og=="])
def test_without_a_token_of_ours_nobody_is_answered(sent: str) -> None:
    """An empty secret is no secret."""
    bot = Bench(catalog=Catalog(policy=Policy((SRE,)), approvals=(RULE,)), flagger_tokens=())
    assert (post(bot, token=sent).status, bot.started) == (404, [])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b"x" * (MAX_BODY + 1),
        b"[" * 60_000,
        {**BODY, "name": "a b"},
        {**BODY, "name": None},
        {**BODY, "namespace": "<!channel>"},
        {**BODY, "checksum": ""},
        {**BODY, "checksum": "a\nb"},
        {key: value for key, value in BODY.items() if key != "checksum"},
        {**BODY, "metadata": {"cluster": ["x"]}},
        {**BODY, "metadata": "x"},
    ],
    ids=lambda body: repr(body)[:30],
)
def test_what_is_no_question_is_refused(body: Any) -> None:
    """A status that stands for no, and nothing is started."""
    bot = bench()
    assert (post(bot, body).status in (400, 413, 422), bot.started) == (True, [])


def test_other_hooks_methods_and_clusters() -> None:
    """404, 405 and 403: whatever is not known is not yes."""
    bot = bench()
    assert post(bot, hook="event").status == 404
    headers = {"authorization": f"Bearer {TOKEN}"}
    assert call(bot.application, Mail(b"", headers), path="/hooks/flagger/rollback", method="GET").status == 405
    assert post(bot, {**BODY, "metadata": {"cluster": "nowhere"}}).status == 403
    assert bot.started == []


def test_where_nobody_could_be_asked_flagger_hears_why() -> None:
    """A rule is missing: 403 with what to do, for Flagger's own log."""
    bot = Bench(catalog=Catalog(services=(Service("podinfo"),), policy=Policy((SRE,))))
    back = post(bot)
    assert (back.status, "verbs: [flagger]" in back.text) == (403, True)
