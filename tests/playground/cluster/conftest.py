"""A running stand-in cluster and a small HTTP client that hides nothing."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from playground.cluster.api import make_app
from playground.cluster.objects import Cluster
from playground.serving import ServerThread

EXAMPLES = Path(__file__).parents[3] / "manifests" / "examples"
ROUTES = "/apis/networking.istio.io/v1/namespaces/mesh-demo/virtualservices"
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"


@dataclass(frozen=True)
class Reply:
    """One HTTP answer."""

    status: int
    body: Any

    @property
    def version(self) -> str:
        """The resourceVersion of the object answered."""
        found: str = self.body["metadata"]["resourceVersion"]
        return found


@dataclass(frozen=True)
class Http:
    """Sends requests to one server, a connection each."""

    url: str

    def do(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json", *, timeout_s: float = 60
    ) -> Reply:
        """Send one request; a str body goes as it is, anything else as JSON."""
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=timeout_s)
        raw = body if isinstance(body, str) or body is None else json.dumps(body)
        try:
            headers = {"Content-Type": content_type, "User-Agent": "tests/1"}
            connection.request(method, path, body=raw, headers=headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        is_json = answer.headers.get_content_type() == "application/json"
        return Reply(answer.status, json.loads(text) if is_json and text else text)

    def load(self, *names: str) -> None:
        """Load example files by name."""
        for name in names:
            text = (EXAMPLES / name).read_text(encoding="utf-8")
            assert self.do("POST", "/_playground/load", text, "application/yaml").status == 200


def route(name: str = "api", **metadata: Any) -> dict[str, Any]:
    """Return a small VirtualService."""
    made = {"name": name, "namespace": "mesh-demo"} | metadata
    arms = [{"destination": {"host": "api", "subset": f"v{n}"}, "weight": weight} for n, weight in ((1, 90), (2, 10))]
    spec = {"hosts": ["api"], "http": [{"route": arms}]}
    return {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": made, "spec": spec}


@pytest.fixture
def cluster() -> Cluster:
    """Return an empty cluster with the namespace mesh-demo."""
    made = Cluster(history=100)
    made.load([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "mesh-demo"}}])
    return made


@pytest.fixture
def server(cluster: Cluster) -> Iterator[ServerThread]:
    """Serve that cluster."""
    with ServerThread(make_app(cluster)) as running:
        yield running


@pytest.fixture
def http_(server: ServerThread) -> Http:
    """Return a client of that server."""
    return Http(server.url)
