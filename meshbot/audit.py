"""`meshbot audit`: reading, verifying and taking away the audit log. Nothing here can write to it."""

from __future__ import annotations

import csv
import json
import sys
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import click

from mesh.domain.audit import AuditEntry, verify
from settings.environment import read_environment
from store.auditlog import RedisAuditLog
from store.connection import patient

COLUMNS = ("seq", "at", "step", "actor", "operation", "target", "command", "reason", "text")
"""What every entry has, first in an export; the rest of an entry's facts follow as JSON."""


@click.group
def audit() -> None:
    """List, verify and export the audit log."""


@audit.command("list")
@click.option("-n", "count", default=20, show_default=True, type=click.IntRange(min=1), help="How many, the newest.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_(*, count: int, as_json: bool) -> None:
    """Show the latest entries, the newest last."""
    for entry in deque(_log().entries(), maxlen=count):
        click.echo(json.dumps(_exported(entry), ensure_ascii=False) if as_json else _line(entry.facts))


@audit.command("verify")
def verify_() -> None:
    """Check the chain of hashes: says count and last hash, or the first broken entry with exit code 1.

    Compare the hash with one that was posted to the audit channel: that finds even a log that was rewritten whole.
    """
    entries, head = _log().snapshot()
    broken = verify(entries, head)
    if broken:
        click.echo(f"BROKEN at entry {broken.seq}: {broken.why}.", err=True)
        sys.exit(1)
    click.echo(f"ok: {head[0]} entries, head {head[1]}")


@audit.command
@click.option("--format", "form", default="json", show_default=True, type=click.Choice(["json", "csv"]))
def export(*, form: str) -> None:
    """Write the whole log to standard output. The JSON form (one object a line) holds what is needed to verify it."""
    entries = _log().entries()
    if form == "csv":
        _write_csv(entries)
        return
    for entry in entries:
        click.echo(json.dumps(_exported(entry), ensure_ascii=False))


def _log() -> RedisAuditLog:
    return RedisAuditLog(patient(read_environment().redis_url))


def _exported(entry: AuditEntry) -> dict[str, Any]:
    """Return the entry's facts, its hash, and its body letter by letter, which is what the hash covers."""
    return {**entry.facts, "hash": entry.hash, "body": entry.body}


def _write_csv(entries: Iterable[AuditEntry]) -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow([*COLUMNS, "facts", "hash"])
    for entry in entries:
        facts = entry.facts
        first = [_cell(facts.pop(column, "")) for column in COLUMNS]
        writer.writerow([*first, _cell(json.dumps(facts, ensure_ascii=False, sort_keys=True)), entry.hash])


def _cell(value: object) -> str:
    """Return the value as text that no spreadsheet takes for a formula: people's own words are in here."""
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _line(facts: dict[str, Any]) -> str:
    at = datetime.fromtimestamp(float(facts.get("at") or 0), UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    who, what = (str(facts.get(name) or "-") for name in ("actor", "operation"))
    rest = [str(facts[name]) for name in ("target", "command", "text") if facts.get(name)]
    line = f"{facts['seq']:>6}  {at}  {facts.get('step', ''):<9}  {who:<11}  {what:<13}  {'  '.join(rest)}"
    # People's words are in here; a terminal must not take them for orders.
    return "".join(char if char.isprintable() else "?" for char in line)
