"""Operations and audit entries as bytes, and back."""

from __future__ import annotations

import json

from pydantic import TypeAdapter

from mesh.domain.audit import GENESIS, AuditEntry
from mesh.domain.errors import Unavailable
from mesh.domain.operations import Operation

SCHEMA = 2
"""The form of the records this program writes. Raise it when an older program would misread the new form."""

_operations = TypeAdapter(Operation)


def dump_operation(operation: Operation) -> bytes:
    """Return the operation as JSON."""
    return _operations.dump_json(operation)


def load_operation(operation_id: str, schema: bytes, record: bytes) -> Operation:
    """Return the operation that was written as `record`; Unavailable when a newer meshbot wrote it."""
    if int(schema) > SCHEMA:
        raise Unavailable(
            f"Operation {operation_id} was written by a newer meshbot (form {int(schema)}; this one reads {SCHEMA}).",
            hint="Finish the roll-out of the new version, then try again.",
        )
    return _operations.validate_json(record)


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
