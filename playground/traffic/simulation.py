"""Rolls the dice: turns routes, a profile and breakages into counted requests. Knows no clock and no network."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate

from playground.traffic.profile import MAX_RPS, Profile, ServiceProfile
from playground.traffic.routing import Arm, Objects, Route, route_of
from playground.traffic.sidecars import Outcome, new_sidecars

WINDOW_S = 5.0
MAX_LATENCY_MS = 5000.0
NO_ENDPOINT = Outcome(ok=False, latency_ms=0.3)
"""The caller's proxy answers by itself when the destination does not exist."""


class BadRequest(ValueError):
    """What was asked of the simulation makes no sense; the message names the field and what it may be."""


@dataclass(frozen=True)
class Breakage:
    """What somebody broke in one arm."""

    errors: float = 0.0
    """Additional share of requests that fail, 0 to 1."""
    latency_ms: float = 0.0
    """Additional latency of every request, in milliseconds, 0 to 5000."""


@dataclass(frozen=True)
class Recent:
    """What one arm did in the last 5 seconds."""

    rps: float
    """Requests per second."""
    success: float | None
    """Per cent of requests that succeeded; None without requests."""
    p99_ms: float | None
    """99th percentile of the latency in milliseconds; None without requests."""


@dataclass
class _Service:
    """The changing state of one service."""

    profile: ServiceProfile
    route: Route
    broken: dict[str, Breakage] = field(default_factory=dict)
    seen: dict[str, deque[tuple[float, Outcome]]] = field(default_factory=dict)


