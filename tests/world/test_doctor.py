"""`meshbot doctor` in a running world: real Redis and Prometheus, stand-ins for Slack and the cluster."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.world.town import Town

pytestmark = pytest.mark.world


def examined(town: Town, *words: str, **changes: str) -> tuple[int, dict[str, list[tuple[str, str]]]]:
    """Exit code and findings, level and text by what they are about."""
    environment = {"PATH": "/usr/bin:/bin", **town.world.environment, **changes}
    argv = [sys.executable, "-m", "meshbot", "doctor", "--json", "--within", "120", *words]
    shown = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=300)
    found: dict[str, list[tuple[str, str]]] = {}
    answer = json.loads(shown.stdout)
    for one in answer["findings"]:
        found.setdefault(one["what"], []).append((one["level"], one["text"]))
    assert answer["ok"] is (shown.returncode == 0)
    return shown.returncode, found


def test_a_running_world_is_well_for_every_process(istio: Town) -> None:
    """Nothing fails; requests are known by the gates' own queries; clock, queues, roles and rights are looked at."""
    istio.reset("istio-traffic.yaml")
    istio.await_gates("api-v2")
    code, found = examined(istio)
    assert code == 0, found
    assert ("ok", "the requests of all 1 services with a route are known") in found["prom demo"]
    assert ("ok", "this account has every right that workers need in mesh-demo") in found["k8s demo"]
    assert found["workers"] == [("ok", "a clock runs, and every queue has a worker")]
    assert [level for level, _ in found["roles"]] == ["ok"]
    for role in ("bot", "worker", "clock"):
        code, found = examined(istio, "--as", role, **({} if role == "worker" else {"KUBECONFIG": ""}))
        assert code == 0, found
        assert ("k8s demo" in found) is (role == "worker")


def test_services_that_are_not_measured_are_named(istio: Town, tmp_path: Path) -> None:
    """One without a route and one of which no proxy speaks, each by its name; a dead cluster is one finding more."""
    istio.reset("istio-traffic.yaml")
    configuration = yaml.safe_load(istio.world.configuration.read_text())
    configuration["services"]["nowhere"] = {}
    path = tmp_path / "meshbot.yaml"
    path.write_text(yaml.safe_dump(configuration))
    _, found = examined(istio, MESHBOT_CONFIG=str(path))
    assert ("warn", "no route carries weights for nowhere") in found["prom demo"]
    configuration["services"] = {"api": {"mesh": "linkerd"}}
    path.write_text(yaml.safe_dump(configuration))
    _, found = examined(istio, MESHBOT_CONFIG=str(path))
    assert any(level == "warn" and " of api" in text for level, text in found["prom demo"])
    code, found = examined(istio, KUBECONFIG="/absent")
    assert code == 1
    assert any(text.startswith("cannot tell whether its services are measured") for _, text in found["prom demo"])
    assert ("ok", "answers, scrapes 1 targets") in found["prom demo"]
