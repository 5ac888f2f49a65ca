"""Clues: what is remembered of each kind of bad request until there is enough to put it on the scales. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from mesh.domain.evidence import LEVEL, Habit, Levels, Noise, Scale, proves, thinned, weigh, weigh_once

ENOUGH = 20.0
"""Requests of each arm that make a block."""
LONGEST_S = 60.0
"""A block ends after so many seconds, whatever was counted."""


@dataclass(frozen=True)
class Clue:
    """All that is remembered of one kind of bad request: failed ones, slow ones, or those over the limit's latency."""

    compared: Levels = LEVEL
    """Evidence that the canary has more of them than stable."""
    limited: Levels = LEVEL
    """Evidence that it has more of them than its limit allows."""
    noise: Noise = field(default_factory=Noise)
    hits: float = 0.0
    """Of the open block: the canary's."""
    others: float = 0.0
    """Of the open block: stable's."""
    over: float = 0.0
    """Of the open block: the canary's, to be held against the limit."""
    requests: float = 0.0
    """Of the open block: requests of the canary that could have been such."""
    proven_s: float = 0.0
    """For how long the limit has been missed beyond doubt, in seconds."""


@dataclass(frozen=True)
class Block:
    """What is held back until both arms were counted: some proxies are asked for their counters earlier than others."""

    seconds: float = 0.0
    canary: float = 0.0
    stable: float = 0.0
    """Requests."""

    def plus(self, seconds: float, canary: float, stable: float) -> Block:
        """Return it with one more tick."""
        return Block(self.seconds + seconds, self.canary + canary, self.stable + stable)

    def full(self, *, alone: bool) -> bool:
        """Tell whether it can be weighed; that depends on requests and time only, never on errors.

        Nobody waits for a stable arm that has no traffic, which leaves the canary `alone`.
        """
        enough = self.canary >= ENOUGH and (alone or self.stable >= ENOUGH)
        return enough or self.seconds >= LONGEST_S


@dataclass(frozen=True)
class Part:
    """How long a tick was and how many requests it had."""

    seconds: float
    canary: float
    stable: float
    usual: float
    """Of the canary, in such a tick: where its proxies were not scraped, what goes with so many requests of stable."""
    habit: Habit


def notice(clue: Clue, part: Part, hits: tuple[float, float], allowed: float) -> Clue:
    """Return the clue with a tick in which canary and stable had so many `hits`."""
    noise = clue.noise
    if part.stable:
        noise = noise.seen(part.stable, hits[1], part.seconds)
    habit = part.habit
    beside = thinned(hits[0], part.usual * noise.rate, noise, habit)
    within = thinned(hits[0], part.canary * allowed, noise, habit) if allowed else beside
    return Clue(
        clue.compared,
        clue.limited,
        noise,
        clue.hits + beside.hits,
        clue.others + hits[1] * beside.left,
        clue.over + within.hits,
        clue.requests + part.canary * within.left,
        clue.proven_s,
    )


def weighed(clue: Clue, block: Block, allowed: float, habit: Habit) -> Clue:
    """Return the clue with a full block on the scales; with 0 `allowed` it has no limit."""
    compared, limited, seconds = clue.compared, clue.limited, block.seconds
    if block.canary and block.stable:
        share = block.canary / (block.canary + block.stable)
        compared = weigh(compared, clue.hits, clue.hits + clue.others, Scale(share, seconds, habit.most))
    if clue.requests and allowed:
        limited = weigh(limited, clue.over, clue.requests, Scale(allowed, seconds, habit.most))
    return Clue(compared, limited, clue.noise, proven_s=clue.proven_s + seconds if proves(limited) else 0.0)


def once(clue: Clue, block: Block, allowed: float) -> Clue:
    """Return the clue with the only block there is."""
    both = block.canary + block.stable
    compared = weigh_once(clue.hits, clue.hits + clue.others, block.canary / both) if block.stable else LEVEL
    return Clue(compared, weigh_once(clue.over, clue.requests, allowed) if allowed else LEVEL)