class Simulation:
    """The traffic of all services of a profile; single-threaded."""

    def __init__(self, profile: Profile, *, seed: int | None = None) -> None:
        self._dice = random.Random(seed)
        self._sidecars = new_sidecars()
        self._now = 0.0
        nothing = Objects()
        self._services = {
            (entry.namespace, entry.service): _Service(entry, route_of(entry, nothing)) for entry in profile.services
        }

    def use(self, objects: Objects) -> None:
        """Take over the routes of the cluster as they are now."""
        # All or nothing: an object that cannot be understood leaves every route as it was.
        routes = {key: route_of(service.profile, objects) for key, service in self._services.items()}
        for key, route in routes.items():
            self._services[key].route = route

    def advance(self, seconds: float) -> None:
        """Let `seconds` of traffic happen."""
        for service in self._services.values():
            for moment in self._arrivals(service.profile.rps, seconds):
                self._request(service, self._now + moment)
        self._now += seconds

    def break_arm(self, key: tuple[str, str], version: str, breakage: Breakage) -> None:
        """Break (or with zeros mend) one arm of (namespace, service); BadRequest when it does not exist."""
        service = self._service(key)
        if not 0 <= breakage.errors <= 1:
            raise BadRequest(f"errors is {breakage.errors}; it is a share of requests, from 0 to 1")
        if not 0 <= breakage.latency_ms <= MAX_LATENCY_MS:
            raise BadRequest(f"latency_ms is {breakage.latency_ms}; it must be from 0 to {MAX_LATENCY_MS:g}")
        name = _version(version, service.profile)
        known = sorted({_version(arm.name, service.profile) for arm in _all_arms(service.route)})
        if name not in known:
            raise BadRequest(f"{service.profile.service} has no version {version!r}; its route has {', '.join(known)}")
        service.broken[name] = breakage

    def set_rps(self, key: tuple[str, str], rps: float) -> None:
        """Change the requests per second of (namespace, service), 0 to 5000; BadRequest otherwise."""
        service = self._service(key)
        if not 0 <= rps <= MAX_RPS:
            raise BadRequest(f"rps is {rps}; it must be from 0 to {MAX_RPS:g}")
        service.profile = replace(service.profile, rps=rps)

    def metrics(self) -> str:
        """Return what a scrape of all sidecars would, in Prometheus text form."""
        return "\n".join([line for sidecars in self._sidecars.values() for line in sidecars.lines()]) + "\n"

    def services(self) -> Iterator[tuple[ServiceProfile, Route]]:
        """Yield each service's present profile and route."""
        for service in self._services.values():
            yield service.profile, service.route

    def broken(self, profile: ServiceProfile, arm: Arm) -> Breakage:
        """Return what is broken in an arm."""
        return self._services[profile.namespace, profile.service].broken.get(_version(arm.name, profile), Breakage())

    def recent(self, profile: ServiceProfile, arm: Arm) -> Recent:
        """Return what an arm did in the last 5 simulated seconds."""
        seen = self._services[profile.namespace, profile.service].seen.get(arm.name, ())
        outcomes = [outcome for moment, outcome in seen if moment > self._now - WINDOW_S]
        rps = len(outcomes) / max(min(self._now, WINDOW_S), 0.001)
        if not outcomes:
            return Recent(rps, None, None)
        latencies = sorted(outcome.latency_ms for outcome in outcomes)
        success = 100 * sum(outcome.ok for outcome in outcomes) / len(outcomes)
        return Recent(rps, success, latencies[int(0.99 * (len(latencies) - 1))])

    def _service(self, key: tuple[str, str]) -> _Service:
        if key not in self._services:
            known = ", ".join(f"{namespace}/{service}" for namespace, service in self._services)
            raise BadRequest(f"no traffic is simulated for {key[0]}/{key[1]}; there is {known}")
        return self._services[key]

    def _arrivals(self, rps: float, seconds: float) -> Iterator[float]:
        # Exponential gaps are a Poisson process, and cutting it at a tick changes nothing: it has no memory.
        if rps <= 0:
            return
        moment = self._dice.expovariate(rps)
        while moment < seconds:
            yield moment
            moment += self._dice.expovariate(rps)

    def _request(self, service: _Service, moment: float) -> None:
        profile, route = service.profile, service.route
        special = bool(route.matched) and self._dice.random() < profile.matched_share
        arm = self._pick(route.matched if special else route.arms)
        if arm is None:
            return
        sidecars = self._sidecars[profile.mesh]
        outcome = self._outcome(service, arm)
        sidecars.answered(profile, arm, outcome)
        self._remember(service, arm, moment, outcome)
        if route.mirror and not special and self._dice.random() < route.mirror.share:
            sidecars.mirrored(profile, route.mirror, self._outcome(service, route.mirror))

    def _pick(self, arms: Sequence[Arm]) -> Arm | None:
        bounds = list(accumulate(arm.share for arm in arms))
        if not bounds or bounds[-1] <= 0:
            return None
        return self._dice.choices(arms, cum_weights=bounds)[0]

    def _outcome(self, service: _Service, arm: Arm) -> Outcome:
        if not arm.exists:
            return NO_ENDPOINT
        profile = service.profile
        breakage = service.broken.get(_version(arm.name, profile), Breakage())
        healthy = self._dice.random() >= profile.error_rate and self._dice.random() >= breakage.errors
        latency = profile.latency_ms * self._dice.lognormvariate(0, profile.latency_sigma)
        return Outcome(healthy, latency + breakage.latency_ms)

    @staticmethod
    def _remember(service: _Service, arm: Arm, moment: float, outcome: Outcome) -> None:
        seen = service.seen.setdefault(arm.name, deque())
        seen.append((moment, outcome))
        while seen[0][0] <= moment - WINDOW_S:
            seen.popleft()


def state_of(simulation: Simulation) -> list[Mapping[str, object]]:
    """Return the services with their arms, as `GET /state` shows them."""
    return [
        {
            "namespace": profile.namespace,
            "service": profile.service,
            "route": {"kind": route.kind, "name": route.name},
            "rps": profile.rps,
            "arms": [_arm_state(simulation, profile, arm) for arm in route.arms],
        }
        for profile, route in simulation.services()
    ]


def _arm_state(simulation: Simulation, profile: ServiceProfile, arm: Arm) -> Mapping[str, object]:
    recent, broken = simulation.recent(profile, arm), simulation.broken(profile, arm)
    return {
        "name": arm.name,
        "weight": arm.weight,
        "share": round(100 * arm.share, 2),
        "rps": round(recent.rps, 1),
        "success": None if recent.success is None else round(recent.success, 2),
        "p99_ms": None if recent.p99_ms is None else round(recent.p99_ms, 1),
        "broken": {"errors": broken.errors, "latency_ms": broken.latency_ms},
    }


def _all_arms(route: Route) -> tuple[Arm, ...]:
    return (*route.arms, *route.matched, *((route.mirror,) if route.mirror else ()))


def _version(name: str, profile: ServiceProfile) -> str:
    return name.removeprefix(f"{profile.service}-")
