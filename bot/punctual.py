"""Operations that use what is left of the 3 s: what surely was not written is written again while somebody waits."""

from __future__ import annotations

from typing import Any, cast

from bot.arrival import Arrival, Late
from mesh.domain.errors import Unwritten
from mesh.domain.operations import Operation
from mesh.ports import Operations, Receipt


def punctual(operations: Operations, arrival: Arrival) -> Operations:
    """Return operations that know when the request arrived, and else are the same."""
    return cast(Operations, _Punctual(operations, arrival))


class _Punctual:
    """Passes on whatever it does not have itself."""

    def __init__(self, inner: Operations, arrival: Arrival) -> None:
        self._inner = inner
        self._arrival = arrival

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def receive(self, operation: Operation, *, dedupe: str, intent: str, facts: dict[str, Any]) -> Receipt:
        """Write it, as often as Redis says that it came too late there; raise Late once there is no time left.

        A busy machine makes it late: the script carries a deadline of a third of a second, and this process, or Redis,
        may not run for longer than that. Redis is well then, and the next try is likely to be in time.
        """
        while True:
            try:
                return self._inner.receive(operation, dedupe=dedupe, intent=intent, facts=facts)
            except Unwritten as error:
                if self._arrival.over():
                    raise Late(error.message, hint=error.hint, lapse=error.lapse) from error
