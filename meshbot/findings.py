"""What `meshbot doctor` says of one thing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report."""

    level: str
    """`ok`, `warn` (it works, but) or `fail`."""
    what: str
    text: str
    todo: str = ""
    """What to do about it."""
