"""A sentence with places, laid on a text that was made of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

PLACE = re.compile(r"\{(\w+)\}")
"""A place of a template, where a value stands."""
_SURE = 8
"""Letters of its own from which on a template is taken for meant, whatever stands in its places."""
_MEASURE = 4
"""Letters below which a template is only the form of numbers: `{seconds} s`."""
_FORM = 8
"""Characters of its own from which on it is more than that all the same: `({arm} at {share} %), {phase}`."""
_QUOTES = ("`", '"', "'")


@dataclass(frozen=True)
class Template:
    """A sentence with places."""

    words: tuple[str, ...]
    """What stands before, between and behind the places; one more than there are places."""
    places: tuple[str, ...]

    @staticmethod
    def of(text: str) -> Template:
        """Take a template apart; two places have at least one character between them."""
        parts = PLACE.split(text)
        return Template(tuple(parts[::2]), tuple(parts[1::2]))

    @cached_property
    def weight(self) -> int:
        """Count the characters that are the template's own: the more, the surer a match."""
        return sum(map(len, self.words))

    @cached_property
    def _letters(self) -> int:
        return sum(character.isalpha() for word in self.words for character in word)

    @property
    def sure(self) -> bool:
        """True when nobody else would write so by chance."""
        return self._letters >= _SURE

    @cached_property
    def verbatim(self) -> frozenset[str]:
        """The places between quotes, or of commands: what stands there is somebody's own words, or can be typed."""
        around = zip(self.places, self.words[:-1], self.words[1:], strict=True)
        return frozenset(
            place
            for place, before, after in around
            if before.endswith("/mesh ") or (before.endswith(_QUOTES) and after.startswith(before[-1:]))
        )

    @property
    def is_measure(self) -> bool:
        """True for the form of a number, which says nothing by itself; a piece of a sentence is none."""
        return self._letters < _MEASURE and self.weight < _FORM and not self.words[0].startswith(" ")

    def values(self, text: str) -> dict[str, str] | None:
        """Return what stands in each place of `text`; None where it does not fit.

        Each piece of our own is taken where it first comes: no way back, so that no text takes long.
        """
        first, *between, last = self.words
        if not (text.startswith(first) and text.endswith(last) and len(text) > len(first) + len(last)):
            return None
        rest = text[len(first) : len(text) - len(last)]
        found: list[str] = []
        for at, piece in enumerate(between):
            if at and piece == between[at - 1] == " ":
                # Three places in a row: the first and the last are one word each.
                value, piece_found, rest = _last_word(rest, self.words[at + 2])
            else:
                value, piece_found, rest = rest.partition(piece)
            if not piece_found:
                return None
            found.append(value)
        return _agreeing(self.places, [*found, rest])


def _last_word(text: str, behind: str) -> tuple[str, str, str]:
    """Split at the last space before what comes `behind`."""
    head, stop, tail = text.partition(behind) if behind else (text, "", "")
    value, found, word = head.rpartition(" ")
    return value, found, word + stop + tail


def _agreeing(places: tuple[str, ...], found: list[str]) -> dict[str, str] | None:
    """Return the values by place; None where one place has two."""
    values: dict[str, str] = {}
    for place, value in zip(places, found, strict=True):
        if values.setdefault(place, value) != value:
            return None
    return values
