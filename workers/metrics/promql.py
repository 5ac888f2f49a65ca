"""The queries, as text. Pure: which series speak for an arm, and what is asked of them.

Istio's sidecars count `istio_requests_total` at both ends of a request; Linkerd's proxies count `response_total` at the
pod. Both keep one series for each kind of answer, and a series exists only once such an answer was given.
"""

from __future__ import annotations

from dataclasses import dataclass

from mesh.domain.commands import Target
from mesh.domain.errors import Refused
from mesh.domain.routes import Arm

REPORTERS = ("source", "destination", "waypoint")
"""Which end of a request counted it, the best first: only the source sees requests that never reached a pod."""


@dataclass(frozen=True)
class Series:
    """The series of one arm in one mesh. Every selector is text inside `{…}`."""

    requests: str
    """Name of the counter of requests."""
    buckets: str
    """Name of the histogram's bucket counter, in milliseconds."""
    arm: str
    """Selects the arm."""
    good: str
    """Selects answers that count as success."""
    bad: tuple[str, ...]
    """Select, without overlap, all the others."""
    has_reporters: bool
    """True when several ends count the same request (label `reporter`)."""

    def newest(self) -> str:
        """Ask the age in seconds of the newest sample, for each reporter that has any."""
        by = " by (reporter)" if self.has_reporters else ""
        return f"time() - max{by} (timestamp({self.requests}{{{self.arm}}}))"

    def seen_by(self, reporter: str) -> Series:
        """Return the series of one reporter; an empty one stands for a mesh without reporters."""
        arm = f"{self.arm}, reporter={quoted(reporter)}" if reporter else self.arm
        return Series(self.requests, self.buckets, arm, self.good, self.bad, self.has_reporters)

    def count(self, window_s: int) -> str:
        """Ask how many requests were answered within the window."""
        return f"sum({' or '.join([self._good(window_s), *self._failures(window_s)])})"

    def success(self, window_s: int) -> str:
        """Ask the share of successes in per cent: 0 when all failed, no value when there was no request at all."""
        return f"100 * (sum({self._good(window_s)}) or vector(0)) / {self.count(window_s)}"

    def p99(self, window_s: int) -> str:
        """Ask the latency in milliseconds that 99 of 100 requests stayed within."""
        return f"histogram_quantile(0.99, sum by (le) (rate({self.buckets}{{{self.arm}}}[{window_s}s])))"

    def _good(self, window_s: int) -> str:
        return f"increase({self.requests}{{{self.arm}, {self.good}}}[{window_s}s])"

    def _failures(self, window_s: int) -> list[str]:
        return [self._grown(f"{self.requests}{{{self.arm}, {bad}}}", window_s) for bad in self.bad]

    def _grown(self, selector: str, window_s: int) -> str:
        """Return the growth of failure counters, with those that were born inside the window counted from zero.

        `increase` sees a counter only from its first sample on: the first failures of a new pod, code or caller would
        be missing, which is how a bad canary passes. Successes are not treated so: after Prometheus lost its past,
        a whole lifetime of them would hide the failures of the last minutes.
        """
        window = f"[{window_s}s]"
        return (
            f"(last_over_time({selector}{window}) unless {selector} offset {window_s}s) or increase({selector}{window})"
        )


def series_of(arm: Arm, target: Target, mesh: str) -> Series:
    """Return the series that speak for `arm` in `mesh` (`istio` or `linkerd`).

    Raises Refused when no label tells this arm from the others.
    """
    if not arm.service:
        raise Refused(f"{arm.name} is not a Service of the mesh, so no proxy reports on it")
    if arm.protocol != "http":
        raise Refused(
            f"{arm.name} is an arm of a {arm.protocol} route, whose proxies count connections and no requests"
        )
    if arm.alike:
        raise Refused(f"the requests of {arm.name} carry the same labels as those of {arm.alike}, so none can be told")
    namespace = arm.namespace or target.namespace
    return _linkerd(arm, namespace) if mesh == "linkerd" else _istio(arm, namespace)


def quoted(value: str) -> str:
    """Return `value` as a PromQL string literal that ends where it should, whatever the value holds.

    PromQL's double-quoted strings follow Go's: backslash escapes, no raw line breaks (Prometheus, "String literals").
    Go knows no JSON surrogate pairs, hence the escapes are written here and not by `json`.
    """
    return f'"{"".join(map(_escaped, value))}"'


def _escaped(letter: str) -> str:
    if letter in ('"', "\\"):
        return f"\\{letter}"
    if " " <= letter <= "~":
        return letter
    point = ord(letter)
    # A lone surrogate is no character in Go; no label value can hold one, so the replacement character matches nothing.
    return f"\\U{0xFFFD if 0xD800 <= point <= 0xDFFF else point:08x}"


def _istio(arm: Arm, namespace: str) -> Series:
    selector = f"destination_service_name={quoted(arm.service)}, destination_service_namespace={quoted(namespace)}"
    if arm.subset:
        if not arm.version:
            raise Refused(
                f"no DestinationRule says which version label subset {arm.subset} stands for, "
                "so its requests cannot be told from the others'"
            )
        selector += f", destination_version={quoted(arm.version)}"
    return Series(
        requests="istio_requests_total",
        buckets="istio_request_duration_milliseconds_bucket",
        arm=selector,
        # gRPC fails with HTTP 200 and a status of its own; an absent label reads as the empty string.
        good='response_code!~"5.*", grpc_response_status=~"0|"',
        bad=('response_code=~"5.*"', 'response_code!~"5.*", grpc_response_status!~"0|"'),
        has_reporters=True,
    )


def _linkerd(arm: Arm, namespace: str) -> Series:
    if arm.subset:
        raise Refused(f"Linkerd knows no subsets, so nothing measures {arm.name}; give each version its own Service")
    return Series(
        requests="response_total",
        buckets="response_latency_ms_bucket",
        arm=f'namespace={quoted(namespace)}, deployment={quoted(arm.service)}, direction="inbound"',
        good='classification!="failure"',
        bad=('classification="failure"',),
        has_reporters=False,
    )
