"""What would have been clear: a command as it is typed, which becomes a button, and what that button is about.

A button stays in the channel for days, and by then `resume api` may be about another stop of another rollout. So a word
to a rollout carries what it was offered for, as the buttons of the rollout's own card do. Only a button does: typed, it
is about what there is when it is received.
"""

from __future__ import annotations

import re

_ABOUT = re.compile(r"(op-[a-z0-9]{4,20}/[0-9]+/[0-9]+) (/mesh .+)", re.DOTALL)


def about(typed: str, what: str) -> str:
    """Return the choice `typed` that is about `what` only: `op-…/1/1796037066000`, a rollout, its step, its stop."""
    return f"{what} {typed}"


def parted(choice: str) -> tuple[str, str]:
    """Return a choice as it is typed, and what it is about; that is empty where it is about whatever there is."""
    found = _ABOUT.fullmatch(choice)
    return (found[2], found[1]) if found else (choice, "")
