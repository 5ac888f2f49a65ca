"""The audit chain: nothing can be edited, removed or reordered quietly."""

from __future__ import annotations

from mesh.domain.audit import GENESIS, AuditEntry, chain, verify


def log(count: int) -> tuple[list[AuditEntry], tuple[int, str]]:
    """A log of `count` entries and its head."""
    entries: list[AuditEntry] = []
    for seq in range(1, count + 1):
        entries.append(chain(entries[-1].hash if entries else GENESIS, seq, {"step": "queued", "n": seq, "who": "진"}))
    return entries, (count, entries[-1].hash if entries else GENESIS)


def test_a_whole_log_verifies() -> None:
    """An untouched log of any length is whole, the empty one too."""
    for count in (0, 1, 5):
        assert verify(*log(count)) is None


def test_any_changed_byte_of_any_entry_breaks_it() -> None:
    """Every single byte of every body and hash matters."""
    entries, head = log(3)
    for index, entry in enumerate(entries):
        for field in ("body", "hash"):
            text = getattr(entry, field)
            for at in range(len(text)):
                other = text[:at] + ("x" if text[at] != "x" else "y") + text[at + 1 :]
                changed = AuditEntry(**{"body": entry.body, "hash": entry.hash, field: other})
                assert verify([*entries[:index], changed, *entries[index + 1 :]], head) is not None


def test_any_removed_or_swapped_entry_breaks_it() -> None:
    """First, middle and last removal and a changed order are found."""
    entries, head = log(4)
    for index in range(4):
        assert verify(entries[:index] + entries[index + 1 :], head) is not None
    assert verify([entries[1], entries[0], *entries[2:]], head) is not None
    assert verify([*entries, chain(entries[-1].hash, 5, {})], head) is not None
