"""The state machine of rollouts: one table, and nothing that is not in it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.domain.due import Sight, due
from mesh.domain.gates import GateResult, Verdict
from mesh.domain.rollouts import ACTIVE, MOST_TRIES, TRANSITIONS, Happening, Move, Phase, Rollout, after, enter
from mesh.domain.strategies import OnFailure, Otherwise, RolloutStep, Strategy

ENDS = [phase for phase in Phase if phase not in ACTIVE]


def strategy(
    *shares: float, confirm: int = -1, on_failure: OnFailure = "rollback", otherwise: Otherwise = "rollback"
) -> Strategy:
    """Steps of one minute each; the step of index `confirm` waits for a button."""
    steps = tuple(
        RolloutStep(share, bake_s=60, confirm=at == confirm, within_s=600, otherwise=otherwise)
        for at, share in enumerate(shares)
    )
    return Strategy(steps, on_failure=on_failure, patience_s=120, expires_s=3600)


def rollout(phase: Phase = Phase.BAKING, *, at: int = 0, plan: Strategy | None = None, **changes: object) -> Rollout:
    """A rollout of 5, 50, 100 %, by default in its first bake, which began at 1000."""
    made = Rollout(plan or strategy(5, 50, 100), phase=phase, at=at, entered_at=1000.0, moved_at=1000.0)
    return replace(made, **changes)  # type: ignore[arg-type]  # replace() checks the names


def row(verdict: Verdict = Verdict.PASS, *, arm: str = "v2", name: str = "success", why: str = "") -> GateResult:
    """One verdict of v2."""
    return GateResult(name, arm, verdict, 99.9, 99.0, "%", 1000, 60, why)


def what(one: Rollout, *rows: GateResult, now: float = 1030.0, seen_at: float | None = None) -> Happening | None:
    """What is due."""
    found = due(one, Sight(rows, now if seen_at is None else seen_at), canary="v2", now=now)
    return found[0] if found else None


@given(st.lists(st.sampled_from(list(Happening)), max_size=60), st.booleans(), st.integers(-1, 3))
def test_no_step_is_left_out_repeated_or_taken_out_of_order(
    happenings: list[Happening], hold: bool, confirm: int
) -> None:
    """Whatever happens in whatever order: steps are counted up by one, only when leaving one that was reached."""
    plan = strategy(5, 25, 50, 100, confirm=confirm, on_failure="hold" if hold else "rollback")
    one = rollout(Phase.MOVING, plan=plan, moved_at=0.0)
    for now, happening in enumerate(happenings):
        if after(one, happening) is None:
            with pytest.raises(ValueError, match="does not take"):
                enter(one, happening, now=now)
            continue
        later = enter(one, happening, now=now)
        if later.at != one.at:
            assert later.at == one.at + 1
            assert later.phase is Phase.MOVING
            assert one.moves[-1].share == one.current.share, "a stage was left that was never reached"
        assert [move.share for move in later.moves] == sorted(move.share for move in later.moves)
        one = later


@pytest.mark.parametrize("phase", ENDS)
def test_what_has_ended_stays_ended(phase: Phase) -> None:
    """Nothing brings a rollout back to life."""
    assert all(after(rollout(phase), happening) is None for happening in Happening)


@pytest.mark.parametrize("phase", sorted(ACTIVE))
def test_a_person_can_always_take_over(phase: Phase) -> None:
    """A rollback or an undo by hand ends a rollout whatever it does, and aborting works until it turns back."""
    assert after(rollout(phase), Happening.TAKEN_OVER) is Phase.STOPPED
    aborted = after(rollout(phase), Happening.ABORT)
    assert aborted is (None if phase is Phase.TURNING_BACK else Phase.TURNING_BACK)


def test_a_healthy_rollout_goes_through_its_steps() -> None:
    """Moved, ripe, moved, ripe, moved, ripe, completed; a confirmed step waits for its button."""
    one = rollout(Phase.MOVING, plan=strategy(5, 50, 100, confirm=1))
    phases = []
    for happening in (
        *(Happening.MOVED, Happening.RIPE, Happening.CONFIRM, Happening.MOVED),
        *(Happening.RIPE, Happening.MOVED, Happening.RIPE),
    ):
        one = enter(one, happening, now=1.0)
        phases.append((one.phase, one.at))
    assert phases == [
        (Phase.BAKING, 0),
        (Phase.CONFIRMING, 0),
        (Phase.MOVING, 1),
        (Phase.BAKING, 1),
        (Phase.MOVING, 2),
        (Phase.BAKING, 2),
        (Phase.COMPLETED, 2),
    ]
    assert [move.share for move in one.moves] == [5, 50, 100]


def test_a_worse_canary_is_turned_back_or_held_as_the_strategy_says() -> None:
    """On failure: rollback or hold; while it is held for that it is not turned back behind people's backs."""
    assert after(rollout(), Happening.WORSE) is Phase.TURNING_BACK
    careful = rollout(plan=strategy(5, 50, on_failure="hold"))
    held = enter(careful, Happening.WORSE, now=2.0, why="success of v2: below the limit")
    assert (held.phase, held.why) == (Phase.HELD, "success of v2: below the limit")
    assert after(held, Happening.WORSE) is None


