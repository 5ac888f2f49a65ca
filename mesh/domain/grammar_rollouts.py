"""How a rollout is asked for: the words of `canary` to a `Command`, and back."""

from __future__ import annotations

import re
from itertools import pairwise

from mesh.domain.commands import STEERING, Command, Verb, Wish
from mesh.domain.errors import Refused
from mesh.domain.terms import expect, per_cent, read_name, read_version
from mesh.domain.verbs import usage

MOST_STEPS = 20
SHORTEST_S = 10
"""Shortest bake that can be typed, in seconds: less than a few scrapes shows nothing."""
LONGEST_S = 86_400

_UNITS = {"s": 1, "m": 60, "h": 3600}
_DURATION = re.compile(r"(\d{1,9})([a-z]*)")
_CLAUSES = ("every", "on-failure")
_GLUED = re.compile(r"(every|on-failure)(?:[:=](.+)|(\d.*))")
_FAILURE = ("hold", "rollback")
_CONFIRM = "confirm"
_HOW = "Steps are shares in per cent, at most 100, that rise, with commas between them: 5,25,50,100."


def read_canary(rest: list[str]) -> Command:
    """Read what follows `canary`: the service, then version, steps, `every` and `on-failure` in any order.

    Raises Refused for what could mean two things: a version has a letter, steps stand together in one list.
    """
    expect(Verb.CANARY, rest, 1, 200)
    _check_order(rest)
    words, clauses = _take_clauses(rest[1:])
    return Command(
        verb=Verb.CANARY,
        service=read_name(rest[0], "service"),
        version=_version([word for word in words if not _is_steps(word)], rest[0]),
        steps=_steps(_one_list(words)),
        every_s=_seconds(clauses["every"]) if "every" in clauses else 0,
        on_failure=_outcome(clauses["on-failure"]) if "on-failure" in clauses else "",
    )


def write_canary(command: Command) -> list[str]:
    """Return the words that follow the service, as `read_canary` reads them."""
    plain = command.version and command.service not in STEERING and _reads_as_version(command.version)
    steps = [part for wish in command.steps for part in ([_CONFIRM] * wish.confirm + [f"{wish.share:g}"])]
    return [
        *([command.version] if plain else []),
        *([",".join(steps)] if steps else []),
        *(["every", _written(command.every_s)] if command.every_s else []),
        *(["on-failure", command.on_failure] if command.on_failure else []),
        *(["--version", command.version] if command.version and not plain else []),
    ]


# --- who is who --------------------------------------------------------------------------------------------------


def _is_steps(word: str) -> bool:
    """Tell steps from a version, which has a letter and neither comma nor per cent sign."""
    letters = any(char.isalpha() for char in word)
    return not letters or "," in word or "%" in word or word.lower() == _CONFIRM


def _take_clauses(words: list[str]) -> tuple[list[str], dict[str, str]]:
    """Take `every …` and `on-failure …` out of the words, wherever they stand."""
    queue, left = list(words), []
    clauses: dict[str, str] = {}
    while queue:
        word = queue.pop(0)
        clause = word.lower()
        if clause not in _CLAUSES:
            left.append(word)
            continue
        if clause in clauses:
            raise Refused(f"{clause} is given twice.", hint="Give it once.")
        clauses[clause] = queue.pop(0).lower() if queue else ""
        if clauses[clause].isdigit() and queue and queue[0].lower() in _UNITS:
            clauses[clause] += queue.pop(0).lower()
    return left, clauses


def _check_order(rest: list[str]) -> None:
    """Answer `canary pause api` and `canary api pause`: neither a service nor a version called pause is meant."""
    steering = [word.lower() for word in rest if word.lower() in STEERING]
    others = [word for word in rest if word.lower() not in STEERING]
    if len(rest) == 2 and len(steering) == 1 and _reads_as_version(others[0]):
        meant = f"/mesh {steering[0]} {read_name(others[0], 'service')}"
        raise Refused(f"{steering[0]} is a command of its own.", hint=f"Did you mean {meant}?", choices=(meant,))


def _reads_as_version(word: str) -> bool:
    return not _is_steps(word) and not _slip(word, "") and word.lower() not in _CLAUSES


def _version(words: list[str], service: str) -> str:
    """Read the version, unless it is more likely a slip; who means it nevertheless writes --version."""
    for word in words:
        meant = _slip(word, service)
        if meant:
            named = "" if "=" in word else f"; a version of that name is written --version {word}"
            raise Refused(f"canary does not understand {word!r} here.", hint=f"Write {meant}{named}.")
    if len(words) > 1:
        raise Refused(f"canary does not understand {words[1]!r}.", hint=f"{usage(Verb.CANARY)}.")
    return read_version(words[0]) if words else ""


