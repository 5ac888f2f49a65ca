"""Counts of a real Prometheus with a known past."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from mesh.domain.catalog import Catalog, Service
from mesh.domain.commands import Target
from mesh.domain.counts import Counts
from mesh.domain.gates import CustomGate, Limits
from mesh.domain.measures import Burn, Measured, Subject
from mesh.domain.routes import Arm
from tests.workers.metrics.conftest import Remembered
from workers.metrics.adapter import PrometheusMetrics

pytestmark = pytest.mark.prometheus

V1 = Arm("v1", 90, 90, "/spec/http/0/route/0/weight", service="api", subset="v1", version="v1")
V2 = Arm("v2", 10, 10, "/spec/http/0/route/1/weight", service="api", subset="v2", version="v2")
WHOLE = Arm("api", 10, 10, "/spec/http/0/route/1/weight", service="api")
BACKEND = Arm("api-v2", 10, 10, "/spec/rules/0/backendRefs/1/weight", service="api-v2")
NOTHING = Counts()


def subject(namespace: str, *arms: Arm, cluster: str = "istio") -> Subject:
    """These arms of service `api` in the namespace that holds the situation, by default v1 and v2 at 90 to 10."""
    found = arms or (V1, V2)
    total = sum(arm.effective for arm in found)
    shares = tuple(100.0 * arm.effective / total for arm in found)
    return Subject(Target(cluster, namespace, "api"), found, shares)


class Reader:
    """Asks about moments before the end of the past."""

    def __init__(self, metrics: PrometheusMetrics, end: float) -> None:
        self.metrics = metrics
        self.end = end

    def __call__(
        self, namespace: str, *arms: Arm, cluster: str = "istio", age_s: float = 0, seconds: float = 300
    ) -> Measured:
        """Measure one subject over the `seconds` that ended `age_s` before the end of the past."""
        asked = subject(namespace, *arms, cluster=cluster)
        (found,) = self.metrics.measure(cluster, [asked], until=self.end - age_s, seconds=seconds)
        return found

    def v2(self, namespace: str, *, age_s: float = 0, seconds: float = 300) -> tuple[float, float]:
        """Return requests and failures of v2."""
        found = self(namespace, age_s=age_s, seconds=seconds)
        assert found.problem == ""
        counts = found.counts.get("v2", NOTHING)
        return counts.requests, counts.errors


@pytest.fixture
def read(metrics: PrometheusMetrics, remembered: Remembered) -> Reader:
    """Return what asks the Prometheus with the past."""
    return Reader(metrics, remembered.end)


def without_queries(found: Measured) -> Measured:
    """Leave out what is for people."""
    return replace(found, queries={}, age_s=None, source="")


def shares_of(found: Measured) -> Mapping[str, float | None]:
    """Return the success of each arm."""
    return {name: counts.success for name, counts in found.counts.items()}


def test_counts_are_those_of_the_counters(read: Reader) -> None:
    """97 good and 3 bad answers each 10 s are exactly 3 000 requests and 90 failures in 5 minutes."""
    found = read("mixed")
    assert (found.problem, found.problems, found.age_s) == ("", {}, 0)
    assert (found.counts["v2"].requests, found.counts["v2"].errors) == (3000, 90)
    assert (found.counts["v1"].requests, found.counts["v1"].errors) == (27000, 0)
    assert found.queries.keys() == {"v1", "v2"}


def test_the_quantile_is_interpolated_in_its_bucket(read: Reader) -> None:
    """90 requests up to 100 ms and 10 up to 200 ms put the 99th percentile at 190 ms."""
    counts = read("mixed").counts
    assert counts["v2"].quantile_ms(0.99) == pytest.approx(190)
    assert counts["v2"].slower(100) == 300
    assert counts["v1"].quantile_ms(0.5) == pytest.approx(100)


CUTS = [(5,) * 40, (7, 13, 60, 45, 25, 50), (0.25, 199.75), (100, 100), (200,)]


def summed(read: Reader, namespace: str, cuts: tuple[float, ...]) -> tuple[float, float]:
    """Return requests and failures of v2 in windows of these lengths that fill the last 200 s."""
    parts = [read.v2(namespace, age_s=200 - sum(cuts[: at + 1]), seconds=seconds) for at, seconds in enumerate(cuts)]
    return sum(requests for requests, _ in parts), sum(errors for _, errors in parts)


@pytest.mark.parametrize("cuts", CUTS)
@pytest.mark.parametrize(
    ("namespace", "requests", "errors"),
    [("mixed", 2000, 60), ("newborn", 210, 10), ("unreached", 2000, 2000)],
)
def test_windows_that_meet_count_each_request_once(
    read: Reader, namespace: str, requests: float, errors: float, cuts: tuple[float, ...]
) -> None:
    """However 200 s are cut, what the windows count adds up to what there was."""
    assert summed(read, namespace, cuts) == pytest.approx((requests, errors))


@pytest.mark.parametrize("cuts", CUTS)
@pytest.mark.parametrize(
    ("namespace", "least", "most"), [("gap", 126, 210), ("amnesia", 126, 210), ("restarted", 360 * 1.05, 420)]
)
def test_what_was_not_seen_before_makes_no_failures(
    read: Reader, namespace: str, least: float, most: float, cuts: tuple[float, ...]
) -> None:
    """However it is cut, a lifetime of counters seen for the first time counts nothing, and 1 in 21 stays 1 in 21.

    What a proxy counted between its last scrape and its restart, or before its first scrape, is lost with its failures.
    """
    requests, errors = summed(read, namespace, cuts)
    assert least <= requests <= most
    assert errors == pytest.approx(requests / 21)


def test_two_looks_at_the_same_time_count_the_same(read: Reader) -> None:
    """A look asks about a moment, so one that is repeated answers the same."""
    assert read.v2("mixed", seconds=20) == read.v2("mixed", seconds=20) == (200, 6)


@pytest.mark.parametrize("seconds", [0, -5, 0.0004])
def test_no_time_is_no_look(read: Reader, seconds: float) -> None:
    """A look of no length, or back in time after a clock was set, is a problem in words and counts nothing."""
    assert read("mixed", seconds=seconds).problem == "no time has passed since it was last looked at"


def test_a_gap_in_scrapes_counts_nothing_by_guess(read: Reader) -> None:
    """After 500 s without scrapes neither failures nor successes of that time fall into the first window."""
    assert read.v2("gap", age_s=95, seconds=10) == (0, 0)
    assert read.v2("gap", age_s=80, seconds=10) == (21, 1)


def test_a_prometheus_without_its_past_makes_no_failures(read: Reader) -> None:
    """Lifetimes of counters that are seen for the first time are no news."""
    assert read.v2("amnesia", age_s=95, seconds=10) == (0, 0)
    assert read.v2("amnesia", age_s=90, seconds=10) == (21, 1)


def test_the_first_failures_are_counted(read: Reader) -> None:
    """Failures whose counter was born a moment ago count, for its proxy had been read before and had none."""
    assert read.v2("newborn", seconds=5) == (20, 10)


def test_a_counter_that_began_anew_counts_from_zero(read: Reader) -> None:
    """A container that was started anew costs no request and adds none."""
    assert read.v2("restarted", age_s=95, seconds=10) == (21, 1)


def test_a_pod_that_is_gone_stops(read: Reader) -> None:
    """Without its last sample in reach nothing is counted, neither up nor down."""
    assert read.v2("gone") == (0, 0)


def test_a_new_pod_counts_from_its_first_scrape(read: Reader) -> None:
    """Within a long window a pod that came a minute ago counts from the next piece of about 30 s on."""
    stays, went, came = 20 * 30, 20 * 18, 20 * 6
    assert read.v2("churn", seconds=300) == (stays + went + came, 0)


def test_a_whole_service_is_all_of_its_versions(read: Reader) -> None:
    """Without a subset, v1 and v2 count together."""
    counts = read("mixed", WHOLE).counts["api"]
    assert (counts.requests, counts.errors) == (30000, 90)


def test_an_arm_that_only_fails_has_no_success(read: Reader) -> None:
    """No success series at all is 0 per cent, not missing data, and no failure series is 100."""
    assert shares_of(read("dead")) == {"v2": 0.0}
    assert shares_of(read("perfect")) == {"v2": 100.0}


def test_no_request_is_no_share(read: Reader) -> None:
    """A counter that stands still was heard of and has no request."""
    counts = read("idle").counts["v2"]
    assert (counts.requests, counts.success, counts.quantile_ms(0.99)) == (0, None, None)


def test_no_series_is_nothing_at_all(read: Reader) -> None:
    """An arm that no proxy speaks of is absent, without a problem."""
    found = read("nowhere")
    assert without_queries(found) == Measured()
    assert found.age_s is None


def test_the_source_is_believed_before_the_destination(read: Reader) -> None:
    """Where both ends report, only the source's 100 requests each 10 s count, not the destination's 500."""
    assert read.v2("mixed", seconds=10) == (100, 3)


def test_the_destination_speaks_where_no_source_does(read: Reader) -> None:
    """Callers outside the mesh leave only the destination's series."""
    assert shares_of(read("inside")) == {"v2": pytest.approx(80)}


