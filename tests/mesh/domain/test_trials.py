"""Trials: a canary is blamed on evidence only, however often one looks, and passes only on what was seen."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from mesh.domain.clues import Clue
from mesh.domain.counts import Buckets, Counts
from mesh.domain.evidence import NEAR, ODDS
from mesh.domain.gates import GateResult, Limits, Verdict, overall
from mesh.domain.trials import Pair, Tick, Trial, judge_blind, judge_once, judge_trial, observe

PAIR = Pair("v2", "v1")
LIMITS = Limits()
BOUNDS = (50.0, 100.0, 250.0, 500.0, 1000.0)
QUICK = (0.6, 0.9, 0.97, 0.997, 0.9995)
"""Shares within each bound: p95 lies in the bucket up to 250 ms, and p99 under 500 ms."""
SLOWER = (0.4, 0.75, 0.88, 0.992, 0.9995)
"""Four times as many over 250 ms, and the p99 still under 500 ms."""
TOO_SLOW = (0.2, 0.3, 0.5, 0.8, 0.99)


def timed(requests: float, shares: Iterable[float] = QUICK) -> Buckets:
    """Buckets of so many requests."""
    within = [(bound, float(round(share * requests))) for bound, share in zip(BOUNDS, shares, strict=True)]
    return (*within, (math.inf, float(requests)))


def counts(requests: float, errors: float = 0.0, shares: Iterable[float] = QUICK) -> Counts:
    """What an arm answered."""
    return Counts(requests, errors, 0.0, timed(requests, shares))


def tick(canary: Counts, stable: Counts | None = None, seconds: float = 15.0) -> Tick:
    """One look; stable is healthy by default."""
    return Tick(seconds, counts(1900, 2) if stable is None else stable, canary)


def after(ticks: Iterable[Tick], trial: Trial | None = None, limits: Limits = LIMITS) -> Trial:
    """The trial after these ticks."""
    trial = trial or Trial()
    for each in ticks:
        trial = observe(trial, each, limits)
    return trial


def rows(trial: Trial, pair: Pair = PAIR, limits: Limits = LIMITS) -> dict[str, GateResult]:
    """The rows by name."""
    return {row.name: row for row in judge_trial(trial, pair, limits)}


def verdicts(found: dict[str, GateResult]) -> dict[str, str]:
    """The verdicts by name."""
    return {name: str(row.verdict) for name, row in found.items()}


def looks_until_fail(ticks: Iterable[Tick], trial: Trial | None = None, limits: Limits = LIMITS) -> int:
    """How many ticks it takes until anything fails."""
    trial = trial or Trial()
    for number, each in enumerate(ticks, 1):
        trial = observe(trial, each, limits)
        if overall(judge_trial(trial, PAIR, limits)) is Verdict.FAIL:
            return number
    raise AssertionError("nothing failed")


HEALTHY = tick(counts(100))
ALL_PASS = dict.fromkeys(("requests", "success", "p99", "errors", "slow"), "pass")


def test_a_healthy_canary_passes_and_says_by_how_much() -> None:
    """Each row shows value, limit, samples, window, and its evidence against the threshold."""
    found = rows(after([HEALTHY] * 20))
    assert verdicts(found) == ALL_PASS
    success, errors = found["success"], found["errors"]
    assert (success.value, success.limit, success.samples, success.window_s) == (100.0, 99.0, 2000, 300)
    assert (errors.value, errors.against, errors.at_most) == (0.0, "v1", True)
    assert errors.other == errors.limit == pytest.approx(100 * 2 / 1900)
    assert errors.threshold == 400.0
    assert errors.evidence is not None
    assert errors.evidence < 1.0
    assert all(row.why == "" and row.eta_s is None for row in found.values())


def test_no_traffic_never_passes() -> None:
    """Neither before the first request nor after the last one, whatever came before."""
    silent = tick(Counts())
    found = rows(after([silent] * 50))
    assert set(verdicts(found).values()) == {"unknown"}
    assert {row.why for row in found.values()} == {"no traffic reached v2"}
    later = rows(after([silent] * 21, after([HEALTHY] * 20)))
    assert "pass" not in verdicts(later).values()
    assert later["requests"].why.startswith("no traffic reached v2 in the last")
    assert rows(after([silent]), limits=Limits(requests_min=0))["requests"].verdict is Verdict.UNKNOWN


def test_too_few_requests_say_how_many_more_and_how_long() -> None:
    """Below the floor nothing passes, and a person learns when it may."""
    found = rows(after([tick(counts(10))] * 4))
    assert set(verdicts(found).values()) == {"unknown"}
    assert found["requests"].why == "60 more requests needed, about 90 s"
    assert found["requests"].eta_s == pytest.approx(90.0)
    many = rows(after([tick(counts(10))] * 4, limits=Limits(requests_min=2140)), limits=Limits(requests_min=2140))
    assert many["requests"].why == "2 100 more requests needed, about 52 min"


def test_figures_that_cannot_be_true_count_as_nothing() -> None:
    """Not a number, infinite, absurd and negative counts never pass and never fail."""
    for bad in (math.nan, math.inf, 1e200, -5.0):
        trial = after([tick(Counts(bad, 0.0)), tick(Counts(100, bad)), tick(Counts(100, 0, 0, ((math.inf, bad),)))] * 9)
        assert set(verdicts(rows(trial)).values()) == {"unknown"}
        assert trial.canary.total.requests == 0.0


@pytest.mark.parametrize(
    ("canary", "looks", "name", "why"),
    [
        (counts(100, 100), 3, "errors", "v2 fails 950.0x as often as v1 (100 % against 0.11 %)"),
        (counts(100, 20), 3, "success", "v2 fails in 20 % of its requests; at most 1 % may"),
        (counts(100, 2), 9, "errors", "v2 fails 19.0x as often as v1 (2 % against 0.11 %)"),
        (counts(100, 0, SLOWER), 15, "slow", "v2 takes over 250 ms 4.0x as often as v1 (12 % against 3 %)"),
        (counts(100, 0, TOO_SLOW), 6, "p99", "v2 takes over 500 ms in 20 % of its requests; at most 1 % may"),
    ],
)
def test_a_bad_canary_is_found_soon(canary: Counts, looks: int, name: str, why: str) -> None:
    """Errors or slowness fail within a few looks, in words that hold the figures."""
    ticks = [HEALTHY, *[tick(canary)] * looks]
    assert looks_until_fail(ticks) <= looks + 1
    row = rows(after([tick(canary)] * 20))[name]
    assert (row.verdict, row.why) == (Verdict.FAIL, why)


def test_a_dead_canary_need_not_reach_the_floor() -> None:
    """Six failures of six requests, some seconds apart, are enough beside a stable arm that works."""
    dead = [tick(counts(1, 1), counts(99)), tick(Counts(), counts(100))]
    trial = after(dead * 6)
    found = rows(trial)
    assert (found["errors"].verdict, found["requests"].verdict) == (Verdict.FAIL, Verdict.UNKNOWN)
    assert found["errors"].why == "v2 fails in 100 % of its requests, v1 in none"
    assert found["errors"].samples == 6


@pytest.mark.parametrize(("size", "verdict"), [(5, "pass"), (50, "unknown"), (5000, "unknown")])
def test_one_clump_of_errors_fails_nothing(size: int, verdict: str) -> None:
    """One bad client's retries, however many, fail no gate; many of them hold it until it is clear."""
    trial = after([*[HEALTHY] * 8, tick(counts(100 + size, size)), HEALTHY])
    assert overall(judge_trial(trial, PAIR, LIMITS)) == verdict


