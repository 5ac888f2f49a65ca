"""What is on record after a storm, held against what people, Slack and the cluster saw; each check complains."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import yaml
from redis import Redis

from bot.requests import Request, from_button, from_event, from_modal, from_slash
from chat.cards import card
from chat.letters import body_of
from chat.places import card_key
from mesh.domain.audit import verify
from mesh.domain.commands import Verb
from mesh.domain.digests import Digest, Slot
from mesh.domain.letters import Row
from mesh.domain.operations import Operation, State
from store import keys
from store.auditlog import RedisAuditLog
from store.connection import patient
from tests.world.district import District, Written
from tests.world.shown import Asked, astray, badly_answered, badly_shown, badly_timed, badly_whispered
from tests.world.town import Town

UNDER_WAY_S = 60
"""So long a digest may take on a machine that starts everything anew."""
PROMISES = ("Queued as", "already under way", "already done")
NOTHING = ("nothing was started", "nothing was done")
ONCE = frozenset({"queued", "verified", "frozen", "lifted", "approved", "denied by a vote", "expired", "void"})
"""Steps that no operation can take twice."""


@dataclass
class Ledger:
    """Everything that was remembered, read once, when all is quiet."""

    town: District
    repeated: Sequence[dict[str, Any]] = ()
    """Deliveries that came once more, past Slack's own record of them, and were not answered on the spot."""
    entries: list[dict[str, Any]] = field(init=False)
    """The audit log, oldest first."""
    operations: dict[str, Operation] = field(init=False)
    rows: dict[str, Row] = field(init=False)
    """The outbox by key."""
    told: list[dict[str, Any]] = field(init=False)
    """What the app ever posted for more than one person."""
    heard: list[dict[str, Any]] = field(init=False)
    """What it showed to one person alone."""

    def __post_init__(self) -> None:
        """Read it all."""
        self._redis = patient(self.town.world.redis.url)
        self._log = RedisAuditLog(self._redis)
        self.entries = [entry.facts for entry in self._log.entries()]
        self.operations = {one: self.town.operations.get(one) for one in self._names(keys.OPERATION)}
        rows = {key: self.town.outbox.find(key) for key in self._names(keys.LETTER)}
        self.rows = {key: row for key, row in rows.items() if row}
        transcript = self.town.world.slack.transcript()
        ours = [one for one in transcript if one["author"]["id"] == "UMESHBOT" and not one["notice"]]
        self.told = [one for one in ours if not one["ephemeral_to"]]
        self.heard = [one for one in ours if one["ephemeral_to"]]

    def complaints(self) -> list[str]:
        """Return everything that is not as it must be."""
        checks = (self.commands, self.effects, self.approvals, self.digests, self.messages, self.whispers, self.chain)
        return [f"{check.__name__}: {one}" for check in checks for one in check()]

    def commands(self) -> Iterator[str]:
        """Each delivery is one operation or none, as people were told; each operation came of one, and steps once."""
        answers: dict[str, list[str]] = defaultdict(list)
        for delivery in self.town.world.slack.deliveries():
            if name := _named(delivery):
                answers[name].append(str(delivery["response_body"] or ""))
        found = {name: self._operation_of(name) for name in answers}
        yield from (f"{name} is {found[name]}: {lie}" for name in answers if (lie := _lie(found[name], answers[name])))
        typed = {key for key, one in self.operations.items() if not one.command.rollout}
        yield from (f"{one} came of no delivery" for one in typed - set(found.values()))
        yield from (f"{key} is {one.state}, not settled" for key, one in self.operations.items() if not one.settled)
        # Cluster and metrics never fail here; only a rollout can, by being turned back or taken over.
        failed = [key for key, one in self.operations.items() if one.state is State.FAILED and one.rollout is None]
        yield from (f"{key} failed: {self.operations[key].outcome}" for key in failed)
        steps = Counter((entry.get("operation"), entry["step"]) for entry in self.entries)
        repeated = [what for what, times in steps.items() if what[0] and what[1] in ONCE and times > 1]
        yield from (f"{what} is there more than once" for what in repeated)
        yield from (f"{one} has no first entry" for one in self.operations if not steps[one, "queued"])

    def effects(self) -> Iterator[str]:
        """Each generation of a route is one operation on record, in its order, and the other way round."""
        after = {entry["operation"]: entry["after"] for entry in self.entries if entry["step"] == "patching"}
        recorded: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for entry in self.entries:
            if entry["step"] == "verified":
                one = self.operations[entry["operation"]]
                recorded[one.target.service].append((one.id, after[one.id]["v2"]))
        for service in {one.target.service for one in self.operations.values()}:
            written = self.town.log.of(service)
            pairs = list(pairwise(written))
            changes = [(now.operation, now.canary) for was, now in pairs if now.generation != was.generation]
            yield from (f"{service} skipped to {now}" for was, now in pairs if now.generation - was.generation > 1)
            yield from (f"{was} came twice" for was, now in pairs if _is_repeated(was, now))
            if changes != recorded[service]:
                yield f"{service} was written {changes}, on record is {recorded[service]}"

    def approvals(self) -> Iterator[str]:
        """Nobody counts twice, or for their own wish; no more are counted than are needed; each vote is one entry."""
        counted = {vote.operation for one in self.operations.values() if one.approval for vote in one.approval.votes}
        for key, one in self.operations.items():
            if one.command.verb is Verb.APPROVE and (one.state is State.SUCCEEDED) != (key in counted):
                yield f"vote {key} ended as {one.state}, counted: {key in counted}"
            if one.approval is None:
                continue
            people = [vote.person for vote in one.approval.votes]
            need = sum(demand.need for demand in one.approval.demands)
            entries = [entry for entry in self.entries if entry.get("operation") == key]
            steps = Counter(entry["step"] for entry in entries)
            if len(set(people)) != len(people) or one.actor.user in people or len(people) > need:
                yield f"{key} of {one.actor.user} was approved by {people}, {need} are needed"
            if steps["voted"] + steps["approved"] != len(people) or steps["approved"] != (len(people) == need):
                yield f"{key} has {people}, and on record {steps}"
            if steps["patching"] and not steps["approved"]:
                yield f"{key} was written without approval"

    def digests(self) -> Iterator[str]:
        """Each minute since a clock first saw the digest is one letter and one entry; `messages` holds what is seen."""
        posted = {int(key.partition("@")[2]) for key in self.rows if key.startswith("digest ")}
        recorded = Counter(entry["slot"] for entry in self.entries if entry["step"] == "digest posted")
        yield from badly_timed(self._slots(), posted, recorded)

    def whispers(self) -> Iterator[str]:
        """What is for one person alone was shown to that person, as often as it had to be: letters, and answers."""
        yield from badly_whispered(self.rows, self.heard)
        yield from badly_answered(self.rows, self.heard, self._asked())

    def messages(self) -> Iterator[str]:
        """Each row is a message that says the same; each message is a row, or a marked repetition of it follows."""
        yield from badly_shown(self.rows, self.told)
        yield from astray(self.rows, self.told)
        for key, one in self.operations.items():
            if not one.origin.channel or one.command.votes or one.command.rollout:
                continue
            drawn, wanted = self.rows.get(card_key(one)), body_of(card(one))
            if drawn is None or drawn.letter.body != wanted:
                yield f"{key} is not shown as it ended, {wanted}: {drawn}"

    def chain(self) -> Iterator[str]:
        """The audit log is whole."""
        if broken := verify(self._log.entries(), self._log.head()):
            yield str(broken)

    def _asked(self) -> Iterator[Asked]:
        deliveries = self.town.world.slack.deliveries()
        # What rides on the acknowledgement of a duplicate is shown to nobody.
        came = [(one, len(one["attempts"])) for one in deliveries if not (one["duplicate_of"] and one["response_body"])]
        for delivery, times in [*came, *((one, 1) for one in self.repeated)]:
            # A form is answered in the form.
            if (request := _request(delivery)) and delivery["payload"].get("type") != "view_submission":
                yield Asked(request.origin.channel, request.actor.user, times)

    def _slots(self) -> dict[int, str]:
        config = yaml.safe_load(self.town.world.configuration.read_text())
        digests = [Digest(one["name"], one["channel"], one["cron"], one["zone"]) for one in config.get("digests", ())]
        now = time.time()
        return {at: state for one in digests for at, state in due(self._redis, one, until=now - UNDER_WAY_S).items()}

    def _names(self, prefix: str) -> list[str]:
        return sorted(key.decode().removeprefix(prefix) for key in self._redis.scan_iter(f"{prefix}*", count=1000))

    def _operation_of(self, name: str) -> str | None:
        raw = self._redis.get(keys.dedupe(name))
        assert raw is None or isinstance(raw, bytes)
        return raw.decode() if raw else None


