"""What is said when a metrics server is not well, and who is asked then."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from mesh.domain.catalog import Catalog, Cluster, MetricsServer
from mesh.domain.commands import Target
from mesh.domain.gates import CustomGate, Verdict
from mesh.domain.measures import Measured, Subject
from mesh.domain.routes import Arm
from playground.serving import free_port
from tests.answering import answering, send
from tests.quickest import quickly
from workers.metrics.adapter import PrometheusMetrics

ARM = Arm("v2", 10, 10, "/w", service="api", namespace="shop", subset="v2", version="v2")
TARGET = Target("demo", "shop", "api")
Answer = Callable[[], tuple[int, str]]


@contextmanager
def prometheus_that_says(answer: Answer) -> Iterator[str]:
    """Serve the same answer to every request."""

    def reply(request: BaseHTTPRequestHandler) -> None:
        status, text = answer()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the client did not wait
            send(request, text.encode(), status=status)

    with answering(reply) as url:
        yield url


def catalog(*urls: str, mesh: str = "istio", **settings: Any) -> Catalog:
    """Return a configuration with one cluster whose metrics are there."""
    server = MetricsServer(urls, **{"timeout_s": 1.0, **settings})
    return Catalog((Cluster("demo", prometheus=server, mesh=mesh),))


def measure(metrics: PrometheusMetrics) -> Measured:
    """Measure the arm alone."""
    (found,) = metrics.measure("demo", [Subject(TARGET, (ARM,), (100.0,))], until=1000, seconds=5)
    return found


def read(*urls: str, **settings: Any) -> Measured:
    """Measure the arm once, with servers at these addresses."""
    metrics = PrometheusMetrics(catalog(*urls, **settings))
    with contextlib.closing(metrics):
        return measure(metrics)


def said(kind: str, result: object, **more: object) -> str:
    """Return a successful answer of the query API."""
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": result}, **more})


def row(value: str, **labels: str) -> dict[str, object]:
    """Return one sample of a vector."""
    names = {"destination_service_namespace": "shop", "destination_service_name": "api", "destination_version": "v2"}
    return {"metric": {**names, "reporter": "source", **labels}, "value": [0, value]}


WELL = said("vector", [row("7")])


@pytest.mark.parametrize(
    ("status", "text", "problem"),
    [
        (
            400,
            json.dumps({"status": "error", "error": "parse error: x"}),
            "Prometheus refused the query: parse error: x",
        ),
        (422, json.dumps({"status": "error", "error": "too many samples"}), "refused the query: too many samples"),
        (503, json.dumps({"status": "error", "error": "query timed out"}), "status 503: query timed out"),
        (502, "<html>Bad Gateway</html>", "Prometheus answered with status 502"),
        (401, "Unauthorized", "refused meshbot's credentials (401)"),
        (403, json.dumps({"status": "error", "error": "no org id"}), "refused meshbot's credentials (403)"),
        (302, "", "is not Prometheus (status 302, no JSON)"),
        (200, "<html>Please log in</html>", "is not Prometheus (status 200, no JSON)"),
        (200, json.dumps({"status": "error", "error": "odd"}), "Prometheus answered with status 200: odd"),
        (200, said("string", [0, "1"]), "another shape than numbers"),
        (200, said("vector", {}), "another shape than numbers"),
        (200, json.dumps({"status": "success"}), "another shape than numbers"),
        (200, said("vector", [{"metric": {}}]), "a sample that is not a number"),
        (200, said("vector", [row("ten")]), "a sample that is not a number"),
        (200, said("vector", [], warnings=["store x is away"]), "answered only in part: store x is away"),
        (200, said("vector", [row("7")], isPartial=True), "answered only in part: some of its storage is away"),
    ],
)
def test_every_trouble_has_its_words(status: int, text: str, problem: str) -> None:
    """No answer of a sick server raises, and none counts anything."""
    with prometheus_that_says(lambda: (status, text)) as url:
        found = read(url)
    assert problem in found.problem
    assert found.counts == {}


def test_samples_over_time_are_no_number_to_judge() -> None:
    """A condition whose query forgets its `rate` gets a range: the sum of its samples is not what was asked for."""
    over_time = {"metric": {}, "values": [[0, "1"], [15, "2"], [30, "3"]]}
    with prometheus_that_says(lambda: (200, said("matrix", [over_time]))) as url:
        metrics = PrometheusMetrics(catalog(url))
        with contextlib.closing(metrics):
            found = metrics.ask(CustomGate("queue", "queued[1m]", most=10.0), ARM, TARGET, window_s=60)
    assert (found.verdict, found.value) == (Verdict.UNKNOWN, None)
    assert "samples over time" in found.why


@pytest.mark.parametrize(
    ("status", "text", "lack"),
    [
        (503, "down for now", "silent"),
        (200, said("vector", [], warnings=["store x is away"]), "silent"),
        (200, said("vector", []), "few"),
        (200, said("vector", [row("NaN")]), "few"),
        (200, said("vector", [row("1", pod="a"), row("2", pod="b")]), ""),
        (400, json.dumps({"status": "error", "errorType": "bad_data", "error": "parse error"}), ""),
    ],
)
def test_a_condition_without_a_number_says_what_it_lacks(status: int, text: str, lack: str) -> None:
    """Whoever watches can tell a server that is away from an empty answer, and both from a query that is wrong."""
    with (
        prometheus_that_says(lambda: (status, text)) as url,
        contextlib.closing(PrometheusMetrics(catalog(url))) as port,
    ):
        found = port.ask(CustomGate("queue", "queue_length", most=5.0), ARM, TARGET, window_s=60)
    assert (found.verdict, found.lack) == (Verdict.UNKNOWN, lack)


def test_a_remark_on_the_query_is_no_partial_answer() -> None:
    """Newer servers put remarks of the query language among the warnings."""
    text = said("vector", [row("7")], warnings=["PromQL warning: bucket label is odd"])
    with prometheus_that_says(lambda: (200, text)) as url:
        assert read(url).problem == ""


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf"])
def test_what_is_no_number_is_no_value(value: str) -> None:
    """NaN and the infinities are missing values, never numbers to count with."""
    with prometheus_that_says(lambda: (200, said("vector", [row(value)]))) as url:
        found = read(url)
    assert (found.problem, found.counts, found.age_s) == ("", {}, None)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (("NaN", "1"), "the query returned several series where one number was expected"),
        (("+Inf",), "the query found inf, which is no number to judge"),
        (("NaN",), "the query found nan, which is no number to judge"),
    ],
)
def test_threat_2_a_condition_of_ones_own_passes_on_one_number_only(values: tuple[str, ...], why: str) -> None:
    """A series that is no number is a series all the same: what is left beside it must not speak for both."""
    text = said("vector", [row(value, pod=f"pod-{place}") for place, value in enumerate(values)])
    with prometheus_that_says(lambda: (200, text)) as url, contextlib.closing(PrometheusMetrics(catalog(url))) as port:
        found = port.ask(CustomGate("queue", "queue_length", most=5.0), ARM, TARGET, window_s=60)
    assert (found.verdict, found.value, found.why) == (Verdict.UNKNOWN, None, why)


def slowly() -> tuple[int, str]:
    """Answer after half a second."""
    time.sleep(0.5)
    return 200, WELL


def test_a_slow_server_is_left() -> None:
    """All queries are asked at once, so one timeout ends the call, and it is said how long that was."""
    with prometheus_that_says(slowly) as url:
        quickly(lambda: left(url), within_s=0.45)


def left(url: str) -> None:
    """Be told of no answer."""
    assert read(url, timeout_s=0.2).problem == "Prometheus did not answer in 0.2 s"


def test_a_server_that_drips_is_left() -> None:
    """An answer that comes byte by byte does not hold the call beyond its time."""

    def drip(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "1000")
        request.end_headers()
        with contextlib.suppress(OSError):
            for _ in range(20):
                request.wfile.write(b" " * 10)
                time.sleep(0.05)

    with answering(drip) as url:
        quickly(lambda: left(url), within_s=0.45)


def test_a_server_that_is_away_is_said_at_once() -> None:
    """A refused connection is told with the address, without waiting."""
    url = f"http://127.0.0.1:{free_port()}"

    def ask() -> None:
        assert read(url).problem == f"Prometheus is not reachable at {url}"

    quickly(ask, within_s=1)


@pytest.mark.parametrize("url", ["prometheus:9090", "ftp://prometheus"])
def test_an_address_that_is_none_is_a_problem_too(url: str) -> None:
    """A mistyped address does not raise."""
    assert "not reachable" in read(url).problem


def test_passwords_in_addresses_are_not_told() -> None:
    """What is said of a server leaves out who we are there."""
    port = free_port()
    found = read(f"http://jin:s3cret@127.0.0.1:{port}")
    assert found.problem == f"Prometheus is not reachable at http://127.0.0.1:{port}"


def test_certificates_that_are_missing_are_told(tmp_path: Path) -> None:
    """A wrong ca_file is told apart from a server that is away."""
    path = str(tmp_path / "none.pem")
    assert read("https://127.0.0.1:9", ca_file=path).problem == f"the certificates in {path} cannot be read"


@pytest.mark.parametrize(
    "ill", [(502, "gateway"), (401, "no"), (200, "<html>"), (200, said("vector", [], warnings=["part"]))]
)
def test_the_next_server_is_asked_within_the_same_call(ill: tuple[int, str]) -> None:
    """Of two equal servers one suffices."""
    with prometheus_that_says(lambda: ill) as one, prometheus_that_says(lambda: (200, WELL)) as two:
        assert read(one, two).problem == ""


def test_a_slow_first_server_costs_one_timeout_and_is_remembered() -> None:
    """The second answers within the same call, and the next call begins with it."""
    asked, over = list[str](), threading.Event()

    def never() -> tuple[int, str]:
        asked.append("the first")
        over.wait(60)
        return 200, WELL

    with prometheus_that_says(never) as one, prometheus_that_says(lambda: (200, WELL)) as two:
        metrics = PrometheusMetrics(catalog(one, two, timeout_s=1.0))
        with contextlib.closing(metrics):
            assert measure(metrics).problem == ""
            assert asked
            asked.clear()
            assert measure(metrics).problem == ""
            assert asked == []
            over.set()


def test_a_bad_query_is_not_asked_twice() -> None:
    """Another server would say the same, so the first one's words are told."""
    asked: list[str] = []

    def count() -> tuple[int, str]:
        asked.append("two")
        return 200, WELL

    refused = (400, json.dumps({"status": "error", "error": "parse error"}))
    with prometheus_that_says(lambda: refused) as one, prometheus_that_says(count) as two:
        assert read(one, two).problem == "Prometheus refused the query: parse error"
    assert asked == []


