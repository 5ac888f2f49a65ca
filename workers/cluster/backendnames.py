"""Whether a backend is a version of a service, told by its name alone.

Under a Gateway nothing else says which service a rule speaks for. A wrong guess moves another service's traffic, so a
name counts only where what follows the service's name looks like a version; where nothing fits, nobody is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_WORDS = (
    "a|b|alpha|beta|rc|blue|green|stable|canary|primary|baseline|candidate|preview|active|"
    "new|old|next|current|previous|latest"
)
_PART = rf"(?:v?\d+(?:(?:alpha|beta|rc)\d*)?|(?:{_WORDS})\d*)"
_VERSION = re.compile(rf"{_PART}(?:-{_PART})*")


def is_version(backend: str, service: str) -> bool:
    """Tell whether `backend` is the service itself or `<service>-<version>`.

    A version is made of numbers (`2`, `v2`, `v2-1`, `v1beta1`, `2024-06-01`) and of the words that releases are called
    by (`canary`, `blue`, `primary`, `next`, `a` …), joined by dashes. `api-gateway` and `api-orders` are not `api`'s.
    """
    if backend == service:
        return bool(service)
    stem, dash, rest = backend[: len(service)], backend[len(service) : len(service) + 1], backend[len(service) + 1 :]
    return stem == service and dash == "-" and _VERSION.fullmatch(rest) is not None


def services_of(backends: Sequence[str]) -> set[str]:
    """Return every service that all of the backends are versions of; nothing for a single backend.

    There may be two: `auth-v2` beside `auth-v2-canary` are versions of `auth-v2`, and of `auth`.
    """
    if len(backends) < 2:
        return set()
    words = backends[0].split("-")
    stems = ("-".join(words[:count]) for count in range(1, len(words) + 1))
    return {stem for stem in stems if all(is_version(backend, stem) for backend in backends)}
