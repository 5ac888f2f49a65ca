"""Readings of a real Prometheus with a known past."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mesh.domain.catalog import Catalog
from mesh.domain.commands import Target
from mesh.domain.gates import Limits, Reading, Verdict, judge, overall
from mesh.domain.routes import Arm
from workers.metrics.prometheus import PrometheusMetrics

pytestmark = pytest.mark.prometheus

V2 = Arm("v2", 10, 10, "/spec/http/0/route/1/weight", service="api", subset="v2", version="v2")
WHOLE = Arm("api", 10, 10, "/spec/http/0/route/1/weight", service="api")
BACKEND = Arm("api-v2", 10, 10, "/spec/rules/0/backendRefs/1/weight", service="api-v2")


def read(catalog: Catalog, namespace: str, arm: Arm = V2, *, cluster: str = "istio", window_s: int = 300) -> Reading:
    """Read one arm of service `api` in the namespace that holds the situation."""
    return PrometheusMetrics(catalog).read(
        replace(arm, namespace=namespace), Target(cluster, namespace, "api"), window_s=window_s
    )


def test_shares_are_those_of_the_counters(catalog: Catalog) -> None:
    """97 good and 3 bad answers each 10 s read as 97 per cent, 3 000 requests in 5 minutes, and a fresh sample."""
    reading = read(catalog, "mixed")
    assert reading.problem == ""
    assert reading.success == pytest.approx(97, abs=0.001)
    assert reading.requests == pytest.approx(3000, abs=110)
    assert reading.requests == int(reading.requests or 0)
    assert reading.age_s is not None
    assert 0 <= reading.age_s < 30
    assert len(reading.queries) == 4


def test_the_quantile_is_interpolated_in_its_bucket(catalog: Catalog) -> None:
    """90 requests up to 100 ms and 10 up to 200 ms put the 99th percentile at 190 ms."""
    assert read(catalog, "mixed").p99_ms == pytest.approx(190, abs=0.5)


def test_a_whole_service_is_all_of_its_versions(catalog: Catalog) -> None:
    """Without a subset, v1 and v2 count together."""
    assert read(catalog, "mixed", WHOLE).success == pytest.approx(100 * 1097 / 1100, abs=0.001)


def test_an_arm_that_only_fails_reads_zero(catalog: Catalog) -> None:
    """No success series at all is 0 per cent, not missing data."""
    reading = read(catalog, "dead")
    assert reading.success == 0
    assert reading.requests == pytest.approx(600, abs=25)


def test_an_arm_that_never_fails_reads_a_hundred(catalog: Catalog) -> None:
    """No failure series at all is 100 per cent."""
    assert read(catalog, "perfect").success == 100


def test_no_request_is_no_share(catalog: Catalog) -> None:
    """A counter that stands still gives no share and no latency, and can never pass."""
    reading = read(catalog, "idle")
    assert (reading.requests, reading.success, reading.p99_ms) == (0, None, None)
    assert overall(judge("v2", reading, Limits(requests_min=0))) is Verdict.UNKNOWN


def test_no_series_is_nothing_at_all(catalog: Catalog) -> None:
    """An arm nobody ever reported on has no values and no problem."""
    reading = read(catalog, "nowhere")
    assert replace(reading, queries=()) == Reading()


def test_the_source_is_believed_before_the_destination(catalog: Catalog) -> None:
    """Where both ends report, only the source's 100 requests each 10 s count, not the destination's 500."""
    assert read(catalog, "mixed").requests == pytest.approx(3000, abs=110)


def test_the_destination_speaks_where_no_source_does(catalog: Catalog) -> None:
    """Callers outside the mesh leave only the destination's series."""
    assert read(catalog, "inside").success == pytest.approx(80, abs=0.001)


def test_a_waypoint_speaks_where_no_sidecar_does(catalog: Catalog) -> None:
    """In ambient mode the waypoint reports."""
    assert read(catalog, "waypoint").success == 100


def test_grpc_failures_fail(catalog: Catalog) -> None:
    """A gRPC status other than 0 under HTTP 200 is a failure."""
    assert read(catalog, "grpc").success == pytest.approx(75, abs=0.001)


def test_the_first_failures_are_counted(catalog: Catalog) -> None:
    """Failures whose counter was born a moment ago count, although `increase` sees no growth yet."""
    reading = read(catalog, "newborn")
    assert reading.success == pytest.approx(100 * 300 / 310, abs=0.3)


def test_old_news_have_an_age(catalog: Catalog) -> None:
    """A counter whose last sample is two minutes old says so."""
    reading = read(catalog, "stale")
    assert reading.age_s == pytest.approx(120, abs=30)
    assert "s old" in judge("v2", reading, Limits())[0].why


def test_a_past_beyond_the_horizon_is_nothing(catalog: Catalog) -> None:
    """Series that ended 15 minutes ago are no traffic."""
    assert read(catalog, "gone").requests is None


def test_linkerd_counts_by_classification(catalog: Catalog) -> None:
    """Linkerd's failures, total failure and total success read as 90, 0 and 100 per cent."""
    shares = [
        read(catalog, namespace, BACKEND, cluster="linkerd").success for namespace in ("mixed", "dead", "perfect")
    ]
    assert shares == [pytest.approx(90, abs=0.001), 0, 100]


def test_without_a_server_there_is_a_problem_in_words(catalog: Catalog) -> None:
    """A cluster without a metrics address says that."""
    assert read(catalog, "mixed", cluster="blind").problem == "no metrics server is configured for cluster blind"


def test_an_unknown_cluster_is_a_problem_in_words(catalog: Catalog) -> None:
    """The port never raises, not even for a cluster that does not exist."""
    assert "No cluster is called" in read(catalog, "mixed", cluster="mars").problem


def test_a_subset_without_a_version_is_not_guessed(catalog: Catalog) -> None:
    """The name of a subset is not read as a version label."""
    reading = read(catalog, "mixed", replace(V2, version=""))
    assert "which version label subset v2 stands for" in reading.problem


def test_names_of_people_cannot_leave_the_query(catalog: Catalog) -> None:
    """A service name full of PromQL selects nothing and breaks nothing."""
    reading = read(catalog, "mixed", replace(V2, service='api"} or vector(1) # \\'))
    assert replace(reading, queries=()) == Reading()


def test_a_rejected_query_is_a_problem_in_words(catalog: Catalog) -> None:
    """What Prometheus says of a bad query is passed on."""
    assert "Prometheus refused the query" in read(catalog, "mixed", window_s=-1).problem