def test_clumps_here_and_there_do_not_blame_the_canary() -> None:
    """Both arms have errors in clumps at the same rate: in 20 hours nothing fails."""
    dice = random.Random(7)
    for _ in range(20):
        trial = Trial()
        for _ in range(240):
            canary, stable = (sum(6 for _ in range(3) if dice.random() < 0.05) for _ in range(2))
            trial = observe(trial, tick(counts(750 + canary, canary), counts(750 + stable, stable)), LIMITS)
            assert overall(judge_trial(trial, PAIR, LIMITS)) is not Verdict.FAIL


def test_a_late_fault_is_found_about_as_fast_as_an_early_one() -> None:
    """Half an hour of health buys a bad canary no more than a few looks."""
    bad = [tick(counts(100, 20))] * 20
    early, late = looks_until_fail(bad), looks_until_fail(bad, after([HEALTHY] * 120))
    assert (early, late) == (2, 3)
    much = looks_until_fail(bad, after([HEALTHY] * 6000))
    assert much == late


def test_a_long_good_past_does_not_hide_a_bad_present() -> None:
    """While the evidence grows, the recent past is what is shown, and it does not pass."""
    trial = after([*[HEALTHY] * 1000, tick(counts(100, 8)), tick(counts(100, 8))])
    row = rows(trial)["success"]
    assert row.verdict is Verdict.UNKNOWN
    assert row.value is not None
    assert row.value < 99.0
    assert row.window_s <= 300
    assert trial.canary.total.errors / trial.canary.total.requests < 0.01


