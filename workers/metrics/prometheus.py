"""`mesh.ports.Metrics` over Prometheus: the only module that touches `prometheus_api_client`."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import requests
from prometheus_api_client import PrometheusConnect
from requests.adapters import Retry

from mesh.domain.catalog import Catalog
from mesh.domain.commands import Target
from mesh.domain.errors import MeshbotError, Refused, Unavailable
from mesh.domain.gates import Reading
from mesh.domain.routes import Arm
from workers.metrics.promql import REPORTERS, Series, series_of

TIMEOUT_S = 3
"""How long one query may take, in seconds; a reading asks four."""

Sample = tuple[dict[str, str], float]
"""Labels and value of one series."""


class Trouble(Exception):
    """Why there is no value, in words for people."""


class PrometheusMetrics:
    """Implements `mesh.ports.Metrics` with each configured cluster's Prometheus. A connection lives for one reading."""

    def __init__(self, catalog: Catalog) -> None:
        """Take cluster addresses and meshes from `catalog`."""
        self._catalog = catalog

    def read(self, arm: Arm, target: Target, *, window_s: int) -> Reading:
        """Read one arm over the last `window_s` seconds. Never raises: what went wrong is the reading's `problem`."""
        try:
            url = self._catalog.cluster(target.cluster).prometheus_url.rstrip("/")
            if not url:
                return Reading(problem=f"no metrics server is configured for cluster {target.cluster}")
            series = series_of(arm, target, self._catalog.mesh(target))
        except MeshbotError as error:
            return Reading(problem=error.message)
        with Prometheus(url) as prometheus:
            try:
                return _measured(prometheus, series, window_s)
            except Trouble as trouble:
                return Reading(problem=str(trouble), queries=tuple(prometheus.asked))

    def count(self, arm: Arm, target: Target, *, window_s: int) -> float:
        """Return how many requests the arm answered in the last `window_s` seconds.

        Raises Unavailable when Prometheus cannot say, Refused when nothing could ever tell: no metrics server is
        configured, or no label tells this arm from the others.
        """
        url = self._catalog.cluster(target.cluster).prometheus_url.rstrip("/")
        if not url:
            raise Refused(f"no metrics server is configured for cluster {target.cluster}")
        series = series_of(arm, target, self._catalog.mesh(target))
        with Prometheus(url) as prometheus:
            try:
                reporter = _reporter(prometheus, series)
                seen = series.seen_by(reporter[0]) if reporter else series
                return (prometheus.scalar(seen.count(window_s)) or 0.0) if reporter else 0.0
            except Trouble as trouble:
                raise Unavailable(str(trouble)) from trouble


class Prometheus:
    """One Prometheus server: a query in, samples or Trouble out. Use in a `with` block."""

    def __init__(self, url: str) -> None:
        """Take the base URL without a trailing slash."""
        self._url = url
        session = requests.Session()
        # The library drops `warnings` (a partial answer) and puts the status into a text: so look at each answer first.
        session.hooks["response"] = [self._inspect]
        # `read=False` lets a timeout be a timeout; otherwise it looks like a server that cannot be reached.
        retry = Retry(total=0, read=False)
        self._library = PrometheusConnect(url, session=session, timeout=TIMEOUT_S, retry=retry)
        self.asked: list[str] = []
        """Every query so far, as evidence."""

    def __enter__(self) -> Prometheus:
        return self

    def __exit__(self, *_: object) -> None:
        self._library.close()

    def vector(self, query: str) -> list[Sample]:
        """Return the samples of an instant query; raise Trouble."""
        self.asked.append(query)
        try:
            result = self._library.custom_query(query, params={"timeout": f"{TIMEOUT_S}s"})
        except requests.Timeout as error:
            raise Trouble(f"Prometheus did not answer in {TIMEOUT_S} s") from error
        except requests.RequestException as error:
            raise Trouble(f"Prometheus is not reachable at {self._url}") from error
        return [_sample(item) for item in result]

    def scalar(self, query: str) -> float | None:
        """Return the one value of an instant query; None for no series, NaN and infinities; Trouble for several."""
        samples = self.vector(query)
        if len(samples) > 1:
            raise Trouble("Prometheus returned several series where one was expected")
        return _finite(samples[0][1]) if samples else None

    def _inspect(self, response: requests.Response, **_: object) -> None:
        """Raise Trouble for anything but a complete, successful answer that is a vector."""
        try:
            body = response.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise Trouble(_stranger(self._url, response.status_code))
        if body.get("status") != "success":
            raise Trouble(_refusal(response.status_code, str(body.get("error", "it gave no reason"))))
        if body.get("warnings"):
            raise Trouble(f"Prometheus answered only in part: {'; '.join(map(str, body['warnings']))}")
        data = body.get("data")
        if not isinstance(data, dict) or data.get("resultType") != "vector" or not isinstance(data.get("result"), list):
            raise Trouble("Prometheus answered in another shape than a vector")


def _measured(prometheus: Prometheus, series: Series, window_s: int) -> Reading:
    found = _reporter(prometheus, series)
    if found is None:
        return Reading(queries=tuple(prometheus.asked))
    reporter, age_s = found
    seen = series.seen_by(reporter)
    reading = Reading(
        requests=_rounded(prometheus.scalar(seen.count(window_s))),
        success=_percent(prometheus.scalar(seen.success(window_s))),
        p99_ms=prometheus.scalar(seen.p99(window_s)),
        age_s=_finite(age_s),
    )
    return replace(reading, queries=tuple(prometheus.asked))


def _reporter(prometheus: Prometheus, series: Series) -> tuple[str, float] | None:
    """Return the best reporter there is and the age in seconds of its newest sample; None where nothing was counted.

    All other values must come from the same reporter, or requests would be counted twice.
    """
    ages = {labels.get("reporter", ""): age for labels, age in prometheus.vector(series.newest())}
    name = next((name for name in (*REPORTERS, "") if name in ages), None)
    return None if name is None else (name, ages[name])


def _sample(item: Any) -> Sample:
    try:
        return dict(item["metric"]), float(item["value"][1])
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise Trouble("Prometheus answered with a sample that is not a number") from error


def _stranger(url: str, status: int) -> str:
    if status in (401, 403):
        return f"Prometheus at {url} refused meshbot's credentials ({status})"
    if status >= 500:
        return f"Prometheus answered with status {status}"
    return f"what answers at {url} is not Prometheus (status {status}, no JSON)"


def _refusal(status: int, why: str) -> str:
    if status in (400, 422):
        return f"Prometheus refused the query: {why}"
    return f"Prometheus answered with status {status}: {why}"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _rounded(value: float | None) -> float | None:
    """Return a count as a whole number: Prometheus extrapolates to the edges of the window."""
    return None if value is None else float(round(value))


def _percent(value: float | None) -> float | None:
    return None if value is None else min(100.0, max(0.0, value))
