"""The simulator as a web application: `/metrics` for Prometheus, `/state`, `/break` and `/rps` for the demo page."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import aiohttp
from aiohttp import web

from playground.traffic.profile import Profile
from playground.traffic.reader import ClusterReader, ClusterSilent
from playground.traffic.series import CONTENT_TYPE
from playground.traffic.simulation import BadRequest, Breakage, Simulation, state_of

TICK_S = 0.15
READ_EVERY_S = 0.3
CHECK_EVERY_S = 1.0
LONGEST_TICK_S = 1.0

_log = logging.getLogger(__name__)


def make_app(
    cluster_url: str, profile: Profile, *, prometheus_url: str | None = None, seed: int | None = None
) -> web.Application:
    """Return the application; traffic begins once the cluster at `cluster_url` was read for the first time.

    While the cluster is silent the last routes stay in force, as in real sidecars. `prometheus_url` is only watched
    (`/-/ready` each second) and shown as `prometheus` in `/state`. The same seed and the same calls roll the same dice.
    """
    traffic = Traffic(Simulation(profile, seed=seed), cluster_url, profile, prometheus_url)
    app = web.Application(middlewares=[_bad_requests])
    app.router.add_get("/metrics", traffic.metrics)
    app.router.add_get("/state", traffic.state)
    app.router.add_post("/break", traffic.break_arm)
    app.router.add_post("/rps", traffic.set_rps)
    app.cleanup_ctx.append(traffic.run)
    return app


class Traffic:
    """The simulation with its clock and its two watchers; its methods are the handlers."""

    def __init__(self, simulation: Simulation, cluster_url: str, profile: Profile, prometheus_url: str | None) -> None:
        self._simulation = simulation
        self._cluster_url = cluster_url
        self._namespaces = profile.namespaces
        self._prometheus_url = prometheus_url
        self._cluster_read = False
        self._cluster_answers = False
        self._prometheus_answers = False

    async def metrics(self, _request: web.Request) -> web.Response:
        """Answer a scrape."""
        return web.Response(body=self._simulation.metrics().encode(), headers={"Content-Type": CONTENT_TYPE})

    async def state(self, _request: web.Request) -> web.Response:
        """Show every service with its arms, their last 5 s, and whether cluster and Prometheus answered last time."""
        services = state_of(self._simulation) if self._cluster_read else []
        return web.json_response(
            {"services": services, "prometheus": self._prometheus_answers, "cluster": self._cluster_answers}
        )

    async def break_arm(self, request: web.Request) -> web.Response:
        """Break one version of a service (`*`: all of them), or mend it: keys that are absent count as healthy."""
        body = await _body(request)
        breakage = Breakage(
            errors=_number(body, "errors", 0.0),
            latency_ms=_number(body, "latency_ms", 0.0),
            clump=_number(body, "clump", 1.0),
            dead=body.get("dead") is True,
        )
        self._simulation.break_arm(_key(body), _text(body, "version"), breakage)
        return web.json_response({"ok": True})

    async def set_rps(self, request: web.Request) -> web.Response:
        """Change how many requests a service gets."""
        body = await _body(request)
        self._simulation.set_rps(_key(body), _number(body, "rps", None))
        return web.json_response({"ok": True})

    async def run(self, _app: web.Application) -> AsyncIterator[None]:
        """Keep the clock and the watchers going for as long as the application lives."""
        timeout = aiohttp.ClientTimeout(total=2)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            endless = [self._tick(), self._follow(ClusterReader(session, self._cluster_url, self._namespaces))]
            if self._prometheus_url:
                endless.append(self._watch_prometheus(session, self._prometheus_url))
            running = [asyncio.create_task(each) for each in endless]
            for task in running:
                task.add_done_callback(_log_end)
            yield
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _tick(self) -> None:
        clock = asyncio.get_running_loop().time
        last = clock()
        while True:
            await asyncio.sleep(TICK_S)
            now = clock()
            if self._cluster_read:
                # After a pause of the whole machine the lost traffic is not made up for in one burst.
                self._simulation.advance(min(now - last, LONGEST_TICK_S))
            last = now

    async def _follow(self, reader: ClusterReader) -> None:
        while True:
            try:
                self._simulation.use(await reader.read())
                self._saw_cluster(None)
            except (ClusterSilent, LookupError, TypeError, ValueError, AttributeError) as error:
                self._saw_cluster(error)
            await asyncio.sleep(READ_EVERY_S)

    def _saw_cluster(self, error: Exception | None) -> None:
        if error is not None and (self._cluster_answers or not self._cluster_read):
            _log.warning("the routes could not be read, the last ones stay in force: %r", error)
        self._cluster_answers = error is None
        self._cluster_read = self._cluster_read or error is None

    async def _watch_prometheus(self, session: aiohttp.ClientSession, url: str) -> None:
        while True:
            self._prometheus_answers = await _is_ready(session, url)
            await asyncio.sleep(CHECK_EVERY_S)


def _log_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        _log.error("the traffic stopped because of a bug", exc_info=task.exception())


async def _is_ready(session: aiohttp.ClientSession, url: str) -> bool:
    with contextlib.suppress(aiohttp.ClientError, TimeoutError):
        async with session.get(f"{url.rstrip('/')}/-/ready", timeout=aiohttp.ClientTimeout(total=1)) as answer:
            return answer.status == 200
    return False


@web.middleware
async def _bad_requests(request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
    try:
        response: web.StreamResponse = await handler(request)
    except BadRequest as error:
        return web.json_response({"error": str(error)}, status=400)
    return response


async def _body(request: web.Request) -> Mapping[str, object]:
    try:
        body = json.loads(await request.text())
    except ValueError as error:
        raise BadRequest(f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise BadRequest("the body must be a JSON object with namespace and service")
    return body


def _key(body: Mapping[str, object]) -> tuple[str, str]:
    return _text(body, "namespace"), _text(body, "service")


def _text(body: Mapping[str, object], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise BadRequest(f"{name} is missing; send it as a string")
    return value


def _number(body: Mapping[str, object], name: str, default: float | None) -> float:
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRequest(f"{name} is {value!r}; send a number")
    return float(value)
