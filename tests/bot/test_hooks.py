"""The doors for other systems: who may post, what is read, and what becomes of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from bot.hooks import MAX_BODY
from mesh.domain.catalog import Catalog, Channels, Cluster, Service
from mesh.domain.commands import Target, Verb
from mesh.domain.errors import Unavailable
from mesh.domain.incidents import Incident
from mesh.domain.policy import Policy
from mesh.ports import Open
from tests.bot.bench import SRE, Bench
from tests.bot.senders import TOKEN, Back, Mail, button, call, slash

PATH = "/hooks/alertmanager"
CATALOG = Catalog(
    (Cluster("demo", namespace="mesh-demo"),),
    (Service("api"), Service("web", incident_channel="C0WEB")),
    channels=Channels(incidents="C0INC"),
    policy=Policy((SRE,)),
)


def bench(**changes: Any) -> Bench:
    """A bot that knows two services."""
    return Bench(catalog=CATALOG, **changes)


def alert(status: str = "firing", **changes: Any) -> dict[str, Any]:
    """One alert as Alertmanager sends it."""
    labels = {"alertname": "HighErrorRate", "service": "api", "namespace": "mesh-demo", "severity": "critical"}
    ends = "0001-01-01T00:00:00Z" if status == "firing" else "2024-11-30T00:09:30.5Z"
    return {
        "status": status,
        "labels": {**labels, **changes.pop("labels", {})},
        "annotations": {"summary": "5 % of requests fail"},
        "startsAt": "2024-11-30T00:01:02.123456789Z",
        "endsAt": ends,
        "generatorURL": "http://prometheus/graph?g0.expr=x",
        "fingerprint": "8a1b2c3d4e5f6071",
        **changes,
    }


def message(*alerts: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """One whole message."""
    return {
        "version": "4",
        "groupKey": '{}:{service="api"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "meshbot",
        "groupLabels": {"service": "api"},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager:9093",
        "alerts": list(alerts or (alert(),)),
        **changes,
    }


def mail(body: Any, *, token: str | None = TOKEN, content_type: str = "application/json") -> Mail:
    """A post with a token."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"content-type": content_type, **({"authorization": f"Bearer {token}"} if token is not None else {})}
    return Mail(raw, headers)


def send(to: Bench, body: Any, **how: Any) -> Back:
    """Post to the hook."""
    return to.send(mail(body, **how), path=PATH)


def newest(of: Bench, service: str = "api") -> Incident:
    """The newest incident of a service."""
    found = of.incidents.newest(Target("demo", "mesh-demo", service))
    assert found is not None
    return found


# --- what comes in ---------------------------------------------------------------------------------------------------


def test_an_alert_becomes_an_incident_in_its_channel() -> None:
    """What was said is kept, nothing else; the answer names the incident."""
    bot = bench()
    back = send(bot, message())
    incident = newest(bot)
    assert (back.status, back.json) == (200, {"incidents": [incident.id], "ignored": 0})
    [found] = incident.alerts
    assert (found.name, found.severity, found.summary) == ("HighErrorRate", "critical", "5 % of requests fail")
    assert found.since == pytest.approx(1732924862.123456, abs=1e-5)
    assert (incident.channel, incident.target.service) == ("C0INC", "api")
    send(bot, message(alert(labels={"service": "web"}, fingerprint="ff")))
    assert newest(bot, "web").channel == "C0WEB"


def test_resolved_closes_it() -> None:
    """With the end that Alertmanager says."""
    bot = bench()
    send(bot, message())
    send(bot, message(alert("resolved"), status="resolved"))
    assert not newest(bot).open
    assert newest(bot).alerts[0].ended_at == 1732925370.5


