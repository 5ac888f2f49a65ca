"""The main job on real parts: signed Slack requests in, two integers changed, a card and an audit trail out."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from typing import cast

import pytest

from mesh.domain.audit import verify
from mesh.domain.operations import State
from playground.servers import RedisServer
from store import keys
from store.auditlog import RedisAuditLog
from store.connection import patient
from tests.quickest import quickest
from tests.world.town import ANA, LEE, Town, bare, operation_in, post, signed, slash, until, with_weights

pytestmark = pytest.mark.world

HALF = {"v1": 50, "v2": 50, "api-v1": 50, "api-v2": 50}
SEEDS = [
    ("istio", "istio-traffic.yaml", "VirtualService", "api-vs"),
    ("istio", "istio-bundle.yaml", "VirtualService", "api"),
    ("linkerd", "linkerd-split.yaml", "TrafficSplit", "api-split"),
    ("linkerd", "linkerd-bundle.yaml", "TrafficSplit", "api"),
    ("linkerd", "httproute.yaml", "HTTPRoute", "api-route"),
]


@pytest.mark.parametrize(("mesh", "example", "kind", "name"), SEEDS, ids=[seed[1] for seed in SEEDS])
def test_the_seeds_go_half_and_back(
    mesh: str, example: str, kind: str, name: str, request: pytest.FixtureRequest
) -> None:
    """90/10 -> 50/50 -> undo through Slack; at each stop the whole object is as expected, to the last field."""
    town: Town = request.getfixturevalue(mesh)
    town.reset(example)
    town.await_gates("v2")
    before = town.object(kind, name)
    done = town.do("/mesh promote api 50")
    assert done.state is State.SUCCEEDED, done.outcome
    after = town.object(kind, name)
    assert bare(after) == with_weights(bare(before), HALF)
    assert bare(after) != bare(before)
    card = town.card(done)
    assert "90 % -> 50 %" in " ".join(card.split())
    assert "pass" in card
    assert town.do("/mesh undo").state is State.SUCCEEDED
    assert bare(town.object(kind, name)) == bare(before)


def test_buttons_of_the_card_work(istio: Town) -> None:
    """[Undo] on the card puts the weights back, as an operation of the person who clicked."""
    istio.reset("istio-traffic.yaml")
    istio.await_gates("v2")
    done = istio.do("/mesh promote api 30")
    assert done.card
    place = done.card
    message = istio.world.slack.wait_for(lambda m: m["ts"] == place.ts)
    istio.world.slack.click("U0JIN", message, "meshbot.undo")
    istio.world.slack.wait_for(lambda m: "undo" in istio.world.slack.render_text(m).lower() and m["ts"] != place.ts)

    def canary() -> int:
        weight: int = istio.object("VirtualService", "api-vs")["spec"]["http"][0]["route"][1]["weight"]
        return weight

    until(lambda: canary() == 10, "the button did not undo")


def test_errors_in_v2_refuse_with_numbers(istio: Town) -> None:
    """A broken canary does not get more traffic, and the card shows by how much it misses."""
    istio.reset("istio-traffic.yaml")
    istio.await_gates("v2")
    istio.world.break_arm("api", "v2", errors=0.3)
    try:
        istio.await_errors("v2")
        refused = istio.do("/mesh promote api 50")
        assert refused.state is State.REFUSED
        success = next(row for row in refused.gates if row.name == "success")
        assert success.verdict == "fail"
        assert success.value is not None
        assert success.value < 99
        assert "fail" in istio.card(refused).lower()
        forced = istio.do('/mesh promote api 20 --force --reason "we know"')
        assert forced.state is State.SUCCEEDED
        assert "FORCED" in istio.card(forced)
        assert istio.do("/mesh rollback api").state is State.SUCCEEDED
    finally:
        istio.world.break_arm("api", "v2")


def test_a_stopped_prometheus_is_unknown(istio: Town) -> None:
    """Not pass, not fail: the weight stays, and the card says why."""
    istio.reset("istio-traffic.yaml")
    assert istio.world.prometheus
    istio.world.prometheus.pause()
    try:
        held = istio.do("/mesh promote api 50")
    finally:
        istio.world.prometheus.resume()
    assert held.state is State.REFUSED
    # How fast the whole service fails is asked now and then, not each time.
    assert {row.verdict for row in held.gates if row.name not in ("ready", "incident")} == {"unknown"}
    assert "unknown" in istio.card(held)
    assert "Prometheus" in held.outcome


@pytest.mark.parametrize("how", ["pause", "stop"])
def test_without_redis_the_ack_says_that_nothing_was_done(istio: Town, how: str) -> None:
    """Within a second, and when Redis is back there is no operation."""
    istio.reset("istio-traffic.yaml")
    before = istio.object("VirtualService", "api-vs")
    redis = istio.world.redis
    assert isinstance(redis, RedisServer)
    getattr(redis, how)()

    def ask() -> float:
        began = time.monotonic()
        answer = istio.answer("/mesh promote api 50")
        # Who was too late, on a busy machine, is told by another way.
        assert "nothing was" in answer.lower() or not answer
        return time.monotonic() - began if answer else math.inf

    try:
        quickest(ask, within_s=1.5)  # the person's second, and the test's own polling
    finally:
        redis.resume() if how == "pause" else redis.start()
    time.sleep(3)
    assert bare(istio.object("VirtualService", "api-vs")) == bare(before)


def test_the_same_delivery_twice_is_one_operation(istio: Town) -> None:
    """Slack repeats; the answer names the operation there is."""
    istio.reset("istio-traffic.yaml")
    url = istio.world.bot_url
    body = slash("status api", trigger="1.2.same")
    first = post(url, body, signed(body))
    second = post(url, body, signed(body))
    assert first[0] == second[0] == 200
    assert operation_in(first[1]) == operation_in(second[1])


def test_an_unlisted_person_is_refused(istio: Town) -> None:
    """Lee is in no role; Ana may promote but not set. Nothing moves, and the reason is said."""
    istio.reset("istio-traffic.yaml")
    assert "may not promote" in istio.answer("/mesh promote api 50", LEE)
    assert "may not set" in istio.answer("/mesh set api v1=1 v2=1", ANA)
    assert istio.do("/mesh status api", LEE).state is State.SUCCEEDED


def test_a_forged_signature_is_401(istio: Town) -> None:
    """Wrong secret, old timestamp, no headers and a timestamp that is no number are all turned away."""
    url, body = istio.world.bot_url, slash("promote api 50", trigger="forged")
    odd = {**signed(body), "X-Slack-Request-Timestamp": "soon"}
    for headers in (signed(body, secret="wrong"), signed(body, at=time.time() - 301), {}, odd):
        assert post(url, body, {"Content-Type": "application/x-www-form-urlencoded", **headers})[0] == 401


# --- kill -9 ---------------------------------------------------------------------------------------------------------


def test_killed_between_audit_and_patch(istio: Town) -> None:
    """The patch hangs on its way, the worker dies: the next one patches once, and the late patch is turned away."""
    istio.reset("istio-traffic.yaml")
    istio.await_gates("v2")
    before = istio.object("VirtualService", "api-vs")
    istio.cluster_trouble(method="PATCH", path_contains="virtualservices", kind="hang", seconds=600, times=1)
    operation_id = istio.ask("/mesh promote api 50")
    istio.await_trouble(operation_id)
    istio.kill_worker()
    istio.world.start_meshbot("worker")
    done = istio.settled(operation_id)
    assert done.state is State.SUCCEEDED, done.outcome
    after = istio.object("VirtualService", "api-vs")
    assert bare(after) == with_weights(bare(before), HALF)
    assert after["metadata"]["generation"] == before["metadata"]["generation"] + 1
    steps = _audit_steps(istio, operation_id)
    assert steps == ["queued", "checking", "patching", "resumed", "unwritten", "patching", "patched", "verified"]
    # The one that hung reaches the object at last, and is turned away.
    istio.end_trouble()
    until(lambda: 422 in istio.patch_statuses(), "the late patch never came")
    assert istio.object("VirtualService", "api-vs") == after


def test_killed_between_patch_and_report(istio: Town) -> None:
    """The object is patched, the worker dies before it could tell: it is not patched again, and people are told."""
    istio.reset("istio-traffic.yaml")
    istio.await_gates("v2")
    before = istio.object("VirtualService", "api-vs")
    # Readings hang only once the patch came: those before it pass, and so do looks after an earlier test's change.
    silence = {"method": "GET", "path_contains": "virtualservices/api-vs", "kind": "hang", "seconds": 600}
    istio.cluster_trouble(method="PATCH", path_contains="virtualservices", kind="drop_after", then=silence)
    operation_id = istio.ask("/mesh promote api 50")
    istio.await_trouble(operation_id)
    istio.kill_worker()
    istio.world.start_meshbot("worker")
    done = istio.settled(operation_id)
    assert done.state is State.SUCCEEDED, done.outcome
    after = istio.object("VirtualService", "api-vs")
    assert bare(after) == with_weights(bare(before), HALF)
    assert after["metadata"]["generation"] == before["metadata"]["generation"] + 1
    assert _audit_steps(istio, operation_id) == ["queued", "checking", "patching", "resumed", "patched", "verified"]
    assert "50 %" in istio.card(done)
    istio.end_trouble()


# --- audit -----------------------------------------------------------------------------------------------------------


def test_the_audit_log_verifies_and_notices_a_change(istio: Town) -> None:
    """`meshbot audit verify` passes on what all this wrote; a byte changed or an entry removed makes it fail."""
    istio.do("/mesh status api")
    redis = patient(istio.world.redis.url)
    # Workers go on writing to the log itself, so a copy in another database is damaged.
    with redis.pipeline() as copying:
        for key in (keys.AUDIT, keys.AUDIT_HEAD):
            copying.copy(key, key, destination_db="1", replace=True)
        assert all(copying.execute())
    url = f"{istio.world.redis.url.removesuffix('/0')}/1"
    redis = patient(url)
    log = RedisAuditLog(redis)
    assert verify(log.entries(), log.head()) is None
    assert _audit_verify(istio, url) == 0
    # Not simply the first one: what configuration is in force may be written down before anything is asked for.
    entries = cast("list[bytes]", redis.lrange(keys.AUDIT, 0, -1))
    place, kept = next((place, entry) for place, entry in enumerate(entries) if b"queued" in entry)
    redis.lset(keys.AUDIT, place, kept.replace(b"queued", b"Queued", 1).decode())
    assert _audit_verify(istio, url) == 1
    redis.lset(keys.AUDIT, place, kept.decode())
    last = cast("bytes", redis.rpop(keys.AUDIT))
    assert _audit_verify(istio, url) == 1
    redis.rpush(keys.AUDIT, last)
    assert _audit_verify(istio, url) == 0


def _audit_verify(town: Town, redis_url: str) -> int:
    argv = [sys.executable, "-m", "meshbot", "audit", "verify"]
    environment = {**os.environ, **town.world.environment, "REDIS_URL": redis_url}
    return subprocess.run(argv, env=environment, capture_output=True, check=False).returncode


def _audit_steps(town: Town, operation_id: str) -> list[str]:
    entries = [entry.facts for entry in RedisAuditLog(patient(town.world.redis.url)).entries()]
    return [entry["step"] for entry in entries if entry["operation"] == operation_id]
