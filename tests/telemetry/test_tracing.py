"""Traces without a collector, and with one that is away: nobody waits, nobody fails."""

from __future__ import annotations

import socket
import threading
import time
from typing import cast

import pytest
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from telemetry import tracing
from telemetry.context import current, root_id, trace_id
from telemetry.otel import OtelTracer
from tests.quickest import quickly
from tests.telemetry.receiver import Receiver
from tests.world.town import until


def test_a_trace_is_made_of_the_operation_alone() -> None:
    """Every process comes to the same ids, other operations have others, and none is zero (W3C Trace Context)."""
    assert f"{trace_id('op-k3v9x2m4ta'):032x}" == "c314d18ba69433f49c3b3b2fc17bb729"
    assert f"{root_id('op-k3v9x2m4ta'):016x}" == "36235c63493724d2"
    assert trace_id("op-k3v9x2m4tb") != trace_id("op-k3v9x2m4ta")


def test_a_collector_that_never_answers_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand spans take no time to tell, and a process that ends waits two seconds at most for the last ones."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        tracer = OtelTracer("test")

        def tell() -> None:
            for _ in range(10_000):
                tracer.told("write", {}, operation="op-k3v9x2m4ta", span=(time.time(), time.time()))

        quickly(tell, within_s=5)
        began = time.monotonic()
        tracer.close(0.5)
        # The exporter itself would wait for ten.
        assert time.monotonic() - began < 8
    # Else its thread would go on trying for minutes, and draw random numbers beside other tests.
    for processor in tracer._provider._active_span_processor._span_processors:
        cast(BatchSpanProcessor, processor).span_exporter.shutdown()
    tracer._provider.shutdown()
    until(lambda: not sending(), "its thread goes on")


def sending() -> list[str]:
    """Threads of the library that still send spans."""
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if "BatchSpan" in name or name == "last spans"]


def test_without_a_tracer_the_log_still_knows_the_operation() -> None:
    """A span that nobody takes says at least which operation is at work, and lets errors through."""
    known, nothing = [""], dict[str, str]()
    with pytest.raises(KeyError), tracing.span("work", {}, operation="op-k3v9x2m4ta"):
        known.append(nothing[current()])
    with tracing.span("work", {}, operation="op-k3v9x2m4ta"):
        known.append(current())
    assert known == ["", "op-k3v9x2m4ta"]
    assert current() == ""


def test_a_share_of_the_traces_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a sampler of the library every process decides the same for an operation: all of its spans, or none."""
    with Receiver() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
        monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
        bot, worker = OtelTracer("bot"), OtelTracer("worker")
        operations = [f"op-{number:010d}" for number in range(100)]
        for operation in operations:
            now = time.time()
            bot.root("slack request", {}, operation=operation, span=(now, now))
            worker.opened("work", {}, operation=operation).end()
        bot.close(10)
        worker.close(10)
    told = [sorted(one.name for one in receiver.spans if one.facts["meshbot.operation"] == name) for name in operations]
    assert all(names in ([], ["slack request", "work"]) for names in told)
    assert 20 < sum(bool(names) for names in told) < 80


def test_what_the_environment_calls_the_service_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """OTEL_SERVICE_NAME comes before the name of our own."""
    with Receiver() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        monkeypatch.setenv("OTEL_SERVICE_NAME", "traffic-bot")
        tracer = OtelTracer("bot")
        tracer.root("slack request", {}, operation="op-k3v9x2m4ta", span=(time.time(), time.time()))
        tracer.close(10)
    assert [one.service for one in receiver.spans] == ["traffic-bot"]
