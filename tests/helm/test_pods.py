"""What each pod may do, holds and runs, in every case of the matrix."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from bot.web import watched
from settings.environment import VARIABLES
from tests.helm.chart import CASES, CHART, PROCESSES, SPLIT, Obj, case, objects, pods

pytestmark = pytest.mark.usefixtures("helm")

LIBRARIES = {"HOME", "MPLCONFIGDIR", "REDISCLI_AUTH", "HTTPS_PROXY"}
"""Variables that are not ours: what libraries read, redis-cli's own, and the extra one of a case."""
every_case = pytest.mark.parametrize("name", CASES)


def containers(name: str) -> list[tuple[str, Obj]]:
    """Every container of one case, with whose it is."""
    return [
        (who, container)
        for who, pod in pods(case(name)).items()
        for container in (*pod["spec"]["containers"], *pod["spec"].get("initContainers", []))
    ]


@every_case
def test_the_three_processes_are_there(name: str) -> None:
    """Each runs the one image by its own word."""
    found = pods(case(name))
    assert set(found) >= set(PROCESSES)
    for who in PROCESSES:
        [container] = found[who]["spec"]["containers"]
        assert (container["command"], container["args"][0]) == (["meshbot"], who)
    assert len({found[who]["spec"]["containers"][0]["image"] for who in PROCESSES}) == 1


@every_case
def test_no_container_may_do_more_than_run(name: str) -> None:
    """No user root, no capability, no way to more privileges, no system call beyond the runtime's profile."""
    for who, container in containers(name):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        }, who
    for who, pod in pods(case(name)).items():
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True, who
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, who
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec), who


def test_pods_run_as_the_user_of_the_image() -> None:
    """Its files are that user's to read, whoever the cluster would choose."""
    [user] = re.findall(r"^USER (\d+):(\d+)$", (CHART.parents[1] / "Dockerfile").read_text(), re.MULTILINE)
    for who in PROCESSES:
        security = pods(case("default"))[who]["spec"]["securityContext"]
        assert (str(security["runAsUser"]), str(security["runAsGroup"])) == user


@every_case
def test_nothing_is_written_but_tmp(name: str) -> None:
    """Only /tmp, an emptyDir, can be written to; Redis has /data, its volume."""
    for who, pod in pods(case(name)).items():
        volumes = {one["name"]: one for one in pod["spec"].get("volumes", [])}
        for container in pod["spec"]["containers"]:
            mounts = container.get("volumeMounts", [])
            open_ = {one["mountPath"]: one["name"] for one in mounts if not one.get("readOnly")}
            open_.pop("/more", None)  # what the case itself adds
            assert set(open_) <= ({"/data"} if who == "redis" else {"/tmp"}), who
            assert all("emptyDir" in volumes[volume] for path, volume in open_.items() if path == "/tmp")
        assert not any("hostPath" in one for one in volumes.values())


@every_case
def test_every_container_has_its_share(name: str) -> None:
    """Requests for CPU and memory, and a limit of memory: a leak ends in one pod."""
    for who, container in containers(name):
        resources = container["resources"]
        assert {"cpu", "memory"} <= set(resources["requests"]), who
        assert "memory" in resources["limits"], who


@every_case
def test_only_workers_get_a_token(name: str) -> None:
    """The bot, the clock, Redis and whoever asks the bot hold nothing the API server would take."""
    for who, pod in pods(case(name)).items():
        wanted = who == "worker" or who.endswith("test-doctor")
        assert pod["spec"]["automountServiceAccountToken"] is wanted, who
    for obj in case(name):
        if obj["kind"] == "ServiceAccount":
            assert obj["automountServiceAccountToken"] is False


def test_each_process_has_an_account_of_its_own() -> None:
    """Whoever takes over one of them has the rights of that one only."""
    accounts = {who: pods(case("default"))[who]["spec"]["serviceAccountName"] for who in PROCESSES}
    assert accounts == {who: f"meshbot-{who}" for who in PROCESSES}
    made = {obj["metadata"]["name"] for obj in case("default") if obj["kind"] == "ServiceAccount"}
    assert made == set(accounts.values())


# --- secrets ---------------------------------------------------------------------------------------------------------

