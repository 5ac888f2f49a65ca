"""What another room wrote down in English, in the language being spoken.

Records and the audit log hold whole English sentences, whoever reads them. To say one in Korean, the English template
of the catalogue that fits it is found (`{service} has no arm {arm}.`); what stands in its places is taken out and,
where that is a sentence itself, translated in turn. What fits none stays English: a person's own words, or another
version's. No text takes long: each part of it is looked at once, and the number of parts is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

from chat.locales.catalogue import Locale, spoken, templates
from chat.locales.template import PLACE, Template

_LONGEST = 3000
"""Characters beyond which a text stays as it is: no sentence of ours is so long."""
_MOST_TEXTS = 80
"""On how many texts the templates are laid at most, for one text and its parts: some milliseconds."""
_MOST_SENTENCES = 12
_SENTENCES = re.compile(r"(?<=[.!?]) (?=\S)")
_ANOTHER = re.compile(r"[.!?] (?=[A-Z/])")
"""Where a second sentence begins."""
_PLAIN = re.compile(
    "|".join((
        r"\d{4}-\d\d-\d\d \d\d:\d\d \S+",
        r"[\d ]+|[\d.]+ %(, [\d.]+ %)*( and [\d.]+ %)?",
        r"/mesh .*|[a-z-]+ (op|in)-[a-z0-9]+",
        r"[a-z]{3,5}([-,][a-z]{3})* \d\d:\d\d-\d\d:\d\d \S+",
        r"\S+(, \S+)*|\S+ \(\S+\)|`[^`]*`",
        r"\S+ [\d.]+ %( ?[,/] \S+ [\d.]+ %)*",
        r"([a-z]+ )?\S+ [\d.]+ %( / \S+ [\d.]+ %)* -> \S+ [\d.]+ %( / \S+ [\d.]+ %)*",
        r"[A-Z]\w+ [\w.-]+/[\w.-]+(\[\d+\])?( (http|tcp|tls|rules)\b.*)?",
    ))
)  # fmt: skip
"""A moment, a count, a command, weekly hours, names, shares, a person's own words: the same in every language."""
_SHARE = re.compile(r"[\d.]+ %")
_APART = re.compile("`[^`]*`")
"""Somebody's own words, set apart."""
_A_NAME = re.compile(r"\S*(, \S+)*")
_WORD = re.compile(r"(?=: | \()")
_ROW = re.compile(r"(\S+(?:, \S+)*) and (\S+)")
_GATES = re.compile(r"([a-z][\w-]*(?: share)?(?:, [a-z][\w-]*(?: share)?)*) of (\S+)")
_SEVERAL = re.compile(r"[,;:] ")
_WORDS = frozenset({"state", "step", "phase", "verdict", "does"})
"""Places where a single word is one of ours; in others it is a name."""
_NAMES = frozenset({"arm", "canary", "stable", "service", "id", "cluster", "namespace", "verb", "version", "subset"})
"""Places of a single name."""
_NUMBERS = frozenset({"steps", "index", "need", "need2"})
"""Places of a number: a single word; what is more belongs to a sentence around it."""


def heard(text: str) -> str:
    """Return an English sentence of ours, or several, in the language being spoken; what is not ours as it is."""
    locale = spoken()
    ours = text and len(text) <= _LONGEST and not _APART.fullmatch(text)
    return _heard(locale, text) if ours and locale is not Locale.EN else text


@lru_cache(maxsize=4096)
def _heard(locale: Locale, text: str) -> str:
    listener = _Listener(locale)
    found = listener.whole(text)
    found = listener.partly(text) if found is None else found
    return text if found is None else found


_Put = Callable[[str], str]
_Hear = Callable[[str], str | None]


@dataclass(frozen=True)
class _Match:
    """A template that fits."""

    template: Template
    target: str
    values: dict[str, str]
    put: _Put
    """Puts the stop right."""


