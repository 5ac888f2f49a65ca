"""The name of every Redis key."""

from __future__ import annotations

from mesh.domain.commands import Target
from mesh.domain.digests import Digest, Slot
from mesh.domain.letters import Letter

OPERATION = "meshbot:op:"
"""Hash of one operation: schema, revision, done, settled, urgent, writer, record; and while nobody has worked on it
since it was due, `owed_since` (Unix time) at the revision `owed_at`.
"""
ATTEMPTS = "meshbot:attempts:"
"""Count of the times the clock handed an operation to RQ; its first job is attempt 0."""
OPEN = "meshbot:open"
"""Sorted set of the ids of all operations that are not settled, by the Unix time at which the clock looks at them."""
WAITING = "meshbot:waiting"
"""Sorted set of the ids of all operations that wait for approval, by the Unix time at which that is over."""
AUDIT = "meshbot:audit"
"""List of JSON {"body", "hash"}, oldest first; never expires. `meshbot audit trim` takes from its beginning."""
AUDIT_START = "meshbot:audit:start"
"""`count:hash` of the last entry that was trimmed."""
AUDIT_HEAD = "meshbot:audit:head"
"""`count:hash` of the last entry, apart from the list, so that cutting the list's end is seen."""
FENCE = "meshbot:fence"
"""The last token given to any lease."""
INCIDENT = "meshbot:incident:"
"""Hash of one incident: schema, revision, writer, attempts, record."""
INCIDENTS = "meshbot:incidents"
"""Hash of the newest incident of each service: `cluster/namespace/service` -> incident id."""
INCIDENTS_DUE = "meshbot:incidents:due"
"""Sorted set of the ids of all incidents that are not settled, by the Unix time at which their card is due."""
FREEZES = "meshbot:freezes"
"""Hash of the freezes that people made: id -> JSON; those that are over are forgotten after a while."""
CONFIGURED = "meshbot:configured"
"""What the audit log was last told of the configuration: the file's SHA-256 and what became of it."""
WATCH = "meshbot:watch:"
"""JSON of what looks know of one rollout."""
POINTS = "meshbot:points:"
"""List of the points of one rollout's chart, oldest first."""
DEEDS = "meshbot:deeds"
"""Sorted set of the changes of the last days, each a short JSON list, by the Unix time of its end."""
LETTER = "meshbot:letter:"
"""Hash of one message on its way to people, or there: letter, fate, timestamp and so on; `unsent_since` (Unix time)
while it waits in a lane with something to say.
"""
LANES = "meshbot:lanes"
"""Sorted set of the channels in which something waits, by the Unix time at which the clock looks at them."""
LANE_COUNTS = "meshbot:lanes:counts"
"""Hash of channel -> how many letters were ever put into its lane."""
LANE_JOBS = "meshbot:lanes:jobs"
"""Hash of channel -> number of its last job."""
PACES = "meshbot:paces"
"""Hash of pace -> until when it is spent: Unix time."""
TRIED = "meshbot:tried"
"""Written now and then to see whether that can be done; gone a second later."""


def operation(operation_id: str) -> str:
    """Return the key of an operation's hash."""
    return OPERATION + operation_id


def incident(incident_id: str) -> str:
    """Return the key of an incident's hash."""
    return INCIDENT + incident_id


def attempts(operation_id: str) -> str:
    """Return the key of an operation's attempt counter."""
    return ATTEMPTS + operation_id


def dedupe(delivery: str) -> str:
    """Return the key that remembers one delivery."""
    return f"meshbot:dedupe:{delivery}"


def intent(wish: str) -> str:
    """Return the key that remembers one wish under way."""
    return f"meshbot:intent:{wish}"


def bucket(name: str) -> str:
    """Return the key of a token bucket: hash of tokens and the time, in Unix seconds, that they are of."""
    return f"meshbot:bucket:{name}"


def lock(key: str) -> str:
    """Return the key of a lock; its value is the token of the lease."""
    return f"meshbot:lock:{key}"


def history_of_target(target: Target) -> str:
    """Return the key of the list of a service's changing operations, newest first."""
    return f"meshbot:history:target:{target}"


def history_of_channel(channel: str) -> str:
    """Return the key of the list of a channel's changing operations, newest first."""
    return f"meshbot:history:channel:{channel}"


def rollouts(cluster: str) -> str:
    """Return the key of the hash of a cluster's active rollouts: `namespace/service` -> operation id."""
    return f"meshbot:rollouts:{cluster}"


def place(target: Target) -> str:
    """Return the field of a service in that hash."""
    return f"{target.namespace}/{target.service}"


def looked(cluster: str) -> str:
    """Return the key of the end of a cluster's last look: Unix time, a space, and a word of that look's own."""
    return f"meshbot:looked:{cluster}"


def hurry(cluster: str) -> str:
    """Return the key that is there while a cluster is looked at more often."""
    return f"meshbot:hurry:{cluster}"


def watch(operation_id: str) -> str:
    """Return the key of what looks know of a rollout."""
    return WATCH + operation_id


def points(operation_id: str) -> str:
    """Return the key of the points of a rollout's chart."""
    return POINTS + operation_id


def slot(due: Slot) -> str:
    """Return the key of the hash of one slot of a digest: state, claim, until, note."""
    return f"meshbot:digest:slot:{due}"


def newest_slot(digest: str) -> str:
    """Return the key of the time of the newest slot of a digest that was ever claimed."""
    return f"meshbot:digest:newest:{digest}"


def digest_known(digest: Digest) -> str:
    """Return the key of when a clock first saw a digest with these times: Unix time in seconds."""
    return f"meshbot:digest:known:{digest.name}:{digest.zone}:{digest.cron}"


def proof(digest: str) -> str:
    """Return the key of one yes of the step-up check, which lasts as long as that counts."""
    return f"meshbot:proof:{digest}"


def letter(key: str) -> str:
    """Return the key of a message."""
    return LETTER + key


def lane(channel: str) -> str:
    """Return the key of the sorted set of a channel's waiting messages, the next one first."""
    return f"meshbot:lane:{channel}"


def thread(entry: Letter) -> str:
    """Return the key of the list of those entries of its thread that wait, the oldest first."""
    return f"meshbot:thread:{entry.under}"


def changed(what: str) -> str:
    """Return the key of the mark of a person or usergroup that changed lately, e.g. `user U012AB3CD`."""
    return f"meshbot:changed:{what}"


def rounds(canary: str) -> str:
    """Return the key of the hash of what Flagger asks about a canary, e.g. `prod/shop/podinfo`."""
    return f"meshbot:rounds:{canary}"
