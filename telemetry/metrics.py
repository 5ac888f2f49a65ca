"""Every metric there is: name, labels, meaning. Labels have few values, all of them known from the code.

Each has a label, so that its values are made at their first use: after `telemetry.sharing` has said where they live.
"""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics

from mesh.domain.commands import Verb
from mesh.domain.errors import Lapse

# When a number began to count is of no use here, and doubles what is scraped.
disable_created_metrics()  # type: ignore[no-untyped-call]  # typed in part

REGISTRY = CollectorRegistry()
"""What this process has counted itself. What is only looked at when somebody asks is in `telemetry.looks`."""

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_SOON = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, 3)
"""Slack waits 3 s."""
_PEOPLE = (10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 86400)


def _counter(name: str, meaning: str, *labels: str) -> Counter:
    return Counter(f"meshbot_{name}", meaning, labels, registry=REGISTRY)


def _histogram(name: str, meaning: str, *labels: str, buckets: Iterable[float] = _SECONDS) -> Histogram:
    return Histogram(f"meshbot_{name}", meaning, labels, buckets=tuple(buckets), registry=REGISTRY)


COMMANDS = _counter("commands_total", "What people asked for, as the bot answered it.", "verb", "outcome")
GIVEN_UP = _counter("given_up_total", "What came to nothing by time, load or an absent part.", "way", "reason")
ACK = _histogram("ack_seconds", "From a request's arrival to its acknowledgement.", "way", buckets=_SOON)
OPERATIONS = _counter("operations_total", "Operations that ended.", "verb", "outcome")
OPERATION = _histogram(
    "operation_seconds",
    "From asking to the end, for what neither waited for people nor went step by step.",
    "verb",
)
ROLLOUTS_ENDED = _counter("rollouts_ended_total", "Rollouts that ended.", "phase")
QUEUE_WAIT = _histogram("queue_wait_seconds", "From enqueueing a job to its start.", "queue")
JOB = _histogram("job_seconds", "How long jobs ran.", "queue")
FORGED_JOBS = _counter("forged_jobs_total", "Jobs that meshbot never made, refused.", "queue")
PATCH = _histogram("patch_seconds", "How long the API server took for a patch.", "kind", "outcome")
GATES = _counter(
    "gate_verdicts_total", "Verdicts of gates: on plans, and at each look.", "gate", "verdict", "at", "lack"
)
APPROVAL_WAIT = _histogram("approval_wait_seconds", "From asking people to their answer.", "outcome", buckets=_PEOPLE)
LOCK_WAIT = _histogram("lock_wait_seconds", "How long a lock was waited for.", "lock", "outcome")
SLACK_CALL = _histogram("slack_call_seconds", "How long Slack took for a call.", "method", "outcome")
SLACK_LIMITED = _counter("slack_rate_limited_total", "Calls that Slack answered with 429.", "method")
SLACK_BAD_TOKEN = _counter("slack_bad_token_total", "Calls that Slack refused because our token is no good.", "reason")
LOST = _counter("messages_lost_total", "Messages that must reach people and reached nobody.", "kind")
RESTARTS = _counter("worker_restarts_total", "Worker processes that were replaced.", "queue", "end")
BOT_RESTARTS = _counter("bot_restarts_total", "Serving processes of a bot that were replaced.", "end")

QUEUES = ("urgent", "normal", "watch", "post", "git")
KINDS = ("card", "home", "mirror", "audit", "story", "astray", "incident", "digest", "answer", "other")
"""What a message is, by how its key begins."""
BAD_TOKEN = ("invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired")
"""Slack's words for a token that is no good."""
WAYS = ("slash", "mention", "button", "modal", "home", "suggestion", "hook", "news", "chore", "gate")
"""How what is given up came in. A chore is what a bot does after an acknowledgement, news what Slack tells of changes,
and the gate is where signatures are checked."""
BUTTON = "button"
OTHER = "other"
"""What stands for the verb of a button, and for any word that is none."""


def begin_bot() -> None:
    """Start at zero what alerts ask for: the first one of its kind would not be seen to rise."""
    for verb in (*Verb, BUTTON, OTHER):
        COMMANDS.labels(str(verb), "bug")
    BOT_RESTARTS.labels("died")
    LOST.labels("answer")
    for way in (*WAYS, OTHER):
        for lapse in Lapse:
            GIVEN_UP.labels(way, str(lapse))
    _begin_both()


def begin_worker() -> None:
    """Start at zero what alerts ask for, as `begin_bot` does."""
    for verb in Verb:
        OPERATIONS.labels(str(verb), "failed")
    for queue in QUEUES:
        FORGED_JOBS.labels(queue)
        for end in ("worn", "died"):
            RESTARTS.labels(queue, end)
    for kind in KINDS:
        LOST.labels(kind)
    for outcome in ("approved", "denied", "expired", "void"):
        APPROVAL_WAIT.labels(outcome)
    _begin_both()


def _begin_both() -> None:
    SLACK_LIMITED.labels("chat.postMessage")
    SLACK_LIMITED.labels("chat.update")
    for reason in BAD_TOKEN:
        SLACK_BAD_TOKEN.labels(reason)


def lost_message(key: str) -> None:
    """Count a message that reached nobody, by what its key says it is."""
    word = key.partition(" ")[0]
    LOST.labels(word if word in KINDS else "other").inc()
