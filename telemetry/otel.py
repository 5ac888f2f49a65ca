"""The one module that knows OpenTelemetry. Addresses, headers and sampling are its own variables, `OTEL_*`."""

from __future__ import annotations

import logging
import threading
from contextvars import ContextVar, Token
from dataclasses import dataclass
from importlib.metadata import version

from opentelemetry import trace
from opentelemetry.context import Context, attach, detach, get_current
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, StatusCode, TraceFlags

from telemetry.context import root_id, trace_id
from telemetry.spans import Facts, Open

ATTRIBUTE = "meshbot.operation"
_NANO = 1_000_000_000

_root: ContextVar[str] = ContextVar("root", default="")
"""The operation whose root span is being made."""


class _Ids(IdGenerator):
    """Random ids, but for the roots: every process must come to the same ones."""

    def __init__(self) -> None:
        self._random = RandomIdGenerator()

    def generate_span_id(self) -> int:
        """Return 64 bits."""
        return root_id(_root.get()) if _root.get() else self._random.generate_span_id()

    def generate_trace_id(self) -> int:
        """Return 128 bits."""
        return trace_id(_root.get()) if _root.get() else self._random.generate_trace_id()


class OtelTracer:
    """Implements `telemetry.tracing.Tracer`."""

    def __init__(self, role: str) -> None:
        """Start a thread that sends to what OTEL_EXPORTER_OTLP_ENDPOINT names; `role` is part of the service's name."""
        # A collector that is away is told once for each batch that is lost, not for each try.
        logging.getLogger("opentelemetry").setLevel(logging.ERROR)
        about = {
            "service.name": f"meshbot-{role}",
            "service.namespace": "meshbot",
            "service.version": version("meshbot"),
        }
        given = Resource.create()
        # What OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES say comes first.
        named = not str(given.attributes["service.name"]).startswith("unknown_service")
        resource = Resource(about).merge(given) if named else given.merge(Resource(about))
        self._provider = TracerProvider(resource=resource, id_generator=_Ids(), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("meshbot")

    def root(self, name: str, facts: Facts, *, operation: str, span: tuple[float, float]) -> None:
        """Tell of what made the operation."""
        token = _root.set(operation)
        try:
            self._tell(name, facts, operation, Context(), span)
        finally:
            _root.reset(token)

    def told(self, name: str, facts: Facts, *, operation: str, span: tuple[float, float]) -> None:
        """Tell of something that is over."""
        self._tell(name, facts, operation, self._around(operation), span)

    def opened(self, name: str, facts: Facts, *, operation: str) -> Open:
        """Open a span; what this thread tells until its end goes under it."""
        made = self._tracer.start_span(name, self._around(operation), attributes={ATTRIBUTE: operation, **facts})
        return _Open(made, attach(trace.set_span_in_context(made)))

    def close(self, within_s: float) -> None:
        """Send what waits. The library's own limit does not count the pauses between its tries, so this one does."""
        flushing = threading.Thread(target=self._provider.force_flush, name="last spans", daemon=True)
        flushing.start()
        flushing.join(within_s)

    def _tell(self, name: str, facts: Facts, operation: str, around: Context, span: tuple[float, float]) -> None:
        since, until = (int(at * _NANO) for at in span)
        attributes = {ATTRIBUTE: operation, **facts}
        self._tracer.start_span(name, around, attributes=attributes, start_time=since).end(until)

    def _around(self, operation: str) -> Context:
        """Return what is open in this thread where that is about the operation; else the root of its trace."""
        here = trace.get_current_span().get_span_context()
        if here.is_valid and here.trace_id == trace_id(operation):
            return get_current()
        flags = TraceFlags(TraceFlags.SAMPLED if self._sampled(operation) else TraceFlags.DEFAULT)
        root = SpanContext(trace_id(operation), root_id(operation), is_remote=True, trace_flags=flags)
        return trace.set_span_in_context(NonRecordingSpan(root), Context())

    def _sampled(self, operation: str) -> bool:
        """Tell what the process that made the root decided: samplers go by the trace's id."""
        decided = self._provider.sampler.should_sample(Context(), trace_id(operation), "root").decision
        return decided is Decision.RECORD_AND_SAMPLE


@dataclass
class _Open:
    span: Span
    token: Token[Context]

    def fail(self, what: str) -> None:
        """Say what went wrong, by its kind alone: messages hold what people wrote."""
        self.span.set_status(StatusCode.ERROR, what)

    def end(self) -> None:
        """End it now."""
        detach(self.token)
        self.span.end()
