"""Whether the processes around Redis are there, by what they leave in it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from redis import Redis, RedisError

from meshbot.doctor.redis import reached
from meshbot.findings import Finding
from settings.environment import Environment
from store import keys
from store.connection import quick
from workers.runner import HEARTBEAT_S, QUEUES

SILENT_S = 4 * HEARTBEAT_S
"""A worker without a job that was not heard of for so long is dead: it beats twice as often at least."""


def processes(environment: Environment, *, before_start: bool) -> Iterator[Finding]:
    """Yield which processes of meshbot are not there; that is a failure, or a warning `before_start`."""
    level = "warn" if before_start else "fail"
    try:
        client = reached(quick(environment.redis))
        heard = {name: _heard(client, queue) for name, queue in QUEUES.items()}
        yield from messages(client, heard["post"], level)
        yield from workers(client, heard, level)
    except RedisError as error:
        todo = "Mend first what is said of redis."
        yield Finding(level, "workers", f"cannot tell which processes run ({type(error).__name__})", todo)


class Heard:
    """The workers of one queue: how many live, and how long ago (in seconds) the others were heard of."""

    def __init__(self) -> None:
        self.alive = 0
        self.silent_s: list[float] = []


def _heard(client: Redis, queue: str) -> Heard:
    """Read what RQ has of a queue's workers.

    The set of their names says nothing: a worker that was killed stays in it for minutes. Each has a record, which goes
    within 80 s of its last sign of life, and tells when that was. A job may take longer than `SILENT_S`, and nothing
    beats during it, so who has one counts for as long as its record lasts. Ages are by Redis's clock.
    """
    found = Heard()
    seconds, _ = client.time()
    names: Any = client.smembers(f"rq:workers:{queue}")
    for name in names:
        record: Any = client.hmget(name.decode(), ["last_heartbeat", "state"])
        beat, state = record
        if beat is None:
            continue
        age_s = seconds - datetime.fromisoformat(beat.decode()).timestamp()
        if state == b"busy" or age_s < SILENT_S:
            found.alive += 1
        else:
            found.silent_s.append(age_s)
    return found


def messages(client: Redis, heard: Heard, level: str) -> Iterator[Finding]:
    """Yield where people hear nothing, because the worker that posts is not there."""
    waiting = client.zcard(keys.LANES)
    if waiting and not heard.alive:
        todo = "Start `meshbot worker`, or beside workers of single queues `meshbot worker --queue post`."
        yield Finding(level, "messages", f"they wait for {waiting} channel(s), and no worker posts them", todo)


def workers(client: Redis, heard: dict[str, Heard], level: str) -> Iterator[Finding]:
    """Yield which queues nobody works on, who died there, and whether a clock runs."""
    idle = [name for name, found in heard.items() if not found.alive]
    if idle:
        text = f"nobody works on the queue(s) {', '.join(idle)}"
        yield Finding(level, "workers", text, "Start `meshbot worker`; where it was started, look at its log.")
    if dead := {name: found.silent_s for name, found in heard.items() if found.silent_s}:
        last_s = min(age_s for ages in dead.values() for age_s in ages)
        text = f"workers of {', '.join(dead)} fell silent without saying so, the last one {last_s:.0f} s ago"
        yield Finding("warn", "workers", text, "They were killed, or do not reach Redis: look at logs and restarts.")
    if not client.get(keys.lock("clock")):
        todo = "Start `meshbot clock`; where it was started, look at its log."
        yield Finding(level, "workers", "no clock runs", todo)
    elif not (idle or dead):
        yield Finding("ok", "workers", "a clock runs, and every queue has a worker")
