"""Operations, audit entries, watches and points of charts as bytes, and back."""

from __future__ import annotations

import json
from dataclasses import astuple, replace
from typing import Any, cast

from pydantic import ConfigDict, TypeAdapter

from mesh.domain.audit import GENESIS, AuditEntry
from mesh.domain.errors import Unavailable, Unreadable
from mesh.domain.freezes import Freeze
from mesh.domain.incidents import Incident
from mesh.domain.operations import Operation
from mesh.domain.points import Answered, Point
from mesh.ports import Watch

READS = 4
"""The newest form of records that this program understands."""
WRITES = 4
"""The form of the records that it writes.

A new field needs no new form when an older program may lose it: that one reads over it, and writes the record back
without. A new word of `Step`, `State` or any other enumeration is no such field. Otherwise a form takes two releases:
the first understands it and writes the old one, the second writes it. So processes of two releases that follow each
other work side by side, whichever way the roll-out goes. What is newer than that is left alone by the older program
until one that understands it takes it up.
"""

_CONFIG = ConfigDict(ser_json_inf_nan="strings")
"""Infinity stays infinity: the bound of the last bucket, evidence without end."""
# A dataclass alone takes no such setting; as one of two it does, and is written the same.
_operations: TypeAdapter[Operation | None] = TypeAdapter(Operation | None, config=_CONFIG)
_incidents: TypeAdapter[Incident | None] = TypeAdapter(Incident | None, config=_CONFIG)
_freezes: TypeAdapter[Freeze | None] = TypeAdapter(Freeze | None, config=_CONFIG)
_watches: TypeAdapter[Watch | None] = TypeAdapter(Watch | None, config=_CONFIG)


def dump_operation(operation: Operation) -> bytes:
    """Return the operation as JSON."""
    return _operations.dump_json(operation)


def load_operation(operation_id: str, schema: bytes, record: bytes) -> Operation:
    """Return the operation that was written as `record`; Unreadable when a newer meshbot wrote it."""
    _must_be_known(f"Operation {operation_id}", schema)
    operation = cast(Operation, _read(f"Operation {operation_id}", _operations, record))
    return operation if int(schema) >= 3 else _of_form_2(operation)


def _must_be_known(what: str, schema: bytes) -> None:
    """Raise Unreadable when a newer meshbot wrote it."""
    if int(schema) > READS:
        raise Unreadable(
            f"{what} was written by a newer meshbot (form {int(schema)}; this one reads {READS}).",
            hint="Finish the roll-out of the new version, then try again.",
        )


def _read(what: str, form: TypeAdapter[Any], record: bytes) -> object:
    """Return what was written as `record`; Unreadable where it holds a word that this program does not know."""
    try:
        return form.validate_json(record)
    except ValueError as error:
        raise Unreadable(
            f"{what} holds what this meshbot does not know.",
            hint="Finish the roll-out of the new version, then try again.",
        ) from error


def _of_form_2(operation: Operation) -> Operation:
    """Say what every reader knew then: that a latency must not be above its limit."""
    return replace(operation, gates=tuple(replace(row, at_most=row.unit == "ms") for row in operation.gates))


def dump_incident(incident: Incident) -> bytes:
    """Return the incident as JSON."""
    return _incidents.dump_json(incident)


def load_incident(incident_id: str, schema: bytes, record: bytes) -> Incident:
    """Return the incident that was written as `record`; Unreadable when a newer meshbot wrote it."""
    _must_be_known(f"Incident {incident_id}", schema)
    return cast(Incident, _read(f"Incident {incident_id}", _incidents, record))


def dump_freeze(freeze: Freeze) -> bytes:
    """Return the freeze as JSON."""
    return _freezes.dump_json(freeze)


def load_freeze(raw: bytes) -> Freeze:
    """Return the freeze; Unavailable for one that cannot be read: it may hold, and people must hear why it bars."""
    try:
        return cast(Freeze, _freezes.validate_json(raw))
    except ValueError as error:
        raise Unavailable(
            "A freeze was written by another meshbot and cannot be read.", hint="Use one version."
        ) from error


def dump_watch(watch: Watch) -> bytes:
    """Return the watch as JSON."""
    return _watches.dump_json(watch)


def load_watch(raw: bytes) -> Watch | None:
    """Return the watch; None for one that another version wrote in another form: the trial then begins anew."""
    try:
        return _watches.validate_json(raw)
    except ValueError:
        return None


def dump_point(point: Point) -> bytes:
    """Return the point as a short JSON list."""
    arms = ([round(value, 4) if value else value for value in astuple(arm)] for arm in (point.canary, point.stable))
    return json.dumps([round(point.at, 3), round(point.share, 4), *arms], separators=(",", ":")).encode()


def load_point(raw: bytes) -> Point:
    """Return the point."""
    at, share, canary, stable = json.loads(raw)
    return Point(at, share, Answered(*canary), Answered(*stable))


def dump_entry(entry: AuditEntry) -> bytes:
    """Return the audit entry in its one canonical form."""
    return json.dumps(
        {"body": entry.body, "hash": entry.hash}, ensure_ascii=False, separators=(",", ":"), sort_keys=True
    ).encode()


def load_entry(raw: bytes) -> AuditEntry:
    """Return the audit entry; what is not exactly as we write it becomes an entry that fails verification."""
    try:
        fields = json.loads(raw)
        entry = AuditEntry(fields["body"], fields["hash"])
        if dump_entry(entry) == raw:
            return entry
    except (ValueError, KeyError, TypeError):
        pass
    return AuditEntry(raw.decode(errors="replace"), "")


def dump_head(count: int, last_hash: str) -> str:
    """Return the audit log's head as kept."""
    return f"{count}:{last_hash}"


def load_head(raw: bytes | None) -> tuple[int, str]:
    """Return (count, last hash); a head that is not as we write it gives a count of -1, which no log has."""
    if raw is None:
        return 0, GENESIS
    count, _, last_hash = raw.decode(errors="replace").partition(":")
    return (int(count), last_hash) if count.isdecimal() else (-1, last_hash)