def test_a_canary_that_falls_silent_is_held_before_its_past_is_forgotten() -> None:
    """It answered for ten minutes; then stable alone does: after half a minute that is no pause any more."""
    healthy = after([tick(counts(50), counts(450), 5.0)] * 120)
    still = rows(after([tick(Counts(), counts(450), 5.0)] * 5, healthy))
    assert set(verdicts(still).values()) == {"pass"}
    silent = rows(after([tick(Counts(), counts(450), 5.0)] * 6, healthy))
    assert set(verdicts(silent).values()) == {"unknown"}
    assert silent["requests"].why == (
        "no traffic reached v2 in the last 30 s, where about 278 requests were to be expected"
    )
    assert set(verdicts(rows(after([tick(counts(50), counts(450), 5.0)], healthy))).values()) == {"pass"}


def test_a_quiet_service_is_not_silent() -> None:
    """Where stable has nothing to do either, or too little, nothing was to be expected of the canary."""
    healthy = after([tick(counts(50), counts(450), 5.0)] * 20)
    assert set(verdicts(rows(after([tick(Counts(), counts(10), 5.0)] * 12, healthy))).values()) == {"pass"}


def test_an_incident_in_both_arms_is_not_the_canarys_doing() -> None:
    """Where stable misses a limit as well, the canary is not blamed, and nothing passes."""
    trial = Trial()
    for _ in range(240):
        trial = observe(trial, tick(counts(100, 3, TOO_SLOW), counts(1900, 57, TOO_SLOW)), LIMITS)
        assert overall(judge_trial(trial, PAIR, LIMITS)) is Verdict.UNKNOWN
    found = rows(trial)
    assert found["success"].why == found["p99"].why == "v1 misses it as well: not v2's doing"
    assert verdicts(found)["errors"] == verdicts(found)["slow"] == "pass"


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_an_incident_that_begins_now_is_not_the_canarys_doing(share: float) -> None:
    """After a healthy half hour both arms begin to fail: whichever shows it first, the canary is not blamed."""
    canary, stable = round(2000 * share), round(2000 * (1 - share))
    dice, trial = random.Random(3), Trial()
    for look in range(240):
        rate = 0.001 if look < 120 else 0.03
        failed = [sum(dice.random() < rate for _ in range(n)) for n in (canary, stable)]
        trial = observe(trial, tick(counts(canary, failed[0]), counts(stable, failed[1])), LIMITS)
        assert overall(judge_trial(trial, PAIR, LIMITS)) is not Verdict.FAIL


def test_arms_that_are_scraped_at_different_moments_are_compared_when_both_were() -> None:
    """An incident seen at the canary first: its counts are held back until stable's came, and then weigh the same."""
    calm = [tick(counts(1000, 1), Counts(), 5), tick(Counts(), counts(1000, 1), 5)]
    trial = after(calm * 100)
    incident = [tick(counts(1000, 100), Counts(), 5), tick(Counts(), counts(1000, 100), 5)]
    for each in incident * 60:
        trial = observe(trial, each, LIMITS)
        assert overall(judge_trial(trial, PAIR, LIMITS)) is not Verdict.FAIL
    assert looks_until_fail([tick(counts(1000, 100), Counts(), 5), calm[1]] * 10, after(calm * 100)) <= 10


