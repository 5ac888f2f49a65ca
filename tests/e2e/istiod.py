"""Istio's own control plane as a program, istio/translate.go: what it would send to Envoy for some routing objects."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.e2e.istio_town import Obj, documents, istio_objects, kubernetes_objects, labels

HERE = Path(__file__).parent / "istio"
"""Its go.mod says which version of Istio."""
TRANSLATE = "translate"


class Rejected(ValueError):
    """Istio's validation does not take an object."""


class Istiod:
    """One running translator: `with Istiod(directory of the binary, kind → schema) as istiod: istiod.sent(objects)`."""

    def __init__(self, directory: Path, schemas: Mapping[str, Obj]) -> None:
        self._program = directory / TRANSLATE
        self._schemas = schemas

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [self._program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()

    def sent(self, objects: Sequence[Obj]) -> Obj:
        """Return {proxy: its Envoy routes and listeners, as JSON}; Rejected where Istio's validation says no."""
        said = self._ask(objects)
        if said["Refused"]:
            raise Rejected(said["Refused"])
        return {proxy: {message["name"]: message for message in messages} for proxy, messages in said["Sent"].items()}

    def _ask(self, objects: Sequence[Obj]) -> Obj:
        question = {
            "Istio": documents(istio_objects(objects)),
            "Kubernetes": documents(kubernetes_objects(objects, self._schemas)),
            "Namespace": "shop",
            "Labels": dict(labels(objects)),
        }
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        said: Obj = json.loads(self._process.stdout.readline())
        return said
