"""Pieces of queries, as text. Pure: how values become literals, and how much counters grew between two moments."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

EDGE_MS = 10_000.0
"""Longer latencies are not told apart unless some limit lies there: buckets are most of what a look costs."""


@dataclass(frozen=True)
class Places:
    """Where to look: every service in every namespace of these, so that a query names each but once."""

    namespaces: tuple[str, ...]
    services: tuple[str, ...]
    pairs: frozenset[tuple[str, str]]
    """(namespace, service) of those asked for."""

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> Places:
        """Return the places that hold all (namespace, service) pairs; always the same text for the same pairs."""
        found = frozenset(pairs)
        namespaces, services = ({pair[side] for pair in found} for side in (0, 1))
        return cls(tuple(sorted(namespaces)), tuple(sorted(services)), found)

    def within(self, namespace: str, service: str) -> str:
        """Return the selector for these labels of namespace and service."""
        return f"{namespace}=~{one_of(self.namespaces)}, {service}=~{one_of(self.services)}"


def grown(selector: str, span_ms: int) -> str:
    """Ask by how much each counter grew in the last `span_ms` milliseconds: each request once, in one window only.

    A series counts the difference of its two last samples before both ends. Windows that follow each other share an
    end, so their sums are those of one long window; `increase` would extrapolate and count twice.

    A counter that fell began anew, and one that was not there before was born: both count from zero, but only where
    the same scrape target was read without error before. Otherwise (Prometheus lost its past, a gap of more than 5
    minutes, a target that was away) a whole lifetime of requests would fall into one window. Failures and successes
    are treated alike, so no failure counts without the requests around it. What is gone now is not counted at all.
    """
    before = f"{selector} offset {span_ms}ms"
    kept = f"({before} <= {selector})"
    # `up` is written by the server itself for each target and scrape, under the same labels job and instance.
    return f"({selector} - {kept} or (({selector} unless {kept}) and on (job, instance) (up offset {span_ms}ms == 1)))"


def risen(selector: str, span_ms: int) -> str:
    """Ask the same of counters that are too many to ask it so carefully: the buckets of histograms.

    One that was born or began anew is left out of one window. No verdict needs the time of every request; that of a
    thousand routes costs a third so.
    """
    return f"({selector} - {selector} offset {span_ms}ms >= 0)"


def one_of(values: Iterable[str]) -> str:
    """Return a literal for `=~` that matches these values and nothing else."""
    return quoted("|".join(map(re.escape, values)))


def quoted(value: str) -> str:
    """Return `value` as a PromQL string literal that ends where it should, whatever the value holds.

    PromQL's double-quoted strings follow Go's: backslash escapes, no raw line breaks (Prometheus, "String literals").
    Go knows no JSON surrogate pairs, hence the escapes are written here and not by `json`.
    """
    plain = value.isascii() and value.isprintable() and '"' not in value and "\\" not in value
    return f'"{value}"' if plain else f'"{"".join(map(_escaped, value))}"'


def _escaped(letter: str) -> str:
    if letter in ('"', "\\"):
        return f"\\{letter}"
    if " " <= letter <= "~":
        return letter
    point = ord(letter)
    # A lone surrogate is no character in Go; no label value can hold one, so the replacement character matches nothing.
    return f"\\U{0xFFFD if 0xD800 <= point <= 0xDFFF else point:08x}"
