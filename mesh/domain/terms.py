"""The single words of a command: names, versions, shares and weights. Each is read, or refused."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mesh.domain.commands import Verb
from mesh.domain.errors import Refused
from mesh.domain.quantities import Weight
from mesh.domain.verbs import VERBS, usage

_OPERATION = re.compile(r"op-[a-z0-9]{4,20}")
_INCIDENT = re.compile(r"in-[a-z0-9]{4,20}")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_VERSION = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.:#/]{0,251}[A-Za-z0-9])?")
_SHARE = re.compile(r"(\d{1,3}(?:\.\d{1,4})?)%?")
_WEIGHT = re.compile(r"([^=]+)=(?:(\d{1,10})|(\d{1,10}m))")


def expect(verb: Verb, rest: Sequence[str], least: int, most: int) -> None:
    """Raise Refused unless `least` to `most` words follow the verb."""
    if least <= len(rest) <= most:
        return
    said = "needs more words" if len(rest) < least else f"does not understand {rest[most]!r}"
    raise Refused(f"{verb} {said}.", hint=f"{usage(verb)}, for example /mesh {VERBS[verb].examples[0]}.")


def is_operation(word: str) -> bool:
    """Tell an operation id (`op-k3v9x2m4ta`) from a service name."""
    return bool(_OPERATION.fullmatch(word))


def is_incident(word: str) -> bool:
    """Tell an incident id (`in-k3v9x2m4ta`)."""
    return bool(_INCIDENT.fullmatch(word))


def read_name(word: str, what: str) -> str:
    """Read a Kubernetes name (RFC 1123 label). They are all lower case, so case is no ambiguity."""
    lower = word.lower()
    if not _NAME.fullmatch(lower):
        hint = "Names have letters a-z, digits and dashes, at most 63."
        raise Refused(f"{word!r} is not a {what} name.", hint=hint)
    return lower


def read_version(word: str) -> str:
    """Read the name of an arm."""
    if "=" in word:
        raise Refused(f"{word!r} is not a version.", hint=f"{usage(Verb.SET)} writes weights by name.")
    if not _VERSION.fullmatch(word):
        raise Refused(f"{word!r} is not a version.", hint="A version is a subset or a backend, like v2.")
    return word


def per_cent(word: str) -> float | None:
    """Read a share of the traffic, 0 to 100 with four decimals at most, with or without `%`; None for what is none."""
    match = _SHARE.fullmatch(word)
    return float(match[1]) if match and float(match[1]) <= 100 else None


def read_share(word: str) -> float:
    """Read the share that `promote` asks for."""
    found = per_cent(word)
    if found is None:
        raise Refused(f"{word!r} is not a share of traffic.", hint=f"Give 0 to 100 per cent. {usage(Verb.PROMOTE)}.")
    return found


def read_weight(word: str) -> tuple[str, Weight]:
    """Read one `version=weight` of `set`."""
    match = _WEIGHT.fullmatch(word.rstrip(","))
    if match is None:
        raise Refused(
            f"{word!r} is not <version>=<weight>.",
            hint=f"Weights are parts, not per cent. {usage(Verb.SET)}, for example v1=70 v2=30.",
        )
    arm, whole, quantity = match.groups()
    return read_version(arm), int(whole) if whole else quantity
