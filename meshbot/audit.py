"""`meshbot audit`: reading, verifying, exporting and trimming the audit log."""

from __future__ import annotations

import csv
import json
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain, takewhile
from typing import IO, Any

import click

from mesh.domain.audit import GENESIS, AuditEntry
from mesh.domain.operations import Step
from settings.environment import read_environment
from settings.time import SystemTime
from store.auditlog import RedisAuditLog, Snapshot
from store.connection import patient

COLUMNS = ("seq", "at", "step", "actor", "operation", "target", "command", "reason", "text")
"""What every entry has, first in an export; the rest of an entry's facts follow as JSON."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What makes a spreadsheet take text for a formula, where it comes first."""
_TIME = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"])


@dataclass(frozen=True)
class Wanted:
    """Which entries an export holds."""

    since: datetime | None = None
    until: datetime | None = None
    service: str = ""
    """Its name, or `cluster/namespace/name`."""
    person: str = ""
    """Slack user id of whoever asked, or made it happen."""

    def holds(self, facts: dict[str, Any]) -> bool:
        """Tell whether an entry is wanted; one that says nothing of what is asked for is not."""
        at, target = float(facts.get("at") or 0), str(facts.get("target") or "")
        return (
            (self.since is None or at >= _unix(self.since))
            and (self.until is None or at < _unix(self.until))
            and (not self.service or self.service in (target, target.rpartition("/")[2]))
            and (not self.person or self.person in (facts.get("actor"), facts.get("by")))
        )


@click.group
def audit() -> None:
    """List, verify, export and trim the audit log."""