def test_all_servers_ill_tell_each_trouble() -> None:
    """What is wrong with either is said, once."""
    with prometheus_that_says(lambda: (502, "")) as one, prometheus_that_says(lambda: (401, "")) as two:
        problem = read(one, two).problem
    assert problem == f"Prometheus answered with status 502; Prometheus at {two} refused meshbot's credentials (401)"


def headers_seen(**settings: Any) -> tuple[list[dict[str, str]], Measured]:
    """Return the headers of each query."""
    seen: list[dict[str, str]] = []

    def note(request: BaseHTTPRequestHandler) -> None:
        seen.append(dict(request.headers.items()))
        send(request, WELL.encode())

    with answering(note) as url:
        found = read(url, **settings)
    return seen, found


def test_headers_and_token_are_sent(tmp_path: Path) -> None:
    """A tenant's header and the token of the file go with every query."""
    path = tmp_path / "token"
    path.write_text("tok-1\n")
    seen, found = headers_seen(headers=(("X-Scope-OrgID", "shop"),), token_file=str(path))
    assert found.problem == ""
    assert {(one["X-Scope-OrgID"], one["Authorization"]) for one in seen} == {("shop", "Bearer tok-1")}


def test_a_token_that_changed_is_read_again(tmp_path: Path) -> None:
    """Tokens expire, and whoever mounts them replaces the file."""
    path, seen = tmp_path / "token", []

    def note(request: BaseHTTPRequestHandler) -> None:
        seen.append(request.headers["Authorization"])
        send(request, WELL.encode())

    with answering(note) as url:
        metrics = PrometheusMetrics(catalog(url, token_file=str(path)))
        with contextlib.closing(metrics):
            for token in ("tok-1", "tok-22"):
                path.write_text(token)
                measure(metrics)
    assert seen == ["Bearer tok-1"] * 3 + ["Bearer tok-22"] * 3


