"""Who reaches whom: services, entrances, policies, budgets, scalers and monitors."""

from __future__ import annotations

import ipaddress
import json
from typing import Any

import pytest
import yaml

from bot.hooks import HOOKS_PATH
from bot.web import SLACK_PATH
from store.jobs import GIT, NORMAL, POST, URGENT, WATCH
from tests.helm.chart import CASES, CHART, PROCESSES, Obj, case, objects, pods

pytestmark = pytest.mark.usefixtures("helm")

every_case = pytest.mark.parametrize("name", CASES)


def named(objs: tuple[Obj, ...] | list[Obj], kind: str, name: str) -> Obj:
    """The one object of that kind and name."""
    [found] = [obj for obj in objs if (obj["kind"], obj["metadata"]["name"]) == (kind, name)]
    return found


def chosen(name: str, labels: dict[str, str]) -> set[str]:
    """The pods that a selector of labels finds."""
    return {who for who, pod in pods(case(name)).items() if labels.items() <= pod["metadata"]["labels"].items()}


def selectors(obj: Obj) -> list[dict[str, str]]:
    """Every selector of pods that an object of the chart has."""
    spec = obj.get("spec", {})
    match obj["kind"]:
        case "Service":
            return [spec["selector"]]
        case "Deployment" | "StatefulSet" | "PodDisruptionBudget":
            return [spec["selector"]["matchLabels"]]
        case "NetworkPolicy":
            return [spec["podSelector"]["matchLabels"]]
        case _:
            return []


@every_case
def test_every_selector_finds_the_pods_it_means(name: str) -> None:
    """A Deployment, a budget and a policy find their own process and no other; the metrics' Service finds all three.

    The policy of `helm test` finds its pods.
    """
    for obj in case(name):
        component = obj["metadata"].get("labels", {}).get("app.kubernetes.io/component")
        tests = {who for who in pods(case(name)) if "-test-" in who}
        expected = {"metrics": set(PROCESSES), "test": tests}.get(component, {component})
        for selector in selectors(obj):
            assert chosen(name, selector) == expected, (obj["kind"], obj["metadata"]["name"])


@every_case
def test_services_lead_to_open_ports(name: str) -> None:
    """Every target port is one that each of the chosen pods declares."""
    for service in (obj for obj in case(name) if obj["kind"] == "Service"):
        for who in chosen(name, service["spec"]["selector"]):
            [container] = pods(case(name))[who]["spec"]["containers"]
            open_ = {one["name"] for one in container["ports"]}
            assert {one["targetPort"] for one in service["spec"]["ports"]} <= open_


@pytest.mark.parametrize("name", ["ingress", "httproute"])
def test_entrances_lead_to_the_bots_service(name: str) -> None:
    """By the name of the port in an Ingress, by its number in an HTTPRoute."""
    [port] = named(case(name), "Service", "meshbot")["spec"]["ports"]
    if name == "ingress":
        [rule] = named(case(name), "Ingress", "meshbot")["spec"]["rules"]
        backends = [path["backend"]["service"] for path in rule["http"]["paths"]]
        assert backends == [{"name": "meshbot", "port": {"name": port["name"]}}] * 2
    else:
        [rule] = named(case(name), "HTTPRoute", "meshbot")["spec"]["rules"]
        assert rule["backendRefs"] == [{"name": "meshbot", "port": port["port"]}]


@pytest.mark.parametrize("hooks", [False, True])
def test_slack_reaches_one_path(hooks: bool) -> None:
    """Ingress and HTTPRoute bring what the bot hears from Slack; hooks when asked for; health and metrics never."""
    values: Obj = {"hooks": {"enabled": hooks}}
    values["ingress"] = {"enabled": True, "host": "a.example.com", "hooks": hooks}
    values["httpRoute"] = {"enabled": True, "parentRefs": [{"name": "public"}], "hooks": hooks}
    objs = objects(values)
    [rule] = named(objs, "Ingress", "meshbot")["spec"]["rules"]
    expected = {(SLACK_PATH, "Exact")} | ({(HOOKS_PATH, "Prefix")} if hooks else set())
    assert {(one["path"], one["pathType"]) for one in rule["http"]["paths"]} == expected
    [rule] = named(objs, "HTTPRoute", "meshbot")["spec"]["rules"]
    expected = {("Exact", SLACK_PATH)} | ({("PathPrefix", HOOKS_PATH.rstrip("/"))} if hooks else set())
    assert {(one["path"]["type"], one["path"]["value"]) for one in rule["matches"]} == expected
    assert {one["method"] for one in rule["matches"]} == {"POST"}


