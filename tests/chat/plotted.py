"""Points for charts, and rollouts to draw them for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from mesh.domain.operations import Event, Operation, Step
from mesh.domain.points import Answered, Point
from mesh.domain.rollouts import Happening, Move
from tests.chat.rolling import BACK, FAILED, PASSING, QUARTER, SECOND, WORSE, canary, rolled
from tests.chat.samples import AT

Values = Callable[[float], tuple[float | None, float | None]]
"""Success in per cent and p99 in milliseconds at a second since the start."""


def healthy(_second: float) -> tuple[float | None, float | None]:
    """What an arm shows all along."""
    return 99.95, 180.0


def points(
    count: int, *, every_s: float = 5.0, canary: Values = healthy, stable: Values = healthy, share: float = 5.0
) -> list[Point]:
    """Return so many points, one each `every_s` seconds after the start."""

    def answered(values: tuple[float | None, float | None]) -> Answered:
        return Answered() if values == (None, None) else Answered(100, *values)

    moments = [every_s * (at + 1) for at in range(count)]
    return [Point(AT + at, share, answered(canary(at)), answered(stable(at))) for at in moments]


def moved(operation: Operation, *steps: tuple[float, float], ended_s: float | None = None) -> Operation:
    """Return the rollout with weights moved at these seconds since the start, and ended then."""
    assert operation.rollout
    moves = tuple(Move(AT + second, share) for second, share in steps)
    entered = operation.rollout.entered_at if ended_s is None else AT + ended_s
    return replace(operation, rollout=replace(operation.rollout, moves=moves, entered_at=entered))


H = Happening
BAKING = moved(canary(rolled(*SECOND), QUARTER, PASSING, Step.STEPPING, Step.STEPPED), (0, 5), (300, 25))
_BACK = (Event(Step.TURNING_BACK, AT + 330, WORSE), Event(Step.TURNED_BACK, AT + 340, "all traffic is back on v1"))
TURNED_BACK = moved(
    replace(canary(rolled(*SECOND, (H.WORSE, WORSE), H.TURNED), BACK, FAILED), story=(*BAKING.story, *_BACK)),
    (0, 5),
    (300, 25),
    ended_s=340,
)


def odd() -> dict[str, tuple[Operation, Sequence[Point]]]:
    """What a chart must survive, by name."""
    long = "a-very-long-name-" * 6
    named = replace(BAKING, target=replace(BAKING.target, service=long), command=replace(BAKING.command, version=long))
    formula, cat = "$v^$", "$x_$ 猫 \u202e\n<b>"
    foreign = replace(
        BAKING, target=replace(BAKING.target, service=cat), command=replace(BAKING.command, version=formula)
    )
    return {
        "nothing at all": (canary(rolled(), QUARTER), []),
        "no rollout": (canary(None, None), points(3)),
        "one point": (BAKING, points(1)),
        "two points": (BAKING, points(2)),
        "nothing measured": (BAKING, points(20, canary=lambda _: (None, None), stable=lambda _: (None, None))),
        "no latency": (BAKING, points(20, canary=lambda _: (99.0, None), stable=lambda _: (99.0, None))),
        "all well": (BAKING, points(20, canary=lambda _: (100.0, 180.0), stable=lambda _: (100.0, 180.0))),
        "all failed": (BAKING, points(20, canary=lambda _: (0.0, None))),
        "very slow": (BAKING, points(20, canary=lambda _: (99.0, 640_000.0))),
        "no latency to speak of": (BAKING, points(20, canary=lambda _: (99.0, 0.0), stable=lambda _: (99.0, 0.0))),
        "a day": (BAKING, points(240, every_s=360)),
        "long names": (named, points(20)),
        "foreign names": (foreign, points(20)),
        "one moment twice": (BAKING, [*points(2), *points(2)]),
    }
