"""HTTPRoutes in the mesh and behind gateways."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.domain.commands import Target
from mesh.domain.errors import Refused
from mesh.domain.routes import Weights
from tests.workers.cluster.edits import changed, edited, undone, written
from tests.workers.cluster.shapes import GATEWAY_PARENT, MESH_PARENT, TARGET, Obj, backends, http_route
from workers.cluster.httproute import HTTP_ROUTE

SPLIT = backends(("api-v1", 90), ("api-v2", 10))
read = HTTP_ROUTE.read


def test_backend_refs_are_arms() -> None:
    """Names, weights, pointers and the keys that are present as identity."""
    refs = [{"name": "api-v1", "weight": 9}, {"name": "api-v2", "port": 80, "namespace": "other", "group": ""}]
    [route] = read(http_route({"backendRefs": refs}))
    second = route.arms[1]
    assert (second.name, second.weight, second.effective) == ("api-v2", None, 1)
    assert second.pointer == "/spec/rules/0/backendRefs/1/weight"
    assert dict(second.identity) == {
        "/spec/rules/0/backendRefs/1/name": "api-v2",
        "/spec/rules/0/backendRefs/1/namespace": "other",
        "/spec/rules/0/backendRefs/1/port": 80,
        "/spec/rules/0/backendRefs/1/group": "",
    }
    assert (second.service, second.namespace) == ("api-v2", "other")


def test_an_absent_weight_is_one() -> None:
    """Without weights, two backends share evenly, also after one of them got a weight."""
    [even] = read(http_route(backends(("api-v1", None), ("api-v2", None))))
    assert [even.share(arm) for arm in even.arms] == [50.0, 50.0]
    assert [arm.absent for arm in even.arms] == [1, 1]


@pytest.mark.parametrize(("weight", "share"), [(None, 100.0), (7, 100.0), (0, 0.0)])
def test_a_lone_backend_has_everything_unless_its_weight_is_zero(weight: int | None, share: float) -> None:
    """Other than in Istio and SMI, a weight of 0 means nothing even alone."""
    [route] = read(http_route(backends(("api-v1", weight))))
    assert route.share(route.arms[0]) == share


def test_weights_that_are_all_zero_are_no_share() -> None:
    """The API allows them: nobody gets anything."""
    [route] = read(http_route(backends(("api-v1", 0), ("api-v2", 0))))
    assert route.total == 0


@pytest.mark.parametrize("weight", ["half", 1.5, True, -1])
def test_a_weight_that_is_none_is_refused_by_its_field(weight: Any) -> None:
    """The object and the field path are named, and nothing of the object is read."""
    rule = {"backendRefs": [{"name": "api-v1", "weight": 1}, {"name": "api-v2", "weight": weight}]}
    with pytest.raises(Refused, match=r"HTTPRoute shop/api-route spec\.rules\[1\]\.backendRefs\[1\]") as caught:
        read(http_route(SPLIT, rule))
    assert caught.value.hint


def test_rules_without_backends_have_no_arms_and_keep_their_places() -> None:
    """Redirects, and rules whose list is empty."""
    redirect = {"filters": [{"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}}]}
    routes = read(http_route(redirect, SPLIT | {"name": "split"}, {"backendRefs": []}, SPLIT))
    assert [route.arms[0].pointer for route in routes] == [
        "/spec/rules/1/backendRefs/0/weight",
        "/spec/rules/3/backendRefs/0/weight",
    ]
    assert routes[0].rule == 'rules "split"'


def matching(*matches: Obj) -> Obj:
    """Return a rule with these matches."""
    return SPLIT | {"matches": list(matches)}


@pytest.mark.parametrize(
    ("matches", "label"),
    [
        ([{"path": {"type": "PathPrefix", "value": "/v2"}}], "rules prefix:/v2"),
        ([{"path": {"value": "/v2"}}], "rules prefix:/v2"),
        ([{"path": {"type": "Exact", "value": "/"}}], "rules exact:/"),
        ([{"path": {"type": "RegularExpression", "value": "/v[0-9]"}}], "rules regex:/v[0-9]"),
        ([{"method": "POST"}], "rules method:POST"),
        ([{"headers": [{"name": "end-user", "value": "jason"}]}], "rules header:end-user=jason"),
        (
            [{"headers": [{"name": "b", "value": "2", "type": "RegularExpression"}, {"name": "a", "value": "1"}]}],
            "rules header:a=1 header:b=~2",
        ),
        ([{"queryParams": [{"name": "v", "value": "2"}], "method": "GET"}], "rules method:GET query:v=2"),
        ([{"path": {"value": "/b"}}, {"path": {"value": "/a"}}], "rules prefix:/a or prefix:/b"),
        ([{"path": {"type": "PathPrefix", "value": "/"}}], "rules default"),
        ([{"path": {"value": "/b"}}, {}], "rules default"),
        ([], "rules default"),
    ],
)
def test_a_rule_is_named_by_what_it_matches(matches: list[Obj], label: str) -> None:
    """Wherever it stands: what the API server adds by default, and the order of lists, make no difference."""
    other = matching({"path": {"value": "/other"}})
    first, last = http_route(matching(*matches), other), http_route(other, matching(*matches))
    assert read(first)[0].rule == label
    assert read(last)[1].rule == label


def test_conditions_of_one_match_are_not_those_of_two() -> None:
    """Both must hold, or any: the labels differ."""
    a, b = {"name": "a", "value": "1"}, {"name": "b", "value": "2"}
    both, any_of = matching({"headers": [a, b]}), matching({"headers": [a]}, {"headers": [b]})
    assert [route.rule for route in read(http_route(both, any_of))] == [
        "rules header:a=1 header:b=2",
        "rules header:a=1 or header:b=2",
    ]


def test_the_only_rule_needs_no_name_and_can_be_named_all_the_same() -> None:
    """Its label is empty; name, place and match select it."""
    [route] = read(http_route(matching({"path": {"value": "/v2"}}) | {"name": "split"}))
    assert route.rule == ""
    assert {"split", "rules[0]", "prefix:/v2"} <= set(route.selectors)


@pytest.mark.parametrize(
    ("parent", "claimed"),
    [
        (MESH_PARENT, True),
        ({**MESH_PARENT, "group": "core"}, True),
        ({**MESH_PARENT, "namespace": "shop"}, True),
        ({**MESH_PARENT, "port": 8080, "sectionName": "http"}, True),
        ({**MESH_PARENT, "namespace": "other"}, False),
        ({**MESH_PARENT, "name": "web"}, False),
        ({"kind": "Service", "name": "api"}, False),
        ({**MESH_PARENT, "kind": "ServiceImport"}, False),
    ],
)
def test_service_parents_claim(parent: dict[str, Any], claimed: bool) -> None:
    """Only a core Service of that name and namespace; an absent group is the Gateway API's own."""
    assert bool(HTTP_ROUTE.speaking(http_route(SPLIT, parents=[parent]), TARGET)) is claimed