# --- policies --------------------------------------------------------------------------------------------------------


def allows(policy: Obj, address: str, port: int) -> bool:
    """Whether a policy lets its pods connect to an address outside the cluster."""
    return any(
        any(one["port"] == port for one in rule["ports"])
        and ("to" not in rule or any(_holds(peer.get("ipBlock"), address) for peer in rule["to"]))
        for rule in policy["spec"]["egress"]
    )


def _holds(block: dict[str, Any] | None, address: str) -> bool:
    if not block:
        return False
    where = ipaddress.ip_address(address)
    inside = [where in ipaddress.ip_network(cidr) for cidr in block.get("except", [])]
    return where in ipaddress.ip_network(block["cidr"]) and not any(inside)


SLACK, API, ELSEWHERE, SLACK_V6 = "3.68.1.1", "10.96.0.1", "203.0.113.9", "2606:4700::1"
ALLOWED = [
    ("bot", SLACK, 443, True),
    ("bot", SLACK_V6, 443, True),
    ("bot", API, 443, False),
    ("bot", "fd00::1", 443, False),
    ("bot", "169.254.169.254", 443, False),
    ("bot", API, 6443, False),
    ("bot", ELSEWHERE, 6443, False),
    ("bot", ELSEWHERE, 80, False),
    ("bot", ELSEWHERE, 6379, True),
    ("bot", ELSEWHERE, 9090, False),
    ("worker", SLACK, 443, True),
    ("worker", API, 443, True),
    ("worker", ELSEWHERE, 6443, True),
    ("worker", API, 9090, True),
    ("worker", ELSEWHERE, 80, False),
    ("clock", ELSEWHERE, 6379, True),
    ("clock", ELSEWHERE, 26379, True),
    ("clock", SLACK, 443, False),
    ("clock", API, 443, False),
    ("clock", API, 9090, False),
]


@pytest.mark.parametrize(("who", "address", "port", "expected"), ALLOWED)
def test_each_process_reaches_what_it_needs(who: str, address: str, port: int, expected: bool) -> None:
    """The bot has no way to an API server of a private address, the clock none to anything but Redis."""
    assert allows(named(case("default"), "NetworkPolicy", f"meshbot-{who}"), address, port) is expected


def test_traces_reach_a_collector_where_there_is_one() -> None:
    """Every process may send them, and none where nobody takes them."""
    for who in PROCESSES:
        assert allows(named(case("traced"), "NetworkPolicy", f"meshbot-{who}"), ELSEWHERE, 4318)
        assert not allows(named(case("default"), "NetworkPolicy", f"meshbot-{who}"), ELSEWHERE, 4318)


def addresses(said: object) -> list[str]:
    """Return every URL in a configuration."""
    values = said.values() if isinstance(said, dict) else said if isinstance(said, list) else []
    own = [said] if isinstance(said, str) and "://" in said else []
    return own + [address for value in values for address in addresses(value)]


def ports_of(address: str) -> set[int]:
    """The ports that an address leads to."""
    usual = {"http": 80, "https": 443, "redis": 6379, "rediss": 6379, "ssh": 22}
    scheme, _, rest = address.partition("://")
    hosts = rest.partition("/")[0].rpartition("@")[2].split(",")
    return {
        int(host.rpartition(":")[2]) if host.rpartition(":")[2].isdigit() else usual[scheme.partition("+")[0]]
        for host in hosts
    }


REACHED: Obj = {
    "redis": {"url": "rediss://redis.example.com:6378/0"},
    "prometheus": {"url": "http://metrics.monitoring"},
    "tracing": {"endpoint": "http://collector:55681"},
    "networkPolicy": {"apiServer": {"to": [{"ipBlock": {"cidr": "10.96.0.1/32"}}]}},
    "config": {
        "file": """
clusters:
  a: {in_cluster: true, prometheus_url: "http://vm.monitoring.svc:8428/select"}
  b: {context: b, prometheus: {urls: ["https://m1.example.com/prometheus", "http://[fd00::1]:8081"], proxy_url: "http://squid:3129"}}
policy: {step_up: {url: "https://idp.example.com:8443/check"}}
repositories:
  apps: {url: "https://git.example.com/apps.git"}
  infra: {url: "ssh://git@git.example.com:2222/infra.git"}
"""
    },
}


