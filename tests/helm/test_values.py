"""Values: their schema refuses what is no value, their README says what each is, helm finds no fault with any case."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from settings.file import read_catalog
from tests.helm.chart import CASES, CHART, NAMESPACE, RELEASE, HelmFailed, Obj, helm, rendered
from tools.chart import described

with_helm = pytest.mark.usefixtures("helm")

VALUES = (CHART / "values.yaml").read_text(encoding="utf-8")
SCHEMA: Obj = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))

WRONG: dict[str, tuple[Obj, str]] = {
    "unknown": ({"replicas": 2}, "replicas"),
    "unknown below": ({"worker": {"replica": 2}}, "replica"),
    "unknown in secrets": ({"secrets": {"keys": {"token": "x"}}}, "token"),
    "a token in the values": ({"slack": {"botToken": "xoxb-1"}}, "botToken"),
    "no such mode": ({"slack": {"mode": "socked"}}, "slack/mode"),
    "a number as text": ({"bot": {"replicas": "2"}}, "bot/replicas"),
    "no worker": ({"worker": {"replicas": 0}}, "worker/replicas"),
    "no worker left by KEDA": ({"worker": {"keda": {"minReplicas": 0}}}, "keda/minReplicas"),
    "no such scope": ({"rbac": {"scope": "all"}}, "rbac/scope"),
    "namespaces without names": ({"rbac": {"scope": "namespaces"}}, "rbac/namespaces"),
    "names without scope": ({"rbac": {"namespaces": ["shop"]}}, "rbac/namespaces"),
    "an account of everybody": ({"serviceAccounts": {"worker": {"create": False}}}, "serviceAccounts/worker/name"),
    "no Secret": ({"secrets": {"existingSecret": ""}}, "secrets/existingSecret"),
    "a password in a URL of Redis": ({"redis": {"url": "redis://:secret@redis:6379/0"}}, "redis/url"),
    "two Redis": ({"redis": {"internal": {"enabled": True}, "url": "rediss://redis.example.com"}}, "redis/url"),
    "certificates of another Redis": (
        {"redis": {"internal": {"enabled": True}, "tls": {"existingSecret": "redis-tls"}}},
        "redis/tls/existingSecret",
    ),
    "a user of another Redis": ({"redis": {"internal": {"enabled": True}, "username": "me"}}, "redis/username"),
    "certificates for nothing": (
        {"redis": {"url": "redis://redis:6379/0", "tls": {"existingSecret": "redis-tls"}}},
        "redis/url",
    ),
    "certificates for Sentinels in the clear": (
        {"redis": {"url": "redis+sentinel://s1,s2/meshbot", "tls": {"existingSecret": "redis-tls"}}},
        "redis/url",
    ),
    "not Redis": ({"redis": {"url": "http://redis:6379"}}, "redis/url"),
    "a password in a URL of Prometheus": ({"prometheus": {"url": "https://me:secret@prometheus"}}, "prometheus/url"),
    "two URLs": ({"prometheus": {"url": "https://prometheus", "fromSecret": True}}, "prometheus/url"),
    "an Ingress without a host": ({"ingress": {"enabled": True}}, "ingress/host"),
    "a path instead of a host": ({"ingress": {"host": "https://meshbot.example.com"}}, "ingress/host"),
    "a route without a Gateway": ({"httpRoute": {"enabled": True}}, "httpRoute/parentRefs"),
    "an entrance to hooks that are off": (
        {"ingress": {"enabled": True, "host": "a.example.com", "hooks": True}},
        "ingress/hooks",
    ),
    "KEDA without Redis": ({"worker": {"keda": {"enabled": True}}}, "keda/address"),
    "Sentinels without a name": (
        {"worker": {"keda": {"enabled": True, "sentinels": ["s1:26379"]}}},
        "keda/sentinelMaster",
    ),
    "an unknown queue": ({"worker": {"keda": {"queues": {"slow": 1}}}}, "slow"),
    "External Secrets without a store": ({"secrets": {"externalSecret": {"enabled": True}}}, "storeRef/name"),
    "root": ({"podSecurityContext": {"runAsUser": 0}}, "podSecurityContext/runAsUser"),
    "a privilege": ({"podSecurityContext": {"privileged": True}}, "privileged"),
    "a digest that is none": ({"image": {"digest": "sha256:12"}}, "image/digest"),
    "a port of the bot": ({"metrics": {"port": 3000}}, "metrics/port"),
    "a peer that is none": ({"networkPolicy": {"slackTo": [{"cidr": "0.0.0.0/0"}]}}, "slackTo"),
    "an empty peer": ({"networkPolicy": {"slackTo": [{}]}}, "slackTo"),
    "no configuration": ({"config": {"file": ""}}, "config/file"),
    "a label that is no text": ({"commonLabels": {"team": 5}}, "commonLabels/team"),
}


@with_helm
@pytest.mark.parametrize("what", WRONG)
def test_what_is_no_value_is_refused(what: str) -> None:
    """Nothing is rendered, and the message names the value."""
    values, named = WRONG[what]
    with pytest.raises(HelmFailed) as failed:
        rendered(values)
    said = str(failed.value)
    assert "schema" in said
    assert named in said


NO_CONFIGURATION: list[tuple[str, str]] = [
    ("just words", "is no configuration"),
    ("clusters: {a", "is no configuration"),
    ("clusters: [a]", "`clusters` should be keys and values"),
    ("clusters: {a: b}", "`a` should be keys and values"),
    ("clusters: {a: {prometheus: {urls: 'https://m'}}}", "`urls` should be a list"),
    ("clusters: {a: {prometheus: {urls: [5]}}}", "`urls` should be text"),
    ("policy: {step_up: {url: [x]}}", "`url` should be text"),
    ("repositories: [{url: 'https://git'}]", "`repositories` should be keys and values"),
]


@with_helm
@pytest.mark.parametrize(("file", "said"), NO_CONFIGURATION)
def test_what_no_process_could_read_is_refused(file: str, said: str) -> None:
    """Nothing is rendered, and the message says what is wrong and who says more."""
    with pytest.raises(HelmFailed, match=said) as failed:
        rendered({"config": {"file": file}})
    assert "meshbot config check" in str(failed.value)


@with_helm
def test_no_yaml_is_refused_without_policies_too() -> None:
    """What is wrong is the file, whether or not ports are read from it."""
    with pytest.raises(HelmFailed, match="is no configuration"):
        rendered({"config": {"file": "clusters: {a"}, "networkPolicy": {"enabled": False}})


EMPTY = """
clusters: {local: {prometheus: , prometheus_url: ""}}
policy: {roles: {}, step_up: }
repositories:
"""


@with_helm
@pytest.mark.parametrize(
    "file", [EMPTY, "policy:", "clusters: {local: {in_cluster: true, prometheus: {urls: }}}", "# no"]
)
def test_keys_without_a_value_are_as_good_as_none(file: str) -> None:
    """The chart reads a configuration where something was left open as the processes do."""
    assert rendered({"config": {"file": file}}) != ""


CONTRADICTIONS: list[tuple[Obj, str]] = [
    ({"bot": {"preStopSeconds": 60}}, "bot.preStopSeconds must be below"),
    ({"bot": {"autoscaling": {"enabled": True, "minReplicas": 9}}}, "bot.autoscaling.minReplicas is above"),
    (
        {"worker": {"keda": {"enabled": True, "address": "r:6379", "minReplicas": 9}}},
        "worker.keda.minReplicas is above",
    ),
]


@with_helm
@pytest.mark.parametrize(("values", "said"), CONTRADICTIONS, ids=[said for _, said in CONTRADICTIONS])
def test_values_that_contradict_each_other_are_refused(values: Obj, said: str) -> None:
    """What the API server, or a pod in its last seconds, would find out is said when it is rendered."""
    with pytest.raises(HelmFailed, match=said):
        rendered(values)


@with_helm
@pytest.mark.parametrize("name", CASES)
def test_helm_finds_no_fault(name: str) -> None:
    """`helm lint --strict` passes for every case."""
    helm("lint", "--strict", "--quiet", str(CHART), "--values", "-", stdin=json.dumps(CASES[name]))


def _keys(schema: Obj, values: Any, path: str = "") -> Iterator[tuple[str, set[str], set[str]]]:
    """Yield, for every object of the values whose keys are fixed, those of the schema and those of the values."""
    schema = SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema
    if "properties" not in schema or not isinstance(values, dict):
        return
    assert schema["additionalProperties"] is False, f"{path} takes any key"
    yield path, set(schema["properties"]) - {"global"}, set(values)
    for key, value in values.items():
        yield from _keys(schema["properties"].get(key, {}), value, f"{path}.{key}")


_IDENTITY = {"fsGroupChangePolicy", "supplementalGroups"}
OPTIONAL = {".podSecurityContext": _IDENTITY, ".redis.internal.podSecurityContext": _IDENTITY}
"""What Kubernetes has beyond our defaults."""


def test_schema_and_values_have_the_same_keys() -> None:
    """Every value is in the schema and the other way round, and no object of ours takes a key that is not there."""
    for path, of_schema, of_values in _keys(SCHEMA, yaml.safe_load(VALUES)):
        more = of_schema - of_values - OPTIONAL.get(path, set())
        if path.endswith(".resources"):
            more -= {"claims"}
        assert more == set(), f"{path}: in the schema alone"
        assert of_values - of_schema == set(), f"{path}: in values.yaml alone"


def test_every_value_is_described() -> None:
    """Each has a comment, which is its line in the README; one without is an error that names it."""
    assert len(list(described(VALUES))) > 150
    with pytest.raises(ValueError, match=r"values\.yaml:2: bot\.replicas"):
        list(described("bot:\n  replicas: 2\n"))


def test_the_configuration_of_the_chart_is_good_and_grants_nothing(tmp_path: Path) -> None:
    """Who installs without a word reads the cluster the pods run in, and nobody may change anything."""
    file = tmp_path / "meshbot.yaml"
    file.write_text(yaml.safe_load(VALUES)["config"]["file"])
    catalog = read_catalog(str(file))
    assert [cluster.in_cluster for cluster in catalog.clusters] == [True]
    assert catalog.policy.roles == ()


def test_the_chart_has_the_version_of_the_product() -> None:
    """What is installed by default is the image of this very source."""
    project = tomllib.loads((CHART.parents[1] / "pyproject.toml").read_text())["project"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == chart["version"] == project["version"]


def notes(values: Obj) -> str:
    """What helm says after an installation."""
    given = ("install", RELEASE, str(CHART), "--namespace", NAMESPACE, "--dry-run=client", "--values", "-")
    return helm(*given, stdin=json.dumps(values)).split("NOTES:", 1)[1]


@with_helm
@pytest.mark.parametrize(
    ("name", "there", "not_there"),
    [
        ("default", ("slack-signing-secret=", "redis-url=", "Nothing brings Slack's requests", "no policy"), ("xapp",)),
        ("socket", ("slack-app-token=", "websocket"), ("slack-signing-secret", "Nothing brings")),
        ("ingress", ("https://meshbot.example.com/slack/events", "hook-token="), ("Nothing brings",)),
        ("httproute", ("https://meshbot.example.com/slack/events",), ("Nothing brings",)),
        ("flagger", ("flagger-token=",), ("hook-token=",)),
        ("redis-internal", ("is for trials",), ("redis-url=",)),
        ("external-secret", ("Nothing brings",), ("create secret",)),
        ("everything-said", ("helm test",), ("No Prometheus", "no policy")),
    ],
)
def test_the_notes_say_what_is_still_to_do(name: str, there: tuple[str, ...], not_there: tuple[str, ...]) -> None:
    """What the pods wait for, where Slack has to post, and what is missing; not what was done already."""
    said = notes(CASES[name])
    assert [text for text in there if text not in said] == []
    assert [text for text in not_there if text in said] == []
