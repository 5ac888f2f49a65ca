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

Real errors clump: one client that tries again and again, one pause. Of what happens at once the first hit counts in
full and each further one as 1/noise, where noise is the ratio of variance to mean, as stable shows it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

ODDS = (1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0)
"""Raised by how much the odds may be. Less than about 1.2 times as often is never told from no difference."""
PROOF = 500.0
"""Evidence that proves a difference."""
ONE_LOOK = 100.0
"""The same for what is looked at once only."""
NEAR = 30.0
"""Evidence that may become a proof: nothing is passed now."""
_LOG_PROOF = math.log(PROOF)
_LOGS = tuple(math.log(odds) for odds in ODDS)
_HOUR_S = 3600.0
MOST_OF_CLUMPS, MOST_OF_PAUSES = 4.5, 3.0
"""Nats that one block may add, where errors clump and where pauses make slow: it takes two blocks, or three."""
_HIGHEST = 12.0
"""Nats above which evidence is not counted on, so that it can come down again."""
_RARE = 1.0
"""Hits at once below which the first counts in full."""
_GUESS_RARE, _GUESS_MANY = 3.0, 8.0
"""How noisy hits are thought to be before they were seen, where they are rare and where they are many at once."""
_GUESS_HITS, _GUESS_LOOKS = 10.0, 8.0
"""How many hits, and how many looks, such a guess is worth."""
_TAILS = 2.0
_FADES_S = 900.0
"""How long ago what is known of noise has lost two thirds of its weight, in seconds."""

Levels = tuple[float, ...]
"""The evidence for each of `ODDS`, in nats."""
LEVEL: Levels = (0.0,) * len(ODDS)
"""Nothing seen yet."""


@dataclass(frozen=True)
class Scale:
    """How a block is weighed."""

    seconds: float
    """How long it was."""
    most: float = MOST_OF_CLUMPS
    """Nats that it may add."""


def weigh(levels: Levels, hits: float, trials: float, share: float, scale: Scale) -> Levels:
    """Return the evidence with one more block: `hits` of `trials`, of which a `share` (0 to 1) is usual."""
    seconds, most = scale.seconds, scale.most
    floor = math.log(min(seconds, _HOUR_S) / _HOUR_S) if seconds > 0 else -math.inf
    weighed = []
    for level, log, price in zip(levels, _LOGS, _prices(share), strict=True):
        gained = hits * log - trials * price
        raised = (level if level > floor else floor) + (gained if gained < most else most)
        weighed.append(raised if raised < _HIGHEST else _HIGHEST)
    return tuple(weighed)


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

    def factor(self, guess: float) -> float:
        """Return how many hits that came at once are one: 1 where hits are independent, else more.

        The ratio of variance to mean, as far as enough was seen, else the `guess`; what is above 1 is enlarged, because
        the sizes of clumps have longer tails than their variance tells.
        """
        rate = self.rate
        spread = max(self.kk - 2.0 * rate * self.nk + rate * rate * self.nn, 0.0)
        worth = _GUESS_HITS + _GUESS_LOOKS * self.hits / max(self.looks, 1.0)
        ratio = (guess * worth + spread) / (worth + self.hits)
        return 1.0 + _TAILS * max(ratio - 1.0, 0.0)


@dataclass(frozen=True)
class Thinned:
    """What hits that came at once are worth, so that a clump of them is about one."""

    hits: float
    left: float
    """What share of their hits is left to those whom these are compared with, so that neither side gains."""


def thinned(hits: float, expected: float, noise: Noise) -> Thinned:
    """Return what `hits` that came at once are worth, where so many were `expected`.

    Where they are many, each is worth 1/noise. Where they are rare the first is worth one, or it would take far too
    long to tell anything; how much that can add on average is left to the other side as well.
    """
    if expected >= _RARE:
        each = 1.0 / noise.factor(_GUESS_MANY)
        return Thinned(hits * each, each)
    each = 1.0 / noise.factor(_GUESS_RARE)
    first = -math.expm1(-expected) / expected if expected > 1e-9 else 1.0
    return Thinned(max(min(hits, 1.0), hits * each), each + (1.0 - each) * first)