@pytest.mark.parametrize("values", [*CASES.values(), REACHED], ids=[*CASES, "reached"])
def test_every_address_that_is_said_can_be_reached(values: Obj) -> None:
    """In the values and in the configuration: Redis for all, traces for all, the rest for the workers."""
    objs = objects(values)
    policies = {
        obj["metadata"]["labels"]["app.kubernetes.io/component"]: obj for obj in objs if obj["kind"] == "NetworkPolicy"
    }
    if not policies:
        return
    for who in PROCESSES:
        [container] = pods(objs)[who]["spec"]["containers"]
        said = [str(one.get("value", "")) for one in container["env"]]
        wanted = [value for value in said if "://" in value and "slack" not in value and "proxy" not in value]
        if who == "worker":
            wanted += addresses(yaml.safe_load(values.get("config", {}).get("file", "")))
        # To whom is the values' to say; the redis of the chart is a pod of ours.
        opened = {one["port"] for rule in policies[who]["spec"]["egress"] for one in rule["ports"]}
        lost = [one for one in wanted if not ports_of(one) <= opened]
        assert lost == [], who


@pytest.mark.parametrize("port", [6378, 80, 8428, 443, 8081, 3129, 8443, 2222, 55681])
def test_what_is_private_can_be_reached_where_api_servers_are_named(port: int) -> None:
    """Metrics, Git and the step-up check have rules of their own, which those of API servers and Slack do not bear."""
    assert allows(named(objects(REACHED), "NetworkPolicy", "meshbot-worker"), "10.1.2.3", port)


@every_case
def test_helm_test_reaches_what_it_asks(name: str) -> None:
    """All that a worker reaches, by the same rules, and the bot's port: its pods run where nothing else is allowed."""
    objs = case(name)
    if name == "little":
        return
    prefix = "traffic" if name == "everything-said" else "meshbot"
    own, workers = (named(objs, "NetworkPolicy", f"{prefix}-{who}")["spec"]["egress"] for who in ("test", "worker"))
    assert [rule for rule in workers if rule not in own] == []
    [rule] = [rule for rule in own if rule not in workers]
    [peer] = rule["to"]
    assert chosen(name, peer["podSelector"]["matchLabels"]) == {"bot"}
    [container] = pods(objs)["bot"]["spec"]["containers"]
    [heard] = [one["containerPort"] for one in container["ports"] if one["name"] == "http"]
    assert rule["ports"] == [{"port": heard, "protocol": "TCP"}]


@pytest.mark.parametrize("name", ["default", "everything-said"])
def test_dns_is_kube_systems_or_the_nodes_own(name: str) -> None:
    """Names are asked for in kube-system, or at the address of NodeLocal DNSCache, and at no other."""
    for policy in (obj for obj in case(name) if obj["kind"] == "NetworkPolicy"):
        [peers] = [rule["to"] for rule in policy["spec"]["egress"] if rule["ports"][0]["port"] == 53]
        assert peers == [
            {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}},
            {"ipBlock": {"cidr": "169.254.20.10/32"}},
        ]


@pytest.mark.parametrize("keda", [False, True])
def test_keda_alone_comes_in_from_elsewhere(keda: bool) -> None:
    """To the Redis of the chart, from KEDA's own namespace, and only where KEDA scales the workers."""
    objs = objects({"redis": {"internal": {"enabled": True}}, "worker": {"keda": {"enabled": keda}}})
    [rule] = named(objs, "NetworkPolicy", "meshbot-redis")["spec"]["ingress"]
    namespaces = [peer["namespaceSelector"]["matchLabels"] for peer in rule["from"] if "namespaceSelector" in peer]
    assert namespaces == ([{"kubernetes.io/metadata.name": "keda"}] if keda else [])


