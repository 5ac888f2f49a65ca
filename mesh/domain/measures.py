"""What is asked of a metrics server, and what it answers: the counts of many routes' arms over one stretch of time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mesh.domain.commands import Target
from mesh.domain.counts import Counts
from mesh.domain.routes import Arm, Route


@dataclass(frozen=True)
class Subject:
    """The arms of one route of a service, to be measured side by side."""

    target: Target
    arms: tuple[Arm, ...]
    shares: tuple[float, ...]
    """Per cent, by arm: whom requests are put down to that never reached a pod."""

    @classmethod
    def of(cls, target: Target, route: Route) -> Subject:
        """Return the subject for a route as it is."""
        return cls(target, route.arms, tuple(route.share(arm) for arm in route.arms))


@dataclass(frozen=True)
class Measured:
    """What was counted for one subject."""

    counts: Mapping[str, Counts] = field(default_factory=dict)
    """By arm; an arm that no proxy speaks of is absent, one that had no request has counts of zero."""
    problems: Mapping[str, str] = field(default_factory=dict)
    """By arm, why nothing can ever be told of it: no label tells its requests from others'."""
    problem: str = ""
    """Why nothing was counted at all, in words ("Prometheus did not answer in 3 s"); empty when it answered."""
    age_s: float | None = None
    """Age of the newest sample of the service's series, in seconds; None where there is none."""
    queries: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """By arm, what a person can ask the server to see the same: the share of successes, and the p99."""

    source: str = ""
    """Which of several equal servers counted; empty where there is no telling."""

    def query(self, gate: str, arm: str) -> str:
        """Return what shows a gate of an arm; empty where nothing does."""
        success, p99 = self.queries.get(arm, ("", ""))
        return p99 if gate in ("p99", "slow") else success

    def blindness(self, arm: str) -> str:
        """Say why nothing is known of an arm, or return an empty string."""
        return self.problem or self.problems.get(arm, "")


@dataclass(frozen=True)
class Burn:
    """How fast a whole service uses up its error budget: the share of failed requests over four windows, 0 to 1."""

    m5: float | None = None
    m30: float | None = None
    h1: float | None = None
    h6: float | None = None
    failed_h1: float | None = None
    """How many requests failed in the hour; None: nobody told."""
    failed_h6: float | None = None
    """The same in the six hours."""
    problem: str = ""
    """Why nothing is known; empty when the server answered."""