def test_what_is_held_back_is_held_back_for_a_minute_only() -> None:
    """With hardly any traffic a block ends by time: nothing is kept for ever."""
    trial = after([tick(counts(1, 1), counts(9), 5)] * 11)
    assert trial.errors.compared == Trial().errors.compared
    assert after([tick(Counts(), Counts(), 5)], trial).errors.compared != trial.errors.compared


def test_a_limit_between_two_bounds_is_held_as_well() -> None:
    """A p99 of 300 ms where buckets end at 250 and 500 ms: a canary that takes 400 ms each time fails."""
    limits = Limits(p99_max_ms=300.0)
    slow = Counts(500, 0, 0.0, timed(500, (0.0, 0.0, 0.0, 1.0, 1.0)))
    found = rows(after([tick(slow, Counts())] * 20, limits=limits), Pair("v2"), limits)
    assert (found["p99"].verdict, found["p99"].why) == (
        Verdict.FAIL,
        "v2 takes over 300 ms in 80 % of its requests; at most 1 % may",
    )


def test_an_arm_with_nobody_beside_it_is_judged_by_its_limits() -> None:
    """No comparison, no excuse: the limits still need evidence, and a healthy arm passes."""
    alone = Pair("v2")
    assert list(rows(after([HEALTHY] * 20), alone)) == ["requests", "success", "p99"]
    assert overall(judge_trial(after([HEALTHY] * 20), alone, LIMITS)) is Verdict.PASS
    found = rows(after([tick(counts(1000, 100), Counts())] * 4), alone)
    assert verdicts(found) == {"requests": "pass", "success": "fail", "p99": "pass"}


def test_a_limit_that_is_missed_without_proof_holds_and_says_what_is_needed() -> None:
    """Two errors of a hundred may be chance: unknown, with how many more requests would tell."""
    row = rows(after([tick(counts(50, 1), Counts())] * 2), Pair("v2"))["success"]
    assert (row.verdict, row.value) == (Verdict.UNKNOWN, 98.0)
    assert row.why.startswith("missed, perhaps by chance: ")
    assert row.eta_s is not None
    slightly = rows(after([tick(counts(1000, 11), Counts())] * 40), Pair("v2"))["success"]
    assert (slightly.verdict, slightly.why) == (Verdict.UNKNOWN, "missed, but by too little to prove it")


def test_a_stable_arm_with_hardly_any_traffic_is_not_waited_for_for_ever() -> None:
    """At 99.9 % nobody can compare: a limit that is missed beyond doubt fails after two minutes more."""
    ticks = [tick(counts(1000, 30), counts(1)) for _ in range(40)]
    looks = looks_until_fail(ticks)
    assert 8 < looks < 20
    row = rows(after(ticks[: looks - 1]))["success"]
    assert row.why == "v2 misses it, but whether v1 does as well is not known yet"


def test_what_is_slow_is_fixed_at_the_start() -> None:
    """The bucket of stable's p95, once and for all; or what the configuration says."""
    trial = after([HEALTHY])
    assert trial.slow_ms == 250.0
    assert after([tick(counts(100, 0, TOO_SLOW), counts(1900, 0, TOO_SLOW))] * 50, trial).slow_ms == 250.0
    assert after([HEALTHY], limits=Limits(slow_ms=100.0)).slow_ms == 100.0
    assert after([tick(counts(50), counts(50))]).slow_ms == 0.0


def test_latencies_that_nobody_measures_hold() -> None:
    """Without buckets the p99 and the comparison of slow requests are unknown, and errors are judged all the same."""
    found = rows(after([tick(Counts(100), Counts(1900, 2))] * 20))
    assert verdicts(found) == {**ALL_PASS, "p99": "unknown", "slow": "unknown"}
    assert found["p99"].why == found["slow"].why == "too little is known of the latency of v2"


