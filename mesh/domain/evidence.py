"""Evidence that may be looked at as often as one likes: how many times likelier a difference made what was seen. Pure.

Of some `trials` (say, failed requests of both arms), `hits` fell to one side (the canary), where a `share` of them was
to be expected. Had the odds been raised by a factor, this would have been so many times likelier: the product of that
over time, averaged over some factors, is the evidence. While there is no difference its expectation does not grow, so
that the chance that it ever reaches A, at whichever look, is at most 1/A (Ville's inequality). That shares may change
from one block to the next, and that the test needs no rate of errors, is the idea of Lindon, Sanden and Shirikian,
"Rapid Regression Detection in Software Deployments through Sequential Testing", arXiv 2205.14762. Requests are drawn
without replacement, which only makes it safer (Hoeffding 1963: the expectation of a convex function is smaller).

A long healthy past must not outweigh a bad present, so evidence never falls below a floor. The floor adds at most its
own height each time: at most 1 in an hour, which makes the chance of a false alarm in the first T hours at most
(1 + T)/A (the argument of e-detectors: Shin, Ramdas and Rinaldo, arXiv 2203.03532).

Real hits clump: one client that tries again and again, one pause. So many of them that come at once count as one as
stable shows by the ratio of variance to mean; before it has shown anything, there is a guess.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from operator import add

ODDS = (1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0)
"""Raised by how much the odds may be. Less than about 1.2 times as often is never told from no difference."""
PROOF = 400.0
"""Evidence that proves a difference."""
ONE_LOOK = 100.0
"""The same for what is looked at once only."""
NEAR = 30.0
"""Evidence that may become a proof: nothing is passed now."""
_LOG_PROOF = math.log(PROOF)
_LOGS = tuple(math.log(odds) for odds in ODDS)
_HOUR_S = 3600.0
_HIGHEST = 12.0
"""Nats above which evidence is not counted on, so that it can come down again."""
_RARE = 0.5
"""So many hits at once, and more, are many."""
_GUESS_HITS = 5.0
"""How many hits a guess of their noise is worth."""
_TAILS = 2.0
"""How much more than their variance tells clumps are feared, because few of them are very large."""
_FADES_S = 1800.0
"""How long ago what is known of noise has lost two thirds of its weight, in seconds."""

Levels = tuple[float, ...]
"""The evidence for each of `ODDS`, in nats."""
LEVEL: Levels = (0.0,) * len(ODDS)
"""Nothing seen yet."""


@dataclass(frozen=True)
class Habit:
    """How hits of one kind are thought to come, before anything was seen."""

    rare: float
    """Their noise where they are rare."""
    many: float
    """Their noise where they are many at once."""
    looks: float
    """How many looks these guesses are worth."""
    most: float
    """Nats that one block may add: none proves anything alone."""


CLUMPS = Habit(rare=3.5, many=6.0, looks=8.0, most=4.5)
"""Errors: a client that tries again and again."""
PAUSES = Habit(rare=3.5, many=8.0, looks=12.0, most=2.0)
"""Slow requests: a pause meets all that is under way, and there are few of them in an hour."""


@dataclass(frozen=True)
class Scale:
    """How a block is weighed."""

    share: float
    """Of the trials, how many are usually hits, 0 to 1."""
    seconds: float
    """How long it was."""
    most: float = CLUMPS.most
    """Nats that it may add."""


def weigh(levels: Levels, hits: float, trials: float, scale: Scale) -> Levels:
    """Return the evidence with one more block, in which there were `hits` in so many `trials`."""
    floor = math.log(min(scale.seconds, _HOUR_S) / _HOUR_S) if scale.seconds > 0 else -math.inf
    if min(levels) < floor:
        levels = tuple([max(level, floor) for level in levels])
    if not trials:
        return levels
    gained = weigh_once(hits, trials, scale.share)
    if max(gained) > scale.most:
        gained = tuple([min(gain, scale.most) for gain in gained])
    weighed = tuple(map(add, levels, gained))
    return weighed if max(weighed) <= _HIGHEST else tuple([min(level, _HIGHEST) for level in weighed])


def weigh_once(hits: float, trials: float, share: float) -> Levels:
    """Return the evidence of the only look there is."""
    return tuple([hits * log - trials * price for log, price in zip(_LOGS, _prices(share), strict=True)])


def strength(levels: Levels) -> float:
    """Return how many times likelier a difference has made what was seen, averaged over `ODDS`."""
    return sum([math.exp(min(level, 700.0)) for level in levels]) / len(levels)


def proves(levels: Levels) -> bool:
    """Tell whether it is a proof."""
    return max(levels) >= _LOG_PROOF and strength(levels) >= PROOF


def gain(rate: float, share: float) -> float:
    """Return the nats that one trial brings in the long run when a `rate` of them hits (0 to 1)."""
    return max(rate * log - price for log, price in zip(_LOGS, _prices(share), strict=True))


@lru_cache(maxsize=64)
def _prices(share: float) -> Levels:
    """Return the nats that one trial costs, for each of `ODDS`."""
    return tuple([math.log1p((odds - 1.0) * share) for odds in ODDS])


@dataclass(frozen=True)
class Noise:
    """How much hits of stable clump: faded sums over looks, of requests n and hits k."""

    looks: float = 0.0
    requests: float = 0.0
    hits: float = 0.0
    nn: float = 0.0
    nk: float = 0.0
    kk: float = 0.0

    def seen(self, requests: float, hits: float, seconds: float) -> Noise:
        """Return it with one more look of `seconds`."""
        kept = math.exp(-seconds / _FADES_S)
        return Noise(
            self.looks * kept + 1.0,
            self.requests * kept + requests,
            self.hits * kept + hits,
            self.nn * kept + requests * requests,
            self.nk * kept + requests * hits,
            self.kk * kept + hits * hits,
        )

    @property
    def rate(self) -> float:
        """Share of requests that are hits, 0 to 1."""
        return self.hits / self.requests if self.requests > 0 else 0.0

    def factor(self, guess: float, looks: float) -> float:
        """Return how many hits that came at once are one: 1 where hits are independent, else more.

        The ratio of variance to mean, as far as enough was seen, else the `guess`, which is worth so many `looks`. What
        is above 1 is enlarged by `_TAILS`.
        """
        rate = self.rate
        spread = max(self.kk - 2.0 * rate * self.nk + rate * rate * self.nn, 0.0)
        worth = _GUESS_HITS + looks * self.hits / max(self.looks, 1.0)
        ratio = (guess * worth + spread) / (worth + self.hits)
        return 1.0 + _TAILS * max(ratio - 1.0, 0.0)


@dataclass(frozen=True)
class Thinned:
    """What hits that came at once are worth, so that a clump of them is about one."""

    hits: float
    left: float
    """What share of their hits is left to those whom these are compared with, so that neither side gains."""


def thinned(hits: float, expected: float, noise: Noise, habit: Habit) -> Thinned:
    """Return what `hits` that came at once are worth, where so many were `expected`.

    Where they are many, each is worth 1/noise. Where they are rare the first is worth one, or it would take far too
    long to tell anything; how much that can add on average is left to the other side as well.
    """
    if expected >= _RARE:
        each = 1.0 / noise.factor(habit.many, habit.looks)
        return Thinned(hits * each, each)
    each = 1.0 / noise.factor(habit.rare + (habit.many - habit.rare) * expected / _RARE, habit.looks)
    first = -math.expm1(-expected) / expected if expected > 1e-9 else 1.0
    return Thinned(max(min(hits, 1.0), hits * each), each + (1.0 - each) * first)
