"""The configuration file: every mistake is found, at its line, in words that help."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.domain.catalog import Catalog, Cluster, MetricsServer
from mesh.domain.commands import CHANGING, Target, Verb
from mesh.domain.errors import Refused
from mesh.domain.policy import Actor, decide
from settings.file import read_catalog
from tests.settings.reading import mistakes, read

EXAMPLE = Path(__file__).parents[2] / "docs/examples/meshbot.yaml"


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "{}\n", "services:\n  api: {stable: v1}\n"])
def test_without_a_policy_nobody_changes_anything(text: str, tmp_path: Path) -> None:
    """A missing, empty or policy-less configuration allows reading only."""
    for catalog in (read(tmp_path, text), read_catalog(None), read_catalog("")):
        target = Target("default", "default", "api")
        assert decide(catalog.policy, Actor("U0JIN"), frozenset(), Verb.STATUS, target).allowed
        for verb in (Verb.PROMOTE, Verb.SET, Verb.ROLLBACK, Verb.UNDO):
            assert not decide(catalog.policy, Actor("U0JIN"), frozenset(), verb, target).allowed


@pytest.mark.parametrize("path", sorted(EXAMPLE.parent.glob("*.yaml")), ids=lambda path: path.name)
def test_every_shipped_example_lets_somebody_promote(path: Path) -> None:
    """Each can be copied as it is, names services and gives somebody rights."""
    catalog = read_catalog(str(path))
    assert catalog.services
    assert catalog.policy.roles


def test_the_shipped_example_is_valid_and_says_what_it_seems_to_say() -> None:
    """The example in docs/ can be copied as it is."""
    catalog = read_catalog(str(EXAMPLE))
    assert [cluster.name for cluster in catalog.clusters] == ["prod", "edge"]
    assert catalog.channels.audit == "C012AB3CD"
    api = catalog.service(Target("prod", "mesh-demo", "api"))
    assert (api.stable, api.canary, api.limits.success_min, api.limits.window_s) == ("v1", "v2", 99.5, 300)
    assert catalog.service(Target("edge", "web", "api")).canary == "api-v2"
    assert catalog.service(Target("edge", "web", "checkout")).route == "VirtualService/checkout-vs"
    assert api.limits.custom[0].most == 500
    assert [stage.confirm for stage in catalog.strategy(Target("prod", "mesh-demo", "api")).steps].index(True) == 3
    edge = catalog.cluster("edge").prometheus
    assert (len(edge.urls), edge.headers, edge.lag_s) == (2, (("X-Scope-OrgID", "edge"),), 15.0)
    sre = decide(catalog.policy, Actor("U9"), frozenset({"S012AB3CD"}), Verb.SET, Target("edge", "web", "x"))
    team = decide(catalog.policy, Actor("U012AB3CD"), frozenset(), Verb.SET, Target("prod", "x", "api"))
    assert (sre.allowed, team.allowed) == (True, False)


def test_defaults_are_those_of_the_domain(tmp_path: Path) -> None:
    """An empty file is the same catalog as no file, and an empty entry the same as none."""
    assert read(tmp_path, "") == Catalog() == read_catalog(None)
    assert read(tmp_path, "services: {api: {}}").service(Target("", "", "api")) == Catalog().service(
        Target("", "", "api")
    )


def test_the_environments_prometheus_fills_the_only_cluster(tmp_path: Path) -> None:
    """PROMETHEUS_URL is for one cluster that names none; with several it would be a guess."""
    url = "http://127.0.0.1:9090"
    assert read_catalog(None, prometheus_url=url).clusters == (Cluster("default", prometheus=MetricsServer((url,))),)
    assert read(tmp_path, "clusters: {a: {}}", prometheus_url=url).clusters[0].prometheus.urls == (url,)
    own = read(tmp_path, "clusters: {a: {prometheus_url: http://own}}", prometheus_url=url)
    assert own.clusters[0].prometheus.urls == ("http://own",)
    two = read(tmp_path, "clusters: {a: {context: a}, b: {context: b}}", prometheus_url=url)
    assert [cluster.prometheus.urls for cluster in two.clusters] == [(), ()]


def test_each_cluster_says_how_it_is_reached(tmp_path: Path) -> None:
    """A kubeconfig of its own, a context, or the pod's account; and where its routes are, and what Git is to it."""
    catalog = read(
        tmp_path,
        """
        clusters:
          prod: {in_cluster: true, route_namespaces: [ingress, shared], git: patch}
          edge: {kubeconfig: /etc/edge, context: edge}
        services: {api: {cluster: prod, git: refuse}, web: {cluster: prod}}
        """,
    )
    assert catalog.clusters == (
        Cluster("prod", in_cluster=True, route_namespaces=("ingress", "shared"), git="patch"),
        Cluster("edge", kubeconfig="/etc/edge", context="edge"),
    )
    assert [catalog.git(Target("prod", "shop", name)) for name in ("api", "web")] == ["refuse", "patch"]
    assert catalog.git(Target("edge", "shop", "api")) == "refuse"