def test_bringing_traffic_back_is_tried_again_and_again() -> None:
    """The API server may be away for a while; the reason why it turns back is kept. In the end people are asked."""
    one = enter(rollout(), Happening.WORSE, now=2.0, why="v2 fails")
    for _ in range(MOST_TRIES - 1):
        one = enter(one, Happening.UNTURNED, now=3.0, why="no answer")
        assert (one.phase, one.cause, one.why) == (Phase.TURNING_BACK, Happening.WORSE, "v2 fails")
    assert enter(one, Happening.TURNED, now=4.0).phase is Phase.TURNED_BACK
    assert enter(one, Happening.UNTURNED, now=4.0).phase is Phase.HELD


def test_an_aborted_rollout_ends_as_aborted() -> None:
    """What it ends as is decided when it turns back, not when it arrives."""
    one = enter(rollout(), Happening.ABORT, now=2.0, by="U0JIN")
    assert enter(one, Happening.TURNED, now=3.0).phase is Phase.ABORTED


def test_a_first_step_that_was_refused_ends_it_and_a_later_one_holds_it() -> None:
    """Before anything was written there is nothing to hold."""
    assert after(rollout(Phase.MOVING), Happening.UNMOVED) is Phase.STOPPED
    begun = enter(rollout(Phase.MOVING), Happening.MOVED, now=1.0)
    moving = enter(begun, Happening.RIPE, now=2.0)
    assert after(moving, Happening.UNMOVED) is Phase.HELD


@pytest.mark.parametrize(
    ("one", "rows", "now", "expected"),
    [
        (rollout(), [row()], 1059.0, None),
        (rollout(), [row()], 1060.0, Happening.RIPE),
        (rollout(), [row(), row(Verdict.UNKNOWN)], 1060.0, None),
        (rollout(), [], 1060.0, None),
        (rollout(), [row(Verdict.UNKNOWN, why="12 more")], 1181.0, Happening.BLIND),
        (rollout(), [row(Verdict.FAIL, why="below")], 1001.0, Happening.WORSE),
        (rollout(), [row(Verdict.FAIL, arm="api", name="incident")], 1001.0, Happening.INCIDENT),
        (rollout(), [row(Verdict.FAIL), row(Verdict.FAIL, arm="api")], 1001.0, Happening.WORSE),
        (rollout(Phase.PAUSED), [row()], 1061.0, None),
        (rollout(Phase.PAUSED), [row(Verdict.FAIL)], 1061.0, Happening.WORSE),
        (rollout(Phase.PAUSED), [row()], 4600.0, Happening.LATE),
        (rollout(Phase.CONFIRMING), [row()], 1599.0, None),
        (rollout(Phase.CONFIRMING), [row()], 1600.0, Happening.LATE),
        (rollout(Phase.HELD, cause=Happening.BLIND), [row()], 1030.0, Happening.CLEARED),
        (rollout(Phase.HELD, cause=Happening.BLIND), [row()], 1029.0, None),
        (rollout(Phase.HELD, cause=Happening.BLIND), [row(Verdict.UNKNOWN)], 1030.0, None),
        (rollout(Phase.HELD, cause=Happening.DRIFTED), [row()], 1030.0, None),
        (rollout(Phase.HELD, cause=Happening.DRIFTED), [row(Verdict.FAIL)], 1030.0, None),
        (rollout(Phase.HELD, cause=Happening.BLIND), [row(Verdict.FAIL)], 1030.0, Happening.WORSE),
        (rollout(Phase.HELD, cause=Happening.DRIFTED), [row()], 4600.0, Happening.LATE),
        (rollout(Phase.MOVING), [row(Verdict.FAIL)], 1061.0, None),
        (rollout(Phase.MOVING, moves=(Move(1000.0, 5.0),)), [row(Verdict.FAIL)], 1061.0, Happening.WORSE),
    ],
)
def test_what_is_due(one: Rollout, rows: list[GateResult], now: float, expected: Happening | None) -> None:
    """By phase, verdicts and time: only all passes advance, any fail of the canary acts at once, unknown waits."""
    assert what(one, *rows, now=now) is expected


