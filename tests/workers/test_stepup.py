"""The step-up check over real HTTP: what is asked, what counts as yes, and that everything else is no."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from mesh.domain.commands import Target
from mesh.domain.errors import Unavailable
from mesh.domain.stepups import Question, StepUp
from playground.servers import RedisServer
from playground.serving import free_port
from store.connection import patient, quick
from store.proofs import RedisProofs
from tests.answering import send
from tests.stepups import LINK, TOKEN, checkpoint
from workers.stepup import MOST_BYTES, HttpProver

QUESTION = Question("U0JIN", "W0JIN", "op-k3v9x2m4ta", "promote", Target("prod", "shop", "api"), "hash")
pytestmark = pytest.mark.redis


@pytest.fixture
def proofs(redis_url: str) -> RedisProofs:
    """What was said yes to: nothing yet, in the shared Redis."""
    return RedisProofs(patient(redis_url))


def says(body: object, *, status: int = 200) -> Callable[[BaseHTTPRequestHandler], None]:
    """An answer with this body, as JSON unless it is bytes."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda request: send(request, raw, status=status)


def test_what_is_asked_and_what_a_yes_is(proofs: RedisProofs, tmp_path: Path) -> None:
    """The question names person, operation, verb, target and plan, and is signed with the token of that moment."""
    with checkpoint(tmp_path, valid_for_s=0.0) as check:
        check.proven = {"U0JIN"}
        prover = HttpProver(proofs)
        proof = prover.ask(check.rule, QUESTION)
        assert (proof.allow, proof.reason, proof.trouble) == (True, "proven", "")
        assert check.asked == [
            {
                "user": "U0JIN",
                "person": "W0JIN",
                "operation": "op-k3v9x2m4ta",
                "verb": "promote",
                "target": {"cluster": "prod", "namespace": "shop", "service": "api"},
                "plan": "hash",
            }
        ]
        Path(check.rule.token_file).write_text("another-token-of-more-letters")
        prover.ask(check.rule, QUESTION)
        assert check.tokens == [f"Bearer {TOKEN}", "Bearer another-token-of-more-letters"]


def test_a_no_has_its_reason_and_its_address(proofs: RedisProofs, tmp_path: Path) -> None:
    """Both are for the person alone; an address that is none of https is left out."""
    with checkpoint(tmp_path) as check:
        proof = HttpProver(proofs).ask(check.rule, QUESTION)
        assert (proof.allow, proof.reason, proof.url, proof.trouble) == (False, "no proof of *today*", LINK, "")
        for url in ("javascript:alert(1)", "http://x.example", "https://a|b>", "https://u:p@x.example", "https://", ""):
            check.reply = says({"allow": False, "url": url})
            assert HttpProver(proofs).ask(check.rule, QUESTION).url == ""


@pytest.mark.parametrize("settings", [{"valid_for_s": 3600.0}, {"valid_for_s": 0.0}])
def test_a_yes_counts_for_its_time_and_for_nothing_else(
    proofs: RedisProofs, tmp_path: Path, settings: dict[str, float]
) -> None:
    """The same person, operation and plan are not asked about again; another plan is, and a no always."""
    with checkpoint(tmp_path, **settings) as check:
        check.proven = {"U0JIN"}
        prover = HttpProver(proofs)
        assert all(prover.ask(check.rule, QUESTION).allow for _ in range(3))
        assert len(check.asked) == (1 if settings["valid_for_s"] else 3)
        before = len(check.asked)
        for other in (
            replace(QUESTION, plan="other"),
            replace(QUESTION, operation="op-other"),
            replace(QUESTION, user="U0ANA"),
            replace(QUESTION, user="U0ANA"),
        ):
            prover.ask(check.rule, other)
        assert len(check.asked) == before + 4


def test_a_yes_counts_for_every_worker(redis_url: str, tmp_path: Path) -> None:
    """Two processes share it: the second one does not ask again, also where the answer would be no by now."""
    one, other = (HttpProver(RedisProofs(patient(redis_url))) for _ in range(2))
    with checkpoint(tmp_path) as check:
        check.proven = {"U0JIN"}
        assert one.ask(check.rule, QUESTION).allow
        check.proven = set()
        assert other.ask(check.rule, QUESTION).allow
        assert len(check.asked) == 1
        assert not other.ask(replace(check.rule, url=f"{check.rule.url}?other"), QUESTION).allow


def test_a_yes_is_over_after_its_time(redis_url: str, tmp_path: Path) -> None:
    """Redis itself forgets it, after `valid_for` at the latest."""
    client = patient(redis_url)
    with checkpoint(tmp_path, valid_for_s=600.0) as check:
        check.proven = {"U0JIN"}
        HttpProver(RedisProofs(client)).ask(check.rule, QUESTION)
        [key] = client.keys("meshbot:proof:*")
        assert 0 < client.pttl(key) <= 600_000
        client.pexpire(key, 0)
        HttpProver(RedisProofs(client)).ask(check.rule, QUESTION)
        assert len(check.asked) == 2


