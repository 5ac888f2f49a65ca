"""VirtualServices of many shapes."""

from __future__ import annotations

import copy

import pytest

from mesh.domain.errors import Refused
from tests.workers.cluster.shapes import TARGET, Obj, arm, canary, virtual_service
from workers.cluster.virtualservice import VIRTUAL_SERVICE, read

DELEGATION = {"delegate": {"name": "api-canary"}}
REDIRECT = {"redirect": {"uri": "/new"}}
HEADER = {"match": [{"headers": {"x-group": {"exact": "B"}}}], "route": [arm(subset="v2")]}


def speaking(obj: Obj) -> list[str]:
    """Return the labels of the rules that speak for `api`."""
    return [route.rule for route in VIRTUAL_SERVICE.speaking(obj, TARGET)]


def test_a_canary_is_read_with_all_that_a_patch_must_test() -> None:
    """Weights, pointers, identities and the Service behind each arm."""
    [route] = read(virtual_service(canary()))
    first, second = route.arms
    assert (route.version, route.rule, route.resource_version, route.generation) == ("v1", "", "7", 3)
    assert (first.name, first.weight, second.name, second.effective) == ("v1", 90, "v2", 10)
    assert second.pointer == "/spec/http/0/route/1/weight"
    assert second.identity == (
        ("/spec/http/0/route/1/destination/host", "api"),
        ("/spec/http/0/route/1/destination/subset", "v2"),
    )
    assert (second.service, second.namespace, second.subset) == ("api", "shop", "v2")


def test_reading_changes_nothing() -> None:
    """The object read is the object given."""
    obj = virtual_service(HEADER, canary(), REDIRECT)
    before = copy.deepcopy(obj)
    read(obj)
    assert obj == before


def test_an_absent_weight_beside_another_is_nothing() -> None:
    """Istio counts a missing weight as 0."""
    [route] = read(virtual_service(canary(v1=None, v2=10)))
    assert [(one.weight, route.share(one)) for one in route.arms] == [(None, 0.0), (10, 100.0)]


def test_a_single_destination_is_a_route_with_one_arm() -> None:
    """What is not weighted is still shown, with all of the traffic."""
    [route] = read(virtual_service({"route": [arm(subset="v1")]}))
    assert [(one.name, route.share(one)) for one in route.arms] == [("v1", 100.0)]


def test_rules_without_destinations_are_left_out() -> None:
    """Redirects and delegations carry no arms; the places of the others stay right."""
    routes = read(virtual_service(REDIRECT, DELEGATION, HEADER, canary(name="split")))
    assert [route.rule for route in routes] == ["http[2]", 'http "split"']
    assert routes[1].arms[0].pointer == "/spec/http/3/route/0/weight"


def test_other_protocols_make_the_rule_worth_naming() -> None:
    """Beside a tcp rule, the only http rule is no longer the only rule."""
    assert [route.rule for route in read(virtual_service(canary(), tcp=[{"route": []}]))] == ["http[0]"]


def test_arms_of_the_same_name_are_told_apart() -> None:
    """Two ports of one host, and one subset name of two hosts, get names that differ."""
    ports = [arm("api", weight=1, port={"number": 80}), arm("api", weight=1, port={"number": 81})]
    hosts = [arm("api", "v1", 1), arm("web", "v1", 1)]
    named = [[one.name for one in route.arms] for route in read(virtual_service({"route": ports}, {"route": hosts}))]
    assert named == [["api:80", "api:81"], ["api-v1", "web-v1"]]


def test_a_destination_outside_has_no_service() -> None:
    """A host of another domain is no Service of the cluster."""
    [route] = read(virtual_service({"route": [arm("api.example.co.uk", weight=1), arm("api", weight=1)]}))
    assert [one.service for one in route.arms] == ["", "api"]


@pytest.mark.parametrize("host", ["api", "api.shop", "api.shop.svc", "api.shop.svc.cluster.local"])
def test_hosts_claim_by_full_name(host: str) -> None:
    """Every way to write the Service's name counts."""
    assert speaking(virtual_service(canary(), hosts=[host])) == [""]


@pytest.mark.parametrize("host", ["api.other.svc.cluster.local", "api.other", "*", "api.example.co.uk", "apiv2", "ap"])
def test_other_hosts_do_not(host: str) -> None:
    """The same first label in another namespace or domain is somebody else."""
    assert speaking(virtual_service(canary(), hosts=[host])) == []


def test_behind_a_gateway_only_own_weighted_rules_speak() -> None:
    """Rules with a single destination, or with somebody else's arm, are left alone."""
    foreign = {"route": [arm(subset="v1", weight=1), arm("web", weight=1)]}
    single = {"route": [arm()]}
    obj = virtual_service(single, foreign, canary(), hosts=["www.example.co.uk"], gateways=["public"])
    assert speaking(obj) == ["http[2]"]


def test_in_the_mesh_destinations_alone_claim_nothing() -> None:
    """Another host's VirtualService that happens to send to `api` is not `api`'s."""
    assert speaking(virtual_service(canary(), hosts=["web"])) == []
    assert speaking(virtual_service(canary(), hosts=["web"], gateways=["mesh"])) == []


def test_a_delegate_speaks_by_its_destinations_and_says_so() -> None:
    """A delegate has no hosts: its own weighted rules count, with a warning."""
    [route] = VIRTUAL_SERVICE.speaking(virtual_service(canary(), hosts=[]), TARGET)
    assert "delegate" in route.warnings[0]


def test_names_are_those_a_person_can_use() -> None:
    """Hosts of the namespace; behind a gateway, destinations."""
    assert VIRTUAL_SERVICE.names(virtual_service(canary(), hosts=["api", "web.shop", "x.other", "*"])) == {"api", "web"}
    assert VIRTUAL_SERVICE.names(virtual_service(canary(), hosts=["*"], gateways=["public"])) == {"api"}


def test_a_fault_concerns_only_who_asks_for_it() -> None:
    """A weight that cannot be read is refused for its own service and does not trouble another."""
    broken = virtual_service(canary(v1="90"))
    with pytest.raises(Refused, match="VirtualService shop/api-vs, arm v1"):
        VIRTUAL_SERVICE.speaking(broken, TARGET)
    assert speaking(broken | {"spec": broken["spec"] | {"hosts": ["web"]}}) == []


def test_an_empty_object_is_read_as_nothing() -> None:
    """No spec, no rules, no failure."""
    obj = virtual_service()
    assert read(obj) == []
    del obj["spec"]
    assert (read(obj), VIRTUAL_SERVICE.names(obj)) == ([], set())