def test_buckets_may_get_other_bounds() -> None:
    """Reconfigured proxies: latencies begin anew, requests and errors go on."""
    other = Counts(1000, 0, 0, ((10.0, 900.0), (20.0, 1000.0), (math.inf, 1000.0)))
    trial = after([tick(other, other)], after([HEALTHY] * 10))
    assert trial.canary.total.counts(trial.bounds) == Counts(2000, 0, 0, other.buckets)


def test_a_trial_stays_small_and_can_be_kept_as_json() -> None:
    """Its size does not depend on its age, and nothing is lost on the way."""
    keeper = TypeAdapter(Trial)
    young, old = after([HEALTHY] * 3), after([HEALTHY] * 3000)
    assert keeper.validate_json(keeper.dump_json(old)) == old
    assert len(keeper.dump_json(old)) < 1.3 * len(keeper.dump_json(young)) < 5000


def test_more_errors_than_requests_are_as_many() -> None:
    """A counter that was read a moment later than the other makes no success below 0 %."""
    row = rows(after([tick(Counts(100, 120))] * 20))["success"]
    assert (row.verdict, row.value) == (Verdict.FAIL, 0.0)


@pytest.mark.parametrize(
    ("canary", "name", "why"),
    [
        (counts(100, 0, (0.2, 0.4, 0.6, 0.985, 0.99)), "slow", "not proven yet: v2 takes over 250 ms "),
        (counts(100, 2), "errors", "not proven yet: v2 fails "),
    ],
)
def test_what_may_become_a_proof_holds(canary: Counts, name: str, why: str) -> None:
    """Between the two thresholds nothing passes, whatever the value and its limit."""
    trial, limits = after([HEALTHY] * 30), Limits(success_min=10, p99_max_ms=5000)
    for _ in range(40):
        trial = observe(trial, tick(canary), limits)
        row = rows(trial, limits=limits)[name]
        if row.evidence is not None and 30 <= row.evidence < 400:
            break
    assert row.verdict is Verdict.UNKNOWN
    assert row.why.startswith(why)


def test_a_limit_that_was_missed_a_moment_ago_holds() -> None:
    """Evidence that is still near a proof does not pass, although the values are within the limit."""
    trial = replace(after([HEALTHY] * 20), errors=Clue(limited=(math.log(NEAR + 1),) * len(ODDS)))
    row = rows(trial)["success"]
    assert (row.verdict, row.value) == (Verdict.UNKNOWN, 100.0)
    assert row.why == "v2 may still be missing the limit: it did a short while ago"


def test_a_stable_arm_with_few_requests_is_waited_for() -> None:
    """The floor holds for both arms of a comparison."""
    found = rows(after([tick(counts(100), counts(4))] * 10))
    assert verdicts(found) == {**ALL_PASS, "errors": "unknown", "slow": "unknown"}
    assert found["errors"].why == "60 more requests of v1 needed, about 4 min"
    gone = rows(after([tick(counts(100), Counts())] * 21, after([HEALTHY] * 3)))
    assert gone["errors"].why == "no traffic reached v1, which v2 is compared with"


def test_a_slow_canary_is_found_although_arms_are_scraped_apart() -> None:
    """What is held back of each arm is thinned alike, whichever is scraped in a tick."""
    apart = [tick(counts(400, 0, SLOWER), Counts(), 5), tick(Counts(), counts(400), 5), tick(Counts(), Counts(), 5)]
    together = [tick(counts(400, 0, SLOWER), counts(400))]
    assert looks_until_fail(apart * 40) <= 3 * looks_until_fail(together * 40) + 6


def test_looks_without_counts_only_take_time() -> None:
    """Looks between two scrapes change neither evidence nor verdicts."""
    empty = tick(Counts(), Counts(), 5)
    sparse = after([each for _ in range(20) for each in (tick(counts(100, 2), seconds=5), empty, empty)])
    dense = after([tick(counts(100, 2), seconds=15)] * 20)
    assert verdicts(rows(sparse)) == verdicts(rows(dense))
    assert sparse.canary == dense.canary


