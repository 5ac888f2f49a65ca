"""How Linkerd's proxies tell of requests: at the caller (outbound, by Service) and at the pod (inbound). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mesh.domain.routes import Arm
from workers.metrics.dialect import Dialect, Voice
from workers.metrics.promql import EDGE_MS, Places, grown, quoted, risen

REQUESTS, BUCKETS = "response_total", "response_latency_ms_bucket"
ENDS = {"outbound": ("dst_namespace", "dst_service"), "inbound": ("namespace", "deployment")}
"""Labels of namespace and service. A pod's proxy knows no Service: its deployment must be named like it."""
PEOPLE = 'route_name!="probe"'
"""Leaves out what the kubelet asks; a pod's proxy counts that as well."""

EDGES = r"[2-5]0000(?:\.0)?"
"""Buckets of more than ten seconds: what a look costs is the number of buckets."""


def _join(template: str, places: Places, more: str, speakers: Sequence[str] = tuple(ENDS), only: str = PEOPLE) -> str:
    """Join the answers of these ends; `template` has `<by>` and `<selector>`."""
    asked = []
    for direction in speakers:
        namespace, service = ENDS[direction]
        by = ", ".join(filter(None, ("direction", namespace, service, more)))
        selector = f'{{direction="{direction}", {places.within(namespace, service)}, {only}}}'
        asked.append(template.replace("<by>", by).replace("<selector>", selector))
    return " or ".join(asked)


def _counts(places: Places, span_ms: int) -> str:
    return _join(f"sum by (<by>) ({grown(f'{REQUESTS}<selector>', span_ms)})", places, "classification")


def _buckets(places: Places, span_ms: int, speakers: Sequence[str], most_ms: float) -> str:
    only = f"{PEOPLE}, le!~{quoted(EDGES)}" if most_ms <= EDGE_MS else PEOPLE
    return _join(f"sum by (<by>) ({risen(f'{BUCKETS}<selector>', span_ms)})", places, "le", speakers, only)


def _newest(places: Places) -> str:
    return _join(f"max by (<by>) (timestamp({REQUESTS}<selector>))", places, "")


def _burned(places: Places, window: str) -> str:
    return _join(f"sum by (<by>) (rate({REQUESTS}<selector>[{window}]))", places, "classification")


def _hear(labels: Mapping[str, str]) -> Voice:
    direction = labels.get("direction", "")
    namespace, service = ENDS.get(direction, ("", ""))
    return Voice(
        direction,
        labels.get(namespace, ""),
        labels.get(service, ""),
        failed=labels.get("classification") == "failure",
        bound_ms=float(labels.get("le", "0")),
    )


def _deaf_to(arm: Arm) -> str:
    if arm.subset:
        return f"Linkerd knows no subsets, so nothing measures {arm.name}; give each version its own Service"
    return ""


def _shown(arm: Arm, speaker: str, window_s: int) -> tuple[str, str]:
    namespace, service = ENDS[speaker]
    selector = f"direction={quoted(speaker)}, {namespace}={quoted(arm.namespace)}, {service}={quoted(arm.service)}"
    good = f'{REQUESTS}{{{selector}, classification!="failure"}}[{window_s}s]'
    return (
        f"100 * (sum(rate({good})) or vector(0)) / sum(rate({REQUESTS}{{{selector}}}[{window_s}s]))",
        f"histogram_quantile(0.99, sum by (le) (rate({BUCKETS}{{{selector}}}[{window_s}s])))",
    )


LINKERD = Dialect(
    # The caller's proxy names the Service; the pod's needs a guess, and misses what never arrived.
    speakers=("outbound", "inbound"),
    counts=_counts,
    buckets=_buckets,
    newest=_newest,
    burned=_burned,
    hear=_hear,
    deaf_to=_deaf_to,
    shown=_shown,
)