def test_a_service_and_a_gateway_may_both_be_parents() -> None:
    """The Service's own route counts whole, lone backends too; another service needs its name in the backends."""
    obj = http_route(SPLIT, backends(("web", 1)), parents=[GATEWAY_PARENT, {**MESH_PARENT, "name": "web"}])
    assert len(HTTP_ROUTE.speaking(obj, Target("demo", "shop", "web"))) == 2
    assert [route.arms[0].name for route in HTTP_ROUTE.speaking(obj, TARGET)] == ["api-v1"]
    assert HTTP_ROUTE.names(obj) == {"web", "api"}


@pytest.mark.parametrize(
    ("refs", "claimed"),
    [
        ((("api-v1", 1), ("api-v2", 1)), True),
        ((("api", 1), ("api-canary", 1)), True),
        ((("api-primary", 1), ("api-canary", 1), ("api", 0)), True),
        ((("api-v1", 1), ("web-v1", 1)), False),
        ((("apix", 1), ("api-v2", 1)), False),
        ((("api", 1),), False),
        ((("api-gateway", 1), ("api-orders", 1)), False),
        ((("api", 1), ("api-gateway", 1)), False),
        ((("api-gateway-v1", 1), ("api-gateway-v2", 1)), False),
        ((("api-gateway", 1), ("api-gateway-canary", 1)), False),
    ],
)
def test_behind_a_gateway_names_of_backends_claim(refs: tuple[tuple[str, int], ...], claimed: bool) -> None:
    """Weighted rules whose backends are all versions of the service by name; nobody is guessed."""
    obj = http_route(backends(*refs), parents=[GATEWAY_PARENT])
    assert bool(HTTP_ROUTE.speaking(obj, TARGET)) is claimed
    assert ("api" in HTTP_ROUTE.names(obj)) is claimed


@pytest.mark.parametrize(
    "odd",
    [{"namespace": "other"}, {"kind": "ServiceImport", "group": "multicluster.x-k8s.io"}, {"name": "api-v2.shop"}],
)
def test_behind_a_gateway_all_backends_are_services_of_the_namespace(odd: Obj) -> None:
    """A Service of the same name elsewhere is another one, and what is no Service is nobody's version."""
    rule = {"backendRefs": [{"name": "api-v1"}, {"name": "api-v2"} | odd]}
    obj = http_route(rule, parents=[GATEWAY_PARENT])
    assert HTTP_ROUTE.speaking(obj, TARGET) == []
    assert HTTP_ROUTE.names(obj) == set()


