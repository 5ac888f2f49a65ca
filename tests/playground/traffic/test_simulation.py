"""The dice fall as the routes, the profile and the breakages say."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from playground.traffic.profile import DEFAULT, Profile, ServiceProfile
from playground.traffic.routing import Arm, Objects
from playground.traffic.simulation import BadRequest, Breakage, Simulation
from tests.playground.traffic.conftest import RouteLists

API, CHECKOUT, WEB, SEARCH = DEFAULT.services


@pytest.fixture
def simulation(world: RouteLists) -> Simulation:
    """Return the demo world's traffic with known dice, before its first request."""
    simulation = Simulation(DEFAULT, seed=4)
    simulation.use(world.objects())
    return simulation


def count(simulation: Simulation, family: str, **labels: str) -> float:
    """Return the sum of all series of a family that carry these labels."""
    series = re.findall(rf"^{family}\{{(.*)\}} (\S+)$", simulation.metrics(), re.MULTILINE)
    wanted = [f'{name}="{value}"' for name, value in labels.items()]
    return sum(float(value) for text, value in series if all(f",{each}," in f",{text}," for each in wanted))


def istio(simulation: Simulation, workload: str, reporter: str = "source", **labels: str) -> float:
    """Return the requests that one workload got."""
    return count(simulation, "istio_requests_total", destination_workload=workload, reporter=reporter, **labels)


def arm(simulation: Simulation, service: str, name: str) -> Arm:
    """Return one arm of a service's present route."""
    route = next(route for profile, route in simulation.services() if profile.service == service)
    return next(each for each in route.arms if each.name == name)


def test_requests_follow_rate_and_weights(simulation: Simulation) -> None:
    """A minute of traffic brings about rps times 60 requests, split by the weights (within four deviations)."""
    simulation.advance(60)
    v1, v2 = istio(simulation, "api-v1"), istio(simulation, "api-v2")
    assert v1 + v2 == pytest.approx(7200, abs=4 * 7200**0.5)
    assert v2 / (v1 + v2) == pytest.approx(0.1, abs=4 * (0.09 / 7200) ** 0.5)


def test_both_ends_report(simulation: Simulation) -> None:
    """Istio's source and destination count the same requests of an unmirrored service; Linkerd's two directions too."""
    simulation.advance(10)
    assert istio(simulation, "api-v2") == istio(simulation, "api-v2", "destination") > 0
    inbound = count(simulation, "response_total", direction="inbound", deployment="web-v2", namespace="mesh-demo")
    assert inbound == count(simulation, "response_total", direction="outbound", dst_service="web-v2") > 0


def test_histograms_count_every_request(simulation: Simulation) -> None:
    """The +Inf bucket and the count of a duration histogram equal the requests, and buckets never fall."""
    simulation.advance(10)
    family = "istio_request_duration_milliseconds"
    labels = {"reporter": "source", "destination_workload": "api-v1"}
    total = istio(simulation, "api-v1")
    assert count(simulation, f"{family}_bucket", le="+Inf", **labels) == total
    assert count(simulation, f"{family}_count", **labels) == total
    below = [count(simulation, f"{family}_bucket", le=le, **labels) for le in ("10", "50", "100", "250", "+Inf")]
    assert below == sorted(below)
    assert below[1] / total == pytest.approx(0.63, abs=0.06)


def test_an_unexposed_arm_has_no_series(simulation: Simulation) -> None:
    """The arm with weight 0 is in no series at all until it gets its first request."""
    simulation.advance(30)
    assert "search-v1" in simulation.metrics()
    assert "search-v2" not in simulation.metrics()


def test_header_traffic_exists_only_when_configured(world: RouteLists) -> None:
    """With a matched share of one half, half of the checkout's requests take the header route to v2."""
    simulation = Simulation(Profile((replace(CHECKOUT, matched_share=0.5),)), seed=1)
    simulation.use(world.objects())
    simulation.advance(30)
    v1, v2 = istio(simulation, "checkout-v1"), istio(simulation, "checkout-v2")
    assert v2 / (v1 + v2) == pytest.approx(0.55, abs=0.05)


