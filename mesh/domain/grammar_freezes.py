"""How a freeze is asked for: the words of `freeze` and `unfreeze` to a `Command`, and back."""

from __future__ import annotations

import re
from dataclasses import replace

from mesh.domain.commands import Command, Verb
from mesh.domain.errors import Refused
from mesh.domain.terms import expect, is_operation, read_name
from mesh.domain.verbs import usage

EVERYTHING = "all"
SHORTEST_S = 60
LONGEST_S = 90 * 86_400

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"(\d{1,7})([smhd])")
_FOR = "for"


def read_freeze(rest: list[str]) -> Command:
    """Read what follows `freeze`: a service or `all`, and `for 2h`; a namespace or cluster comes as an option."""
    scope, lasts_s = _take_for(rest)
    expect(Verb.FREEZE, scope, 0, 1)
    return replace(_scope(Verb.FREEZE, scope), lasts_s=lasts_s)


def read_unfreeze(rest: list[str]) -> Command:
    """Read what follows `unfreeze`: a service, `all`, or the id of a freeze."""
    expect(Verb.UNFREEZE, rest, 0, 1)
    if rest and is_operation(rest[0].lower()):
        return Command(verb=Verb.UNFREEZE, operation=rest[0].lower())
    return _scope(Verb.UNFREEZE, rest)


def write_freeze(command: Command) -> list[str]:
    """Return the words that follow the verb, as they are read here."""
    lasts = [_FOR, _written(command.lasts_s)] if command.lasts_s else []
    return [command.operation or command.topic or command.service, *lasts]


def check_freeze(command: Command) -> Command:
    """Return the command with its scope said once; raise Refused where it has none, or lacks its reason."""
    if command.route:
        raise Refused(f"{command.verb} takes no --route: a freeze is about services.", hint="Leave it out.")
    narrowed = bool(command.namespace or command.cluster)
    if not (narrowed or command.service or command.topic or command.operation):
        raise Refused(f"{command.verb} needs to know what.", hint=f"{usage(command.verb)}; all means everything.")
    if command.verb is Verb.FREEZE and not command.reason:
        raise Refused("A freeze needs a reason.", hint='Add --reason "why nobody may raise traffic".')
    return replace(command, topic="") if narrowed else command


def _scope(verb: Verb, words: list[str]) -> Command:
    if words and words[0].lower() == EVERYTHING:
        return Command(verb=verb, topic=EVERYTHING)
    return Command(verb=verb, service=read_name(words[0], "service") if words else "")


def _take_for(words: list[str]) -> tuple[list[str], int]:
    """Take `for 2h` from the end of the words; a service may be called `for`, so the last one counts."""
    found = [at for at, word in enumerate(words) if word.lower() == _FOR]
    if not found or len(words) == 1:
        return words, 0
    at = found[-1]
    said = "".join(words[at + 1 :]).lower()
    match = _DURATION.fullmatch(said)
    if match is None:
        what = f"needs a time, not {said!r}" if said else "needs a time"
        raise Refused(f"for {what}.", hint="Write for 30m, for 2h or for 3d.")
    seconds = int(match[1]) * _UNITS[match[2]]
    if not SHORTEST_S <= seconds <= LONGEST_S:
        raise Refused(f"for {said} is out of range.", hint="A freeze lasts at least 1 minute and at most 90 days.")
    return words[:at], seconds


def _written(seconds: int) -> str:
    unit = next(unit for unit in ("d", "h", "m", "s") if seconds % _UNITS[unit] == 0)
    return f"{seconds // _UNITS[unit]}{unit}"