def test_backends_of_other_kinds_have_no_service() -> None:
    """A backend that is no Service is an arm without endpoints to count."""
    [route] = read(http_route({"backendRefs": [{"name": "api-v1", "kind": "InferencePool", "group": "x.io"}]}))
    assert (route.arms[0].name, route.arms[0].service) == ("api-v1", "")


@pytest.mark.parametrize(
    ("refs", "names"),
    [
        ([{"name": "api", "namespace": "blue"}, {"name": "api", "namespace": "green"}], ["api.blue", "api.green"]),
        ([{"name": "api", "port": 80}, {"name": "api", "port": 81}], ["api:80", "api:81"]),
        (
            [{"name": "api", "port": 80}, {"name": "api", "port": 81}, {"name": "api", "namespace": "b", "port": 80}],
            ["api:80", "api:81", "api.b:80"],
        ),
        (
            [{"name": "api", "port": 80}, {"name": "api", "port": 80, "kind": "ServiceImport"}],
            ["Service/api:80", "ServiceImport/api:80"],
        ),
        ([{"name": "api"}, {"name": "api", "filters": []}], ["Service/api:#0", "Service/api:#1"]),
    ],
)
def test_backends_of_the_same_name_are_told_apart(refs: list[Obj], names: list[str]) -> None:
    """Namespaces, ports and kinds make the difference, else the place."""
    [route] = read(http_route({"backendRefs": refs}))
    assert [arm.name for arm in route.arms] == names


def test_rules_that_keep_sessions_say_so() -> None:
    """Only that rule: its weights do not move sessions that are under way."""
    other = SPLIT | {"matches": [{"method": "GET"}]}
    kept, free = read(http_route(SPLIT | {"sessionPersistence": {"type": "Cookie"}}, other))
    assert any("sessions" in warning for warning in kept.warnings)
    assert free.warnings == ()


@pytest.mark.parametrize(
    ("above", "is_told"),
    [
        ({}, False),
        ({"matches": [{"path": {"type": "PathPrefix", "value": "/a"}}]}, False),
        ({"matches": [{"method": "GET"}, {"path": {"type": "PathPrefix", "value": "/a"}}]}, True),
    ],
)
def test_a_rule_whose_matches_stand_above_it_is_told_of(above: Obj, is_told: bool) -> None:
    """Of equal matches the first counts; a wider one above takes nothing from a narrower one."""
    rule = SPLIT | {"matches": [{"path": {"value": "/a"}}, {"method": "GET"}]}
    *_, said = read(http_route(SPLIT | above, rule))
    assert any("gets no request" in warning for warning in said.warnings) == is_told


def test_a_route_of_the_callers_namespace_says_whom_it_directs() -> None:
    """A Service of another namespace as parent makes it a consumer route."""
    obj = http_route(SPLIT, parents=[MESH_PARENT | {"namespace": "bank"}])
    [route] = read(obj)
    assert HTTP_ROUTE.names(obj) == set()
    assert route.warnings == (
        "HTTPRoute shop/api-route directs callers in namespace shop only, not the others of bank/api.",
    )


FILTERS = st.lists(st.sampled_from([{"type": "RequestMirror", "x-unknown": 1}, {"type": "URLRewrite"}]), max_size=2)


@st.composite
def rule(draw: st.DrawFn) -> Obj:
    """Draw a rule with filters of its own and of its backends, weights here and there."""
    refs = []
    for _ in range(draw(st.integers(0, 4))):
        ref: Obj = {"name": draw(st.sampled_from(["api-v1", "api-v2", "api"])), "filters": draw(FILTERS)}
        ref |= draw(st.fixed_dictionaries({}, optional={"weight": st.integers(0, 1_000_000), "port": st.just(80)}))
        refs.append(ref)
    optional: dict[str, Any] = {
        "name": st.sampled_from(["a", "b"]),
        "matches": st.lists(st.sampled_from([{}, {"path": {"value": "/v2"}}, {"method": "GET"}]), max_size=2),
        "filters": FILTERS,
        "timeouts": st.just({"request": "10s"}),
    }
    made: Obj = draw(st.fixed_dictionaries({}, optional=optional))
    return made | {"backendRefs": refs}


@settings(max_examples=80)
@given(st.data(), st.lists(rule(), min_size=1, max_size=3))
def test_an_edit_touches_its_weights_only_and_can_be_taken_back(data: st.DataObject, rules: list[Obj]) -> None:
    """Filters, other rules and absent keys are as before, to the letter."""
    obj = http_route(*rules)
    routes = read(obj)
    assert len({route.rule for route in routes}) == len(routes)
    if not routes:
        return
    route = data.draw(st.sampled_from(routes))
    wanted: Weights = dict.fromkeys((arm.name for arm in route.arms), 5)
    after = edited(obj, route, wanted)
    assert changed(obj, after) <= {arm.pointer for arm in route.arms}
    if after != obj:
        assert written(undone(HTTP_ROUTE, after, route.rule)) == written(obj)
