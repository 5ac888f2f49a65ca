"""What is counted, and that labels have few values whatever people and clusters say."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from prometheus_client import generate_latest

from mesh.domain.commands import Verb
from mesh.domain.errors import Denied, Refused, Unavailable
from mesh.domain.gates import GateResult, Verdict
from mesh.domain.operations import Event, Operation, State, Step
from telemetry.counting import answering, committed, judged, spoken
from telemetry.metrics import ACK, REGISTRY, lost_message
from tests.store.builders import an_operation


def number(series: str, **labels: str) -> float:
    """Return one number of this process."""
    return REGISTRY.get_sample_value(f"meshbot_{series}", labels) or 0.0


def ended(operation: Operation, *, reported: bool) -> Operation:
    """Return the operation after its end."""
    story = (*operation.story, Event(Step.VERIFIED, operation.created_at + 0.5))
    return replace(operation, state=State.SUCCEEDED, story=story, reported=reported)


def test_labels_stay_few_whatever_is_said() -> None:
    """Thousands of words, gates and keys of people's choice make no more series than a few."""

    def size() -> int:
        return len(generate_latest(REGISTRY).splitlines())

    def say(at: int) -> None:
        with answering(f"word{at} for U{at}", "slash", time.monotonic()):
            pass
        judged([GateResult(f"gate-{at}", "v2", Verdict.PASS, 1.0, 1.0, "", 0, 0)], at="plan")
        lost_message(f"kind{at} op-{at}")

    say(0)
    before = size()
    for at in range(1, 2000):
        say(at)
    assert size() == before


@pytest.mark.parametrize(
    ("text", "verb"),
    [
        ("promote api 50", "promote"),
        ("ROLLBACK api", "rollback"),
        ("prmote api", "other"),
        ("", "button"),
        ("<@UMESHBOT> set api v1=1", "set"),
    ],
)
def test_a_command_is_counted_by_its_verb(text: str, verb: str) -> None:
    """Whatever is no verb is one word, and a button has none."""
    assert spoken(text) == verb


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(Denied("no"), "denied"), (Refused("no"), "refused"), (Unavailable("no"), "unavailable"), (KeyError("x"), "bug")],
)
def test_a_request_is_counted_by_its_outcome(error: Exception, outcome: str) -> None:
    """Once, by how it ended; the error goes on to whoever makes words of it."""
    before = number("commands_total", verb="set", outcome=outcome)
    with pytest.raises(type(error)), answering("set api v1=1", "slash", time.monotonic()):
        raise error
    assert number("commands_total", verb="set", outcome=outcome) == before + 1


def test_an_unknown_verdict_is_counted_by_what_it_lacks() -> None:
    """What a record says that this program does not know is counted as nothing."""

    def seen(lack: str) -> float:
        return number("gate_verdicts_total", gate="success", verdict="unknown", at="look", lack=lack)

    before = {lack: seen(lack) for lack in ("few", "silent", "old", "")}
    for lack in ("few", "silent", "old", "a word of tomorrow"):
        judged([GateResult("success", "v2", Verdict.UNKNOWN, None, 99.0, "%", 0, 0, lack=lack)], at="look")
    assert {lack: seen(lack) - before[lack] for lack in before} == dict.fromkeys(before, 1.0)


def test_quick_acknowledgements_can_be_told_apart() -> None:
    """One of 20 ms is not one of 40 ms, nor one of 8: nearly all are that quick."""

    def within(most: str) -> float:
        return number("ack_seconds_bucket", way="http", le=most)

    before = [within(most) for most in ("0.01", "0.025", "0.05")]
    for seconds in (0.02, 0.04):
        ACK.labels("http").observe(seconds)
    after = [within(most) for most in ("0.01", "0.025", "0.05")]
    assert [new - old for new, old in zip(after, before, strict=True)] == [0, 1, 2]


def test_an_end_is_counted_once() -> None:
    """Of the many writes after an operation's end one counts: that people were told."""
    operation = an_operation(Verb.UNDO)
    labels = {"verb": "undo", "outcome": "succeeded"}
    before, timed = number("operations_total", **labels), number("operation_seconds_sum", verb="undo")
    told = ended(operation, reported=True)
    committed(ended(operation, reported=False), [{}], 0.0)
    committed(told, [], 0.0)
    committed(replace(told, story=(*told.story, Event(Step.MEASURED, 9e9))), [{}], 0.0)
    assert number("operations_total", **labels) == before + 1
    assert number("operation_seconds_sum", verb="undo") == pytest.approx(timed + 0.5)
