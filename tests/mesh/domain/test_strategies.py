"""What was typed, over what the configuration says."""

from __future__ import annotations

import pytest

from mesh.domain.grammar import parse
from mesh.domain.strategies import DEFAULT, RolloutStep, Strategy, strategy_of

CAREFUL = Strategy(
    (RolloutStep(5, 60), RolloutStep(50, 600, confirm=True, within_s=1800, otherwise="hold"), RolloutStep(100, 120)),
    on_failure="hold",
    patience_s=900,
    expires_s=3600,
)


@pytest.mark.parametrize("base", [DEFAULT, CAREFUL])
def test_nothing_typed_changes_nothing(base: Strategy) -> None:
    """`canary api` goes as the strategy says."""
    assert strategy_of(parse("canary api v2"), base) == base


def test_typed_steps_replace_all_steps_and_bake_like_those_they_stand_for() -> None:
    """A share between two steps of the strategy bakes like the lower one; patience and expiry stay."""
    typed = strategy_of(parse("canary api 1,5,25,75,100"), CAREFUL)
    assert [(stage.share, stage.bake_s, stage.confirm) for stage in typed.steps] == [
        (1, 60, False),
        (5, 60, False),
        (25, 60, False),
        (75, 600, False),
        (100, 120, False),
    ]
    assert (typed.on_failure, typed.patience_s, typed.expires_s) == ("hold", 900, 3600)


def test_every_is_for_all_steps() -> None:
    """A typed time replaces that of each step, whether steps are typed or not, and nothing else of it."""
    assert [stage.bake_s for stage in strategy_of(parse("canary api every 90s"), CAREFUL).steps] == [90, 90, 90]
    assert [stage.bake_s for stage in strategy_of(parse("canary api 5,6 every 90s"), CAREFUL).steps] == [90, 90]
    assert strategy_of(parse("canary api every 90s"), CAREFUL).steps[1].confirm


def test_a_typed_confirmation_waits_as_the_strategys_first_one() -> None:
    """Deadline and outcome are those of the strategy; where it confirms nothing, an hour, then back."""
    ours = strategy_of(parse("canary api 5,confirm,30"), CAREFUL).steps[1]
    assert (ours.confirm, ours.within_s, ours.otherwise) == (True, 1800, "hold")
    built_in = strategy_of(parse("canary api 5,confirm,30"), DEFAULT).steps[1]
    assert (built_in.confirm, built_in.within_s, built_in.otherwise) == (True, 3600, "rollback")


@pytest.mark.parametrize("outcome", ["hold", "rollback"])
def test_what_happens_on_failure_is_as_typed(outcome: str) -> None:
    """The command's word wins over the strategy's, either way."""
    for base in (DEFAULT, CAREFUL):
        assert strategy_of(parse(f"canary api on-failure {outcome}"), base).on_failure == outcome
