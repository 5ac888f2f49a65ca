"""The corpus as typed values: each document of the YAML files is one case."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from mesh.domain.commands import Target

Obj = dict[str, Any]
HERE = Path(__file__).parent
ANY: Any = object()
"""Not said in the corpus, so anything will do."""


@dataclass(frozen=True)
class Truth:
    """What is true of one rule, as a person wrote it down."""

    name: str
    """Name of the object."""
    at: str
    """JSON pointer of the list of destinations, e.g. `/spec/http/0/route`."""
    shares: tuple[float, ...]
    """Per cent of each arm, in the order of the object."""
    arms: tuple[str, ...] = ()
    """Names of the arms; empty where only the shares are said."""
    rule: str = ""
    """See `RouteRef.rule`."""
    rule_like: str = ""
    """Part of the label, where its exact words are free."""
    protocol: str = "http"
    says: str = ""
    """Part of one of its warnings."""
    acceptance: Any = ANY
    drifted: Any = ANY
    owner: Any = ANY
    """Name of the controller, None for nobody."""
    keepers: Any = ANY
    writer: Any = ANY
    """Field manager, None for nobody."""


@dataclass(frozen=True)
class Case:
    """Some objects, the service that is asked for, and what is true then."""

    about: str
    file: str
    rows: frozenset[str]
    target: Target
    truths: tuple[Truth, ...]
    """Every rule that speaks for the service, weighted or not."""
    refused: str = ""
    """Part of the refusal's message; then there are no truths."""
    real: str = ""
    """Part of why a real API server does not take an object; empty when it takes all."""
    istio: str = ""
    """Part of why Istio's own validation does not take an object; a cluster has it nevertheless where nobody asked."""
    _objects: tuple[Obj, ...] = field(default=(), repr=False)

    @property
    def id(self) -> str:
        """Short name for test reports."""
        return f"{self.file}-{self._objects[0]['metadata']['name']}"

    @property
    def objects(self) -> list[Obj]:
        """Copies of the objects."""
        return [copy.deepcopy(obj) for obj in self._objects]

    def named(self, name: str) -> Obj:
        """Return a copy of one object."""
        return next(obj for obj in self.objects if obj["metadata"]["name"] == name)


@cache
def cases() -> tuple[Case, ...]:
    """Return every case of the corpus."""
    return tuple(case for path in sorted(HERE.glob("*.yaml")) for case in _of(path))


def name(case: Case) -> str:
    """Return what a case is called in test reports."""
    return case.id


def _of(path: Path) -> Iterator[Case]:
    for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
        objects = document.get("objects") or [document["object"]]
        only = objects[0]["metadata"]["name"] if len(objects) == 1 else ""
        yield Case(
            about=document["about"],
            file=path.stem,
            rows=frozenset(document["rows"]),
            target=Target("demo", "shop", document.get("service", "api")),
            truths=tuple(_truth(said, only) for said in document.get("truth", ())),
            refused=document.get("refused", ""),
            real=document.get("real", ""),
            istio=document.get("istio", ""),
            _objects=tuple(objects),
        )


def _truth(said: Obj, only: str) -> Truth:
    given = dict(said)
    arms = given.pop("arms")
    named = isinstance(arms, dict)
    return Truth(
        name=given.pop("in", only),
        shares=tuple(arms.values() if named else arms),
        arms=tuple(arms) if named else (),
        **given,
    )
