"""The limits of gates in the configuration file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from mesh.domain.gates import CustomGate, Limits
from settings.forms import Label, Seconds, Section, Template
from settings.lines import Path

DEFAULTS = Limits()
BUILTIN = frozenset({"requests", "success", "p99", "errors", "slow", "incident", "ready"})
"""Names that rows have already."""


class CustomGateSection(Section):
    """A condition of your own, in PromQL, judged for the arm whose share is to rise. It needs at least one bound."""

    query: Annotated[
        Template,
        Field(
            description="PromQL that gives one number. `{{namespace}}`, `{{service}}`, `{{arm}}` and `{{version}}` "
            "become quoted strings, so write `app={{service}}`; `{{window}}` becomes a duration."
        ),
    ]
    at_least: Annotated[float | None, Field(allow_inf_nan=False, description="Fails below this.")] = None
    at_most: Annotated[float | None, Field(allow_inf_nan=False, description="Fails above this.")] = None
    unit: Annotated[str, Field(max_length=20, description="Shown behind the value, e.g. `ms`.")] = ""


class GatesSection(Section):
    """What an arm must show before its share may rise."""

    success_min: Annotated[
        float, Field(ge=0, le=100, allow_inf_nan=False, description="Least share of successful requests, in per cent.")
    ] = DEFAULTS.success_min
    p99_max_ms: Annotated[
        float,
        Field(
            gt=0, le=3_600_000, allow_inf_nan=False, description="Most latency of 99 % of requests, in milliseconds."
        ),
    ] = DEFAULTS.p99_max_ms
    requests_min: Annotated[
        int, Field(ge=1, le=1_000_000_000, description="Fewest requests in the window for any verdict.")
    ] = DEFAULTS.requests_min
    window: Annotated[
        Seconds, Field(ge=10, le=86_400, description="How far back to look: seconds, or a number with s, m or h.")
    ] = DEFAULTS.window_s
    max_age: Annotated[
        Seconds,
        Field(
            ge=1, le=3_600, description="Oldest newest sample that still counts as live: seconds, or with s, m or h."
        ),
    ] = int(DEFAULTS.max_age_s)
    load_max: Annotated[
        float,
        Field(
            ge=0,
            le=1_000,
            allow_inf_nan=False,
            description="How many times the share of the busiest endpoint now an endpoint may get; 0 asks for one "
            "ready endpoint only.",
        ),
    ] = DEFAULTS.load_max
    compare: Annotated[
        bool, Field(description="Compare canary with stable: failed and slow requests, by a test made for many looks.")
    ] = DEFAULTS.compare
    slow_ms: Annotated[
        float,
        Field(
            ge=0,
            le=3_600_000,
            allow_inf_nan=False,
            description="What counts as slow in that comparison, in milliseconds; 0: slower than the bucket in which "
            "stable's p95 lies.",
        ),
    ] = DEFAULTS.slow_ms
    warm_up: Annotated[
        Seconds,
        Field(
            ge=0,
            le=3_600,
            description="For how long after each step of a rollout nothing counts: seconds, or with s, m or h.",
        ),
    ] = int(DEFAULTS.warm_up_s)
    slo: Annotated[
        float,
        Field(
            ge=0,
            lt=100,
            allow_inf_nan=False,
            description="Objective of the whole service for the incident guard: share of successes in per cent; 0: no "
            "guard.",
        ),
    ] = DEFAULTS.slo
    first_max: Annotated[
        float,
        Field(
            gt=0,
            le=100,
            allow_inf_nan=False,
            description="Most share that an arm without any traffic may be given at once, in per cent.",
        ),
    ] = DEFAULTS.first_max
    custom: Annotated[
        dict[Label, CustomGateSection], Field(max_length=10, description="Conditions of your own, by name; at most 10.")
    ] = {}


def limits_of(section: GatesSection) -> Limits:
    """Turn a checked section into the value that the rules work with."""
    return Limits(
        success_min=section.success_min,
        p99_max_ms=section.p99_max_ms,
        requests_min=section.requests_min,
        window_s=section.window,
        max_age_s=float(section.max_age),
        load_max=section.load_max,
        compare=section.compare,
        slow_ms=section.slow_ms,
        warm_up_s=float(section.warm_up),
        slo=section.slo,
        first_max=section.first_max,
        custom=tuple(_gate(name, gate) for name, gate in section.custom.items()),
    )


def _gate(name: str, section: CustomGateSection) -> CustomGate:
    return CustomGate(name, section.query, section.at_least, section.at_most, section.unit)


def contradictions(section: GatesSection) -> Iterator[tuple[Path, str]]:
    """Find conditions of their own that judge nothing, can never pass, or are called like one of ours."""
    for name, gate in section.custom.items():
        if name in BUILTIN:
            yield ("custom", name), f"`{name}` is the name of a gate that is always there; choose another"
        if gate.at_least is None and gate.at_most is None:
            yield ("custom", name), "judges nothing; give it `at_least` or `at_most`"
        elif gate.at_least is not None and gate.at_most is not None and gate.at_least > gate.at_most:
            yield ("custom", name, "at_least"), "is above `at_most`, so no value can pass"
