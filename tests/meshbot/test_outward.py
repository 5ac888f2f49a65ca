"""Which ways lead through the proxy of the environment: one that turns everybody away is their witness."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from slack_sdk.errors import SlackClientError

from bot.websocket import Line
from chat.connection import web_client
from mesh.domain.catalog import MetricsServer
from mesh.domain.errors import Unavailable
from playground.cluster.kubeconfig import kubeconfig_text
from playground.serving import free_port
from tests.answering import answering, send
from workers.cluster.client import KubernetesClient
from workers.metrics.prometheus import Prometheus, Question
from workers.metrics.trouble import Trouble

CLOSED = f"https://127.0.0.1:{free_port()}"
"""Where nobody listens."""


@dataclass
class Gate:
    """A proxy that turns everybody away, and notes where they wanted to go."""

    url: str = ""
    asked: list[str] = field(default_factory=list)

    def refuse(self, request: BaseHTTPRequestHandler) -> None:
        """Note the request, and say no."""
        self.asked.append(request.path)
        send(request, b"", status=403)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Name the proxy in the environment, in every way there is."""
    made = Gate()
    with answering(made.refuse) as made.url:
        for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, made.url)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        yield made


def ask_cluster(directory: Path, **told: str) -> None:
    """Ask an API server that is not there; `told` are more keys of the kubeconfig's cluster."""
    kubeconfig = directory / "kubeconfig"
    more = "".join(f"    {key}: {value}\n" for key, value in told.items())
    kubeconfig.write_text(kubeconfig_text(CLOSED).replace(f"    server: {CLOSED}\n", f"    server: {CLOSED}\n{more}"))
    with pytest.raises(Unavailable):
        KubernetesClient("demo", kubeconfig=str(kubeconfig)).discover()


def ask_slack() -> None:
    """Ask Slack, which does not answer."""
    with contextlib.suppress(OSError, SlackClientError):
        web_client("xoxb-1", f"{CLOSED}/api/").auth_test()


def test_clusters_are_not_asked_through_the_environments_proxy(gate: Gate, tmp_path: Path) -> None:
    """A proxy that lets only Git through stands in no weight's way."""
    ask_cluster(tmp_path)
    assert gate.asked == []


def test_a_kubeconfig_may_name_a_proxy_of_its_own(gate: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As kubectl does, whatever NO_PROXY says."""
    monkeypatch.setenv("NO_PROXY", "*")
    ask_cluster(tmp_path, **{"proxy-url": gate.url})
    assert set(gate.asked) == {CLOSED.removeprefix("https://")}


def test_metrics_are_not_asked_through_the_environments_proxy(gate: Gate) -> None:
    """A gate hangs on its metrics server alone."""
    for url in (CLOSED, CLOSED.replace("https", "http")):
        asking = Prometheus(url, MetricsServer((url,)))
        with contextlib.closing(asking), pytest.raises(Trouble):
            asking.rows(Question("up"), timeout_s=5)
    assert gate.asked == []


def test_a_metrics_server_may_have_a_proxy_of_its_own(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is outside, say, whatever the environment says of proxies."""
    monkeypatch.setenv("NO_PROXY", "*")
    asking = Prometheus(CLOSED, MetricsServer((CLOSED,), proxy_url=gate.url))
    with contextlib.closing(asking), pytest.raises(Trouble):
        asking.rows(Question("up"), timeout_s=5)
    assert set(gate.asked) == {CLOSED.removeprefix("https://")}


@pytest.mark.parametrize("spared", ["", "127.0.0.1", "*"])
def test_slack_is_asked_through_it_unless_no_proxy_says_otherwise(
    gate: Gate, monkeypatch: pytest.MonkeyPatch, spared: str
) -> None:
    """Both its API and the websocket, for which the library itself would not look at NO_PROXY."""
    monkeypatch.setenv("NO_PROXY", spared)
    ask_slack()
    assert set(gate.asked) == (set() if spared else {CLOSED.removeprefix("https://")})
    line = Line("xapp-1", web_client=web_client("xoxb-1", f"{CLOSED}/api/"))
    with contextlib.closing(line):
        assert line.proxy == (None if spared else gate.url)