def test_mirror_copies_are_seen_by_the_destination_only(simulation: Simulation) -> None:
    """Copies reach v2's own count, and neither the caller's count nor the shown success of v2."""
    simulation.advance(20)
    source, destination = (istio(simulation, "checkout-v2", reporter) for reporter in ("source", "destination"))
    total = istio(simulation, "checkout-v1") + source
    assert destination == source + total
    assert simulation.recent(CHECKOUT, arm(simulation, "checkout", "v2")).rps == pytest.approx(6, abs=5)


def test_a_broken_arm_fails_alone(simulation: Simulation) -> None:
    """Breaking v2 fails its requests and slows them, in metrics and in what is shown; v1 stays well."""
    simulation.break_arm(("mesh-demo", "api"), "v2", Breakage(errors=0.5, latency_ms=700))
    simulation.advance(30)
    failed = istio(simulation, "api-v2", response_code="500") / istio(simulation, "api-v2")
    assert failed == pytest.approx(0.5, abs=0.1)
    broken = simulation.recent(API, arm(simulation, "api", "v2"))
    healthy = simulation.recent(API, arm(simulation, "api", "v1"))
    assert broken.p99_ms is not None
    assert broken.success is not None
    assert healthy.success is not None
    assert broken.p99_ms > 700
    assert broken.success < 80
    assert healthy.success > 98


@pytest.mark.parametrize("version", ["v2", "web-v2"])
def test_a_version_has_two_names(simulation: Simulation, version: str) -> None:
    """A backend's arm is broken under its own name and under the version alone, and mended by zeros."""
    simulation.break_arm(("mesh-demo", "web"), version, Breakage(errors=1))
    assert simulation.broken(WEB, arm(simulation, "web", "web-v2")) == Breakage(errors=1)
    simulation.advance(5)
    assert count(simulation, "response_total", deployment="web-v2", classification="success") == 0
    assert count(simulation, "response_total", deployment="web-v2", classification="failure", status_code="500") > 0
    simulation.break_arm(("mesh-demo", "web"), "v2", Breakage())
    assert simulation.broken(WEB, arm(simulation, "web", "web-v2")) == Breakage()


def test_an_undefined_subset_answers_503_at_the_caller(world: RouteLists) -> None:
    """Requests to a subset that does not exist fail at the source, and no destination reports them."""
    world.lists["destinationrules"].clear()
    simulation = Simulation(DEFAULT, seed=1)
    simulation.use(world.objects())
    simulation.advance(5)
    assert istio(simulation, "unknown", response_code="503", destination_service_name="api") > 0
    assert count(simulation, "istio_requests_total", reporter="destination") == 0


def test_new_weights_count_at_once(simulation: Simulation, world: RouteLists) -> None:
    """After new objects were read, the very next requests follow them."""
    world.weigh_api(0, 100)
    simulation.use(world.objects())
    simulation.advance(5)
    assert istio(simulation, "api-v1") == 0
    assert istio(simulation, "api-v2") > 0


def test_an_object_that_cannot_be_read_changes_nothing(simulation: Simulation, world: RouteLists) -> None:
    """A malformed object is refused as a whole: no service gets half of the new routes."""
    world.weigh_api(0, 100)
    world.one("trafficsplits", "web-split")["spec"]["backends"][0]["weight"] = "many"
    with pytest.raises(ValueError, match="many"):
        simulation.use(world.objects())
    assert arm(simulation, "api", "v2").share == 0.1


def test_the_rate_can_change(simulation: Simulation) -> None:
    """A rate of 0 stops a service, and what is shown falls to nothing after the window."""
    simulation.set_rps(("mesh-demo", "api"), 0)
    simulation.advance(6)
    assert istio(simulation, "api-v1") == 0
    recent = simulation.recent(API, arm(simulation, "api", "v1"))
    assert (recent.rps, recent.success, recent.p99_ms) == (0, None, None)