def test_times_are_asked_of_whom_one_believes(read: Reader) -> None:
    """Looks ask for the times of the last look's speakers only, which others and longer windows do not suffer from."""
    for namespace, timed in (("mixed", 100), ("inside", 25), ("inside", 25), ("mixed", 100), ("mixed", 100)):
        assert read(namespace, seconds=10).counts["v2"].timed == timed
    assert read("inside", seconds=300).counts["v2"].timed == 750
    assert [bound for bound, _ in read("inside", seconds=10).counts["v2"].buckets] == [100, float("inf")]


def test_long_times_are_told_apart_where_a_limit_lies_there(catalog: Catalog, remembered: Remembered) -> None:
    """A limit of any service, also one below a millisecond: bounds stay the same whatever is looked at."""
    for limits in (Limits(p99_max_ms=20_000), Limits(slow_ms=10_001), Limits(slow_ms=0.5)):
        metrics = PrometheusMetrics(replace(catalog, services=(Service("web", limits=limits),)))
        counts = Reader(metrics, remembered.end)("inside", seconds=10).counts
        metrics.close()
        assert [bound for bound, _ in counts["v2"].buckets] == [100, 30_000, float("inf")]


def test_a_waypoint_speaks_where_no_sidecar_does(read: Reader) -> None:
    """In ambient mode the waypoint is believed before the pods, and knows versions by the revision of their address."""
    assert read.v2("waypoint", seconds=10) == (20, 0)


