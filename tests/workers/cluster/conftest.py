"""A stand-in API server, and our client pointed at it."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from playground.cluster.api import make_app
from playground.cluster.kubeconfig import kubeconfig_text
from playground.cluster.objects import Cluster
from playground.serving import ServerThread
from tests.workers.cluster.shapes import Obj
from workers.cluster.client import KubernetesClient


@dataclass(frozen=True)
class World:
    """One stand-in cluster."""

    url: str
    kubeconfig: Path

    def client(self) -> KubernetesClient:
        """Return a fresh client of cluster `demo`."""
        return KubernetesClient("demo", kubeconfig=str(self.kubeconfig))

    def load(self, *objects: Obj) -> None:
        """Put objects into the world; the server gives them uid and resourceVersion."""
        bare = [obj | {"metadata": _bare(obj["metadata"])} for obj in objects]
        self.knob("POST", "load", "\n---\n".join(map(json.dumps, bare)))

    def trouble(self, **given: Any) -> None:
        """Make the next requests that match fail."""
        self.knob("POST", "trouble", json.dumps(given))

    def seen(self) -> list[tuple[str, str, str]]:
        """Return (method, path, query) of each request so far."""
        return [(one["method"], one["path"], one["query"]) for one in self.knob("GET", "requests")["requests"]]

    def knob(self, method: str, name: str, body: str = "") -> Any:
        """Turn a knob of the stand-in."""
        request = urllib.request.Request(f"{self.url}/_playground/{name}", method=method, data=body.encode() or None)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)


def until(true: Callable[[], object], what: str, *, within_s: float = 60.0) -> None:
    """Wait until it is true; fail with `what` when that takes too long, which on a busy machine is long."""
    end = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.01)


def _bare(metadata: Obj) -> Obj:
    return {key: value for key, value in metadata.items() if key not in ("uid", "resourceVersion", "generation")}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Return an empty stand-in cluster."""
    with ServerThread(make_app(Cluster())) as server:
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(kubeconfig_text(server.url))
        yield World(server.url, kubeconfig)
