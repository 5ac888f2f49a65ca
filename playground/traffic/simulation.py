"""Rolls the dice: turns routes, a profile and breakages into counted requests. Knows no clock and no network."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from playground.traffic.dice import Spread, all_at, binomial, clumped, latencies, poisson, quantile_ms
from playground.traffic.profile import MAX_RPS, Profile, ServiceProfile
from playground.traffic.routing import Arm, Objects, Route, route_of
from playground.traffic.sidecars import Answers, Fate, new_sidecars

WINDOW_S = 5.0
STEP_S = 0.25
"""Longest stretch of traffic that is drawn at once."""
MAX_LATENCY_MS = 5000.0
MAX_CLUMP = 1000.0
EVERY_ARM = "*"
LOST_MS, REFUSED_MS = 0.3, 50.0
"""What the caller's proxy needs to answer by itself: at once, or after two retries of its own."""


class BadRequest(ValueError):
    """What was asked of the simulation makes no sense; the message names the field and what it may be."""


@dataclass(frozen=True)
class Breakage:
    """What somebody broke in one arm."""

    errors: float = 0.0
    """Additional share of requests that fail, 0 to 1."""
    latency_ms: float = 0.0
    """Additional latency of every request, in milliseconds, 0 to 5000."""
    clump: float = 1.0
    """In clumps of which mean size the additional failures come, 1 (each by itself) to 1000."""
    dead: bool = False
    """Nothing takes a connection: every request fails, and no pod sees it."""


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
    seen: dict[str, deque[tuple[float, Answers]]] = field(default_factory=dict)


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
        while seconds > 0:
            step = min(seconds, STEP_S)
            self._now += step
            for service in self._services.values():
                self._traffic(service, poisson(self._dice, service.profile.rps * step))
            seconds -= step

    def break_arm(self, key: tuple[str, str], version: str, breakage: Breakage) -> None:
        """Break (or with zeros mend) one arm of (namespace, service), or with `*` all; BadRequest for nonsense."""
        service = self._service(key)
        _check(breakage)
        name = _version(version, service.profile)
        known = sorted({_version(arm.name, service.profile) for arm in _all_arms(service.route)})
        if name not in (*known, EVERY_ARM):
            raise BadRequest(f"{service.profile.service} has no version {version!r}; its route has {', '.join(known)}")
        service.broken.update(dict.fromkeys(known if name == EVERY_ARM else [name], breakage))

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
        within = [answers for moment, answers in seen if moment > self._now - WINDOW_S]
        total = sum(answers.count for answers in within)
        rps = total / max(min(self._now, WINDOW_S), 0.001)
        if not total:
            return Recent(rps, None, None)
        served = sum(answers.count for answers in within if answers.fate is Fate.SERVED)
        counts = [sum(bucket) for bucket in zip(*(answers.latencies.counts for answers in within), strict=True)]
        bounds = self._sidecars[profile.mesh].bounds
        return Recent(rps, 100 * served / total, quantile_ms(counts, bounds, 0.99))

    def _service(self, key: tuple[str, str]) -> _Service:
        if key not in self._services:
            known = ", ".join(f"{namespace}/{service}" for namespace, service in self._services)
            raise BadRequest(f"no traffic is simulated for {key[0]}/{key[1]}; there is {known}")
        return self._services[key]

    def _traffic(self, service: _Service, count: int) -> None:
        profile, route = service.profile, service.route
        special = binomial(self._dice, count, profile.matched_share) if route.matched else 0
        self._spread(service, route.matched, special)
        taken = self._spread(service, route.arms, count - special)
        if route.mirror:
            for answers in self._answers(service, route.mirror, binomial(self._dice, taken, route.mirror.share)):
                self._sidecars[profile.mesh].mirrored(profile, route.mirror, answers)

    def _spread(self, service: _Service, arms: Sequence[Arm], count: int) -> int:
        """Let `count` requests go to arms by their shares; returns how many somebody took."""
        left, rest = count, sum(arm.share for arm in arms)
        for arm in arms:
            drawn = binomial(self._dice, left, min(1.0, arm.share / rest) if rest > 0 else 0.0)
            left, rest = left - drawn, rest - arm.share
            for answers in self._answers(service, arm, drawn):
                self._sidecars[service.profile.mesh].answered(service.profile, arm, answers)
                self._remember(service, arm, answers)
        return count - left

    def _answers(self, service: _Service, arm: Arm, count: int) -> list[Answers]:
        """Draw how `count` requests to an arm end; each fate at most once, and only where there is any."""
        profile, bounds = service.profile, self._sidecars[service.profile.mesh].bounds
        broken = service.broken.get(_version(arm.name, profile), Breakage())
        if not count:
            return []
        if not arm.exists:
            return [Answers(Fate.LOST, all_at(count, LOST_MS, bounds))]
        if broken.dead:
            return [Answers(Fate.REFUSED, all_at(count, REFUSED_MS, bounds))]
        failed = binomial(self._dice, count, profile.error_rate)
        failed += clumped(self._dice, count - failed, broken.errors, broken.clump)
        spread = Spread(profile.latency_ms, profile.latency_sigma, broken.latency_ms)
        fates = ((Fate.SERVED, count - failed), (Fate.FAILED, failed))
        return [Answers(fate, latencies(self._dice, many, spread, bounds)) for fate, many in fates if many]

    def _remember(self, service: _Service, arm: Arm, answers: Answers) -> None:
        seen = service.seen.setdefault(arm.name, deque())
        seen.append((self._now, answers))
        while seen[0][0] <= self._now - WINDOW_S:
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
        "broken": asdict(broken),
    }


def _check(breakage: Breakage) -> None:
    if not 0 <= breakage.errors <= 1:
        raise BadRequest(f"errors is {breakage.errors}; it is a share of requests, from 0 to 1")
    if not 0 <= breakage.latency_ms <= MAX_LATENCY_MS:
        raise BadRequest(f"latency_ms is {breakage.latency_ms}; it must be from 0 to {MAX_LATENCY_MS:g}")
    if not 1 <= breakage.clump <= MAX_CLUMP:
        raise BadRequest(f"clump is {breakage.clump}; it must be from 1 to {MAX_CLUMP:g}")


def _all_arms(route: Route) -> tuple[Arm, ...]:
    return (*route.arms, *route.matched, *((route.mirror,) if route.mirror else ()))


def _version(name: str, profile: ServiceProfile) -> str:
    return name.removeprefix(f"{profile.service}-")