def _named(delivery: dict[str, Any]) -> str:
    """Return the name under which a delivery is known to the bot; empty for what it does not listen to."""
    request = _request(delivery)
    return request.dedupe if request else ""


def _request(delivery: dict[str, Any]) -> Request | None:
    """Return a delivery as the bot reads it; None for what it does not listen to."""
    payload = delivery["payload"]
    if delivery["kind"] == "slash_commands":
        return from_slash(payload)
    if delivery["kind"] == "interactive":
        return (from_modal if payload["type"] == "view_submission" else from_button)(payload)
    return from_event(payload)


def _lie(one: str | None, heard: list[str]) -> str:
    """Return what people were told otherwise than it is; empty where that was the truth, or nothing."""
    text = "\n".join(heard)
    if one is None:
        return text if any(promise in text for promise in PROMISES) else ""
    others = text.count("Queued as") - text.count(f"Queued as `{one}`")
    return text if others or all(any(word in each for word in NOTHING) for each in heard) else ""


def _is_repeated(was: Written, now: Written) -> bool:
    return now.generation > was.generation and now.canary == was.canary


def due(redis: Redis, digest: Digest, *, until: float) -> dict[int, str]:
    """Return how far the digest of each minute got, from when a clock first saw it: empty where nobody took it."""
    assert digest.cron == "* * * * *"
    since: Any = redis.get(keys.digest_known(digest))
    assert since, f"no clock ever saw {digest}"
    minutes = range(int(float(since)) // 60 * 60 + 60, int(until) + 1, 60)
    states: dict[int, Any] = {at: redis.hget(keys.slot(Slot(digest.name, at)), "state") for at in minutes}
    return {at: state.decode() if state else "" for at, state in states.items()}


def quiet(town: Town) -> bool:
    """Tell whether no operation is open and no message waits."""
    with patient(town.world.redis.url) as store:
        left: Any = store.exists(keys.OPEN, keys.LANES)
    return not left