def test_one_look_judges_the_same_rows() -> None:
    """A person asks once: a plain miss of a limit fails, limits are inclusive, and few requests are unknown."""
    healthy = Tick(300, counts(19000, 20), counts(1000, 10))
    assert verdicts({row.name: row for row in judge_once(healthy, PAIR, LIMITS)}) == ALL_PASS

    def once(canary: Counts, stable: Counts) -> dict[str, GateResult]:
        return {row.name: row for row in judge_once(Tick(300, stable, canary), PAIR, LIMITS)}

    found = once(counts(1000, 11), counts(19000, 20))
    assert (found["success"].verdict, found["success"].value) == (Verdict.FAIL, 98.9)
    assert once(counts(1000, 0, TOO_SLOW), counts(19000, 20))["p99"].verdict is Verdict.FAIL
    assert set(verdicts(once(counts(99), counts(19000))).values()) == {"unknown"}
    assert once(counts(99), counts(19000))["requests"].why == "1 more request needed, about 3 s"
    assert set(verdicts(once(Counts(), counts(19000))).values()) == {"unknown"}


def test_one_look_compares_as_well() -> None:
    """Five times stable's errors under the limit fail; what stable misses too is not put down to the canary."""
    worse = judge_once(Tick(300, counts(300_000, 300), counts(100_000, 500)), PAIR, LIMITS)
    assert {row.name: str(row.verdict) for row in worse} == {**ALL_PASS, "errors": "fail"}
    both = judge_once(Tick(300, counts(30_000, 900), counts(10_000, 300)), PAIR, LIMITS)
    assert {row.name: str(row.verdict) for row in both} == {**ALL_PASS, "success": "unknown"}
    assert both[1].why == "v1 misses it as well: not v2's doing"


def test_who_is_blind_knows_nothing() -> None:
    """Every row is there, unknown, with the reason."""
    found = judge_blind(PAIR, LIMITS, "Prometheus did not answer in 3 s", window_s=300)
    assert [row.name for row in found] == list(ALL_PASS)
    assert {(row.verdict, row.why) for row in found} == {(Verdict.UNKNOWN, "Prometheus did not answer in 3 s")}
    assert len(judge_blind(Pair("v2"), LIMITS, "why", window_s=300)) == 3


figures = st.one_of(st.floats(), st.integers(0, 10_000).map(float))


@settings(max_examples=200)
@given(st.lists(st.tuples(figures, figures, figures, figures, st.booleans()), max_size=12))
def test_whatever_is_counted_is_judged(ticks: list[tuple[float, float, float, float, bool]]) -> None:
    """No counts raise, and none pass without as many requests as the floor asks for."""
    trial = Trial()
    for n, k, m, j, with_buckets in ticks:
        canary = Counts(n, k, 0, timed(n) if with_buckets and math.isfinite(n) else ())
        trial = observe(trial, Tick(15, Counts(m, j), canary), LIMITS)
        found = judge_trial(trial, PAIR, LIMITS)
        if trial.canary.total.requests < LIMITS.requests_min:
            assert all(row.verdict is not Verdict.PASS for row in found)
        assert all(row.why or row.verdict is Verdict.PASS for row in found)


@pytest.mark.parametrize(
    ("canary", "stable"), [(QUICK, ()), ((), QUICK), ((), ())], ids=["stable's unknown", "canary's unknown", "neither"]
)
def test_a_handful_of_known_latencies_passes_nothing(canary: tuple[float, ...], stable: tuple[float, ...]) -> None:
    """Thousands of requests, of which three were timed: proxies were changed, or tell little."""

    def arm(shares: tuple[float, ...]) -> Counts:
        return counts(1000) if shares else Counts(1000, 0, buckets=timed(3))

    limits = replace(LIMITS, slow_ms=250.0)
    found = rows(after([tick(arm(canary), arm(stable)) for _ in range(3)], limits=limits), limits=limits)
    assert found["success"].verdict is found["errors"].verdict is Verdict.PASS
    assert found["p99"].verdict is (Verdict.PASS if canary else Verdict.UNKNOWN)
    assert found["slow"].verdict is Verdict.UNKNOWN