@pytest.mark.parametrize(
    ("text", "problem"), [(None, "cannot be read"), ("", "holds no token"), ("tok en", "no token")]
)
def test_a_bad_token_file_is_told_without_its_text(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str | None, problem: str
) -> None:
    """Neither message nor log holds what the file holds."""
    path = tmp_path / "token"
    if text is not None:
        path.write_text(text)
    with caplog.at_level(logging.DEBUG):
        seen, found = headers_seen(token_file=str(path))
    assert seen == []
    assert problem in found.problem
    assert "tok en" not in found.problem + caplog.text


def test_secrets_stay_out_of_messages_and_logs(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A server that is away, and a header that cannot be sent, are told without token or header."""
    path = tmp_path / "token"
    path.write_text("tok-secret")
    with caplog.at_level(logging.DEBUG):
        away = read(f"http://127.0.0.1:{free_port()}", token_file=str(path), headers=(("X-Key", "hush"),))
        odd = read(f"http://127.0.0.1:{free_port()}", headers=(("X-Key", "hush\nhush"),))
    assert odd.problem == "a configured header has a value that cannot be sent"
    everything = away.problem + odd.problem + caplog.text
    assert "tok-secret" not in everything
    assert "hush" not in everything


@pytest.mark.parametrize("count", [1, 50])
@pytest.mark.parametrize("mesh", ["istio", "linkerd"])
def test_the_number_of_queries_is_fixed(count: int, mesh: str) -> None:
    """One subject and fifty cost three queries, and burn rates four more, which are kept for a while."""
    asked: list[str] = []

    def note(request: BaseHTTPRequestHandler) -> None:
        asked.append(request.path)
        send(request, said("vector", []).encode())

    with answering(note) as url:
        metrics = PrometheusMetrics(catalog(url, mesh=mesh))
        with contextlib.closing(metrics):
            arm = Arm("api-v2", 1, 1, "/w", service="api-v2")
            subjects = [Subject(Target("demo", f"n{at}", "api"), (arm,), (100.0,)) for at in range(count)]
            assert len(metrics.measure("demo", subjects, until=1000, seconds=5)) == count
            assert len(asked) == 3
            for _ in range(2):
                metrics.burns("demo", subjects)
    assert len(asked) == 7
    assert all("?" not in path for path in asked), "queries are long, so they are sent in the body"


class Twin:
    """A server whose samples have an age; it notes what it is asked."""

    def __init__(self, *, age_s: float | None = 1.0, counts: str = "7") -> None:
        self.age_s = age_s
        self.counts = counts
        self.asked: list[str] = []

    def reply(self, request: BaseHTTPRequestHandler) -> None:
        """Answer one question; without an age nothing is known."""
        query = str(vars(request)["body"])
        self.asked.append(query)
        value = str(1000 - (self.age_s or 0)) if "timestamp" in query else self.counts
        send(request, said("vector", [] if self.age_s is None else [row(value)]).encode())


@pytest.mark.parametrize("age_s", [None, 200.0], ids=["empty", "old"])
@pytest.mark.parametrize("count", [1, 50])
def test_a_server_that_knows_nothing_hides_no_twin(age_s: float | None, count: int) -> None:
    """It was started anew, or scrapes nothing: its twin answers for the whole look, and is asked first from then on.

    The number of queries is fixed: what the first and its twin have, and then the three of the twin.
    """
    one, two = Twin(age_s=age_s, counts="1"), Twin()
    subjects = [Subject(TARGET, (ARM,), (100.0,)) for _ in range(count)]
    with answering(one.reply) as first, answering(two.reply) as second:
        metrics = PrometheusMetrics(catalog(first, second))
        with contextlib.closing(metrics):
            found = metrics.measure("demo", subjects, until=1000, seconds=5)
            assert (len(one.asked), len(two.asked)) == (3, 5)
            metrics.measure("demo", subjects, until=1000, seconds=5)
            assert (len(one.asked), len(two.asked)) == (3, 8)
    assert [(each.source, each.counts["v2"].requests) for each in found] == [(second, 7.0)] * count


def test_a_service_that_neither_knows_changes_no_server() -> None:
    """A canary without traffic costs two queries more, and the first server goes on to answer."""
    one, two = Twin(age_s=None), Twin(age_s=None)
    with answering(one.reply) as first, answering(two.reply) as second:
        found = read(first, second)
    assert (found.source, len(one.asked), len(two.asked)) == (first, 3, 2)


def test_one_look_is_never_answered_by_two_servers() -> None:
    """The first one fails in the middle: all three answers are the second one's."""
    one, two = Twin(counts="1"), Twin()

    def failing(request: BaseHTTPRequestHandler) -> None:
        if len(one.asked) == 1:
            send(request, b"", status=502)
            return
        one.reply(request)

    with answering(failing) as first, answering(two.reply) as second:
        found = read(first, second)
    assert (found.source, found.counts["v2"].requests, len(two.asked)) == (second, 7.0, 3)


def test_who_answered_the_last_look_is_asked_first() -> None:
    """Also by another worker, whose own last answer came from the other one: workers look in turn."""
    one, two = Twin(), Twin()
    with answering(one.reply) as first, answering(two.reply) as second:
        metrics = PrometheusMetrics(catalog(first, second))
        with contextlib.closing(metrics):
            subject = Subject(TARGET, (ARM,), (100.0,))
            sources = [
                metrics.measure("demo", [subject], until=1000, seconds=5, source=source)[0].source
                for source in (second, first, second, "http://gone")
            ]
    assert sources == [second, first, second, second]
