"""Scripts whose effect somebody outside Redis is about to learn of: they ask for copies on replicas first.

Replicas follow a master by moments, and a failover forgets what none of them had. It forgets an end, never a middle: a
replica has everything up to some write. So it is enough to wait at the last write before anybody acts on it: before a
person is told "queued", before a patch is sent, before a message is posted.
"""

from __future__ import annotations

from typing import Any

import redis
from redis.exceptions import NoScriptError

COPY_S = 0.2
"""Most seconds for the copies; on a healthy network they take one or two milliseconds. Within every client's limit."""


class Copied:
    """A script, and whether enough replicas have what it wrote.

    Both are asked for on one connection, in one round trip: on another one WAIT would speak of other writes. Where the
    connection breaks, a client that tries again does both again.
    """

    def __init__(self, client: redis.Redis, text: str) -> None:
        self._client = client
        self._text = text
        self._script = client.register_script(text)
        self.copies: int = getattr(client, "copies", 0)

    def __call__(self, *, keys: list[str], args: list[Any]) -> tuple[Any, bool]:
        """Return the script's answer, and whether the copies are there; raises what redis-py raises."""
        if not self.copies:
            return self._script(keys=keys, args=args), True
        answer, copies = self._ask(keys, args)
        if isinstance(answer, NoScriptError):
            # A new master does not know the scripts of the former one.
            self._client.script_load(self._text)
            answer, copies = self._ask(keys, args)
        for one in (answer, copies):
            if isinstance(one, Exception):
                raise one
        return answer, copies >= self.copies

    def _ask(self, keys: list[str], args: list[Any]) -> list[Any]:
        with self._client.pipeline(transaction=False) as pipeline:
            pipeline.evalsha(self._script.sha, len(keys), *keys, *args)
            pipeline.wait(self.copies, int(COPY_S * 1000))
            return pipeline.execute(raise_on_error=False)
