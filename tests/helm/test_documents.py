"""The `helm` lines of the documents: helm knows each word of them; those about our chart render with what they set.

`helm repo` and the charts of others need the internet, `helm test` pods: they are read by helm, and not run.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from urllib.parse import urlsplit

import pytest
import yaml

from playground.cluster.manifests import documents
from tests.e2e.binaries import build
from tests.helm.chart import HOME, NAMESPACE, Obj, objects
from tests.tools.blocks import HOUSE, blocks, commands, spans
from tests.tools.test_readme import DOCUMENTS

FLAGS = ("--reuse-values", "--wait")
"""Options of an installation that mean nothing when it is only rendered."""


def shown() -> list[str]:
    """Return each line of the documents that installs or upgrades our chart, once."""
    found = [words for block in blocks("sh") for words in commands(block.text) if words[0] == "helm"]
    return sorted({shlex.join(words) for words in found if "helm/meshbot" in words})


def read(line: str) -> str:
    """Have helm read a line without doing it; returns what it does not understand."""
    argv = [str(build(names=("helm",), home=HOME) / "helm"), *shlex.split(line)[1:], "--help"]
    done = subprocess.run(argv, cwd=HOUSE, capture_output=True, text=True, timeout=300, check=False)
    if " [command]" in done.stdout:
        return f"unknown word, or one too few: {done.stdout}"  # what a group of commands says of itself
    return done.stderr if done.returncode else ""


def test_helm_knows_every_line(helm: None) -> None:
    """In blocks and in sentences, also where nothing of ours is installed."""
    scripts = [block.text for block in blocks("sh")] + [span for _, span in spans("helm")]
    lines = {shlex.join(words) for script in scripts for words in commands(script) if words[0] == "helm"}
    assert {line: why for line in sorted(lines) if (why := read(line))} == {}
    assert len(lines) > len(shown()) + 3


@pytest.mark.parametrize(
    "line", ["helm instal meshbot helm/meshbot", "helm install meshbot helm/meshbot --namespac e", "helm repo ad x"]
)
def test_what_helm_does_not_know_is_found(helm: None, line: str) -> None:
    """A word or an option that it does not have."""
    assert "unknown" in read(line)


def told(line: str) -> dict[str, Obj]:
    """Render what a line installs; returns its objects by kind and name."""
    _, verb, *rest = shlex.split(line)
    assert verb in ("install", "upgrade")
    argv = [str(build(names=("helm",), home=HOME) / "helm"), "template", *(one for one in rest if one not in FLAGS)]
    done = subprocess.run(argv, cwd=HOUSE, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return {f"{one['kind']}/{one['metadata']['name']}": one for one in documents(done.stdout)}


def paths(said: object) -> list[str]:
    """Return every path that a configuration names."""
    if isinstance(said, dict):
        return [path for value in said.values() for path in paths(value)]
    if isinstance(said, list):
        return [path for value in said for path in paths(value)]
    return [said] if isinstance(said, str) and said.startswith("/") else []


@pytest.mark.parametrize("line", shown())
def test_what_helm_is_told_renders(line: str, helm: None) -> None:
    """Bot, worker and clock come out of it, by the same release, values and files."""
    assert {f"Deployment/meshbot-{process}" for process in ("bot", "worker", "clock")} <= set(told(line))


@pytest.mark.parametrize("line", shown())
def test_the_workers_have_what_that_configuration_names(line: str, helm: None) -> None:
    """Each cluster is the pod's own or has a kubeconfig, and each file lies below a mount."""
    found = told(line)
    [worker] = found["Deployment/meshbot-worker"]["spec"]["template"]["spec"]["containers"]
    said = yaml.safe_load(found["ConfigMap/meshbot-config"]["data"]["meshbot.yaml"])
    mounts = tuple(f"{one['mountPath']}/" for one in worker["volumeMounts"])
    assert [path for path in paths(said) if not path.startswith(mounts)] == []
    given = "KUBECONFIG" in {variable["name"] for variable in worker["env"]}
    lost = [name for name, one in said["clusters"].items() if not (one.get("in_cluster") or given)]
    assert lost == []


def test_addresses_in_the_cluster_are_those_of_the_chart(helm: None) -> None:
    """Where a document lets somebody post to meshbot, the chart's Service is there, with that port."""
    [service] = [one for one in objects({}) if (one["kind"], one["metadata"]["name"]) == ("Service", "meshbot")]
    ports = {one["port"] for one in service["spec"]["ports"]}
    shown = [
        (page.name, urlsplit(address))
        for page in DOCUMENTS
        for address in re.findall(
            r"http://[^\s\"`]*\bmeshbot[^\s\"`]*/(?:hooks|slack)/", page.read_text(encoding="utf-8")
        )
    ]
    host = f"{service['metadata']['name']}.{NAMESPACE}"
    inside = [
        (page, one)
        for page, one in shown
        if (one.hostname or "").startswith("meshbot.") and ".example" not in one.netloc
    ]
    assert len(inside) >= 3
    for page, one in inside:
        assert one.hostname in (host, f"{host}.svc"), page
        assert (one.port or 80) in ports, page


def test_there_is_something_to_render() -> None:
    """The documents are found."""
    assert len(shown()) >= 2