def test_what_can_be_granted_is_every_change(tmp_path: Path) -> None:
    """Every changing verb is granted by its name, the words to a rollout under way too."""
    catalog = read(tmp_path, f"policy: {{roles: {{sre: {{users: [U0JIN], may: [{', '.join(sorted(CHANGING))}]}}}}}}")
    target = Target("default", "default", "api")
    assert all(decide(catalog.policy, Actor("U0JIN"), frozenset(), verb, target).allowed for verb in CHANGING)
    assert catalog.policy.roles[0].verbs == tuple(sorted(CHANGING))


@pytest.mark.parametrize("kind", ["VirtualService", "TrafficSplit", "HTTPRoute", "GRPCRoute"])
def test_a_route_is_named_by_any_kind(kind: str, tmp_path: Path) -> None:
    """Kind, name and rule; a rule may hold slashes, spaces and quotes."""
    name = f'{kind}/api/http prefix:/v2 "x"'
    catalog = read(tmp_path, f"services: {{api: {{route: '{name}'}}}}")
    assert catalog.service(Target("", "", "api")).route == name


@pytest.mark.parametrize(
    ("written", "seconds"), [("300", 300), ("90s", 90), ("5m", 300), ("'1 h'", 3600), ("24h", 86400), ("10", 10)]
)
def test_durations_are_seconds_or_have_a_unit(written: str, seconds: int, tmp_path: Path) -> None:
    """`window: 5m` and `window: 300` mean the same."""
    catalog = read(tmp_path, f"services: {{api: {{gates: {{window: {written}}}}}}}")
    assert catalog.service(Target("", "", "api")).limits.window_s == seconds


def test_a_star_grants_every_change(tmp_path: Path) -> None:
    """`may: "*"` is the list that holds it."""
    catalog = read(tmp_path, 'policy: {roles: {sre: {users: [U0JIN], may: "*", services: "*"}}}')
    assert catalog.policy.roles[0].verbs == ("*",)
    assert catalog.policy.roles[0].scope.services == ("*",)