def test_a_canary_that_nobody_sees_is_asked_about_before_a_long_bake_is_over() -> None:
    """A dead metrics server must not go unnoticed for as long as a bake takes."""
    one = rollout(plan=Strategy((RolloutStep(5, bake_s=3600),), patience_s=120))
    silent = row(Verdict.UNKNOWN, why="Prometheus did not answer in 3 s")
    assert what(one, silent, now=1100.0, seen_at=0.0) is None
    assert what(one, silent, now=1121.0, seen_at=0.0) is Happening.BLIND
    assert what(one, silent, now=1121.0, seen_at=1100.0) is None
    found = due(one, Sight((silent,)), canary="v2", now=1121.0)
    assert found
    assert "did not answer" in found[1]


def test_what_was_cleared_proves_itself_for_a_whole_bake() -> None:
    """After an incident the healthy time begins anew."""
    held = enter(rollout(), Happening.INCIDENT, now=1050.0)
    cleared = enter(held, Happening.CLEARED, now=1100.0)
    assert (cleared.phase, cleared.ripe_at) == (Phase.BAKING, 1160.0)


def barred_again(times: int, *, spent_s: float = 1.0) -> Rollout:
    """A rollout whose second step was tried so often, each time once it might be, and met a bar each time."""
    one = rollout(Phase.MOVING, at=1, moves=(Move(1000.0, 5.0),), entered_at=1060.0)
    one = enter(one, Happening.BARRED, now=1060.0)
    for _ in range(times - 1):
        at = one.entered_at
        while what(one, row(), now=at) is None:
            at += 1.0
        assert what(one, row(), now=at) is Happening.CLEARED
        one = enter(enter(one, Happening.CLEARED, now=at), Happening.BARRED, now=at + spent_s)
    return one


@pytest.mark.parametrize("end", [Happening.CLEARED, Happening.LATE])
def test_a_step_that_is_barred_again_and_again_is_tried_ever_more_rarely_and_expires(end: Happening) -> None:
    """Twice as long each time, and all of it is one wait: that it was tried in between gives no new hour."""
    thrice = barred_again(3)
    assert thrice.deadline == 1060.0 + 3600
    due_at = {Happening.CLEARED: thrice.entered_at + 120, Happening.LATE: 1060.0 + 3600}[end]
    assert (what(thrice, row(), now=due_at - 1) is end, what(thrice, row(), now=due_at)) == (False, end)
    # 30 s, 1 min, 2, 4, 8, 16: half an hour by then, and the next time would be beyond the hour.
    assert what(barred_again(7), row(), now=1060.0 + 3600) is Happening.LATE


def test_a_step_that_came_or_was_asked_for_by_a_person_begins_a_new_wait() -> None:
    """Only what is tried by itself, and in vain, goes on with the old one."""
    thrice = barred_again(3)
    for happenings in ((Happening.RESUME,), (Happening.CLEARED, Happening.MOVED), (Happening.DRIFTED,)):
        one = thrice
        for happening in happenings:
            one = enter(one, happening, now=2000.0)
        assert (one.barred, one.barred_at) == (0, 0.0)


def test_a_paused_rollout_goes_on_where_it_was() -> None:
    """Time that was baked before a pause counts."""
    paused = enter(rollout(), Happening.PAUSE, now=1050.0)
    assert enter(paused, Happening.RESUME, now=1055.0).ripe_at == 1060.0


def test_a_held_step_is_written_again_when_people_resume() -> None:
    """The weights may be somebody else's by then: the same step is moved to once more."""
    held = enter(rollout(at=1), Happening.DRIFTED, now=1050.0)
    resumed = enter(held, Happening.RESUME, now=1055.0)
    assert (resumed.phase, resumed.at) == (Phase.MOVING, 1)


def test_only_what_nobody_could_decide_can_be_skipped_while_held() -> None:
    """A failed gate is not skipped over."""
    assert after(rollout(Phase.HELD, cause=Happening.BLIND), Happening.SKIP) is Phase.MOVING
    assert after(rollout(Phase.HELD, cause=Happening.WORSE), Happening.SKIP) is None
    assert after(rollout(Phase.HELD, cause=Happening.INCIDENT), Happening.SKIP) is None


def test_the_table_names_active_phases_only() -> None:
    """Every row starts where something can still happen."""
    assert {phase for phase, _ in TRANSITIONS} == ACTIVE


def test_one_reason_of_many_gates_is_said_once() -> None:
    """A canary that no traffic reaches is held for that, and not five times for it."""
    why = "no traffic reached v2"
    rows = tuple(GateResult(name, "v2", Verdict.UNKNOWN, None, 1.0, "%", 0, 60, why) for name in ("success", "p99"))
    happening, said = due(rollout(), Sight(rows), canary="v2", now=1e6) or (None, "")
    assert (happening, said) == (Happening.BLIND, "success, p99 of v2: no traffic reached v2")