class _Listener:
    """Hears one text: each of its parts once, so that no text takes long."""

    def __init__(self, locale: Locale) -> None:
        self._exact = templates(locale, "rooms")
        self._templates = _with_places(locale)
        self._seen: dict[str, list[_Match]] = {}
        self._whole: dict[str, str | None] = {}
        self._partly: dict[str, str | None] = {}

    def whole(self, text: str) -> str | None:
        """Return the text translated; None where a part of it is neither ours nor a name, a number, a moment."""
        return self._once(
            self._whole, text, (self._as_it_is, self._surely, self._list, self._continued, self._all, self._named)
        )

    def partly(self, text: str) -> str | None:
        """Return the text with what is ours translated; None where nothing is."""
        return self._once(
            self._partly, text, (self._some, self._known, self._one, self._about, self._row, self._loosely)
        )

    def _once(self, known: dict[str, str | None], text: str, ways: tuple[_Hear, ...]) -> str | None:
        if text not in known:
            known[text] = None
            if len(known) <= _MOST_TEXTS:
                known[text] = next((found for way in ways if (found := way(text)) is not None), None)
        return known[text]

    def _any(self, text: str) -> str | None:
        found = self.whole(text)
        return self.partly(text) if found is None else found

    def _as_it_is(self, text: str) -> str | None:
        return next((put(self._exact[form]) for form, put in _forms(text) if self._exact.get(form)), None)

    # --- one sentence ------------------------------------------------------------------------------------------------

    def _surely(self, text: str) -> str | None:
        """Hear it as one sentence about names, numbers, and what is known itself."""
        return self._laid(text, self.whole, lambda _, foreign: not foreign)

    def _one(self, text: str) -> str | None:
        """Hear it as one sentence, with foreign words in it."""
        return self._laid(text, self._any, lambda match, _: match.template.sure and _is_one(match.values))

    def _loosely(self, text: str) -> str | None:
        """Hear it as one sentence, with whole others in it."""
        return self._laid(text, self._any, lambda match, _: match.template.sure)

    def _laid(self, text: str, hear: _Hear, fits: Callable[[_Match, list[str]], bool]) -> str | None:
        for match in self._fitting(text):
            said = {place: self._value(match.template, place, value, hear) for place, value in match.values.items()}
            foreign = [place for place, value in match.values.items() if said[place] is None and not _is_plain(value)]
            if said.get("does", "") is None:
                continue
            if fits(match, [place for place in foreign if place not in match.template.verbatim]):
                words = {place: match.values[place] if new is None else new for place, new in said.items()}
                return match.put(match.target.format(**words))
        return None

    def _fitting(self, text: str) -> list[_Match]:
        """Return the templates that fit a text, the surest first; none once too many texts were looked at."""
        if text not in self._seen:
            if len(self._seen) >= _MOST_TEXTS:
                return []
            found = (
                _Match(template, target, values, put)
                for form, put in _forms(text)
                for template, target in self._templates
                if (values := template.values(form)) is not None
            )
            likely = [match for match in found if _is_likely(match)]
            self._seen[text] = sorted(likely, key=lambda match: -match.template.weight)
        return self._seen[text]

    def _value(self, template: Template, place: str, value: str, hear: _Hear) -> str | None:
        """Return what to say for one value: names stay, words of ours do not, and sentences are heard in turn."""
        if place in template.verbatim:
            return None
        if place in _WORDS:
            word = _WORD.split(value)[0]
            if word in self._exact:
                return self._exact[word] + self._because(value.removeprefix(word), hear)
        if " " not in value or _APART.fullmatch(value):
            return None
        if row := _ROW.fullmatch(value):
            return f"{row[1]}, {row[2]}"
        inner = value.strip()
        if (whole := hear(value)) is not None or inner == value:
            return whole
        found = hear(inner)
        return None if found is None else value.replace(inner, found)

    def _because(self, said: str, hear: _Hear) -> str:
        """Return what stands behind a word of ours, such as ` (2 of 2 approvals)`, or `: no traffic reached v2`."""
        if said.startswith(": "):
            return f": {self._any(said[2:]) or said[2:]}"
        found = hear(said[2:-1]) if said.startswith(" (") and said.endswith(")") else None
        return said if found is None else f" ({found})"

    # --- several -----------------------------------------------------------------------------------------------------

    def _all(self, text: str) -> str | None:
        return self._sentences(text, (self._as_it_is, self._surely), partly=False)

    def _some(self, text: str) -> str | None:
        return self._sentences(text, (self._as_it_is, self._surely, self._one), partly=True)

    def _sentences(self, text: str, ways: tuple[_Hear, ...], *, partly: bool) -> str | None:
        """Hear it as several sentences: at each place the longest run of them that is known."""
        parts = _SENTENCES.split(text)
        if not 1 < len(parts) <= _MOST_SENTENCES:
            return None
        said, at, known = [], 0, False
        while at < len(parts):
            count, found = next(_runs(parts[at:], ways), (1, None))
            if found is None and not partly:
                return None
            known |= found is not None
            said.append(parts[at] if found is None else found)
            at += count
        return " ".join(said) if known else None

    def _list(self, text: str) -> str | None:
        """Hear several sentences one after another, each of them known."""
        return self._parts(text, self.whole, names=False)

    def _row(self, text: str) -> str | None:
        """Hear several things one after another, each of them known or a name."""
        return self._parts(text, self._any, names=True)

    def _parts(self, text: str, hear: _Hear, *, names: bool) -> str | None:
        for between in ("; ", ", ", " and "):
            parts = text.split(between)
            if 1 < len(parts) <= _MOST_SENTENCES and (said := _in_a_row(parts, between, hear, names=names)):
                return (", " if between == " and " else between).join(said)
        return None

    def _continued(self, text: str) -> str | None:
        """Hear a sentence and what was put behind it: `It would go ahead now; then 50 % and 100 %`."""
        first, stop, rest = text.partition("; ")
        if not stop or (begun := self.whole(first)) is None:
            return None
        more = self.whole(stop + rest)
        return None if more is None else begun + more

    def _named(self, text: str) -> str | None:
        """Hear what is said of something: `v2 success: no traffic reached v2`."""
        return self._of(text, self.whole)

    def _known(self, text: str) -> str | None:
        return self._of(text, self._any) if self.whole(text.partition(": ")[0]) else None

    def _about(self, text: str) -> str | None:
        return self._of(text, self._any)

    def _of(self, text: str, hear: _Hear) -> str | None:
        name, _, rest = text.partition(": ")
        about = self.whole(name) or self._owned(name)
        if about is None and (len(name.split()) > 3 or _SEVERAL.search(name)):
            return None
        found = hear(rest) if " " in rest else None
        return f"{about or name}: {found}" if found else None

    def _owned(self, text: str) -> str | None:
        """Hear whose gates they are: by itself `ready, errors of v2` has too few letters of ours to be known."""
        row = _GATES.fullmatch(text)
        said = self._exact.get("{names} of {arm}") if row else None
        return said.format(names=row[1], arm=row[2]) if row and said else None


