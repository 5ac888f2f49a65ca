"""What another room wrote down in English, in the language being spoken.

Records and the audit log hold whole English sentences, whoever reads them. To say one in Korean, the English template
of the catalogue that fits it is found (`{service} has no arm {arm}.`); what stands in its places is taken out and,
where that is a sentence itself, translated in turn. What fits none stays English: a person's own words, or another
version's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache

from chat.locales.catalogue import Locale, spoken, templates

PLACE = re.compile(r"\{(\w+)\}")
"""A place of a template, where a value stands."""
_DEEPEST = 3
"""How many sentences stand in one another at most."""


def heard(text: str) -> str:
    """Return an English sentence of ours in the language being spoken; what is not ours as it is."""
    locale = spoken()
    return text if locale is Locale.EN or not text else _translated(locale, text, 0)


@dataclass(frozen=True)
class Template:
    """A sentence with places."""

    words: tuple[str, ...]
    """What stands before, between and behind the places; one more than there are places."""
    places: tuple[str, ...]

    @staticmethod
    def of(text: str) -> Template:
        """Take a template apart."""
        parts = PLACE.split(text)
        return Template(tuple(parts[::2]), tuple(parts[1::2]))

    @property
    def weight(self) -> int:
        """Count the characters that are the template's own: the more, the surer a match."""
        return sum(map(len, self.words))

    def values(self, text: str) -> dict[str, str] | None:
        """Return what stands in each place of `text`; None where it does not fit.

        Each piece of our own is taken where it first comes: no way back, so that no text takes long.
        """
        first, *between, last = self.words
        if not (text.startswith(first) and text.endswith(last) and len(text) > len(first) + len(last)):
            return None
        rest = text[len(first) : len(text) - len(last)]
        found: list[str] = []
        for piece in between:
            value, piece_found, rest = rest.partition(piece)
            if not piece_found:
                return None
            found.append(value)
        found.append(rest)
        return _agreeing(self.places, found)


def _agreeing(places: tuple[str, ...], found: list[str]) -> dict[str, str] | None:
    """Return the values by place; None where one is empty, or one place has two."""
    values: dict[str, str] = {}
    for place, value in zip(places, found, strict=True):
        if not value or values.setdefault(place, value) != value:
            return None
    return values


@lru_cache(maxsize=4096)
def _translated(locale: Locale, text: str, depth: int) -> str:
    if exact := templates(locale, "rooms").get(text):
        return exact
    for template, target in _with_places(locale):
        values = template.values(text)
        if values is not None:
            return target.format(**{place: _inner(locale, value, depth) for place, value in values.items()})
    return text


def _inner(locale: Locale, value: str, depth: int) -> str:
    return _translated(locale, value, depth + 1) if depth < _DEEPEST else value


@cache
def _with_places(locale: Locale) -> tuple[tuple[Template, str], ...]:
    """Return the templates that have places, and what to say for each; the surest first."""
    pairs = [(Template.of(text), target) for text, target in templates(locale, "rooms").items() if PLACE.search(text)]
    return tuple(sorted(pairs, key=lambda pair: -pair[0].weight))
