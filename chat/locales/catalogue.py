"""What this room says, in the language that is being spoken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from functools import cache
from pathlib import Path

from babel.messages.catalog import Message
from babel.messages.pofile import read_po

_HERE = Path(__file__).parent


class Locale(StrEnum):
    """A language that meshbot speaks."""

    EN = "en"
    KO = "ko"


Spoken = Locale | Callable[[], Locale]
"""A language, or what says at each sentence which one it is."""

_spoken: ContextVar[Spoken] = ContextVar("spoken", default=Locale.EN)


def locale_of(slack_locale: str) -> Locale:
    """Return the language for a locale as Slack names it (`ko-KR`); English where meshbot does not speak it."""
    language = slack_locale.replace("_", "-").partition("-")[0].lower()
    return next((locale for locale in Locale if locale == language), Locale.EN)


@contextmanager
def speaking(locale: Spoken) -> Iterator[None]:
    """Speak that language until the end of the block, in this thread or task alone."""
    before = _spoken.set(locale)
    try:
        yield
    finally:
        _spoken.reset(before)


def spoken() -> Locale:
    """Return the language that is being spoken."""
    found = _spoken.get()
    return found if isinstance(found, Locale) else found()


def mark(text: str) -> str:
    """Return the text as it is, and let it be in the catalogue: for tables, which `tr` reads when they are used."""
    return text


def tr(text: str, **values: object) -> str:
    """Return the sentence in the language being spoken, with `{name}` replaced by that value's str.

    `text` is a literal, or came from `mark`; values are put in as they are, so translate them before.
    KeyError for a placeholder without a value.
    """
    return translated(text).format(**values) if values else translated(text)


def many(one: str, other: str, count: int, **values: object) -> str:
    """Return `one` for a count of 1, else `other`, as `tr` does; `{count}` is the count. Korean has one form."""
    text = (one if count == 1 else other) if spoken() is Locale.EN else translated(other)
    return text.format(count=count, **values)


def translated(text: str) -> str:
    """Return the template of the language being spoken; the English one where the catalogue has none."""
    locale = spoken()
    return text if locale is Locale.EN else templates(locale, "chat").get(text) or text


@cache
def templates(locale: Locale, domain: str) -> dict[str, str]:
    """Return one file of a language's catalogue, by English template. A plural is kept by its second form."""
    return {_english(entry): _said(entry) for entry in entries(locale, domain)}


def entries(locale: Locale, domain: str) -> list[Message]:
    """Read one file of the catalogue: every entry that is translated and no guess."""
    path = _HERE / locale / "LC_MESSAGES" / f"{domain}.po"
    with path.open("rb") as opened:
        return [entry for entry in read_po(opened, locale=locale) if entry.id and entry.string and not entry.fuzzy]


def _english(entry: Message) -> str:
    return str(entry.id if isinstance(entry.id, str) else entry.id[-1])


def _said(entry: Message) -> str:
    return str(entry.string if isinstance(entry.string, str) else (entry.string or [""])[0])
