"""VirtualServices of many shapes."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.domain.errors import Refused
from tests.workers.cluster.edits import edited, undone, written
from tests.workers.cluster.shapes import TARGET, Obj, arm, canary, virtual_service
from workers.cluster.virtualservice import VIRTUAL_SERVICE, read

DELEGATION = {"delegate": {"name": "api-canary"}}
REDIRECT = {"redirect": {"uri": "/new"}}
ANSWER = {"directResponse": {"status": 503}}
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
    """Redirects, direct answers and delegations carry no arms; the places of the others stay right."""
    routes = read(virtual_service(REDIRECT, DELEGATION, ANSWER, REDIRECT | canary(), HEADER, canary(name="split")))
    assert [route.rule for route in routes] == ["http header:x-group=B", 'http "split"']
    assert routes[1].arms[0].pointer == "/spec/http/5/route/0/weight"


@pytest.mark.parametrize("protocol", ["tcp", "tls"])
def test_connections_are_split_like_requests(protocol: str) -> None:
    """`tcp` and `tls` rules have the same arms under their own list; open connections stay, which is said."""
    obj = virtual_service()
    obj["spec"][protocol] = [canary(v1=None, v2=10, match=[{"port": 5432}])]
    [route] = read(obj)
    assert (route.rule, route.selectors) == ("", (f"{protocol}[0]", "port:5432"))
    assert [one.pointer for one in route.arms] == [f"/spec/{protocol}/0/route/{n}/weight" for n in (0, 1)]
    assert [(one.protocol, one.subset, route.share(one)) for one in route.arms] == [
        (protocol, "v1", 0.0),
        (protocol, "v2", 100.0),
    ]
    assert any("new connections" in warning for warning in route.warnings)


def test_rules_of_three_lists_have_labels_of_their_own() -> None:
    """Each list names its own rules; a selector that two lists share names neither."""
    tls = [canary(match=[{"port": 443, "sniHosts": ["db.example.com"]}])]
    obj = virtual_service(canary(), tcp=[canary(), canary(match=[{"port": 443}])], tls=tls)
    assert {route.rule: route.selectors for route in read(obj)} == {
        "http default": ("http[0]",),
        "tcp default": ("tcp[0]",),
        "tcp port:443": ("tcp[1]",),
        "tls port:443 sni:db.example.com": ("tls[0]", "sni:db.example.com"),
    }


def test_a_rule_beside_one_without_arms_is_not_the_only_one() -> None:
    """What counts is the rules of all three lists, with destinations or not."""
    assert [route.rule for route in read(virtual_service(canary(), tcp=[{"route": []}]))] == ["http default"]


def test_the_only_rule_of_any_list_needs_no_name() -> None:
    """An object with one rule is named by the object alone."""
    assert [route.rule for route in read(virtual_service(tls=[canary(match=[{"sniHosts": ["a"]}])]))] == [""]


def test_arms_of_the_same_name_are_told_apart() -> None:
    """Two ports of one host, and one subset name of two hosts, get names that differ."""
    ports = [arm("api", weight=1, port={"number": 80}), arm("api", weight=1, port={"number": 81})]
    hosts = [arm("api", "v1", 1), arm("web", "v1", 1)]
    named = [[one.name for one in route.arms] for route in read(virtual_service({"route": ports}, {"route": hosts}))]
    assert named == [["api:80", "api:81"], ["api-v1", "web-v1"]]


def test_arms_alike_to_the_end_are_numbered() -> None:
    """The same destination twice, and entries without one, are still arms of their own."""
    twice = {"route": [arm(subset="v1", weight=1), arm(subset="v1", weight=1, port={"number": 80})]}
    same = {"route": [arm(subset="v1", weight=1), arm(subset="v1", weight=2)]}
    empty: Obj = {"route": [{"weight": 1}, {"destination": {}}]}
    named = [[one.name for one in route.arms] for route in read(virtual_service(twice, same, empty))]
    assert named == [["api-v1", "api-v1:80"], ["api-v1#0", "api-v1#1"], ["route[0]", "route[1]"]]


def test_hosts_of_two_namespaces_are_two_arms() -> None:
    """Services of one name in two namespaces keep their whole hosts as names."""
    [route] = read(virtual_service({"route": [arm("api.shop", weight=1), arm("api.other", weight=1)]}))
    assert [(one.name, one.namespace) for one in route.arms] == [("api.shop", "shop"), ("api.other", "other")]


def test_other_totals_than_100_and_none_at_all() -> None:
    """Weights are relative; an object whose weights are all 0 is read, with no share for anybody."""
    thirds, nothing = read(virtual_service(canary(v1=2, v2=1), canary(v1=0, v2=None)))
    assert [round(thirds.share(one)) for one in thirds.arms] == [67, 33]
    assert [nothing.share(one) for one in nothing.arms] == [0.0, 0.0]


def test_a_destination_outside_has_no_service() -> None:
    """A host of another domain is no Service of the cluster."""
    [route] = read(virtual_service({"route": [arm("api.example.co.uk", weight=1), arm("api", weight=1)]}))
    assert [one.service for one in route.arms] == ["", "api"]


@pytest.mark.parametrize("host", ["api", "api.shop", "api.shop.svc", "api.shop.svc.cluster.local"])
def test_hosts_claim_by_full_name(host: str) -> None:
    """Every way to write the Service's name counts."""
    assert speaking(virtual_service(canary(), hosts=[host])) == [""]


