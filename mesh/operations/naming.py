"""Ids of operations and incidents: short enough to read to each other, too many to guess."""

from __future__ import annotations

import secrets

_LETTERS = "23456789abcdefghjkmnpqrstvwxyz"  # no 0/o, 1/i/l: people read ids to each other


def new_id() -> str:
    """Return an id that no operation has yet, like `op-k3v9x2m4ta`."""
    return f"op-{_word()}"


def new_incident_id() -> str:
    """Return an id that no incident has yet, like `in-k3v9x2m4ta`."""
    return f"in-{_word()}"


def _word() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(10))
