"""The catalogue of languages: complete, and made from the source by rules that find what people are told."""

from __future__ import annotations

from pathlib import Path

import pytest
from babel.messages.catalog import Catalog

from chat.locales import Locale
from tools.catalogue import DOMAINS, faults, po_file, source, update
from tools.sentences import sentences


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_sentence_has_a_translation(domain: str) -> None:
    """What chat says and what other rooms tell is in the catalogue, with its places, and nothing else is."""
    assert list(faults(po_file(Locale.KO, domain), source(domain), Locale.KO)) == []


ROOM = '''
"""A docstring is no sentence."""
import logging
from mesh.domain.errors import Refused
log = logging.getLogger("a name")
_HOW = "Steps rise."
class State(StrEnum):
    """Words."""
    WAITING = "waits for somebody"
    OVER = "over"
def refuse(service, arm, names, deep, count, why):
    """Neither is this one."""
    log.warning("this goes to the log: %s", arm)
    back = "; undo it" if deep else ""
    if count == "not a sentence either":
        raise ValueError("a bug is for programmers")
    if deep:
        raise Refused(f"{service.name!r} has no arm {arm}" f"{back}.", hint=f"There is {', '.join(names)}.")
    said = {"some key": f"{count:.0f} request{'s' if count > 1 else ''} of {arm or 'all arms'} needed"}
    more = VerbHelp("use it <so>", "Does it", ("so it",))
    raise Refused("It moves. " + _HOW, hint=f"{_HOW} Write 5,25." if why else more)
'''


def test_sentences_are_found_and_nothing_else(tmp_path: Path) -> None:
    """Templates name their places, choices are written out, constants put in; logs, bugs and keys stay outside."""
    (tmp_path / "mesh").mkdir()
    (tmp_path / "mesh" / "room.py").write_text(ROOM)
    for room in ("bot", "workers", "store", "settings", "chat"):
        (tmp_path / room).mkdir()
    for name in ("settings/reloading.py", "chat/directory.py", "chat/in_views.py"):
        (tmp_path / name).write_text("")
    assert {one.text for one in sentences(tmp_path)} == {
        "{name} has no arm {arm}; undo it.",
        "{name} has no arm {arm}.",
        "There is {names}.",
        "{count} requests of {arm} needed",
        "{count} requests of all arms needed",
        "{count} request of {arm} needed",
        "{count} request of all arms needed",
        "It moves. Steps rise.",
        "Steps rise.",
        "Steps rise. Write 5,25.",
        "Does it",
        "waits for somebody",
        "over",
    }


def test_a_new_sentence_without_korean_is_named_with_its_line() -> None:
    """Whoever writes a sentence learns which one lacks a translation, and where it stands."""
    catalogue = Catalog(fuzzy=False)
    catalogue.add("Nobody ever said {this}.", locations=[("mesh/domain/new.py", 7)])
    fault = next(faults(po_file(Locale.KO, "rooms"), catalogue, Locale.KO))
    assert fault.startswith("mesh/domain/new.py:7: not in ko: 'Nobody ever said {this}.'")


def test_bringing_it_up_to_date_keeps_translations_and_guesses_none(tmp_path: Path) -> None:
    """A translation stays with its sentence; what is not said any more goes; what is new, however like, is empty."""
    path = tmp_path / "rooms.po"
    path.write_text(
        'msgid ""\nmsgstr ""\n"Language: ko\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'
        'msgid "{arm} is gone."\nmsgstr "{arm} 없음."\n\nmsgid "It was said."\nmsgstr "말했습니다."\n'
    )
    wanted = Catalog(fuzzy=False)
    wanted.add("{arm} is gone.")
    wanted.add("It was said twice.")
    update(path, wanted, Locale.KO)
    text = path.read_text()
    assert "{arm} 없음." in text
    assert "말했습니다." not in text
    assert 'msgid "It was said twice."\nmsgstr ""' in text
    assert "fuzzy" not in text
