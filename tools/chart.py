"""Makes of the chart what people read and apply without helm: manifests/*.yaml, and the table in the chart's README.

`python -m tools.chart` writes them, `make manifests` calls it; tests/helm compares them with the chart.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from tests.helm.chart import CHART, NAMESPACE, rendered

MANIFESTS = CHART.parents[1] / "manifests"
README = CHART / "README.md"
TABLE = re.compile(r"(<!-- values -->\n).*(<!-- /values -->\n)", re.DOTALL)
MADE = "# Made from helm/meshbot by `make manifests`; change the chart instead."
LONGEST = 60
"""Characters of a default that still fit into the table."""
_OF_HELM = re.compile(r"^ *(helm\.sh/chart|app\.kubernetes\.io/managed-by): .*\n|^# Source: .*\n", re.MULTILINE)

Keys = tuple[str, ...]


@dataclass(frozen=True)
class Sheet:
    """One file of manifests: some objects of the chart with some values."""

    about: str
    values: dict[str, Any]
    kinds: str = ""
    """Pattern of `Kind/name`; empty: all."""
    besides: str = "^$"
    """Pattern of those that are left out."""
    namespace: bool = False
    """Whether the namespace is made first."""


_PLAIN = {"config": {"rolloutOnChange": False}, "tests": {"doctor": False}}
_RIGHTS = r"ServiceAccount/meshbot-worker|(Cluster)?Role(Binding)?/.*"
_NOT_ALL = rf"{_RIGHTS}|Pod/.*|NetworkPolicy/meshbot-test|ConfigMap/meshbot-config"
"""The configuration is made once, by hand: applied again, these files would put the empty one in its place."""
SHEETS = {
    "rbac.yaml": Sheet(
        "What meshbot's workers may do, in every namespace; bot and clock may do nothing. `make e2e` runs with these "
        "rights.",
        _PLAIN,
        kinds=_RIGHTS,
        namespace=True,
    ),
    "rbac-namespaced.yaml": Sheet(
        "The same for one namespace, mesh-demo, instead of rbac.yaml; repeat Role and RoleBinding for each namespace "
        "of yours. Routes cannot be watched then, and each job lists them.",
        {**_PLAIN, "rbac": {"scope": "namespaces", "namespaces": ["mesh-demo"]}},
        kinds=_RIGHTS,
        namespace=True,
    ),
    "meshbot.yaml": Sheet(
        "Bot, workers and clock, with Slack over HTTP: apply rbac.yaml first. The Secret `meshbot`, the ConfigMap "
        "`meshbot-config` and an address for the Service `meshbot` are yours to make: README.md.",
        _PLAIN,
        besides=_NOT_ALL,
    ),
    "meshbot-socket.yaml": Sheet(
        "Bot, workers and clock, with Slack over Socket Mode: apply rbac.yaml first. The Secret `meshbot` and the "
        "ConfigMap `meshbot-config` are yours to make: README.md.",
        {**_PLAIN, "slack": {"mode": "socket"}},
        besides=_NOT_ALL,
    ),
    "redis.yaml": Sheet(
        "A small Redis for trials, with a password, an append-only file and no eviction. The Secret `meshbot-redis` is "
        "yours to make: README.md.",
        {**_PLAIN, "redis": {"internal": {"enabled": True, "existingSecret": "meshbot-redis"}}},
        kinds=".*/meshbot-redis",
    ),
    "monitoring.yaml": Sheet(
        "For clusters with the Prometheus operator and Grafana's sidecar: scraping, alert rules, the dashboard.",
        {
            **_PLAIN,
            "metrics": {part: {"enabled": True} for part in ("serviceMonitor", "prometheusRule", "dashboard")},
        },
        kinds="ServiceMonitor/.*|PrometheusRule/.*|ConfigMap/meshbot-dashboard",
    ),
}


def manifest(sheet: Sheet) -> str:
    """Return the text of one file of manifests; needs helm."""
    parts = [part.strip("\n") for part in _OF_HELM.sub("", rendered(sheet.values)).split("\n---\n")]
    objects = [part.removeprefix("---\n") for part in parts if yaml.safe_load(part)]
    chosen = [text for text in objects if _is_wanted(sheet, yaml.safe_load(text))]
    first = [f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {NAMESPACE}}}"] if sheet.namespace else []
    about = "\n".join(f"# {line}" for line in textwrap.wrap(sheet.about, 110))
    return f"{about}\n{MADE}\n" + "\n---\n".join([*first, *chosen]) + "\n"


def _is_wanted(sheet: Sheet, obj: dict[str, Any]) -> bool:
    name = f"{obj['kind']}/{obj['metadata']['name']}"
    return bool(re.fullmatch(sheet.kinds or ".*", name)) and not re.fullmatch(sheet.besides, name)


def readme() -> str:
    """Return the chart's README with its table as values.yaml has it now."""
    rows = [
        f"| `{'.'.join(path)}` | {_default(value)} | {meaning.replace('|', '&#124;')} |"
        for path, value, meaning in described((CHART / "values.yaml").read_text(encoding="utf-8"))
    ]
    table = "\n".join(["| value | default | meaning |", "|---|---|---|", *rows])
    return TABLE.sub(lambda found: f"{found[1]}{table}\n{found[2]}", README.read_text(encoding="utf-8"))


def described(text: str) -> Iterator[tuple[Keys, Any, str]]:
    """Yield each value with its path and what the comment `# -- …` above it says; ValueError where one has none."""
    yield from _described(yaml.compose(text, yaml.SafeLoader), text.splitlines(), ())


def _described(node: yaml.Node, lines: list[str], above: Keys) -> Iterator[tuple[Keys, Any, str]]:
    for key, value in node.value:
        path = (*above, key.value)
        said = lines[key.start_mark.line - 1].strip() if key.start_mark.line else ""
        if said.startswith("# -- "):
            yield path, yaml.SafeLoader.construct_document(yaml.SafeLoader(""), value), said.removeprefix("# -- ")
        elif isinstance(value, yaml.MappingNode) and value.value:
            yield from _described(value, lines, path)
        else:
            where = f"values.yaml:{key.start_mark.line + 1}: {'.'.join(path)}"
            raise ValueError(f"{where} has no comment `# -- …` above it")


def _default(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return f"`{text}`" if len(text) <= LONGEST else "see `values.yaml`"


def main() -> None:
    """Write every file."""
    for name, sheet in SHEETS.items():
        (MANIFESTS / name).write_text(manifest(sheet), encoding="utf-8")
    README.write_text(readme(), encoding="utf-8")


if __name__ == "__main__":
    main()