def test_the_same_seed_rolls_the_same(world: RouteLists) -> None:
    """Two simulations of one seed count exactly the same; another seed does not."""
    texts = []
    for seed in (1, 1, 2):
        simulation = Simulation(DEFAULT, seed=seed)
        simulation.use(world.objects())
        simulation.advance(3)
        texts.append(simulation.metrics())
    assert texts[0] == texts[1] != texts[2]


def test_without_arms_there_is_no_traffic() -> None:
    """A route whose weights total 0 sends nothing anywhere."""
    split = {
        "metadata": {"name": "s", "namespace": "mesh-demo"},
        "spec": {"service": "web", "backends": [{"service": "web-v1"}, {"service": "web-v2"}]},
    }
    simulation = Simulation(Profile((WEB,)))
    simulation.use(Objects(trafficsplits=(split,)))
    simulation.advance(5)
    assert "web-v" not in simulation.metrics()


@pytest.mark.parametrize(
    ("key", "version", "breakage", "message"),
    [
        (("mesh-demo", "nothing"), "v2", Breakage(), "no traffic is simulated for mesh-demo/nothing"),
        (("mesh-demo", "api"), "v9", Breakage(), "its route has v1, v2"),
        (("mesh-demo", "api"), "v2", Breakage(errors=1.5), "errors is 1.5"),
        (("mesh-demo", "api"), "v2", Breakage(errors=float("nan")), "errors is nan"),
        (("mesh-demo", "api"), "v2", Breakage(latency_ms=-1), "latency_ms is -1"),
        (("mesh-demo", "api"), "*", Breakage(errors=0.1, clump=0.5), "clump is 0.5"),
    ],
)
def test_nonsense_is_refused(
    simulation: Simulation, key: tuple[str, str], version: str, breakage: Breakage, message: str
) -> None:
    """Unknown services and versions and impossible numbers are named in the refusal."""
    with pytest.raises(BadRequest, match=message):
        simulation.break_arm(key, version, breakage)


# --- what gates must tell apart --------------------------------------------------------------------------------------


def alone(world: RouteLists, profile: ServiceProfile) -> Simulation:
    """Return the traffic of one service of the demo world, of another kind than there."""
    simulation = Simulation(Profile((profile,)), seed=2)
    simulation.use(world.objects())
    return simulation


def test_a_dead_arm_is_lost_at_the_source(simulation: Simulation) -> None:
    """Its requests are 503 of nobody at the source, where their service is known; at the destination they are not."""
    simulation.break_arm(("mesh-demo", "api"), "v2", Breakage(dead=True))
    simulation.advance(20)
    lost = {"response_code": "503", "response_flags": "UF,URX", "destination_version": "unknown"}
    named = {"destination_service_name": "api", "destination_service_namespace": "mesh-demo"}
    assert istio(simulation, "unknown", **lost, **named) == pytest.approx(240, abs=60)
    assert istio(simulation, "api-v2") == istio(simulation, "api-v2", "destination") == 0
    assert istio(simulation, "unknown", "destination") == 0
    recent = simulation.recent(API, arm(simulation, "api", "v2"))
    assert recent.success == 0
    assert recent.rps > 5


def test_old_proxies_forget_the_namespace_of_the_lost(world: RouteLists) -> None:
    """Where a caller's proxy is as old as that, the namespace of the service is `unknown` too, its host is not."""
    simulation = alone(world, replace(API, lost_namespace=False))
    simulation.break_arm(("mesh-demo", "api"), "v2", Breakage(dead=True))
    simulation.advance(5)
    host = {"destination_service": "api.mesh-demo.svc.cluster.local"}
    assert istio(simulation, "unknown", destination_service_namespace="unknown", **host) > 0
    assert istio(simulation, "unknown", destination_service_namespace="mesh-demo") == 0