def test_grpc_failures_fail(read: Reader) -> None:
    """A gRPC status other than 0 under HTTP 200 is a failure."""
    assert shares_of(read("grpc")) == {"v2": pytest.approx(75)}


def test_what_reached_no_pod_is_missing_where_it_was_meant_for(read: Reader) -> None:
    """v2 was to get a tenth and answered nothing, so the tenth that reached nobody was its own: it fails entirely."""
    counts = read("unreached", seconds=10).counts
    assert (counts["v2"].requests, counts["v2"].errors, counts["v2"].unreached) == (100, 100, 100)
    assert (counts["v1"].requests, counts["v1"].errors) == (900, 0)
    assert counts["v1"].timed == 900


def test_what_pods_refuse_is_known_by_their_revision(read: Reader) -> None:
    """A pod that takes no connection never told its version; that of its address will do."""
    counts = read("refused", seconds=10).counts
    assert (counts["v2"].requests, counts["v2"].errors, counts["v2"].unreached) == (100, 100, 0)


def test_nobody_is_blamed_by_luck(read: Reader) -> None:
    """Where each arm answered its share, the ten that reached nobody are put down by share."""
    counts = read("unlucky", seconds=10).counts
    assert (counts["v2"].errors, counts["v1"].errors) == pytest.approx((1, 9))


def test_pods_that_tell_no_version_are_not_guessed(read: Reader) -> None:
    """Failures beside successes that carry no version either say nothing of any arm."""
    assert without_queries(read("mute")) == Measured()


def test_different_histograms_are_not_compared(read: Reader) -> None:
    """Proxies with other bounds for each arm leave counts without times."""
    counts = read("bounds").counts
    assert (counts["v1"].buckets, counts["v2"].buckets) == ((), ())
    assert counts["v2"].requests == 3000


def test_old_news_have_an_age(read: Reader) -> None:
    """A counter whose last sample is two minutes old says so."""
    assert read("stale").age_s == pytest.approx(120)


def test_linkerd_counts_by_classification(read: Reader) -> None:
    """Linkerd's failures, total failure and total success read as 90, 0 and 100 per cent."""
    names = ("linkerd-mixed", "linkerd-dead", "linkerd-perfect")
    found = [read(name, BACKEND, cluster="linkerd") for name in names]
    assert [shares_of(one) for one in found] == [{"api-v2": pytest.approx(90)}, {"api-v2": 0.0}, {"api-v2": 100.0}]
    assert found[0].counts["api-v2"].quantile_ms(0.99) == pytest.approx(198)