def _runs(parts: list[str], ways: tuple[_Hear, ...]) -> Iterator[tuple[int, str]]:
    for count in range(len(parts), 0, -1):
        text = " ".join(parts[:count])
        for way in ways:
            found = way(text)
            if found is not None:
                yield count, found


def _in_a_row(parts: list[str], between: str, hear: _Hear, *, names: bool) -> list[str] | None:
    """Return what to say for each of several things; None where one is not known. A sentence may hold `between`."""
    said, at, known = [], 0, False
    while at < len(parts):
        runs = ((count, hear(between.join(parts[at : at + count]))) for count in range(min(3, len(parts) - at), 0, -1))
        whole = at == 0 and len(parts) <= 3
        count, found = next((run for run in runs if run[1] and not (whole and run[0] == len(parts))), (1, None))
        if found is None and not (names and _is_plain(parts[at])) and not _SHARE.fullmatch(parts[at]):
            return None
        known |= found is not None
        said.append(found or parts[at])
        at += count
    return said if known else None


def _is_likely(match: _Match) -> bool:
    """Tell whether a template that fits may be meant: names are single ones, and few words do not make a sentence."""
    template, values = match.template, match.values
    if any(not _A_NAME.fullmatch(value) for place, value in values.items() if place in _NAMES):
        return False
    if any(" " in value for place, value in values.items() if place in _NUMBERS):
        return False
    if ": " in values.get("does", "") or any(value.startswith("of ") for value in values.values()):
        # One word, and at most what it is measured by: the colon is that of a sentence around this one. And what an
        # `of` belongs to stands before it: `incident of api: …` is not the incident `of api`.
        return False
    if template.sure:
        return True
    if template.is_measure and not _is_measured(list(values.values())):
        return False
    return not any(_SEVERAL.search(value) for value in list(values.values())[:-1] if not _is_plain(value))


def _is_measured(values: list[str]) -> bool:
    """Tell whether these may stand in a form of few letters: numbers, or a name and what is said of it."""
    numbers = all(value[:1].isdigit() for value in (values[1:] or values))
    return _is_plain(values[0]) and (numbers or (len(values) > 1 and " " in values[-1]))


def _is_one(values: dict[str, str]) -> bool:
    """Tell whether no second sentence begins in any of the values."""
    return not any(_ANOTHER.search(value) for value in values.values())


def _is_plain(value: str) -> bool:
    """Tell whether a value is the same in every language."""
    return not value.strip() or _PLAIN.fullmatch(value.strip()) is not None


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
