"""Strategies: rollouts as administrators want them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mesh.domain.catalog import Catalog
from mesh.domain.commands import Target
from mesh.domain.strategies import DEFAULT, RolloutStep, Strategy
from tests.settings.reading import mistakes, read

API = Target("", "", "api")


def test_a_strategy_arrives_whole(tmp_path: Path) -> None:
    """Steps of both kinds, the time between them, and what happens when it cannot go on."""
    catalog = read(
        tmp_path,
        """
        rollouts:
          look: 2s
          strategies:
            careful:
              steps: [1, 2.5, {share: 25, bake: 1h}, {share: 50, bake: 10m, confirm: 30m, otherwise: hold}, 100]
              every: 90s
              on_failure: hold
              patience: 15m
              expires: 48h
        services: {api: {strategy: careful}}
        """,
    )
    steps = (
        RolloutStep(1, 90),
        RolloutStep(2.5, 90),
        RolloutStep(25, 3600),
        RolloutStep(50, 600, confirm=True, within_s=1800, otherwise="hold"),
        RolloutStep(100, 90),
    )
    careful = Strategy(steps, on_failure="hold", patience_s=900, expires_s=172_800)
    assert (catalog.look_s, catalog.strategies) == (2.0, {"careful": careful})
    assert catalog.strategy(API) == careful
    assert catalog.strategy(API, "default") == DEFAULT


def test_what_is_left_out_is_as_in_the_domain(tmp_path: Path) -> None:
    """A strategy of steps alone is the built-in one with those steps; a late confirmation rolls back."""
    catalog = read(
        tmp_path, "rollouts: {strategies: {a: {steps: [5, 25, 50, 100]}, b: {steps: [5, {share: 9, confirm: 1m}]}}}"
    )
    assert catalog.strategies["a"] == DEFAULT
    assert catalog.strategies["b"].steps[1] == RolloutStep(9, 300, confirm=True, within_s=60, otherwise="rollback")
    assert read(tmp_path, "rollouts: {}") == Catalog()


def test_the_default_can_be_replaced(tmp_path: Path) -> None:
    """A strategy called `default` is that of every service that names none."""
    catalog = read(tmp_path, "rollouts: {strategies: {default: {steps: [50]}}}\nservices: {web: {strategy: default}}")
    assert catalog.strategy(API) == catalog.strategy(Target("", "", "web")) == Strategy((RolloutStep(50),))


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("{steps: []}", "steps: "),
        ("{every: 5m}", "steps: missing; expected: Shares in per cent that rise"),
        (f"{{steps: {list(range(1, 22))}}}", "steps: List should have at most 20"),
        ("{steps: [5, 5]}", "steps[1]: 5 does not rise above 5"),
        ("{steps: [5, 50, {share: 25}]}", "steps[2]: 25 does not rise above 50"),
        ("{steps: [0, 5]}", "steps[0].share: should be greater than 0"),
        ("{steps: [5, 101]}", "steps[1].share: should be less than or equal to 100"),
        ("{steps: [5, .nan]}", "steps[1].share: should be a finite number"),
        ("{steps: [yes]}", "steps[0]: True is not a step; write a share in per cent"),
        (
            "{steps: [5, confirm, 50]}",
            "steps[1]: 'confirm' is not a step; write a share in per cent, like 25, or {share",
        ),
        ("{steps: [5%]}", "steps[0]: '5%' is not a step"),
        ("{steps: [{bake: 5m}]}", "steps[0].share: missing"),
        ("{steps: [{share: 5, bakes: 5m}]}", "steps[0].bakes: unknown key `bakes`; did you mean `bake`?"),
        ("{steps: [{share: 5, confirm: 30m}]}", "steps[0].confirm: the first step waits for nobody"),
        ("{steps: [5, {share: 50, confirm: yes}]}", "steps[1].confirm: should be a valid integer"),
        ("{steps: [5, {share: 50, confirm: 30}, {share: 60, otherwise: hold}]}", "steps[2].otherwise: means nothing"),
        ("{steps: [5], every: 25h}", "every: should be less than or equal to 86400"),
        ("{steps: [5], on_failure: pause}", "on_failure: should be 'rollback' or 'hold'"),
        ("{steps: [5], patience: 5}", "patience: should be greater than or equal to 10"),
        ("{steps: [5], expires: 8d}", "expires: '8d' is not a duration"),
    ],
)
def test_a_mistake_in_a_strategy_is_named(section: str, said: str, tmp_path: Path) -> None:
    """Each mistake names the step it is in."""
    found = mistakes(tmp_path, f"rollouts:\n  strategies:\n    careful: {section}\n")
    assert found[0].startswith(f"3: rollouts.strategies.careful.{said}")


def test_a_step_of_its_own_line_is_found_there(tmp_path: Path) -> None:
    """The line is that of the step, not that of the list."""
    text = "rollouts:\n  strategies:\n    slow:\n      steps:\n        - 5\n        - share: 4\n"
    assert mistakes(tmp_path, text) == [
        "6: rollouts.strategies.slow.steps[1]: 4 does not rise above 5; steps must rise"
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "services:\n  api:\n    strategy: carful",
            "3: services.api.strategy: no strategy is called 'carful'; did you",
        ),
        ("services: {api: {strategy: x}}", "1: services.api.strategy: no strategy is called 'x'; there is default, c"),
        ("rollouts: {look: 61}", "1: rollouts.look: should be less than or equal to 60"),
        ("rollouts: {look: 0}", "1: rollouts.look: should be greater than or equal to 1"),
        ("rollouts: {strategies: {a.b: {steps: [5]}}}", "1: rollouts.strategies.a.b: 'a.b' is not a name; here names"),
    ],
)
def test_a_mistake_beside_strategies_is_named(text: str, said: str, tmp_path: Path) -> None:
    """A service that names an unknown strategy is a mistake at its line, and so is a name that nobody could type."""
    written = text if "rollouts" in text else f"{text}\nrollouts: {{strategies: {{careful: {{steps: [5]}}}}}}"
    assert mistakes(tmp_path, written)[0].startswith(said)