def test_linkerds_callers_are_believed_before_its_pods(read: Reader) -> None:
    """All callers' 25 requests each 10 s count by Service, and not the 10 that pods saw besides."""
    counts = read("linkerd-callers", BACKEND, cluster="linkerd", seconds=10).counts["api-v2"]
    assert (counts.requests, counts.errors) == (25, 5)


def test_without_a_server_there_is_a_problem_in_words(read: Reader) -> None:
    """A cluster without a metrics address, and one that does not exist, say that instead of raising."""
    assert read("mixed", cluster="blind").problem == "no metrics server is configured for cluster blind"
    assert "No cluster is called" in read("mixed", cluster="mars").problem


def test_an_arm_that_nothing_tells_has_a_problem_of_its_own(read: Reader) -> None:
    """A subset without a known version label is not guessed, and the other arm is measured none the less."""
    found = read("mixed", V1, replace(V2, version=""))
    assert "which version label subset v2 stands for" in found.problems["v2"]
    assert found.counts.keys() == {"v1"}
    assert found.queries.keys() == {"v1"}


@pytest.mark.parametrize("service", ['api"} or vector(1) # \\', "api|.*", "a.i", "ap[i]"])
def test_threat_2_names_of_people_cannot_leave_the_query(read: Reader, service: str) -> None:
    """A service name full of PromQL or of regular expressions selects nothing and breaks nothing."""
    found = read("mixed", replace(V1, service=service), replace(V2, service=service))
    assert without_queries(found) == Measured()


def test_many_subjects_are_told_apart(metrics: PrometheusMetrics, remembered: Remembered) -> None:
    """Subjects of one call answer each for itself, in their order."""
    asked = [subject(name) for name in ("perfect", "dead", "nowhere", "mixed")]
    found = metrics.measure("istio", asked, until=remembered.end, seconds=10)
    assert [one.counts.get("v2", NOTHING).requests for one in found] == [20, 20, 0, 100]


def test_now_is_as_late_as_samples_can_be_known(metrics: PrometheusMetrics) -> None:
    """Without a moment the last one counts whose samples can be known: a second ago."""
    (found,) = metrics.measure("istio", [subject("mixed")], until=0, seconds=10)
    assert (found.counts["v2"].requests, found.age_s) == (100, 0)


def test_what_people_can_ask_says_the_same(read: Reader, metrics: PrometheusMetrics) -> None:
    """The queries shown for an arm are PromQL whose numbers are those of its counts."""
    found = read("mixed")
    gates = [CustomGate("shown", found.query(name, "v2")) for name in ("success", "p99")]
    asked = [metrics.ask(gate, V2, Target("istio", "mixed", "api"), window_s=300).value for gate in gates]
    assert asked == [pytest.approx(97), pytest.approx(190)]
    assert 'destination_version="v1"' not in found.query("errors", "v2"), "of v2 nobody is shown what v1 did"


def test_burn_rates_are_of_the_whole_service(metrics: PrometheusMetrics) -> None:
    """Three failures in a thousand requests of both versions are 0.3 per cent over each window that has a past."""
    mixed, dead, nowhere = metrics.burns("istio", [_subject(name) for name in ("mixed", "dead", "nowhere")])
    assert [mixed.m5, mixed.m30] == [pytest.approx(0.003), pytest.approx(0.003)]
    assert (dead.m5, dead.h1) == (1.0, 1.0)
    assert dead.failed_h1 == pytest.approx(dead.failed_h6, rel=0.01)
    assert nowhere == Burn(failed_h1=0.0, failed_h6=0.0)


def test_burn_rates_without_a_server_are_a_problem(metrics: PrometheusMetrics) -> None:
    """Nothing is raised where nobody can be asked."""
    (found,) = metrics.burns("blind", [_subject("mixed", cluster="blind")])
    assert found == Burn(problem="no metrics server is configured for cluster blind")


def _subject(namespace: str, *, cluster: str = "istio") -> Subject:
    """The service `api` of a namespace, by one of its arms."""
    return Subject(Target(cluster, namespace, "api"), (replace(V2, namespace=namespace),), (100.0,))