MISTAKES = [
    ("polcy: {}", "1: polcy: unknown key `polcy`; did you mean `policy`?"),
    ("\n\nservices:\n  api:\n    stabel: v1\n", "5: services.api.stabel: unknown key `stabel`; did you mean `stable`?"),
    (
        "zzz: 1",
        "1: zzz: unknown key `zzz`; here may be: clusters, channels, slack, services, rollouts, incidents, policy",
    ),
    ("services:\n  api: {}\n  api: {}\n", "3: services.api: `api` is written twice (first in line 2); keep one"),
    ("policy: {}\npolicy: {}\n", "2: policy: `policy` is written twice (first in line 1); keep one"),
    ("a: [1\n", "2: not valid YAML: "),
    ("a: 1\n---\nb: 1\n", "2: not valid YAML: "),
    ("just words", "1: should hold keys and values"),
    ("- a\n- b\n", "1: should hold keys and values"),
    ("? [a, b]\n: 1\n", "1: a key must be a word"),
    ("services: &x\n  api: *x\n", "this alias contains itself"),
    ("services: {api: {gates: {success_min: 101}}}", "1: services.api.gates.success_min: should be less than or equal"),
    ("services: {api: {gates: {success_min: .nan}}}", "1: services.api.gates.success_min: should be a finite number"),
    ("services: {api: {gates: {p99_max_ms: 0}}}", "1: services.api.gates.p99_max_ms: should be greater than 0"),
    ("services: {api: {gates: {requests_min: 0}}}", "1: services.api.gates.requests_min: "),
    ("services: {api: {gates: {requests_min: yes}}}", "1: services.api.gates.requests_min: should be a valid integer"),
    ("services: {api: {gates: {window: 5 minutes}}}", "1: services.api.gates.window: '5 minutes' is not a duration"),
    ("services: {api: {gates: {window: 9}}}", "1: services.api.gates.window: should be greater than or equal to 10"),
    ("services: {api: {stable: 1}}", "1: services.api.stable: should be text; put it in quotes"),
    ("services: {Api: {}}", "1: services.Api: 'Api' is not a name"),
    ("services: {api: {cluster: prod}}", "1: services.api.cluster: no cluster is called 'prod'; there is default"),
    ("services: {api: {route: api-vs}}", "1: services.api.route: does not have the right form"),
    ("services: {api: {}, api2: {service: api}}", "1: services.api2: speaks of the same service as `api`"),
    ("clusters: {prod: {mesh: consul}}", "1: clusters.prod.mesh: should be 'istio' or 'linkerd'"),
    ("clusters: {prod: {prometheus_url: 'prom:9090'}}", "1: clusters.prod.prometheus_url: not an address"),
    ("clusters: {prod: {in_cluster: yes please}}", "1: clusters.prod.in_cluster: should be a valid boolean"),
    (
        "clusters:\n  prod:\n    in_cluster: true\n    kubeconfig: /etc/k\n",
        "4: clusters.prod.kubeconfig: contradicts `in_cluster: true`",
    ),
    ("clusters: {prod: {in_cluster: true, context: prod}}", "1: clusters.prod.context: contradicts `in_cluster: true`"),
    (
        "clusters:\n  a: {context: x}\n  b: {context: x}\n",
        "3: clusters.b: is reached in the same way as `a`",
    ),
    ("clusters: {prod: {kubeconfig: ''}}", "1: clusters.prod.kubeconfig: should have at least 1 character"),
    (
        "clusters: {prod: {route_namespaces: ingress}}",
        "1: clusters.prod.route_namespaces: should be a list: [one, two]",
    ),
    ("clusters: {prod: {route_namespaces: [In]}}", "1: clusters.prod.route_namespaces[0]: 'In' is not a name"),
    ("clusters: {prod: {git: ignore}}", "1: clusters.prod.git: should be 'refuse' or 'patch'"),
    ("services: {api: {git: maybe}}", "1: services.api.git: should be 'refuse' or 'patch'"),
    (
        "services: {api: {gates: {load_max: -1}}}",
        "1: services.api.gates.load_max: should be greater than or equal to 0",
    ),
    ("services: {api: {route: Ingress/api}}", "1: services.api.route: does not have the right form"),
    ("channels: {audit: '#audit'}", "1: channels.audit: '#audit' is not a channel id; ids only"),
    (
        "policy: {roles: {sre: {users: ['@jin'], may: '*'}}}",
        "1: policy.roles.sre.users[0]: '@jin' is not a user id; ids",
    ),
    (
        "policy: {roles: {sre: {usergroups: [sre], may: '*'}}}",
        "1: policy.roles.sre.usergroups[0]: 'sre' is not a userg",
    ),
    ("policy: {roles: {sre: {users: [U0JIN]}}}", "1: policy.roles.sre.may: missing"),
    ("policy: {roles: {sre: {users: [U0JIN], may: []}}}", "1: policy.roles.sre.may: "),
    (
        "policy: {roles: {sre: {users: [U0JIN], may: [deploy]}}}",
        "1: policy.roles.sre.may[0]: 'deploy' cannot be granted",
    ),
    (
        "policy: {roles: {sre: {users: [U0JIN], may: [status]}}}",
        "1: policy.roles.sre.may[0]: 'status' cannot be granted",
    ),
    ("policy: {roles: {sre: {may: '*'}}}", "1: policy.roles.sre: names nobody"),
    (
        "policy: {roles: {sre: {users: [U0JIN], may: '*', clusters: [prd]}}}\nclusters: {prod: {}}",
        "1: policy.roles.sre.clusters[0]: no cluster is called 'prd'; did you mean prod?",
    ),
]


