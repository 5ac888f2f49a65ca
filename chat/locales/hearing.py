"""What another room wrote down in English, in the language being spoken.

Records and the audit log hold whole English sentences, whoever reads them. To say one in Korean, the English template
of the catalogue that fits it is found (`{service} has no arm {arm}.`); what stands in its places is taken out and,
where that is a sentence itself, translated in turn. What fits none stays English: a person's own words, or another
version's. No text takes long: nothing is tried twice at one place, and the number of tries is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache, lru_cache

from chat.locales.catalogue import Locale, spoken, templates
from chat.locales.template import PLACE, Template

_DEEPEST = 4
"""How many sentences stand in one another at most."""
_LONGEST = 3000
"""Characters beyond which a text stays as it is: no sentence of ours is so long."""
_MOST_TEXTS = 60
"""On how many texts the templates are laid at most, for one text and its parts: some milliseconds."""
_MOST_SENTENCES = 12
_SENTENCES = re.compile(r"(?<=[.!?]) (?=\S)")
_ANOTHER = re.compile(r"[.!?] (?=[A-Z/])")
"""Where a second sentence begins."""
_PLAIN = re.compile(r"[A-Z][a-z]{2} \d{1,2} [A-Z][a-z]{2} \d\d:\d\d \S+|[\d ]+|/mesh .*|\S+ [\d.]+ %(, \S+ [\d.]+ %)*")
"""A moment, a count, a command, shares: the same in every language."""
_ROWS = re.compile(r"[,;] ")
_ROW = re.compile(r"(\S+(?:, \S+)*) and (\S+)")


def heard(text: str) -> str:
    """Return an English sentence of ours, or several, in the language being spoken; what is not ours as it is."""
    locale = spoken()
    return text if locale is Locale.EN or not text or len(text) > _LONGEST else _heard(locale, text)


@lru_cache(maxsize=4096)
def _heard(locale: Locale, text: str) -> str:
    found = _Listener(locale).hear(text, 0)
    return text if found is None else found


_Put = Callable[[str], str]
_Match = tuple[Template, str, dict[str, str], _Put]
"""A template, what to say for it, what stands in its places, and how to put its stop right."""


class _Listener:
    """Hears one text."""

    def __init__(self, locale: Locale) -> None:
        self._exact = templates(locale, "rooms")
        self._templates = _with_places(locale)
        self._seen: dict[str, list[_Match]] = {}

    def hear(self, text: str, depth: int) -> str | None:
        """Return the text translated; None where it is not ours."""
        if depth > _DEEPEST:
            return None
        ways: tuple[Callable[[str, int], str | None], ...] = (
            self._as_it_is, self._list, self._surely, self._sentences, self._named, self._row, self._one, self._loosely
        )  # fmt: skip
        return next((found for way in ways if (found := way(text, depth)) is not None), None)

    def _as_it_is(self, text: str, _depth: int) -> str | None:
        return next((put(self._exact[form]) for form, put in _forms(text) if self._exact.get(form)), None)

    def _surely(self, text: str, depth: int) -> str | None:
        """Hear it as one sentence about names, numbers, and what is known itself."""
        return self._laid(text, depth, wholly=True, fits=_is_one)

    def _one(self, text: str, depth: int) -> str | None:
        """Hear it as one sentence, with foreign words in it."""
        return self._laid(text, depth, fits=_is_one)

    def _loosely(self, text: str, depth: int) -> str | None:
        """Hear it as one sentence, with whole others in it."""
        return self._laid(text, depth)

    def _laid(self, text: str, depth: int, *, wholly: bool = False, fits: Callable[[str], bool] = bool) -> str | None:
        for template, target, values, put in self._fitting(text):
            if all(fits(value) for value in values.values() if value):
                said = self._values(template, values, depth, wholly=wholly)
                if said is not None:
                    return put(target.format(**said))
        return None

    def _fitting(self, text: str) -> list[_Match]:
        """Return the templates that fit a text, the surest first; none once too many texts were looked at."""
        if text not in self._seen:
            if len(self._seen) >= _MOST_TEXTS:
                return []
            self._seen[text] = [
                (template, target, values, put)
                for form, put in _forms(text)
                for template, target in self._templates
                if (values := template.values(form)) is not None
            ]
        return self._seen[text]

    def _values(self, template: Template, values: dict[str, str], depth: int, *, wholly: bool) -> dict[str, str] | None:
        """Return what to say in the places; None where it is not sure enough that this template is meant."""
        inner = {
            place: None if place in template.verbatim else self._value(place, value, depth)
            for place, value in values.items()
        }
        foreign = [
            place
            for place, value in values.items()
            if inner[place] is None and place not in template.verbatim and not _is_plain(value)
        ]
        if foreign and (wholly or not template.sure):
            return None
        numbers = sum(value[:1].isdigit() for value in values.values())
        if template.is_measure and 2 * numbers < len(values) and not any(inner.values()):
            return None
        return {place: value if inner[place] is None else str(inner[place]) for place, value in values.items()}

    def _value(self, place: str, value: str, depth: int) -> str | None:
        """Return what to say for one value: names stay, words of ours do not, and sentences are heard in turn."""
        if place in _WORDS:
            word, stop, rest = value.partition(": ")
            if word in self._exact:
                return f"{self._exact[word]}{stop}{rest}"
        return self.hear(value, depth + 1) if " " in value else None

    def _sentences(self, text: str, depth: int) -> str | None:
        """Hear it as several sentences: at each place the longest run of them that is known."""
        parts = _SENTENCES.split(text)
        if not 1 < len(parts) <= _MOST_SENTENCES:
            return None
        said, at, known = [], 0, False
        while at < len(parts):
            count, found = next(self._runs(parts[at:], depth), (1, None))
            known |= found is not None
            said.append(parts[at] if found is None else found)
            at += count
        return " ".join(said) if known else None

    def _runs(self, parts: list[str], depth: int) -> Iterator[tuple[int, str]]:
        for count in range(len(parts), 0, -1):
            text = " ".join(parts[:count])
            for way in (self._as_it_is, self._surely, self._one):
                found = way(text, depth)
                if found is not None:
                    yield count, found

    def _list(self, text: str, depth: int) -> str | None:
        """Hear several sentences one after another, each of them known."""
        return self._parts(text, depth, names=False)

    def _row(self, text: str, depth: int) -> str | None:
        """Hear several things one after another, each of them known or a name."""
        row = _ROW.fullmatch(text)
        return f"{row[1]}, {row[2]}" if row else self._parts(text, depth, names=True)

    def _parts(self, text: str, depth: int, *, names: bool) -> str | None:
        for between in ("; ", ", "):
            parts = text.split(between)
            if 1 < len(parts) <= _MOST_SENTENCES:
                said = [self.hear(part, depth + 1) if " " in part else None for part in parts]
                if any(said) and all(new or (names and _is_plain(old)) for new, old in zip(said, parts, strict=True)):
                    return between.join(new or old for new, old in zip(said, parts, strict=True))
        return None

    def _named(self, text: str, depth: int) -> str | None:
        """Hear what is said of something: `v2 success: no traffic reached v2`."""
        name, _, rest = text.partition(": ")
        found = self.hear(rest, depth + 1) if " " in rest and not _ROWS.search(name) else None
        return f"{self.hear(name, depth + 1) or name}: {found}" if found else None


def _is_one(value: str) -> bool:
    """Tell whether no second sentence begins in it."""
    return not _ANOTHER.search(value)


def _is_plain(value: str) -> bool:
    """Tell whether a value is a name, a number or a moment, which are the same in every language."""
    return " " not in value.strip() or _PLAIN.fullmatch(value) is not None


_WORDS = frozenset({"state", "step", "phase", "verdict", "does"})
"""Places where a single word is one of ours; in others it is a name."""


def _forms(text: str) -> Iterator[tuple[str, _Put]]:
    """Yield the text as it may stand in the catalogue, with or without its stop, and how to put that right again."""
    yield text, lambda said: said
    if text.endswith("."):
        yield text[:-1], lambda said: f"{said}."
    else:
        yield f"{text}.", lambda said: said.removesuffix(".")


@cache
def _with_places(locale: Locale) -> tuple[tuple[Template, str], ...]:
    """Return the templates that have places, and what to say for each; the surest first."""
    pairs = [(Template.of(text), target) for text, target in templates(locale, "rooms").items() if PLACE.search(text)]
    return tuple(sorted(pairs, key=lambda pair: -pair[0].weight))
