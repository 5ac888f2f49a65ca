"""Ids of operations: short enough to read to each other, too many to guess."""

from __future__ import annotations

import secrets

_LETTERS = "23456789abcdefghjkmnpqrstvwxyz"  # no 0/o, 1/i/l: people read ids to each other


def new_id() -> str:
    """Return an id that no operation has yet, like `op-k3v9x2m4ta`."""
    return "op-" + "".join(secrets.choice(_LETTERS) for _ in range(10))
