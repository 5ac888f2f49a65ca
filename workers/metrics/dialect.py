"""What the two meshes must be able to say: queries out, voices in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mesh.domain.routes import Arm
from workers.metrics.promql import Places


class Voice(NamedTuple):
    """Whom one row of an answer speaks of."""

    speaker: str
    """Which end counted: one of the dialect's `speakers`."""
    namespace: str
    service: str
    version: str = ""
    """Version label of the pod that answered; empty when unknown."""
    revision: str = ""
    """What travels with the endpoint instead; empty when unknown."""
    workload: str = ""
    """Of the pod that answered; empty when the request reached none."""
    failed: bool = False
    bound_ms: float = 0.0
    """For rows of a histogram: the bucket's upper bound."""


@dataclass(frozen=True)
class Dialect:
    """How one mesh's proxies tell of requests."""

    speakers: tuple[str, ...]
    """Which end of a request to believe, the best first. Others count the same requests again."""
    counts: Callable[[Places, int], str]
    """Asks how many requests succeeded and failed in the last so many milliseconds."""
    buckets: Callable[[Places, int, Sequence[str], float], str]
    """Asks how long they took, as these speakers tell; exactly up to so many milliseconds at least."""
    newest: Callable[[Places], str]
    """Asks the time of the newest sample."""
    burned: Callable[[Places, str], str]
    """Asks how many succeeded and failed per second, over a range such as `5m`."""
    hear: Callable[[Mapping[str, str]], Voice]
    """Reads the labels of a row."""
    deaf_to: Callable[[Arm], str]
    """Says why no label tells an arm's requests from others'; empty when one does."""
    shown: Callable[[Arm, str, int], tuple[str, str]]
    """For people: success share and p99 of an arm (namespace filled in) by that speaker, over so many seconds."""


def deafness(arm: Arm, dialect: Dialect) -> str:
    """Say why nothing can ever be told of an arm, whatever the mesh; empty when something can."""
    if not arm.service:
        return f"{arm.name} is not a Service of the mesh, so no proxy reports on it"
    if arm.protocol != "http":
        return f"{arm.name} is an arm of a {arm.protocol} route, whose proxies count connections and no requests"
    if arm.alike:
        return f"the requests of {arm.name} carry the same labels as those of {arm.alike}, so none can be told"
    return dialect.deaf_to(arm)