def test_the_port_of_redis_is_known_without_a_path() -> None:
    """What comes after a question mark is no part of the host."""
    values: Obj = {"redis": {"url": "redis://cache.example.com:6390?db=1"}}
    policy = named(objects(values | {"networkPolicy": {"redis": {"ports": [7]}}}), "NetworkPolicy", "meshbot-clock")
    assert [allows(policy, ELSEWHERE, port) for port in (6390, 6379)] == [True, False]


def test_dns_is_where_the_values_say() -> None:
    """Its ports behind the Service, over both protocols."""
    policy = named(objects({"networkPolicy": {"dnsPorts": [53, 5353], "dnsTo": []}}), "NetworkPolicy", "meshbot-clock")
    first = policy["spec"]["egress"][0]
    assert {(one["port"], one["protocol"]) for one in first["ports"]} == {
        (port, protocol) for port in (53, 5353) for protocol in ("TCP", "UDP")
    }


@every_case
def test_every_pod_of_ours_stands_behind_a_policy(name: str) -> None:
    """In both directions; only the bot hears on its port, clock and workers on that of metrics alone, tests on none."""
    policies = [obj for obj in case(name) if obj["kind"] == "NetworkPolicy"]
    covered = {who for one in policies for who in chosen(name, one["spec"]["podSelector"]["matchLabels"])}
    if name == "little":
        assert policies == []
        return
    assert covered == set(pods(case(name)))
    for one in policies:
        assert one["spec"]["policyTypes"] == ["Ingress", "Egress"]
        heard = {port["port"] for rule in one["spec"]["ingress"] for port in rule["ports"]}
        who = one["metadata"]["labels"]["app.kubernetes.io/component"]
        assert heard == {"bot": {"http", "metrics"}, "redis": {6379}, "test": set()}.get(who, {"metrics"})


def test_the_redis_of_the_chart_is_for_meshbot_alone() -> None:
    """Processes reach it and no other Redis; it hears nobody else and calls nobody."""
    objs = case("redis-internal-own-secret")
    redis = named(objs, "NetworkPolicy", "meshbot-redis")
    [rule] = redis["spec"]["ingress"]
    [peer] = rule["from"]
    assert {"app.kubernetes.io/name", "app.kubernetes.io/instance"} == set(peer["podSelector"]["matchLabels"])
    assert redis["spec"]["egress"] == []
    for who in PROCESSES:
        policy = named(objs, "NetworkPolicy", f"meshbot-{who}")
        assert not allows(policy, ELSEWHERE, 6379)
        peers = [peer for rule in policy["spec"]["egress"] for peer in rule.get("to", []) if "podSelector" in peer]
        [labels] = [peer["podSelector"]["matchLabels"] for peer in peers]
        assert chosen("redis-internal-own-secret", labels) == {"redis"}


def test_whom_policies_name_alone_is_let_in() -> None:
    """Peers for the bot's port and for metrics are those of the values, and the pods of `helm test`."""
    ingress = named(case("everything-said"), "NetworkPolicy", "traffic-bot")["spec"]["ingress"]
    by_port = {rule["ports"][0]["port"]: rule["from"] for rule in ingress}
    given = CASES["everything-said"]["networkPolicy"]
    assert by_port["metrics"] == given["allowMetricsFrom"]
    assert by_port["http"][:-1] == given["allowHttpFrom"]
    labels = by_port["http"][-1]["podSelector"]["matchLabels"]
    assert chosen("everything-said", labels) == {"traffic-test-ready", "traffic-test-doctor"}


# --- scaling and watching --------------------------------------------------------------------------------------------


@every_case
def test_drains_take_one_pod_at_a_time(name: str) -> None:
    """Each process has a budget, unless that is switched off."""
    budgets = {
        obj["metadata"]["name"].rsplit("-", 1)[1]: obj for obj in case(name) if obj["kind"] == "PodDisruptionBudget"
    }
    assert set(budgets) == (set() if name == "little" else set(PROCESSES))
    assert all(one["spec"]["maxUnavailable"] == 1 for one in budgets.values())