@pytest.mark.parametrize(("text", "said"), MISTAKES, ids=[said[:60] for _, said in MISTAKES])
def test_a_mistake_is_named_with_its_line_and_key(text: str, said: str, tmp_path: Path) -> None:
    """Each mistake says file, line, key, what is wrong and what to do."""
    found = mistakes(tmp_path, text)
    assert [line for line in found if said in line], found


def test_all_mistakes_are_shown_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    """Nobody has to correct a file one error at a time."""
    found = mistakes(tmp_path, "polcy: {}\nservices:\n  api: {stable: 1}\n  api: {}\nchannels: {audit: x}\n")
    assert [int(line.split(":")[0]) for line in found] == [1, 3, 4, 5]


def test_an_address_with_a_password_is_not_repeated(tmp_path: Path) -> None:
    """An error about a Prometheus address does not print it."""
    found = mistakes(tmp_path, "clusters: {a: {prometheus_url: 'user:password@prom'}}")
    assert "password" not in "".join(found)


def test_entries_of_one_service_may_differ_by_place(tmp_path: Path) -> None:
    """Two entries for one service are told apart by cluster or namespace, and then both are used."""
    catalog = read(
        tmp_path,
        """
        clusters: {a: {context: a}, b: {context: b}}
        services:
          api: {cluster: a, canary: v2}
          api-b: {service: api, cluster: b, canary: v3}
        """,
    )
    assert [catalog.service(Target(name, "", "api")).canary for name in ("a", "b")] == ["v2", "v3"]


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """A path that leads nowhere must not quietly mean "no configuration"."""
    with pytest.raises(Refused, match="No such file"):
        read_catalog(str(tmp_path / "absent.yaml"))


@pytest.mark.parametrize(("content", "why"), [(b"\xff\xfe\x00", "UTF-8"), (b"#" * 2_000_000, "larger than")])
def test_a_file_that_is_no_configuration_is_refused(content: bytes, why: str, tmp_path: Path) -> None:
    """Binary and enormous files are refused by name."""
    (tmp_path / "meshbot.yaml").write_bytes(content)
    with pytest.raises(Refused, match=why):
        read_catalog(str(tmp_path / "meshbot.yaml"))


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that every example of the fuzz test overwrites."""
    return tmp_path_factory.mktemp("fuzz") / "meshbot.yaml"


@settings(max_examples=150)
@given(text=st.text(alphabet="abcU0: {}[]-'\"&*#\n!<>|%@`.5mh", max_size=60))
def test_any_text_is_read_or_refused(text: str, fuzzed: Path) -> None:
    """No text makes the reader fail in any other way than by saying what is wrong."""
    fuzzed.write_text(text)
    try:
        read_catalog(str(fuzzed))
    except Refused as refused:
        assert re.match(re.escape(str(fuzzed)) + r":\d+: ", refused.message)