def test_without_redis_nobody_is_proven(own_redis: RedisServer, tmp_path: Path) -> None:
    """Neither yes nor no: whoever asked is told that it is not known, so that it is tried again and nothing moves."""
    prover = HttpProver(RedisProofs(quick(own_redis.url)))
    with checkpoint(tmp_path) as check:
        check.proven = {"U0JIN"}
        own_redis.kill()
        with pytest.raises(Unavailable):
            prover.ask(check.rule, QUESTION)
        assert check.asked == []
        own_redis.restart()

        def away(request: BaseHTTPRequestHandler) -> None:
            own_redis.kill()
            says({"allow": True})(request)

        check.reply = away
        with pytest.raises(Unavailable):
            prover.ask(check.rule, QUESTION)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (says({"allow": True}, status=500), "HTTP 500"),
        (says({"allow": True}, status=201), "HTTP 201"),
        (says(b"<html>log in</html>"), "no JSON"),
        (says(b"[" * 10_000), "no JSON"),
        (says([True]), "does not say"),
        (says({}), "does not say"),
        (says({"allow": "true"}), "does not say"),
        (says({"allow": 1}), "does not say"),
        (says({"allow": True, "url": 5}), "no text"),
        (says({"allow": True, "reason": "x" * MOST_BYTES}), "too long"),
        (lambda request: request.connection.close(), "cannot be reached"),
    ],
)
def test_whatever_is_no_clear_yes_is_no(
    proofs: RedisProofs, tmp_path: Path, reply: Callable[[BaseHTTPRequestHandler], None], said: str
) -> None:
    """Another status, another shape, and no answer at all: not allowed, with what is wrong."""
    with checkpoint(tmp_path) as check:
        check.reply = reply
        proof = HttpProver(proofs).ask(check.rule, QUESTION)
        assert proof.allow is False
        assert said in proof.trouble


def test_a_redirect_is_not_followed(proofs: RedisProofs, tmp_path: Path) -> None:
    """The token goes nowhere else, and a login page is no answer."""
    with checkpoint(tmp_path) as check:

        def away(request: BaseHTTPRequestHandler) -> None:
            request.send_response(307)
            request.send_header("Location", check.rule.url.replace("/check", "/elsewhere"))
            request.send_header("Content-Length", "0")
            request.end_headers()

        check.reply = away
        assert "HTTP 307" in HttpProver(proofs).ask(check.rule, QUESTION).trouble
        assert len(check.asked) == 1


@pytest.mark.parametrize("drips", [False, True])
def test_a_slow_answer_is_no(proofs: RedisProofs, tmp_path: Path, drips: bool) -> None:
    """Silent or byte by byte: nobody waits much longer than the timeout."""
    over = threading.Event()
    with checkpoint(tmp_path, timeout_s=0.3) as check:

        def slowly(request: BaseHTTPRequestHandler) -> None:
            if drips:
                request.send_response(200)
                request.send_header("Content-Length", "200")
                request.end_headers()
            while not over.wait(0.05):
                if drips:
                    request.wfile.write(b" ")

        check.reply = slowly
        begun = time.monotonic()
        proof = HttpProver(proofs).ask(check.rule, QUESTION)
        # The drops last for ten seconds, the silence for ever.
        assert time.monotonic() - begun < 8
        over.set()
        assert (proof.allow, proof.trouble) == (False, "it did not answer in 0.3 s")


def test_nobody_there_and_no_token_are_no(
    proofs: RedisProofs, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And neither the token nor the address with its secrets is in the log."""
    token = tmp_path / "token"
    token.write_text(TOKEN)
    rule = StepUp(f"http://127.0.0.1:{free_port()}/check?key=secret", str(token))
    with caplog.at_level(logging.DEBUG, logger="workers"):
        assert "cannot be reached" in HttpProver(proofs).ask(rule, QUESTION).trouble
        missing = replace(rule, token_file=str(tmp_path / "none"))
        assert "cannot be read" in HttpProver(proofs).ask(missing, QUESTION).trouble
    assert TOKEN not in caplog.text
    assert "key=secret" not in caplog.text


def test_a_missing_certificate_is_no(proofs: RedisProofs, tmp_path: Path) -> None:
    """Also where the file named for it is not there."""
    token = tmp_path / "token"
    token.write_text(TOKEN)
    rule = StepUp("https://127.0.0.1:9/check", str(token), ca_file=str(tmp_path / "none.pem"))
    proof = HttpProver(proofs).ask(rule, QUESTION)
    assert (proof.allow, bool(proof.trouble)) == (False, True)
