"""Rollouts and their strategies in the configuration file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Annotated

from pydantic import Field

from mesh.domain.catalog import Catalog
from mesh.domain.strategies import DEFAULT, RolloutStep, Strategy
from settings.forms import STEP, Label, OutcomeName, Seconds, Section
from settings.lines import Path


class StepSection(Section):
    """One step of a strategy. A number alone is its share: `25` for `{share: 25}`."""

    share: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False, description="What the canary gets, in per cent.")]
    bake: Annotated[
        Seconds | None,
        Field(
            ge=1,
            le=86_400,
            description="How long it must stay healthy: seconds, or with s, m or h; without it the strategy's `every`.",
        ),
    ] = None
    confirm: Annotated[
        Seconds | None,
        Field(
            ge=10,
            le=604_800,
            description="Somebody must confirm before this step is taken, within this time: seconds, or with s, m or "
            "h.",
        ),
    ] = None
    otherwise: Annotated[
        OutcomeName | None,
        Field(
            description="What happens when nobody confirms in time: `rollback` (also when it is left out) or `hold`."
        ),
    ] = None


class StrategySection(Section):
    """How a rollout goes: its steps, and what happens when it cannot go on."""

    steps: Annotated[
        list[Annotated[StepSection, STEP]],
        Field(
            min_length=1,
            max_length=20,
            description="Shares in per cent that rise, `[5, 25, 100]`, or steps with keys of their own; at most 20.",
        ),
    ]
    every: Annotated[
        Seconds,
        Field(
            ge=1, le=86_400, description="How long each step must stay healthy: seconds, or a number with s, m or h."
        ),
    ] = int(RolloutStep(100.0).bake_s)
    on_failure: Annotated[
        OutcomeName,
        Field(description="When a gate blames the canary: `rollback` sends all traffic to stable, `hold` asks people."),
    ] = DEFAULT.on_failure
    patience: Annotated[
        Seconds,
        Field(
            ge=10,
            le=86_400,
            description="How long gates may be undecided after the bake before people are asked: seconds, or with s, m "
            "or h.",
        ),
    ] = int(DEFAULT.patience_s)
    expires: Annotated[
        Seconds,
        Field(
            ge=60,
            le=604_800,
            description="How long a rollout stays held or paused before it ends where it is: seconds, or with s, m or "
            "h.",
        ),
    ] = int(DEFAULT.expires_s)


class RolloutsSection(Section):
    """Changes in several steps that are judged all the time."""

    look: Annotated[
        Seconds,
        Field(ge=1, le=60, description="How often every rollout under way is judged: seconds, or with s, m or h."),
    ] = int(Catalog().look_s)
    strategies: Annotated[
        dict[Label, StrategySection],
        Field(description="Strategies by name; one called `default` takes the place of the built-in one."),
    ] = {}


def strategy_of(section: StrategySection) -> Strategy:
    """Turn a checked section into the value that the rules work with."""
    return Strategy(
        steps=tuple(_step(step, section.every) for step in section.steps),
        on_failure=section.on_failure,
        patience_s=float(section.patience),
        expires_s=float(section.expires),
    )


def _step(section: StepSection, every: int) -> RolloutStep:
    step = RolloutStep(section.share, bake_s=float(every if section.bake is None else section.bake))
    if section.confirm is None:
        return step
    otherwise = section.otherwise or step.otherwise
    return replace(step, confirm=True, within_s=float(section.confirm), otherwise=otherwise)


def contradictions(section: StrategySection) -> Iterator[tuple[Path, str]]:
    """Find steps that do not rise, and confirmations that nobody would be asked for."""
    for index, step in enumerate(section.steps):
        if step.otherwise and step.confirm is None:
            yield ("steps", index, "otherwise"), "means nothing without `confirm`; add it, or remove this"
    if section.steps[0].confirm is not None:
        yield ("steps", 0, "confirm"), "the first step waits for nobody: who starts a rollout confirms it; remove this"
    for index, (former, later) in enumerate(pairwise(section.steps), start=1):
        if later.share <= former.share:
            yield ("steps", index), f"{later.share:g} does not rise above {former.share:g}; steps must rise"