def test_a_dead_arm_of_linkerd_fails_outbound_only(simulation: Simulation) -> None:
    """The caller counts failures of the backend's Service, and no pod of it counts anything."""
    simulation.break_arm(("mesh-demo", "web"), "v2", Breakage(dead=True))
    simulation.advance(20)
    failed = {"dst_service": "web-v2", "classification": "failure", "status_code": "502"}
    assert count(simulation, "response_total", direction="outbound", **failed) > 0
    assert count(simulation, "response_total", direction="outbound", dst_service="web-v2", status_code="200") == 0
    assert count(simulation, "response_total", direction="inbound", deployment="web-v2") == 0


def test_grpc_fails_with_status_200(world: RouteLists) -> None:
    """Failures of gRPC differ from successes in the gRPC status alone, in both meshes, and so does a dead arm."""
    calls = {"request_protocol": "grpc", "response_code": "200"}
    simulation = alone(world, replace(API, protocol="grpc"))
    simulation.break_arm(("mesh-demo", "api"), "v2", Breakage(errors=1))
    simulation.break_arm(("mesh-demo", "api"), "v1", Breakage(dead=True))
    simulation.advance(5)
    assert istio(simulation, "api-v2", grpc_response_status="13", **calls) == istio(simulation, "api-v2") > 0
    assert istio(simulation, "unknown", grpc_response_status="14", **calls) == istio(simulation, "unknown") > 0
    simulation = alone(world, replace(WEB, protocol="grpc"))
    simulation.break_arm(("mesh-demo", "web"), "v2", Breakage(errors=1))
    simulation.advance(5)
    failed = {"deployment": "web-v2", "classification": "failure"}
    assert count(simulation, "response_total", status_code="200", grpc_status="13", **failed) > 0


def test_a_waypoint_reports_alone(world: RouteLists) -> None:
    """In an ambient mesh there is one reporter, and of a dead arm it knows as little as a caller does."""
    simulation = alone(world, replace(API, proxies="waypoint"))
    simulation.advance(5)
    simulation.break_arm(("mesh-demo", "api"), "v2", Breakage(dead=True))
    simulation.advance(5)
    everything = count(simulation, "istio_requests_total")
    assert count(simulation, "istio_requests_total", reporter="waypoint") == everything > 0
    assert istio(simulation, "api-v2", "waypoint", destination_version="v2") > 0
    assert istio(simulation, "unknown", "waypoint", destination_service_name="api", response_code="503") > 0


def test_an_incident_hits_every_arm(simulation: Simulation) -> None:
    """With `*` both arms fail alike, and mending is as short."""
    simulation.break_arm(("mesh-demo", "api"), "*", Breakage(errors=0.2))
    simulation.advance(30)
    for workload in ("api-v1", "api-v2"):
        failed = istio(simulation, workload, response_code="500") / istio(simulation, workload)
        assert failed == pytest.approx(0.2, abs=0.08)
    simulation.break_arm(("mesh-demo", "api"), "*", Breakage())
    assert all(simulation.broken(API, arm(simulation, "api", name)) == Breakage() for name in ("v1", "v2"))


def test_a_high_rate_is_counted_as_exactly(simulation: Simulation) -> None:
    """At 5 000 requests a second shares, failures and buckets are as exact as at a hundred."""
    simulation.set_rps(("mesh-demo", "api"), 5000)
    simulation.break_arm(("mesh-demo", "api"), "v2", Breakage(errors=0.005))
    simulation.advance(40)
    v1, v2 = istio(simulation, "api-v1"), istio(simulation, "api-v2")
    assert v1 + v2 == pytest.approx(200_000, abs=4 * 200_000**0.5)
    assert v2 == pytest.approx(20_000, abs=4 * 18_000**0.5)
    failed = istio(simulation, "api-v2", response_code="500")
    assert failed == pytest.approx(110, abs=4 * 110**0.5)
    labels = {"destination_workload": "api-v2", "reporter": "source", "le": "+Inf"}
    assert count(simulation, "istio_request_duration_milliseconds_bucket", **labels) == v2
