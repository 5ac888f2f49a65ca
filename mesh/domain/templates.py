"""Queries that administrators write, with `{{service}}` and the like for what differs from look to look. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from mesh.domain.errors import Refused
from mesh.domain.matching import closest

PLACEHOLDERS = ("namespace", "service", "arm", "version", "window")
"""What a query may name; all but `window`, a duration, become quoted string literals."""

# Strings and comments of PromQL, whose braces and quotes mean something else (Prometheus docs, "String literals").
_PIECE = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|`[^`]*`|#[^\n]*|\{\{(.*?)\}\}', re.DOTALL)


def check_template(query: str) -> None:
    """Accept a query whose placeholders are all known and stand outside of quotes; raise Refused that says which not.

    Only Prometheus itself can tell whether the rest is PromQL.
    """
    if not query.strip():
        raise Refused("The query is empty.", hint="Write PromQL that gives one number.")
    _replaced(query, lambda name: name if name in PLACEHOLDERS else _unknown(name))
    rest = _PIECE.sub("", query)
    if "{{" in rest or "}}" in rest:
        raise Refused("The query has braces that do not close.", hint="Write a placeholder as {{service}}.")


def fill(query: str, literals: Mapping[str, str]) -> str:
    """Return the query with each placeholder replaced by its literal, as PromQL; raise Refused for an unknown one."""
    return _replaced(query, lambda name: literals[name] if name in literals else _unknown(name))


def _replaced(query: str, value: Callable[[str], str]) -> str:
    def piece(found: re.Match[str]) -> str:
        if found[1] is not None:
            return value(found[1].strip())
        if "{{" in found[0] and not found[0].startswith("#"):
            raise Refused(
                f"A placeholder stands inside quotes: {found[0]}.",
                hint="Write it without them, as in namespace={{namespace}}: it brings its own quotes.",
            )
        return found[0]

    return _PIECE.sub(piece, query)


def _unknown(name: str) -> str:
    near = closest(name, PLACEHOLDERS)
    hint = f"Did you mean {{{{{near}}}}}?" if near else f"There is {', '.join(PLACEHOLDERS)}."
    raise Refused(f"The query names {{{{{name}}}}}, which is no placeholder.", hint=hint, choices=PLACEHOLDERS)
