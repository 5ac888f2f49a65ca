"""What is made of the chart is in step with it."""

from __future__ import annotations

import re

import pytest

from playground.cluster.manifests import documents
from tests.helm.chart import PROCESSES, Obj
from tools.chart import MANIFESTS, README, SHEETS, manifest, readme

HINT = "run: make manifests"


def shipped(name: str) -> list[Obj]:
    """The objects of one file."""
    return documents((MANIFESTS / name).read_text(encoding="utf-8"))


@pytest.mark.usefixtures("helm")
@pytest.mark.parametrize("name", SHEETS)
def test_manifests_are_in_step(name: str) -> None:
    """Whoever applies files gets what the chart would have made."""
    assert (MANIFESTS / name).read_text(encoding="utf-8") == manifest(SHEETS[name]), HINT


def test_the_table_of_values_is_in_step() -> None:
    """The README says of each value what values.yaml says."""
    assert README.read_text(encoding="utf-8") == readme(), HINT


def test_nothing_in_the_manifests_is_helms() -> None:
    """Objects that no release owns do not say that one does, and none is a hook."""
    for name in SHEETS:
        assert not re.search(r"helm\.sh/(hook|chart)|managed-by", (MANIFESTS / name).read_text()), name


def test_the_files_together_are_the_whole() -> None:
    """rbac.yaml and meshbot.yaml have all that pods need, each once, but what people write themselves."""
    both = [*shipped("rbac.yaml"), *shipped("meshbot.yaml")]
    names = [(obj["kind"], obj["metadata"]["name"]) for obj in both]
    assert len(names) == len(set(names))
    for who in PROCESSES:
        [deployment] = [
            obj for obj in both if (obj["kind"], obj["metadata"]["name"]) == ("Deployment", f"meshbot-{who}")
        ]
        spec = deployment["spec"]["template"]["spec"]
        assert ("ServiceAccount", spec["serviceAccountName"]) in names
    # Applied again, a configuration in here would take the place of theirs.
    assert {"Secret", "ConfigMap"}.isdisjoint(kind for kind, _ in names)


def test_the_two_ways_to_slack_differ_in_the_bot_alone() -> None:
    """Over HTTP or over Socket Mode, workers and clock are the same."""
    http, socket = shipped("meshbot.yaml"), shipped("meshbot-socket.yaml")
    different = [one["metadata"]["name"] for one, other in zip(http, socket, strict=True) if one != other]
    assert different == ["meshbot-bot"]