def test_who_is_scaled_has_no_number_of_its_own() -> None:
    """A Deployment that says how many would fight its scaler at each upgrade."""
    objs = case("autoscaled")
    hpa, keda = named(objs, "HorizontalPodAutoscaler", "meshbot-bot"), named(objs, "ScaledObject", "meshbot-worker")
    for target in (hpa["spec"]["scaleTargetRef"], keda["spec"]["scaleTargetRef"]):
        assert "replicas" not in named(objs, "Deployment", target["name"])["spec"]
    assert named(case("default"), "Deployment", "meshbot-bot")["spec"]["replicas"] == 2
    assert keda["spec"]["minReplicaCount"] >= 1


@pytest.mark.parametrize("name", ["autoscaled", "keda-sentinel", "redis-internal"])
def test_keda_looks_at_every_queue_of_rq(name: str) -> None:
    """Each queue's list in Redis is one trigger; RQ keeps a queue under `rq:queue:` and its name."""
    triggers = named(case(name), "ScaledObject", "meshbot-worker")["spec"]["triggers"]
    lists = sorted(one["metadata"]["listName"] for one in triggers)
    assert lists == sorted(f"rq:queue:{queue}" for queue in (URGENT, NORMAL, WATCH, POST, GIT))


def test_keda_logs_in_where_redis_asks_for_it() -> None:
    """With the password of the chart's own Redis, or with user and password of a Secret; else with nothing."""
    own = named(case("redis-internal"), "TriggerAuthentication", "meshbot-worker")["spec"]["secretTargetRef"]
    assert own == [{"parameter": "password", "name": "meshbot-redis", "key": "password"}]
    theirs = named(case("keda-sentinel"), "TriggerAuthentication", "meshbot-worker")["spec"]["secretTargetRef"]
    assert {(one["parameter"], one["name"], one["key"]) for one in theirs} == {
        ("password", "keda", "password"),
        ("username", "keda", "user"),
    }
    scaled = named(case("autoscaled"), "ScaledObject", "meshbot-worker")
    assert "authenticationRef" not in json.dumps(scaled)


def test_workers_alone_reach_git_where_that_is_said() -> None:
    """Port 22 is open to workers, to where the values say, and to nobody where they say nothing."""
    opened = {"ports": [{"port": 22, "protocol": "TCP"}], "to": [{"ipBlock": {"cidr": "10.0.0.3/32"}}]}
    for name, process, wanted in (
        ("everything-said", "worker", True),
        ("everything-said", "bot", False),
        ("everything-said", "clock", False),
        ("default", "worker", False),
    ):
        policies = [obj for obj in case(name) if obj["kind"] == "NetworkPolicy"]
        [policy] = [one for one in policies if one["metadata"]["labels"]["app.kubernetes.io/component"] == process]
        assert (opened in policy["spec"]["egress"]) is wanted
        assert any({"port": 22, "protocol": "TCP"} in rule["ports"] for rule in policy["spec"]["egress"]) is wanted


def test_prometheus_scrapes_every_process() -> None:
    """The monitor finds the metrics' Service by its labels, at a port that it has."""
    objs = case("monitored")
    monitor, service = named(objs, "ServiceMonitor", "meshbot"), named(objs, "Service", "meshbot-metrics")
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    [endpoint] = monitor["spec"]["endpoints"]
    assert (endpoint["port"], endpoint["path"]) == ("metrics", "/metrics")
    assert endpoint["port"] in {one["name"] for one in service["spec"]["ports"]}
    assert service["spec"]["publishNotReadyAddresses"] is True


def test_the_dashboard_is_that_of_the_file() -> None:
    """Nothing in it is a template of helm's: braces are Grafana's."""
    objs = case("monitored")
    board = json.loads(named(objs, "ConfigMap", "meshbot-dashboard")["data"]["meshbot.json"])
    assert board == json.loads((CHART / "files/dashboard.json").read_text())


def test_labels_that_operators_look_for_are_added() -> None:
    """Prometheus and Grafana find their objects by the labels of the values."""
    objs = case("monitored")
    for kind in ("ServiceMonitor", "PrometheusRule"):
        assert named(objs, kind, "meshbot")["metadata"]["labels"]["release"] == "prometheus"
    board = named(objs, "ConfigMap", "meshbot-dashboard")["metadata"]
    assert (board["labels"]["grafana_dashboard"], board["annotations"]) == ("1", {"grafana_folder": "Mesh"})
