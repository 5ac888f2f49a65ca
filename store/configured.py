"""What the audit log was last told of the configuration, so that each change of it is told once."""

from __future__ import annotations

from typing import Any

import redis

from mesh.ports import Operations
from store import keys
from store.connection import translated


class RedisConfigured:
    """Compares with what was told last, by whichever clock."""

    def __init__(self, redis: redis.Redis, operations: Operations) -> None:
        self._redis = redis
        self._operations = operations

    def tell(self, facts: dict[str, Any]) -> None:
        """Append `facts`, whose `file` and `text` say how the configuration is, unless that was told last.

        Who dies between the two writes leaves it to be told twice: better than never. Raises Unavailable.
        """
        told = f"{facts['file']} {facts['text']}".encode()
        with translated():
            last: Any = self._redis.get(keys.CONFIGURED)
        if last == told:
            return
        self._operations.audit(facts)
        with translated():
            self._redis.set(keys.CONFIGURED, told)
