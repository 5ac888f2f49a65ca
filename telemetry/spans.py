"""Spans, as the rest of the room knows them: whoever takes them is a tracer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

Facts = Mapping[str, str | int | float | bool]
"""What a span says of itself: never what a person wrote, never a secret."""


Span = tuple[float, float]
"""From when until when: Unix times in seconds."""


class Tracer(Protocol):
    """Where spans go; see `telemetry.otel`, the only module that knows the library."""

    def root(self, name: str, facts: Facts, *, operation: str, span: Span) -> None:
        """Tell of what made the operation: everything else of its trace is under that, also what was told before."""

    def told(self, name: str, facts: Facts, *, operation: str, span: Span) -> None:
        """Tell of something that is over.

        It goes under what is open around it in this thread, if that is about the same operation; else under the root.
        """

    def opened(self, name: str, facts: Facts, *, operation: str) -> Open:
        """Open a span under which others of this thread go until its end."""

    def close(self, within_s: float) -> None:
        """Send what waits, for at most so long."""


class Open(Protocol):
    """A span that has not ended."""

    def fail(self, what: str) -> None:
        """Say that it went wrong, by the name of the error."""

    def end(self) -> None:
        """End it now."""
