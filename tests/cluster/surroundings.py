"""What is around the cluster: Slack, a Prometheus with the traffic of a mesh in it, and a Redis of the reader's own."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from playground.processes import Child
from playground.servers import PrometheusServer, RedisServer
from playground.serving import ServerThread, free_port
from playground.slack.driver import SlackDriver
from tests.cluster.images import SLACK, Engine
from tests.cluster.node import ADDRESS, OUTSIDE
from tests.e2e.admin import Admin
from tests.e2e.town import window

EXAMPLES = ("namespace.yaml", "app.yaml", "istio-traffic.yaml")
"""Of manifests/examples: a service in two versions and its route."""
ROUTE = "/apis/networking.istio.io/v1/namespaces/mesh-demo/virtualservices/api-vs"
METRICS = {"namespace": "istio-system", "name": "prometheus-server"}
"""The Service that the chart of Prometheus makes."""


@contextmanager
def slack(directory: Path, *, deliver_to: str = "") -> Iterator[SlackDriver]:
    """Run what stands for https://slack.com, empty; with no address to deliver to it uses the bot's websocket."""
    http = ("--request-url", deliver_to) if deliver_to else ()
    port = free_port()
    argv = [
        sys.executable, "-m", "playground.slack", "--port", str(port), "--public-url", f"https://{SLACK}", *http
    ]  # fmt: skip
    certificate = Engine().certificate
    speaks = f"OPENSSL-LISTEN:443,verify=0,cert={certificate},key={certificate.with_name('key.pem')}"
    with Child("slack", argv, log_path=directory / "slack.log") as child:
        url = child.wait_ready_line()
        with _relay(directory / "tls.log", (OUTSIDE, 443), speaks, f"127.0.0.1:{port}"):
            yield SlackDriver(url)


@contextmanager
def metrics(directory: Path, admin: Admin) -> Iterator[None]:
    """Run Prometheus behind the Service that its chart makes, with traffic for `api` as the cluster's routes split it.

    Nothing fails of that traffic. The Service is port 80, the server's own 9090.
    """
    directory.mkdir(parents=True)
    profile = directory / "profile.yaml"
    profile.write_text("services: [{namespace: mesh-demo, service: api, mesh: istio, rps: 150, error_rate: 0}]\n")
    port = free_port()
    targets = {"sidecars": f"127.0.0.1:{port}"}
    with (
        ServerThread(window(Admin(admin.kubeconfig))) as routes,
        PrometheusServer(directory / "prometheus", targets, host=ADDRESS, port=9090) as server,
    ):
        argv = [
            sys.executable, "-m", "playground.traffic", "--port", str(port), "--cluster-url", routes.url,
            "--prometheus-url", server.url, "--profile", str(profile),
        ]  # fmt: skip
        with Child("traffic", argv, log_path=directory / "traffic.log") as traffic:
            traffic.wait_ready_line()
            _serve(admin)
            yield


@contextmanager
def redis_outside(directory: Path) -> Iterator[None]:
    """Run a Redis of the reader's own beside the cluster, with the user that production has."""
    with RedisServer(directory, 6379, options={"bind": f"127.0.0.1 {ADDRESS}", "protected-mode": "no"}):
        yield


@contextmanager
def entrance(directory: Path, admin: Admin, port: int) -> Iterator[None]:
    """Bring what arrives at a port of loopback to the bot's Service, as an Ingress would."""
    service = admin.must("GET", "/api/v1/namespaces/meshbot/services/meshbot")["spec"]["clusterIP"]
    with _relay(directory / "entrance.log", ("127.0.0.1", port), f"TCP-LISTEN:{port}", f"{service}:80"):
        yield


def weights(admin: Admin) -> list[int]:
    """The weights of the examples' route, stable first."""
    return [arm["weight"] for arm in admin.must("GET", ROUTE)["spec"]["http"][-1]["route"]]


def _serve(admin: Admin) -> None:
    admin.namespace(METRICS["namespace"])
    ports = [{"name": "http", "port": 80, "targetPort": 9090}]
    admin.apply({"apiVersion": "v1", "kind": "Service", "metadata": METRICS, "spec": {"ports": ports}})
    labels = {"kubernetes.io/service-name": METRICS["name"]}
    admin.apply({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": {**METRICS, "labels": labels},
        "addressType": "IPv4", "endpoints": [{"addresses": [ADDRESS]}], "ports": [{"name": "http", "port": 9090}],
    })  # fmt: skip


@contextmanager
def _relay(log: Path, at: tuple[str, int], speaks: str, to: str) -> Iterator[None]:
    """Pass on to an address what arrives `at` one, where socat speaks as told; whoever is let in finds it open."""
    argv = ["socat", f"{speaks},bind={at[0]},reuseaddr,fork", f"TCP:{to}"]
    with Child(log.stem, argv, log_path=log) as child:
        child.wait_ready(lambda: _accepts(at))
        yield


def _accepts(at: tuple[str, int]) -> bool:
    with suppress(OSError), socket.create_connection(at, 1):
        return True
    return False