def test_a_repeat_and_a_pair_in_parallel_make_one() -> None:
    """Sixteen posts of the same message at once: one incident, one entry."""
    bot = bench()
    start = threading.Barrier(16)
    backs: list[Back] = []

    def post() -> None:
        start.wait()
        backs.append(send(bot, message()))

    threads = [threading.Thread(target=post) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {back.status for back in backs} == {200}
    assert {back.json["incidents"][0] for back in backs} == {newest(bot).id}
    assert [entry.facts["step"] for entry in bot.incidents.log.entries()] == ["incident opened"]


def test_an_unknown_service_is_ignored_with_a_word() -> None:
    """A 200, or Alertmanager would log a failure for each alert that is none of ours."""
    bot = bench()
    back = send(bot, message(alert(labels={"service": "nosuch"})))
    assert back.status == 200
    assert back.json["ignored"] == 1
    assert "ignored" in back.json["why"]
    assert bot.incidents.open() == Open()
    assert bot.hooks.counts() == {"alertmanager 200": 1}


def test_what_newer_versions_add_is_left_unread() -> None:
    """A key that we do not know is no reason to lose an alert."""
    assert send(bench(), message(alert(notes=[1]), receiverInfo={"x": 1})).status == 200


# --- who may not -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN[:-1], TOKEN + "x", "\u00e9", "hook"])
def test_a_wrong_token_is_turned_away(token: str | None) -> None:
    """Before anything is read; the answer says how to authenticate and nothing else."""
    bot = bench()
    assert send(bot, message(), token=token).status == 401
    assert bot.incidents.open() == Open()


@pytest.mark.parametrize("header", [TOKEN, f"Basic {TOKEN}", f"Bearer{TOKEN}"])
def test_only_a_bearer_token_counts(header: str) -> None:
    """The scheme is part of it."""
    assert bench().send(mail(message()).with_headers(authorization=header), path=PATH).status == 401


def test_two_tokens_are_accepted_while_rotating() -> None:
    """The old one and the new one."""
    bot = bench(tokens=("old-token-of-hooks", TOKEN))
    assert [send(bot, message(), token=token).status for token in ("old-token-of-hooks", TOKEN)] == [200, 200]


def test_without_a_token_there_are_no_hooks() -> None:
    """Fail closed: an empty setting accepts nobody, an empty bearer least of all."""
    bot = bench(tokens=())
    assert [send(bot, message(), token=token).status for token in ("", TOKEN, None)] == [404] * 3


@pytest.mark.parametrize("path", ["/hooks/", "/hooks/nosuch", "/hooks/alertmanager/", "/hooks", "/hooks/flagger/x"])
def test_other_names_are_not_there(path: str) -> None:
    """One table says what there is."""
    assert bench().send(mail(message()), path=path).status == 404


# --- what is not read ------------------------------------------------------------------------------------------------


def without(key: str) -> dict[str, Any]:
    """A message that lacks a key."""
    return {name: value for name, value in message().items() if name != key}


BAD = [
    (b"not json", 400),
    (b"\xff\xfe", 400),
    (b'{"version": NaN}', 400),
    (b"[" * 100_000, 400),
    (b"", 400),
    (b'{"version": ' + b"1" * 5_000 + b"}", 400),
    (json.dumps(message(alert(labels={"alertname": "\ud800"}))).encode(), 422),
    ([], 422),
    ("text", 422),
    (message(version="3"), 422),
    (message(version=4), 422),
    (message(status="burning"), 422),
    (message(alerts={}), 422),
    (message({**alert(), "fingerprint": "no spaces allowed"}), 422),
    (message({**alert(), "startsAt": "yesterday"}), 422),
    (message({**alert(), "startsAt": "2024-11-30T00:01:02"}), 422),
    (message({**alert(), "labels": {"service": 7}}), 422),
    (message(truncatedAlerts="1"), 422),
    (message(groupKey="x" * 20_000), 422),
    *((without(key), 422) for key in ("version", "groupKey", "receiver", "alerts", "commonLabels", "externalURL")),
]


@pytest.mark.parametrize(("body", "status"), BAD, ids=range(len(BAD)))
def test_a_bad_message_gets_a_clear_4xx(body: Any, status: int) -> None:
    """Sending it again would help nobody; nothing is kept of it, and the answer names what is wrong, not the value."""
    bot = bench()
    back = send(bot, body)
    assert back.status == status, back.text
    assert back.json["error"]
    assert "no spaces" not in back.text
    assert bot.incidents.open() == Open()


def test_what_is_wrong_is_named() -> None:
    """With the place in the message."""
    back = send(bench(), message(version="3"))
    assert "version 4: version:" in back.json["error"]


def test_other_methods_types_and_sizes_are_turned_away() -> None:
    """Each with its own status, before the body is parsed."""
    bot, good = bench(), mail(message())
    assert call(bot.application, good, path=PATH, method="GET").status == 405
    assert send(bot, message(), content_type="text/plain").status == 415
    assert send(bot, b"x" * (MAX_BODY + 1)).status == 413
    assert bot.send(Mail(b"{}", {**good.headers, "content-length": "9" * 30}), path=PATH).status == 413
    assert bot.send(Mail(b"{}", {**good.headers, "content-length": "9"}), path=PATH).status == 400
    assert bot.send(Mail(b"{}", {**good.headers, "content-length": "-1"}), path=PATH).status == 411
    assert send(bot, message(), content_type="application/json; charset=utf-8").status == 200


def test_a_store_that_is_away_gets_a_503() -> None:
    """The one thing that Alertmanager should try again."""
    bot = bench()
    bot.incidents.broken = Unavailable("Redis did not answer.")
    assert send(bot, message()).status == 503
    bot.incidents.broken = None
    assert send(bot, message()).status == 200
    assert len(bot.incidents.open().known) == 1


def test_an_incident_of_a_newer_meshbot_silences_no_other_service() -> None:
    """Alerts of others in the same message are heard, and the message is sent again for a bot that can read it."""
    bot = bench()
    both = message(alert(), alert(fingerprint="2", labels={"service": "web"}))
    bot.incidents.unread = {Target("demo", "mesh-demo", "api"): "A newer meshbot wrote it."}
    assert send(bot, both).status == 503
    assert [one.target.service for one in bot.incidents.open().known] == ["web"]
    bot.incidents.unread = {}
    assert send(bot, both).status == 200
    assert {one.target.service for one in bot.incidents.open().known} == {"api", "web"}


def test_a_bug_is_a_500_without_details(caplog: pytest.LogCaptureFixture) -> None:
    """Whether trying again helps is not known, and it does no harm."""
    bot = bench()
    bot.incidents.broken = ValueError("secret internals")
    back = send(bot, message())
    assert back.status == 500
    assert "secret" not in back.text
    assert "a bug in a hook" in caplog.text


def test_a_strangers_words_stay_on_one_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """An alert's name cannot forge a line."""
    caplog.set_level("INFO")
    send(bench(), message(alert(labels={"service": "nosuch", "alertname": 'x\n{"level":"error"}'})))
    [record] = [record for record in caplog.records if "ignored" in record.getMessage()]
    assert "\n" not in record.getMessage()


# --- buttons and words -----------------------------------------------------------------------------------------------


def opened(bot: Bench) -> Incident:
    """An incident whose card has been drawn."""
    send(bot, message())
    return bot.incidents.commit(replace(newest(bot), stable="v1"))


def test_roll_back_on_the_card_is_a_rollback_of_the_presser() -> None:
    """The id leads to the service; the arm that the card named is promised; rights are the presser's."""
    bot = bench()
    incident = opened(bot)
    bot.send(button("meshbot.incident.rollback", incident.id, user={"id": "U0ANA", "team_id": "T0MESH"}))
    [started] = bot.started
    assert (started.command.verb, started.command.promised, started.actor.user) == (Verb.ROLLBACK, "v1", "U0ANA")
    assert str(started.target) == "demo/mesh-demo/api"


def test_status_on_the_card_reads() -> None:
    """Anybody may look."""
    bot = bench()
    incident = opened(bot)
    bot.send(button("meshbot.incident.status", incident.id, user={"id": "U0LEE", "team_id": "T0MESH"}))
    assert [one.command.verb for one in bot.started] == [Verb.STATUS]


def test_who_may_not_roll_back_cannot_press_it() -> None:
    """The one command path asks for rights, and the denial is on record."""
    bot = bench()
    incident = opened(bot)
    bot.send(button("meshbot.incident.rollback", incident.id, user={"id": "U0LEE", "team_id": "T0MESH"}))
    assert bot.started == []
    assert "may not rollback" in bot.told[0]


@pytest.mark.parametrize("claim", ["", "in-unknown234", "op-k3v9x2m4ta", "x" * 2000, "in-../../x"])
@pytest.mark.parametrize("action", ["rollback", "status", "freeze"])
def test_a_tampered_button_starts_nothing(action: str, claim: str) -> None:
    """A value that names no incident is refused in words."""
    bot = bench()
    assert bot.send(button(f"meshbot.incident.{action}", claim)).status == 200
    assert bot.started == []
    assert len(bot.told) == 1


def test_incidents_lists_what_is_open() -> None:
    """In the acknowledgement, all or those of one service; a stranger's words are set apart."""
    bot = bench()
    assert "No incident is open" in bot.send(slash("incidents")).json["text"]
    send(bot, message(alert(labels={"alertname": "<!channel> `x`"})))
    send(bot, message(alert(labels={"service": "web"}, fingerprint="ff")))
    both = json.dumps(bot.send(slash("incidents")).json["blocks"])
    assert newest(bot).id in both
    assert newest(bot, "web").id in both
    assert "<!channel>" not in both
    one = json.dumps(bot.send(slash("incidents web")).json["blocks"])
    assert newest(bot).id not in one
    assert bot.started == []
