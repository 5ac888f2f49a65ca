"""How Istio's proxies tell of requests: sidecars and gateways at both ends, waypoints in between. Pure.

Labels as written by istio-proxy's `istio_stats` filter. A caller's proxy learns the version from the pod that answers;
a pod that never answered, and a waypoint, have only the canonical revision that travels with the endpoint. A request
for which no endpoint was left has neither, and its workload is `unknown`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mesh.domain.routes import Arm
from workers.metrics.dialect import Dialect, Voice
from workers.metrics.promql import EDGE_MS, Places, grown, one_of, quoted, risen

REQUESTS, BUCKETS = "istio_requests_total", "istio_request_duration_milliseconds_bucket"
NAMESPACE, SERVICE = "destination_service_namespace", "destination_service_name"
VERSION, REVISION = "destination_version", "destination_canonical_revision"
WORKLOAD = "destination_workload"
UNKNOWN = "unknown"
HOURS = r"(?:300|600|1800|3600)000(?:\.0)?|(?:1\.8|3\.6)e\+06"
"""Buckets of five minutes and more, as Prometheus 2 and 3 write them: a fifth of all, and no limit lies there."""
EDGES = rf"0\.5|(?:30|60)000(?:\.0)?|{HOURS}"
"""Those, half a millisecond, and more than ten seconds: a third of all. What a look costs is the number of buckets."""
FAILED = "meshbot_failed"
"""Label that queries give to failures, so that the answer has two rows where the proxies have one for each code."""


def _counts(places: Places, span_ms: int) -> str:
    by = ", ".join(("reporter", NAMESPACE, SERVICE, VERSION, REVISION, WORKLOAD, FAILED))
    return f"sum by ({by}) ({_told_apart(grown(_within(places), span_ms))})"


def _buckets(places: Places, span_ms: int, speakers: Sequence[str], most_ms: float) -> str:
    by = ", ".join(("reporter", NAMESPACE, SERVICE, VERSION, REVISION, "le"))
    within = f"reporter=~{one_of(speakers)}, {places.within(NAMESPACE, SERVICE)}"
    left_out = EDGES if most_ms <= EDGE_MS else HOURS
    # What reached no pod was answered by the caller's own proxy within a millisecond: nobody's latency.
    selector = f"{BUCKETS}{{{within}, {WORKLOAD}!={quoted(UNKNOWN)}, le!~{quoted(left_out)}}}"
    return f"sum by ({by}) ({risen(selector, span_ms)})"


def _newest(places: Places) -> str:
    return f"max by (reporter, {NAMESPACE}, {SERVICE}) (timestamp({_within(places)}))"


def _burned(places: Places, window: str) -> str:
    by = ", ".join(("reporter", NAMESPACE, SERVICE, FAILED))
    return f"sum by ({by}) ({_told_apart(f'rate({_within(places)}[{window}])')})"


def _within(places: Places) -> str:
    return f"{REQUESTS}{{{places.within(NAMESPACE, SERVICE)}}}"


def _told_apart(vector: str) -> str:
    """Mark failures: 5xx, and gRPC's own status under HTTP 200, where 0 and no status at all are well."""
    by_code = f'label_replace({vector}, "{FAILED}", "yes", "response_code", "5.*")'
    return f'label_replace({by_code}, "{FAILED}", "yes", "grpc_response_status", "[^0].*|0.+")'


def _hear(labels: Mapping[str, str]) -> Voice:
    known = labels.get
    version, revision, workload = known(VERSION, ""), known(REVISION, ""), known(WORKLOAD, "")
    return Voice(
        known("reporter", ""),
        known(NAMESPACE, ""),
        known(SERVICE, ""),
        "" if version == UNKNOWN else version,
        # `latest` is what Istio writes where no label says it.
        "" if revision in (UNKNOWN, "latest") else revision,
        "" if workload == UNKNOWN else workload,
        FAILED in labels,
        float(known("le", "0")),
    )


def _deaf_to(arm: Arm) -> str:
    if arm.subset and not arm.version:
        return (
            f"no DestinationRule says which version label subset {arm.subset} stands for, "
            "so its requests cannot be told from the others'"
        )
    return ""


def _shown(arm: Arm, speaker: str, window_s: int) -> tuple[str, str]:
    selector = f"reporter={quoted(speaker)}, {SERVICE}={quoted(arm.service)}, {NAMESPACE}={quoted(arm.namespace)}"
    if arm.subset:
        selector += f", {VERSION}={quoted(arm.version)}"
    good = f'{REQUESTS}{{{selector}, response_code!~"5.*", grpc_response_status=~"0|"}}[{window_s}s]'
    return (
        f"100 * (sum(rate({good})) or vector(0)) / sum(rate({REQUESTS}{{{selector}}}[{window_s}s]))",
        f"histogram_quantile(0.99, sum by (le) (rate({BUCKETS}{{{selector}}}[{window_s}s])))",
    )


ISTIO = Dialect(
    # Only the source sees requests that never reached a pod; a waypoint sees those that left the caller.
    speakers=("source", "waypoint", "destination"),
    counts=_counts,
    buckets=_buckets,
    newest=_newest,
    burned=_burned,
    hear=_hear,
    deaf_to=_deaf_to,
    shown=_shown,
)
