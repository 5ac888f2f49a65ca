"""`meshbot doctor`: one line for each thing meshbot depends on, and what to do about it."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

import click

from meshbot.doctor.parts import ROLES, checks
from meshbot.doctor.running import WITHIN_S, examined
from meshbot.findings import Finding


@click.command
@click.option(
    "--as", "role", default="all", show_default=True, type=click.Choice(ROLES), help="Check what this process needs."
)
@click.option("--before-start", is_flag=True, help="No process runs yet: that they are missing is only a warning.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object with all findings, for programs.")
@click.option(
    "--within", "within_s", default=WITHIN_S, show_default=True, type=click.FloatRange(min=1), help="Seconds, in all."
)
def doctor(*, role: str, before_start: bool, as_json: bool, within_s: float) -> None:
    """Check everything meshbot depends on, and say what to do. Exit code 1 when something fails.

    Rights differ by account: run it in the pods, `--as bot`, `--as worker` and `--as clock`.
    """
    findings = []
    for finding in examined(checks(role, before_start=before_start), within_s=within_s):
        findings.append(finding)
        if not as_json:
            click.echo(_shown(finding))
    failed = any(finding.level == "fail" for finding in findings)
    if as_json:
        click.echo(json.dumps({"ok": not failed, "findings": [asdict(one) for one in findings]}, ensure_ascii=False))
    sys.exit(1 if failed else 0)


def _shown(finding: Finding) -> str:
    line = f"{finding.level:<5} {finding.what:<12} {finding.text}"
    return f"{line}\n{'':<18} -> {finding.todo}" if finding.todo else line