@audit.command("list")
@click.option("-n", "count", default=20, show_default=True, type=click.IntRange(min=1), help="How many, the newest.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_(*, count: int, as_json: bool) -> None:
    """Show the latest entries, the newest last."""
    for entry in deque(_log().entries(), maxlen=count):
        click.echo(json.dumps(_exported(entry), ensure_ascii=False) if as_json else _line(entry.facts))


@audit.command("verify")
@click.argument("exports", nargs=-1, type=click.File("r", "utf-8"))
def verify_(*, exports: tuple[IO[str], ...]) -> None:
    """Check the chain of hashes: says count and last hash, or the first broken entry with exit code 1.

    Of a log that was trimmed, give the exports of what is gone, oldest first: then it is checked from its first entry.
    Compare the hash with one that was posted to the audit channel: that finds even a log that was rewritten whole.
    """
    log = _log().snapshot()
    whole = replace(log, start=(0, GENESIS), entries=_joined(exports, log.entries)) if exports else log
    broken = whole.broken
    if broken:
        click.echo(f"BROKEN at entry {broken.seq}: {broken.why}.", err=True)
        sys.exit(1)
    trimmed = f", of which {log.start[0]} are trimmed" if log.start[0] else ""
    click.echo(f"ok: {log.head[0]} entries{trimmed}, head {log.head[1]}")


@audit.command
@click.argument("export", type=click.File("r", "utf-8"))
@click.option("--before", type=_TIME, required=True, help="What is older goes; UTC unless it names an offset.")
def trim(*, export: IO[str], before: datetime) -> None:
    """Take the oldest entries out of Redis, if EXPORT (JSON, of the whole log) has every one of them letter by letter.

    The log is verified first. What is left still follows from what is gone: keep the file, `verify` takes it.
    """
    log = _log()
    broken = log.snapshot().broken
    if broken:
        raise click.ClickException(f"The log is broken at entry {broken.seq}, so nothing was taken away: {broken.why}.")
    found = log.snapshot()
    last = _last_old(found, export, _unix(before))
    if last == found.start:
        click.echo("Nothing is that old.")
        return
    which = f"entries {found.start[0] + 1} to {last[0]}"
    text = f"{which} were exported and taken out of Redis; the last hash is {last[1]}"
    log.trim(last, found.start, {"at": SystemTime().now(), "step": Step.TRIMMED, "text": text})
    click.echo(f"Taken out of Redis: {which}. Keep {export.name}: meshbot audit verify takes it.")


@audit.command
@click.option("--format", "form", default="json", show_default=True, type=click.Choice(["json", "csv"]))
@click.option("--since", type=_TIME, help="From this time on; UTC unless it names an offset.")
@click.option("--until", type=_TIME, help="Before this time.")
@click.option("--service", default="", help="Entries about this service: its name, or cluster/namespace/name.")
@click.option("--person", default="", help="Entries of this Slack user id: who asked, or made it happen.")
@click.option("-o", "--output", default="-", type=click.File("w", "utf-8", atomic=True), help="A file; - for here.")
def export(*, form: str, output: IO[str], **wanted: Any) -> None:
    """Write the log, or a part of it. The JSON form (one object a line) of the whole log can be verified.

    The file appears whole or not at all. A part of the log still has each entry's hash, to be found in the whole.
    """
    wish = Wanted(**wanted)
    entries = (entry for entry in _log().entries() if wish.holds(entry.facts))
    if form == "csv":
        _write_csv(output, entries)
        return
    for entry in entries:
        output.write(json.dumps(_exported(entry), ensure_ascii=False) + "\n")


def _log() -> RedisAuditLog:
    return RedisAuditLog(patient(read_environment().redis))


def _read(export: IO[str]) -> Iterator[AuditEntry]:
    """Yield the entries of an export in JSON; ClickException for a line that is none."""
    for number, line in enumerate(export, start=1):
        try:
            one = json.loads(line)
            entry = AuditEntry(one["body"], one["hash"])
            entry.facts["seq"]
        except (ValueError, KeyError, TypeError) as error:
            why = "is no entry of an export in JSON (meshbot audit export -o FILE)"
            raise click.ClickException(f"{export.name}: line {number} {why}.") from error
        yield entry


def _last_old(log: Snapshot, export: IO[str], before: float) -> tuple[int, str]:
    """Return number and hash of the last entry that is older; ClickException where the export lacks one of those."""
    last = log.start
    old = takewhile(lambda entry: float(entry.facts.get("at") or 0) < before, log.entries)
    copies = (entry for entry in _read(export) if entry.facts["seq"] > log.start[0])
    for entry in old:
        if entry != next(copies, None):
            hint = "Nothing was taken away. Export the whole log again: meshbot audit export -o FILE."
            raise click.ClickException(f"{export.name} does not have entry {entry.facts['seq']} as it is. {hint}")
        last = (entry.facts["seq"], entry.hash)
    return last


def _joined(exports: Sequence[IO[str]], log: Iterable[AuditEntry]) -> Iterator[AuditEntry]:
    """Yield each entry of the exports and of the log once: what one has of the next is passed over."""
    last = 0
    for entry in chain.from_iterable([*map(_read, exports), log]):
        seq = entry.facts["seq"]
        if seq > last:
            last = seq
            yield entry


def _exported(entry: AuditEntry) -> dict[str, Any]:
    """Return the entry's facts, its hash, and its body letter by letter, which is what the hash covers."""
    return {**entry.facts, "hash": entry.hash, "body": entry.body}


def _unix(moment: datetime) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _write_csv(output: IO[str], entries: Iterable[AuditEntry]) -> None:
    writer = csv.writer(output)
    writer.writerow([*COLUMNS, "facts", "hash"])
    for entry in entries:
        facts = entry.facts
        first = [_cell(facts.pop(column, "")) for column in COLUMNS]
        writer.writerow([*first, _cell(json.dumps(facts, ensure_ascii=False, sort_keys=True)), entry.hash])


def _cell(value: object) -> str:
    """Return the value as text that no spreadsheet takes for a formula: people's own words are in here."""
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _line(facts: dict[str, Any]) -> str:
    at = datetime.fromtimestamp(float(facts.get("at") or 0), UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    who, what = (str(facts.get(name) or "-") for name in ("actor", "operation"))
    rest = [str(facts[name]) for name in ("target", "command", "text") if facts.get(name)]
    line = f"{facts['seq']:>6}  {at}  {facts.get('step', ''):<9}  {who:<11}  {what:<13}  {'  '.join(rest)}"
    # People's words are in here; a terminal must not take them for orders.
    return "".join(char if char.isprintable() else "?" for char in line)
