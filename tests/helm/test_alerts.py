"""The alert rules that a release brings: about itself, and with a way to the runbooks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from playground.cluster.manifests import documents
from tests.helm.chart import CHART, RUNBOOKS, HelmFailed, Obj, case, rendered
from tests.helm.test_network import named
from tests.telemetry.test_rules import firing, promtool

pytestmark = pytest.mark.usefixtures("helm")


def alerts(spec: Obj) -> dict[str, Obj]:
    """Return the alerts of rules by name."""
    return {rule["alert"]: rule for group in spec["groups"] for rule in group["rules"]}


def rules_of(values: Obj, namespace: str) -> Obj:
    """Return the rules that a release with these values brings into a namespace."""
    objs = documents(rendered({"metrics": {"prometheusRule": values}}, "--namespace", namespace))
    return dict(named(objs, "PrometheusRule", "meshbot")["spec"])


def test_rules_are_those_of_the_file() -> None:
    """Word for word, but that each selector asks for this release, and links lead to the address given."""
    objs = case("monitored")
    own = 'namespace="meshbot",job="meshbot-metrics"'
    plain = alerts(yaml.safe_load((CHART / "files/rules.yaml").read_text()))
    made = alerts(named(objs, "PrometheusRule", "meshbot")["spec"])
    for name, rule in plain.items():
        expr = made[name]["expr"]
        assert len(re.findall(r"meshbot_\w+", expr)) == expr.count(own) > 0
        assert expr.replace(f"{{{own}}}", "").replace(f"{own},", "") == rule["expr"]
        assert made[name]["annotations"]["runbook_url"] == f"{RUNBOOKS}#{name.lower()}"
        assert made[name] | {"expr": "", "annotations": ""} == rule | {"expr": "", "annotations": ""}
    assert list(made) == list(plain)


@pytest.mark.parametrize("name", ["MeshbotNoClock", "MeshbotProcessMissing"])
def test_a_release_that_vanished_is_missed_beside_another(name: str, tmp_path: Path) -> None:
    """Two releases in one Prometheus: of one that is gone its own rules tell, and the other's rules do not."""
    well = {
        'meshbot_clock_leader{namespace="stage",job="meshbot-metrics"}': "1x30",
        'meshbot_build_info{namespace="stage",job="meshbot-metrics",role="bot"}': "1x30",
        'meshbot_build_info{namespace="stage",job="meshbot-metrics",role="worker"}': "1x30",
    }
    found = {}
    for namespace in ("prod", "stage"):
        rule = alerts(rules_of({"enabled": True}, namespace))[name]
        found[namespace] = firing(rule, well, "10m", tmp_path)
    assert f'alertname="{name}"' in found["prod"]
    assert 'namespace="prod"' in found["prod"]
    assert found["stage"] == ""


def test_matchers_of_ones_own_take_the_place(tmp_path: Path) -> None:
    """Where nothing scrapes by a ServiceMonitor; Prometheus reads what comes of it."""
    values = {"enabled": True, "matcher": 'cluster="prod",job=~"mesh.*"'}
    spec = rules_of(values, "x")
    assert all(rule["expr"].count('{cluster="prod",job=~"mesh.*"') for rule in alerts(spec).values())
    assert "namespace=" not in "".join(rule["expr"] for rule in alerts(spec).values())
    assert alerts(spec)["MeshbotNoClock"]["annotations"]["runbook_url"] == "docs/runbooks.md#meshbotnoclock"
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(spec))
    assert promtool("check", "rules", str(tmp_path / "rules.yaml")).returncode == 0


@pytest.mark.parametrize("matcher", ["prod", 'namespace="prod', 'namespace="$1"', 'namespace="prod"} or up{x="1"'])
def test_what_is_no_matcher_is_refused(matcher: str) -> None:
    """Rules that Prometheus cannot read would be no rules at all."""
    with pytest.raises(HelmFailed, match="matcher"):
        rules_of({"enabled": True, "matcher": matcher}, "x")