_SLACK = {"SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET", "REDIS_URL"}
_LOGIN = {"REDIS_PASSWORD", "REDIS_SENTINEL_PASSWORD"}
HELD = [
    ("default", {"bot": _SLACK, "worker": {"SLACK_BOT_TOKEN", "REDIS_URL"}, "clock": {"REDIS_URL"}}),
    ("socket", {"bot": {"SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "REDIS_URL"}}),
    (
        "hooks",
        {"bot": _SLACK | {"MESHBOT_HOOK_TOKEN"}, "worker": {"SLACK_BOT_TOKEN", "REDIS_URL", "PROMETHEUS_URL"}},
    ),
    ("flagger", {"bot": _SLACK | {"MESHBOT_FLAGGER_TOKEN"}, "worker": {"SLACK_BOT_TOKEN", "REDIS_URL"}}),
    ("redis-sentinel", {"clock": _LOGIN, "worker": _LOGIN | {"SLACK_BOT_TOKEN"}}),
]


def held(pod: Obj) -> dict[str, tuple[str, str]]:
    """The secrets of a pod: name of the file → Secret and key."""
    [volume] = [one for one in pod["spec"]["volumes"] if one["name"] == "secrets"]
    return {
        item["path"]: (source["secret"]["name"], item["key"])
        for source in volume["projected"]["sources"]
        for item in source["secret"]["items"]
    }


@pytest.mark.parametrize(("name", "expected"), HELD, ids=[name for name, _ in HELD])
def test_each_process_holds_the_secrets_it_needs_and_no_other(name: str, expected: dict[str, set[str]]) -> None:
    """A clock cannot post, and a worker cannot pretend to be Slack."""
    found = pods(case(name))
    assert {who: set(held(found[who])) for who in expected} == expected


@every_case
def test_every_variable_is_one_that_is_read(name: str) -> None:
    """A variable that nobody reads would be a wish that nobody hears; one for a secret names a file that is mounted."""
    known = {one.name: one.may_be_file for one in VARIABLES}
    for who, pod in pods(case(name)).items():
        for container in pod["spec"]["containers"]:
            for variable in container.get("env", []):
                given = variable["name"]
                if given in LIBRARIES:
                    continue
                assert given in known or known.get(given.removesuffix("_FILE")), (who, given)
                assert "valueFrom" not in variable, f"{given} would stand in the environment"
                if given.endswith("_FILE"):
                    assert variable["value"] == f"/run/secrets/meshbot/{given.removesuffix('_FILE')}"
                    assert given.removesuffix("_FILE") in held(pod)


_TLS = "/run/secrets/redis-tls"
SAID = [
    (
        "default",
        "clock",
        {
            "MESHBOT_METRICS_PORT": "9090",
            "MESHBOT_LOG": "text",
            "REDIS_URL": None,
            "PROMETHEUS_URL": None,
            "KUBECONFIG": None,
        },
    ),
    (
        "redis-sentinel",
        "clock",
        {
            "REDIS_URL": SPLIT["redis"]["url"],
            "REDIS_URL_FILE": None,
            "REDIS_USERNAME": "meshbot",
            "REDIS_SENTINEL_USERNAME": "watcher",
            "REDIS_COPIES": "1",
            "REDIS_TLS_CA": f"{_TLS}/CA",
            "REDIS_TLS_CERT": f"{_TLS}/CERT",
            "REDIS_TLS_KEY": f"{_TLS}/KEY",
        },
    ),
    ("redis-tls-acl", "bot", {"REDIS_TLS_CA": f"{_TLS}/CA", "REDIS_TLS_CERT": None, "REDIS_COPIES": None}),
    ("traced", "bot", {"MESHBOT_LOG": "json", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector.monitoring:4318"}),
    (
        "everything-said",
        "worker",
        {"KUBECONFIG": "/run/secrets/kubeconfig/kubeconfig", "PROMETHEUS_URL": "http://prometheus.monitoring:9090"},
    ),
    ("everything-said", "bot", {"KUBECONFIG": None, "PROMETHEUS_URL": None, "HTTPS_PROXY": "http://proxy:3128"}),
]


@pytest.mark.parametrize(("name", "who", "expected"), SAID)
def test_what_values_say_arrives(name: str, who: str, expected: dict[str, str | None]) -> None:
    """Each value is the variable it is meant to be, in the processes that need it; what is not said is not there."""
    [container] = pods(case(name))[who]["spec"]["containers"]
    given = {variable["name"]: variable.get("value") for variable in container["env"]}
    assert {variable: given.get(variable) for variable in expected} == expected


@every_case
def test_every_mount_has_its_volume(name: str) -> None:
    """What a container mounts is there, and every path that a variable names lies below a mount."""
    for who, pod in pods(case(name)).items():
        volumes = {one["name"] for one in pod["spec"].get("volumes", [])}
        for container in pod["spec"]["containers"]:
            mounts = {one["mountPath"]: one["name"] for one in container.get("volumeMounts", [])}
            assert set(mounts.values()) <= volumes, who
            for variable in container.get("env", []):
                value = str(variable.get("value", ""))
                if value.startswith("/"):
                    assert any(value == path or value.startswith(f"{path}/") for path in mounts), (who, variable)


def test_the_secrets_keys_are_those_that_were_asked_for() -> None:
    """Names of Secrets and keys are the values'."""
    values: Obj = {"secrets": {"existingSecret": "slack", "keys": {"slackBotToken": "xoxb"}}}
    found = held(pods(objects({**values, "redis": {"existingSecret": "redis"}}))["worker"])
    assert found == {"SLACK_BOT_TOKEN": ("slack", "xoxb"), "REDIS_URL": ("redis", "redis-url")}


def test_tokens_of_the_configuration_are_the_workers() -> None:
    """Secrets for `token_file` lie in the workers' pods and the doctor's, as files that only its group may read."""
    found = pods(case("tokens"))
    for who, pod in found.items():
        secrets = {
            one["secret"]["secretName"]: one["secret"]["defaultMode"]
            for one in pod["spec"].get("volumes", [])
            if "secret" in one
        }
        wanted = who == "worker" or who.endswith("test-doctor")
        assert secrets == ({"git-tokens": 0o440, "metrics": 0o440} if wanted else {}), who
    mounts = found["worker"]["spec"]["containers"][0]["volumeMounts"]
    assert {"name": "mounted-1", "mountPath": "/run/secrets/metrics", "readOnly": True} in mounts
    [tmp] = [one for one in found["worker"]["spec"]["volumes"] if one["name"] == "tmp"]
    assert tmp["emptyDir"] == {"sizeLimit": "2Gi"}


# --- probes ----------------------------------------------------------------------------------------------------------


@every_case
def test_probes_need_no_program_in_the_image(name: str) -> None:
    """Each of our processes is asked over HTTP, at a port it declares; before SIGTERM the kubelet itself sleeps."""
    for who in PROCESSES:
        [container] = pods(case(name))[who]["spec"]["containers"]
        port = "http" if who == "bot" else "metrics"
        asked = {kind: container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")}
        assert asked["startup"] == asked["liveness"] == {"path": "/healthz", "port": port}
        assert asked["readiness"] == {"path": "/readyz", "port": port}
        assert port in {one["name"] for one in container["ports"]}
        stop = container.get("lifecycle", {}).get("preStop", {"sleep": {}})
        assert set(stop) == {"sleep"}


def test_the_bot_answers_what_its_probes_ask() -> None:
    """The paths are those of the bot's own pages: 200 while it lives, 503 while it cannot work."""
    said: list[str] = []

    def start(status: str, *_: Any) -> Any:
        said.append(status.split(maxsplit=1)[0])

    for path in ("/healthz", "/readyz"):
        list(watched(path, lambda: (False, {}), start))
    assert said == ["200", "503"]


@every_case
def test_who_is_asked_to_end_has_time(name: str) -> None:
    """SIGKILL comes later than the sleep before SIGTERM, and than the longest job of a worker."""
    found = pods(case(name))
    [bot] = found["bot"]["spec"]["containers"]
    sleep = bot["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert found["bot"]["spec"]["terminationGracePeriodSeconds"] >= sleep + 10
    assert found["worker"]["spec"]["terminationGracePeriodSeconds"] > 60 + 10


# --- configuration ---------------------------------------------------------------------------------------------------


def checksum(values: Obj, who: str) -> str | None:
    """What makes pods start again when it changes."""
    annotations: dict[str, str] = pods(objects(values))[who]["metadata"]["annotations"]
    return annotations.get("checksum/config")


@pytest.mark.parametrize("who", PROCESSES)
def test_a_changed_configuration_rolls_the_pods(who: str) -> None:
    """A new file is a new pod template; without that wish, or with a ConfigMap of one's own, pods stay."""
    one, other = {"config": {"file": "people: {}"}}, {"config": {"file": "services: {}"}}
    assert checksum(one, who) == checksum(one, who) != checksum(other, who)
    assert checksum({"config": {"rolloutOnChange": False}}, who) is None
    assert checksum({"config": {"existingConfigMap": "mine"}}, who) is None


def test_the_configuration_arrives_as_it_was_given() -> None:
    """Comments, braces and umlauts are nobody's to change; nothing in it is a template."""
    text = '# für alle {{ .Values }}\npeople: {jin: [U012AB3CD]}\nchannels: {audit: "C012AB3CD"}\n'
    [config] = [obj for obj in objects({"config": {"file": text}}) if obj["metadata"]["name"] == "meshbot-config"]
    assert config["data"] == {"meshbot.yaml": text}


@every_case
def test_pods_of_one_process_spread(name: str) -> None:
    """Over nodes and over zones, counting those of the same process and version."""
    for who in PROCESSES if name != "little" else ():
        constraints = pods(case(name))[who]["spec"]["topologySpreadConstraints"]
        assert [one["topologyKey"] for one in constraints] == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
        for one in constraints:
            assert one["labelSelector"]["matchLabels"]["app.kubernetes.io/component"] == who
            assert one["matchLabelKeys"] == ["pod-template-hash"]
    if name == "little":
        assert "topologySpreadConstraints" not in json.dumps(case(name))


# --- what no manifest shows ------------------------------------------------------------------------------------------


def test_the_tests_of_the_release_ask_what_they_are_for() -> None:
    """One asks the bot whether it can do its work, the other examines every process; both stay until the next run."""
    found = {obj["metadata"]["name"]: obj for obj in case("default") if obj["kind"] == "Pod"}
    [ready] = found["meshbot-test-ready"]["spec"]["containers"]
    assert 'urlopen("http://meshbot:80/readyz"' in ready["args"][0]
    [doctor] = found["meshbot-test-doctor"]["spec"]["containers"]
    assert (doctor["command"], doctor["args"]) == (["meshbot"], ["doctor"])
    # Deleted on success, their logs would be gone before `helm test --logs` of helm 3 reads them.
    policies = {obj["metadata"]["annotations"]["helm.sh/hook-delete-policy"] for obj in found.values()}
    assert policies == {"before-hook-creation"}


def test_everything_goes_where_the_values_say() -> None:
    """The pods of tests stand where the processes they ask stand, Redis where its own values say."""
    where: dict[str, Obj] = {
        who: {"nodeSelector": {"for": who}, "tolerations": [{"key": who, "operator": "Exists"}]}
        for who in ("bot", "worker", "clock", "redis")
    }
    redis = {"internal": {"enabled": True, **where["redis"]}}
    objs = objects({**{who: where[who] for who in ("bot", "worker", "clock")}, "redis": redis})
    as_who = {"meshbot-test-ready": "bot", "meshbot-test-doctor": "worker"}
    for who, pod in pods(objs).items():
        assert {key: pod["spec"].get(key) for key in ("nodeSelector", "tolerations")} == where[as_who.get(who, who)], (
            who
        )


def test_the_cluster_may_give_the_ids() -> None:
    """Without ids in the values there are none in any pod, as OpenShift wants it; it is not root all the same."""
    nobody = {"runAsUser": None, "runAsGroup": None, "fsGroup": None}
    values: Obj = {"podSecurityContext": nobody, "redis": {"internal": {"enabled": True, "podSecurityContext": nobody}}}
    for who, pod in pods(objects(values)).items():
        said = pod["spec"]["securityContext"]
        assert said == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}, who


def test_secrets_of_any_name_are_mounted() -> None:
    """Names with dots, and those of the chart's own volumes."""
    names = ["my.secret", "config", "tmp"]
    spec = pods(objects({"worker": {"secretMounts": names}}))["worker"]["spec"]
    volumes = [one["name"] for one in spec["volumes"]]
    assert len(volumes) == len(set(volumes))
    assert all("." not in name for name in volumes)
    mounts = {one["mountPath"] for one in spec["containers"][0]["volumeMounts"]}
    assert {f"/run/secrets/{name}" for name in names} <= mounts


def test_a_new_version_takes_the_place_of_the_old_one_pod_by_pod() -> None:
    """Nothing goes before its successor is ready; the bot hears on for the seconds of the values."""
    deployments = [obj for obj in objects({"bot": {"preStopSeconds": 3}}) if obj["kind"] == "Deployment"]
    for obj in deployments:
        assert obj["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
        assert obj["spec"]["strategy"]["rollingUpdate"]["maxSurge"] in (1, "25%", "50%")
    hooks = [obj["spec"]["template"]["spec"]["containers"][0].get("lifecycle") for obj in deployments]
    assert hooks == [
        {"preStop": {"sleep": {"seconds": 3}}} if "-bot" in obj["metadata"]["name"] else None for obj in deployments
    ]


def test_what_scales_and_what_is_fetched_is_as_the_values_say() -> None:
    """By CPU and by queues, keeping what runs when the queues cannot be seen; the Secret goes with its owner."""
    kinds = {obj["kind"]: obj.get("spec", {}) for obj in (*case("autoscaled"), *case("external-secret"))}
    [metric] = kinds["HorizontalPodAutoscaler"]["metrics"]
    assert metric["resource"]["target"] == {"type": "Utilization", "averageUtilization": 70}
    assert kinds["ScaledObject"]["fallback"]["behavior"] == "currentReplicas"
    assert kinds["ExternalSecret"]["target"] == {"name": "meshbot", "creationPolicy": "Owner"}
    budget = next(obj for obj in case("default") if obj["kind"] == "PodDisruptionBudget")
    assert budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
