"""How much of Redis an operation takes: one world, a few changes and one rollout, then MEMORY USAGE of every key.

The figures of docs/redis.md come from here: `python -m tools.bench_redis`.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from pathlib import Path

import redis

from tests.world.town import Town, make_world, until

CHANGES = 20
KINDS = (
    "op", "attempts", "dedupe", "intent", "audit", "history", "letter", "lane", "thread", "watch", "points", "deeds",
    "lock", "paces", "bucket",
)  # fmt: skip


def sizes(client: redis.Redis) -> dict[str, tuple[int, int]]:
    """Count the keys of each kind, and their bytes."""
    found: dict[str, list[int]] = defaultdict(list)
    for key in client.scan_iter(count=1000):
        name = key.decode()
        kind = next((one for one in KINDS if name.startswith(f"meshbot:{one}")), "rq" if name.startswith("rq:") else "")
        found[kind or "other"].append(int(client.memory_usage(key, samples=0) or 0))
    return {kind: (len(each), sum(each)) for kind, each in sorted(found.items())}


def main() -> None:
    """Measure and print."""
    directory = Path(tempfile.mkdtemp())
    with make_world(directory, mesh="istio") as world:
        town = Town(world)
        town.reset("istio-traffic.yaml")
        client = redis.Redis.from_url(world.redis.url)
        before = sizes(client)
        for number in range(CHANGES):
            town.do(f"/mesh promote api {10 + number} --force --reason measured")
        until(lambda: not client.exists("meshbot:lanes"), "messages wait", timeout_s=120)
        until(lambda: not client.exists("meshbot:open"), "operations are open", timeout_s=120)
        after = sizes(client)
    total = 0
    print(f"{CHANGES} changes, each with its card, thread and audit entries\nkind      keys   bytes  bytes a change")  # noqa: T201 - the figures are what it is for
    for kind, (count, size) in after.items():
        grown = size - before.get(kind, (0, 0))[1]
        total += grown
        print(f"{kind:<9} {count:>4} {size:>7} {grown / CHANGES:>8.0f}")  # noqa: T201 - as above
    print(f"in all {total / CHANGES:.0f} bytes a change")  # noqa: T201 - as above


if __name__ == "__main__":
    main()