def test_a_wildcard_over_the_namespace_speaks_by_destination() -> None:
    """`*.shop.svc.cluster.local` directs callers of `api` too: rules that are `api`'s only, with a warning."""
    obj = virtual_service(canary(), {"route": [arm("web", weight=1)]}, hosts=["*.shop.svc.cluster.local"])
    assert speaking(obj) == ["http[0]"]
    assert VIRTUAL_SERVICE.names(obj) == {"api", "web"}
    assert "wildcard" in read(obj)[0].warnings[0]
    assert speaking(virtual_service(canary(), hosts=["*.other.svc.cluster.local"])) == []


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


def test_a_gateway_beside_the_mesh_changes_nothing_for_a_host() -> None:
    """Hosts claim whatever is bound; an outside host of the mesh and a gateway goes by destination."""
    assert speaking(virtual_service(canary(), gateways=["mesh", "public"])) == [""]
    assert speaking(virtual_service(canary(), gateways=["public"])) == [""]
    assert speaking(virtual_service(canary(), hosts=["www.example.co.uk"], gateways=["mesh", "public"])) == [""]


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
    with pytest.raises(Refused, match=r"VirtualService shop/api-vs http\[0\]\.route\[0\]\.weight is '90'"):
        VIRTUAL_SERVICE.speaking(broken, TARGET)
    assert speaking(broken | {"spec": broken["spec"] | {"hosts": ["web"]}}) == []


@pytest.mark.parametrize("version", ["v1", "v1beta1", "v1alpha3"])
def test_every_version_is_read_alike(version: str) -> None:
    """The three versions Istio serves have one shape; the route keeps the one it was read in."""
    [route] = read(virtual_service(canary()) | {"apiVersion": f"networking.istio.io/{version}"})
    assert (route.version, route.shares) == (version, "v1 90 % / v2 10 %")


def test_an_empty_object_is_read_as_nothing() -> None:
    """No spec, no rules, no failure."""
    obj = virtual_service()
    assert read(obj) == []
    del obj["spec"]
    assert (read(obj), VIRTUAL_SERVICE.names(obj)) == ([], set())


WEIGHT = st.none() | st.integers(0, 1000)
DESTINATION = st.builds(
    arm,
    st.sampled_from(["api", "web", "api.other.svc.cluster.local", "www.example.com"]),
    st.sampled_from(["", "v1", "v2"]),
    WEIGHT,
    port=st.sampled_from([{}, {"number": 80}, {"number": 81}]),
)
BLOCK = st.fixed_dictionaries(
    {},
    optional={
        "port": st.sampled_from([80, 443]),
        "uri": st.sampled_from([{"prefix": "/a"}, {"exact": "/a"}]),
        "sniHosts": st.lists(st.sampled_from(["a.example.com", "b.example.com"]), max_size=2),
        "headers": st.dictionaries(st.sampled_from(["x", "y"]), st.just({"exact": "1"}), max_size=2),
    },
)
RULE = st.fixed_dictionaries(
    {"route": st.lists(DESTINATION, max_size=4)},
    optional={
        "name": st.sampled_from(["x", "y", "a/b"]),
        "match": st.lists(BLOCK, max_size=2),
        "mirror": st.just({"host": "shadow"}),
        "redirect": st.just({"uri": "/"}),
        "weight": st.integers(0, 5),
    },
)


def leaves(value: Any, path: str) -> set[tuple[str, str]]:
    """Return (JSON pointer, text) of everything in `value` that holds nothing else."""
    if not isinstance(value, dict | list) or not value:
        return {(path, repr(value))}
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    return set().union(*(leaves(one, f"{path}/{key}") for key, one in inside))


@settings(max_examples=150)
@given(st.data(), *[st.lists(RULE, max_size=3)] * 3)
def test_whatever_its_rules_an_edit_touches_its_weights_and_can_be_taken_back(
    data: st.DataObject, http: list[Obj], tcp: list[Obj], tls: list[Obj]
) -> None:
    """Any rule of the three lists: only the chosen weights change, labels stay, undo gives the object back."""
    obj = virtual_service(*http, tcp=tcp, tls=tls)
    routes = read(obj)
    assert len({route.rule for route in routes}) == len(routes)
    if not routes:
        return
    route = data.draw(st.sampled_from(routes))
    wanted = data.draw(
        st.dictionaries(st.sampled_from([one.name for one in route.arms]), st.integers(0, 1000), min_size=1)
    )
    after = edited(obj, route, dict(wanted))
    moved = {one.pointer for one in route.arms if one.name in wanted and one.weight != wanted[one.name]}
    assert {path for path, _value in leaves(obj["spec"], "/spec") ^ leaves(after["spec"], "/spec")} == moved
    assert [found.rule for found in read(after)] == [found.rule for found in routes]
    if moved:
        assert written(undone(VIRTUAL_SERVICE, after, route.rule)) == written(obj)
