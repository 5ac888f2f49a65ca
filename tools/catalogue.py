"""Brings the catalogue of languages up to date with the source: `python -m tools.catalogue`; `--check` only looks.

`chat.po` holds what `chat` says, marked there by `tr`, `tell`, `many` and `mark`; `rooms.po` the English sentences of
the other rooms (`tools.sentences`). New sentences come in without a translation, those that are gone go, and nothing is
guessed.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

from chat.locales.catalogue import Locale
from tools.sentences import sentences

ROOT = Path(__file__).resolve().parent.parent
KEYWORDS = {"tr": None, "tell": None, "mark": None, "many": (1, 2)}
DOMAINS = ("chat", "rooms")
_PLACE = re.compile(r"\{(\w+)\}")
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
"""Files say no date of their own: two people who bring them up to date get the same ones."""
Id = str | tuple[str, ...]


def main() -> int:
    """Update both files of each language, or with `--check` print what is wrong with them; 1 if anything is."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--check", action="store_true", help="change nothing; say what lacks a translation")
    check = asked.parse_args().check
    wrong = [line for locale in Locale if locale is not Locale.EN for line in _each(locale, check=check)]
    print("\n".join(wrong) or "Every sentence has its translation.")  # noqa: T201 - a report
    return 1 if wrong else 0


def _each(locale: Locale, *, check: bool) -> Iterator[str]:
    for domain in DOMAINS:
        path = po_file(locale, domain)
        if not check:
            update(path, source(domain), locale)
        yield from faults(path, source(domain), locale)


def po_file(locale: Locale, domain: str) -> Path:
    """Return where one file of a language is."""
    return ROOT / "chat" / "locales" / locale / "LC_MESSAGES" / f"{domain}.po"


def source(domain: str, root: Path = ROOT) -> Catalog:
    """Return every sentence of the source, with its file and line, without translations."""
    found = Catalog(fuzzy=False)
    for words, path, line in _marked(root) if domain == "chat" else _written(root):
        found.add(words, locations=[(path, line)])
    return found


def _marked(root: Path) -> Iterator[tuple[Id, str, int]]:
    for path in sorted((root / "chat").rglob("*.py")):
        for line, words, _comments, _context in extract_from_file("python", path, keywords=KEYWORDS):
            yield words, str(path.relative_to(root)), line


def _written(root: Path) -> Iterator[tuple[Id, str, int]]:
    for sentence in sentences(root):
        yield sentence.text, sentence.path, sentence.line


def update(path: Path, wanted: Catalog, locale: Locale) -> None:
    """Write the file anew: translations of what is still said stay, the rest goes."""
    kept = _read(path, locale)
    fresh = Catalog(locale=locale, fuzzy=False, creation_date=_EPOCH, revision_date=_EPOCH)
    for entry in _entries(wanted):
        former = kept.get(entry.id)
        fresh.add(entry.id, former.string if former and not former.fuzzy else None)
    with path.open("wb") as opened:
        write_po(opened, fresh, width=0, sort_output=True, omit_header=True)
    text = _HEADER.format(locale=locale) + path.read_text()
    path.write_text(text)


_HEADER = """msgid ""
msgstr ""
"Language: {locale}\\n"
"Plural-Forms: nplurals=1; plural=0;\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""


def faults(path: Path, wanted: Catalog, locale: Locale) -> Iterator[str]:
    """Yield what is wrong with a file, one line each: what is not translated, not said any more, or lacks a place."""
    kept = _read(path, locale)
    for entry in _entries(wanted):
        where = ":".join(map(str, entry.locations[0]))
        former = kept.get(entry.id)
        said = "" if former is None or former.fuzzy else _text(former.string)
        if not said:
            yield f"{where}: not in {locale}: {_text(entry.id)!r} (python -m tools.catalogue, then {path.name})"
        elif set(_PLACE.findall(said)) != set(_PLACE.findall(_text(entry.id))):
            yield f"{where}: {locale} has other places: {_text(entry.id)!r} became {said!r}"
    for entry in _entries(kept):
        if wanted.get(entry.id) is None:
            yield f"{path.name}: nobody says this any more: {_text(entry.id)!r} (python -m tools.catalogue)"


def _read(path: Path, locale: Locale) -> Catalog:
    with path.open("rb") as opened:
        return read_po(opened, locale=locale)


def _entries(catalog: Catalog) -> Iterable[Message]:
    return (entry for entry in catalog if entry.id)


def _text(found: object) -> str:
    """Return a text, or of a plural the last of its forms."""
    return found if isinstance(found, str) else str(found[-1]) if isinstance(found, list | tuple) and found else ""


if __name__ == "__main__":
    sys.exit(main())
