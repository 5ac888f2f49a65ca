"""Lines to Redis that are open before they are needed."""

from __future__ import annotations

from typing import Any

import redis

from store.connection import translated
from store.scripts import RECEIVE, TAKE

LINES = 8
"""Of one process: a burst begins on them, and more are made when there is need."""


def open_lines(client: redis.Redis) -> None:
    """Open them, and let Redis know the scripts that a command runs; raise Unavailable for a Redis that is away.

    To connect takes several round trips (TLS, a login, under Sentinel a question), which is most of what a first write
    waits for.
    """
    pool, lines = client.connection_pool, list[Any]()
    with translated():
        try:
            while len(lines) < LINES:
                lines.append(pool.get_connection())
        finally:
            for line in lines:
                pool.release(line)
        for script in (RECEIVE, TAKE):
            client.script_load(script)