def _slip(word: str, service: str) -> str:
    """Return what was probably meant by a word that looks like a version; empty where it may well be one."""
    lower = word.lower()
    if lower in _FAILURE:
        return f"on-failure {lower}"
    if lower in STEERING:
        return f"/mesh {lower} {service}".strip()
    duration, glued = _DURATION.fullmatch(lower), _GLUED.fullmatch(lower)
    if duration and duration[2] in _UNITS:
        return f"every {lower}"
    return f"{glued[1]} {glued[2] or glued[3]}" if glued else ""


# --- steps -------------------------------------------------------------------------------------------------------


def _one_list(words: list[str]) -> str:
    """Join the words of the steps: `5,`, `25` is one list, `5`, `25` may be a version and a step."""
    runs: list[list[str]] = [[]]
    for word in words:
        if _is_steps(word):
            runs[-1].append(word.lower())
        elif runs[-1]:
            runs.append([])
    lists = [run for run in runs if run]
    if len(lists) > 1:
        raise Refused("The steps stand in two places.", hint=f"Write them in one list. {_HOW}")
    text = ""
    for word in lists[0] if lists else ():
        text += (_between(text, word) if text else "") + word
    return text


def _between(text: str, word: str) -> str:
    """Return what stands between two words of a list: nothing where there is a comma already."""
    if text.endswith(",") or word.startswith(","):
        return ""
    last, first = text.rpartition(",")[2], word.partition(",")[0]
    if _CONFIRM in (last, first):
        return ","
    alone = last == text
    hint = f"Write {last},{first}" + (
        f" if both are steps, or --version {last} if that is a version." if alone else "."
    )
    raise Refused(f"There is no comma between {last!r} and {first!r}.", hint=hint)


def _steps(text: str) -> tuple[Wish, ...]:
    wishes: list[Wish] = []
    pieces = text.split(",") if text else []
    for before, piece in pairwise(["", *pieces]):
        if piece != _CONFIRM:
            wishes.append(Wish(_step(piece), before == _CONFIRM))
        elif before == _CONFIRM:
            raise Refused("confirm stands twice before one step.", hint="Write it once.")
        elif not wishes:
            raise Refused("The first step waits for nobody.", hint="To ask for it is to confirm it: leave confirm out.")
    if pieces and pieces[-1] == _CONFIRM:
        raise Refused("No step follows the last confirm.", hint="Write it before a step: 5,25,confirm,100.")
    _check_rise(wishes)
    return tuple(wishes)


def _step(piece: str) -> float:
    if not piece:
        raise Refused("A comma has no step beside it.", hint=_HOW)
    found = per_cent(piece)
    if found is None:
        raise Refused(f"{piece!r} is not a step.", hint=f"{_HOW} A version without a letter is written --version NAME.")
    if found == 0:
        raise Refused("A step of 0 % gives the canary nothing.", hint=f"{_HOW} /mesh rollback sends all traffic back.")
    return found


def _check_rise(wishes: list[Wish]) -> None:
    if len(wishes) > MOST_STEPS:
        raise Refused(f"These are {len(wishes)} steps; at most {MOST_STEPS} are taken.", hint="Leave some out.")
    for former, later in pairwise(wishes):
        if later.share <= former.share:
            raise Refused(f"Step {later.share:g} does not rise above {former.share:g}.", hint=_HOW)


# --- clauses -----------------------------------------------------------------------------------------------------


def _seconds(word: str) -> int:
    """Read how long a step stays, in seconds, 10 to 86,400."""
    match = _DURATION.fullmatch(word)
    if match is None:
        raise Refused(f"every needs a time, not {word!r}." if word else "every needs a time.", hint="Write every 5m.")
    number, unit = match.groups()
    if unit not in _UNITS:
        meant = f"every {number}{unit[0]}" if unit[:1] in _UNITS else f"every {number}m, or s or h for the unit"
        raise Refused(
            f"{word!r} has no unit that is known." if unit else f"{word!r} has no unit.", hint=f"Write {meant}."
        )
    seconds = int(number) * _UNITS[unit]
    if not SHORTEST_S <= seconds <= LONGEST_S:
        raise Refused(f"every {word} is out of range.", hint="A step stays at least 10 s and at most 24 h.")
    return seconds


def _written(seconds: int) -> str:
    """Return a time in its largest whole unit: `5m` for 300, `90s` for 90."""
    unit = next(unit for unit in ("h", "m", "s") if seconds % _UNITS[unit] == 0)
    return f"{seconds // _UNITS[unit]}{unit}"


def _outcome(word: str) -> str:
    if word not in _FAILURE:
        said = f"on-failure does not understand {word!r}." if word else "on-failure needs a word."
        raise Refused(said, hint="Write on-failure hold, or on-failure rollback.")
    return word
