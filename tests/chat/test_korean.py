"""Korean: golden drawings for review, and that nothing which this room says is left in English."""

from __future__ import annotations

import ast
import json
import os
import re
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest

import chat
from chat import charts, times
from chat.audit_line import audit_line
from chat.blocks import Message
from chat.digest_drawing import week_chart
from chat.escape import tell
from chat.figures import columns, units_kept, width
from chat.incidents import chart_of_incident
from chat.locales import Locale, hearing, many, mark, speaking, tr
from chat.locales.catalogue import templates
from mesh.domain.commands import Verb
from mesh.domain.operations import Step
from mesh.domain.rollouts import Phase
from playground.slack.blocks import check_view
from playground.slack.render import render_text
from tests.chat.checking import assert_accepted, assert_inert
from tests.chat.editions import FULL
from tests.chat.everything import EVERYTHING, Drawing, blocks_of
from tests.chat.samples import SAMPLES
from tests.chat.test_cards import NAMES
from tests.chat.test_incidents import SHOWN

GOLDEN = Path(__file__).parent / "golden_ko"
REVIEWED = (
    *("card_queued", "card_verifying", "card_awaiting", "card_promoted", "card_promoted_after_conflict", "card_forced"),
    *("card_force_not_needed", "card_refused_by_gate", "card_refused_by_capacity", "card_refused_unclear"),
    *("card_refused_owned", "card_refused_frozen", "card_refused_in_an_incident", "card_held_unknown"),
    *("card_failed_unsure", "card_failed_overwritten", "card_plan", "card_gates", "card_status", "card_status_drift"),
    *("card_rolled_back", "card_set_quantities", "card_reapplied", "card_measured_astray", "card_frozen_everything"),
    *("card_canary_plan", "card_canary_moving", "card_canary_baking", "card_canary_confirming", "card_canary_paused"),
    *("card_canary_held_worse", "card_canary_held_frozen", "card_canary_turning_back", "card_canary_turned_back"),
    *("card_canary_overdue", "card_canary_completed", "card_canary_expired", "card_canary_stopped"),
    *("card_approval_waiting", "card_approval_two_rules", "card_approval_denied", "card_approval_break_glass"),
    "card_approval_past_freezes",
    *("card_flagger_waiting", "approvals", "vote", "vote_late", "thread_approval_denied", "thread_canary_held_worse"),
    *("end_measured_astray", "end_forced", "digest_full", "digest_calm", "digest_characters", "digests"),
    *("incident_firing_in_a_rollout", "incident_over", "incident_unread", "incidents", "history", "freezes"),
    *("help", "help_promote", "accepted", "accepted_done", "error_denied", "error_many", "error_too_late", "late"),
    *(
        "whoami",
        "whoami_nobody",
        "can",
        "can_behind_glass",
        "whoami_votes",
        "can_not_now",
        "can_not_so_much",
        "home",
        "home_empty",
    ),
    *("form", "form_asking", "form_receipt", "pressed_promote api v2 50", "pressed_adopt api"),
)
"""A third of everything, with at least one of each kind."""
PLACE = re.compile(r"\{(\w+)\}")
LEANING = re.compile(r"\w?\*(?=\S)[^*\n]+(?<=\S)\*\w|\w\*(?=\S)[^*\n]+(?<=\S)\*")
_NOT_MRKDWN = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
HANGUL = re.compile("[가-힣]")
BATCHIM = re.compile(r"\}(?:을|를|이|가|은|는|과|와|로|으로|이라|라)(?=[ .,:;]|$)")
"""A particle that fits only some of the names that may stand before it."""

# --- what may stay as it is --------------------------------------------------------------------------------------

_NOT_SAID = re.compile(
    r"`[^`]*`"  # code spans: commands, names, a person's own words
    r"|“[^”]*”|customer is down"
    r"|<[^>]*>|&[a-z]+;"  # people, channels, moments, and what is escaped
    r"|:[a-z_]+:"  # emoji
    r"|(?:replace|add|remove) /\S+(?: = .*| =(?:\n  .*)+)?"  # a patch
    r"|\b(?:op|in)-[a-z0-9]{10}\b"
    r"|/mesh\b[^.…]*"
    r"|--[a-z-]+"
)
_WORD = re.compile(r"[A-Za-z][A-Za-z'’-]+")
_OBJECTS = "VirtualService DestinationRule TrafficSplit HTTPRoute ServiceProfile Service Gateway subset http apex"
_PLACES = "prod lab mesh-demo shop infra public api web api-vs api-route web-split podinfo default nosuch web-v web-"
_MEASURED = "success requests errors slow ready incident alerts ms min UTC Europe Berlin"
_THEIRS = "meshbot Slack Git kubectl Flagger Argo Rollouts Rollout confirm-promotion break-glass warn every"
_GIVEN = "daily weekly never owners all daytime PROD"
KEPT = frozenset(f"{_OBJECTS} {_PLACES} {_MEASURED} {_THEIRS} {_GIVEN}".split()) | set(Verb)
"""Names, units, gates, command words, and what a configuration calls its digests and roles."""


def texts_of(drawing: Drawing) -> Iterator[str]:
    """Yield every text that somebody reads or hears."""
    if isinstance(drawing, Message):
        yield drawing.text
    yield from _texts(drawing.blocks if isinstance(drawing, Message) else drawing)


def _texts(part: Any) -> Iterator[str]:
    for name, value in part.items() if isinstance(part, dict) else enumerate(part):
        if isinstance(value, str):
            yield from [value] if name in ("text", "alt_text", "accessibility_label") else []
        elif isinstance(value, (dict, list, tuple)):
            yield from _texts(value)


def english(text: str) -> list[str]:
    """Return the English words that nobody wanted in a text."""
    words = _WORD.findall(_NOT_SAID.sub(" ", text.replace("```", "\n")))
    return [word for word in words if word.strip("'") not in KEPT]


@pytest.fixture
def unheard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what other rooms wrote be some words of Korean: their catalogue is another matter."""
    monkeypatch.setattr(hearing, "_heard", lambda _locale, _text: "들은 말")


@pytest.mark.parametrize("name", REVIEWED)
def test_golden(name: str) -> None:
    """Each drawing is in Korean exactly as its golden files say (MESHBOT_GOLDEN=write draws them anew, for review)."""
    with speaking(Locale.KO):
        drawn = EVERYTHING[name]()
    told = drawn.text if isinstance(drawn, Message) else ""
    as_json = json.dumps({"text": told, "blocks": blocks_of(drawn)}, indent=1, ensure_ascii=False) + "\n"
    as_text = f"{told}\n\n{render_text({'blocks': blocks_of(drawn)}, NAMES)}\n"
    stem = name.replace(" ", "_")
    for path, content in ((GOLDEN / f"{stem}.json", as_json), (GOLDEN / f"{stem}.txt", as_text)):
        if os.environ.get("MESHBOT_GOLDEN") == "write":
            path.write_text(content)
        assert path.read_text() == content


def test_no_golden_file_is_left_over() -> None:
    """Every golden file belongs to a drawing."""
    assert {path.stem for path in GOLDEN.iterdir()} == {name.replace(" ", "_") for name in REVIEWED}


@pytest.mark.usefixtures("unheard")
@pytest.mark.parametrize("name", EVERYTHING)
def test_no_english_is_left(name: str) -> None:
    """Whatever this room draws, only names, units, command words and what people typed stay as they are."""
    with speaking(Locale.KO):
        texts = list(texts_of(EVERYTHING[name]()))
    left = {word: text for text in texts for word in english(text)}
    assert not left
    assert any(HANGUL.search(text) for text in texts)


@pytest.mark.parametrize("name", EVERYTHING)
def test_nothing_leans_on_what_is_bold(name: str) -> None:
    """No letter touches the asterisks around bold words from outside: Slack would show them as they are."""
    with speaking(Locale.KO):
        texts = list(texts_of(EVERYTHING[name]()))
    leaning = {found[0] for text in texts for found in LEANING.finditer(_NOT_MRKDWN.sub("", text))}
    assert not leaning


@pytest.mark.usefixtures("unheard")
@pytest.mark.parametrize("name", EVERYTHING)
def test_slack_accepts_it_uncut(name: str) -> None:
    """Slack takes every drawing in Korean, nothing in it is active, and no label is cut that English leaves whole."""
    in_english = EVERYTHING[name]()
    with speaking(Locale.KO):
        drawn = EVERYTHING[name]()
    if isinstance(drawn, Message):
        assert_accepted(drawn)
        assert_inert(drawn, allowed=(*NAMES, "U0ANA", "U0LEE"))
    elif "type" in drawn:
        check_view(drawn, kind=drawn["type"])
    for text, original in zip_longest(texts_of(drawn), texts_of(in_english), fillvalue=""):
        assert not text.endswith("…") or original.endswith("…"), text


def test_the_language_changes_words_alone() -> None:
    """Blocks, buttons and what they send are the same in both languages."""

    def bones(part: Any) -> Any:
        if isinstance(part, dict):
            kept = part.items()
            return {key: bones(value) for key, value in kept if key not in ("text", "alt_text", "accessibility_label")}
        return [bones(one) for one in part] if isinstance(part, (list, tuple)) else part

    for name, draw in EVERYTHING.items():
        in_english = bones(blocks_of(draw()))
        with speaking(Locale.KO):
            assert bones(blocks_of(draw())) == in_english, name


# --- the catalogue ----------------------------------------------------------------------------------------------


def _said_in_source() -> set[str]:
    """Return every sentence of the room's source, a plural by its second form."""
    found: set[str] = set()
    for path in Path(chat.__file__).parent.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and call.args:
                found |= _literal(call)
    return found


def _literal(call: ast.Call) -> set[str]:
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    known = {each.__name__ for each in (tr, mark, tell, many)}
    text = call.args[1 if name == many.__name__ else 0] if name in known else None
    return {text.value} if isinstance(text, ast.Constant) and isinstance(text.value, str) else set()


def _pairs() -> dict[str, str]:
    """Return what is said for each sentence."""
    return templates(Locale.KO, "chat")


def test_every_sentence_has_a_translation() -> None:
    """What the source says is in the catalogue, wherever in an expression it stands; and nothing else is."""
    assert set(_pairs()) == _said_in_source()


def test_a_translation_has_the_same_places() -> None:
    """No name, number or person is lost in translation, and none is asked for that nobody gives."""
    differ = {text for text, said in _pairs().items() if set(PLACE.findall(text)) != set(PLACE.findall(said))}
    assert not differ


def test_no_particle_leans_on_a_name() -> None:
    """Whatever ends a name, what follows it is right: no particle that depends on the last sound."""
    leaning = {text: said for text, said in _pairs().items() if BATCHIM.search(_without_shares(said))}
    assert not leaning


def _without_shares(said: str) -> str:
    """Leave out shares: a per cent ends in a vowel, always."""
    return re.sub(r"\{(?:share|what)\}(?:를|로)", "", said)


def test_a_translation_ends_as_its_sentence_does() -> None:
    """What is cut, joined or ended by the code stays whole: no space more at an end, no stop too few."""
    for text, said in _pairs().items():
        assert said == said.strip() == said.replace("  ", " ")
        assert (text[-1] in ".…") == (said[-1] in ".…"), text
        assert (text[-1] == ":") == (said[-1] == ":"), text


# --- what is not words ------------------------------------------------------------------------------------------


def test_columns_align_in_korean() -> None:
    """Letters of Korean take two cells of a preformatted block."""
    rows = columns([["안정", "90 %"], ["v2", "10 %"], ["카나리", "0 %"]], right=frozenset({1}))
    assert [width(row) for row in rows] == [12, 12, 12]
    assert rows[1] == "v2      10 %"


def test_numbers_stay_beside_their_units() -> None:
    """No line break parts a number from its unit, also where a particle follows."""
    assert units_kept("50 %를 보냅니다, 20 ms 이하") == "50\u00a0%를 보냅니다, 20\u00a0ms 이하"


def test_pictures_and_the_audit_log_stay_english() -> None:
    """A picture has no letters of Korean, and the audit log is one text for everybody."""
    incident, scene = SHOWN["firing_in_a_rollout"]
    drawn = week_chart(FULL.week), chart_of_incident(incident, scene), audit_line(SAMPLES["promoted"], "7 abc")
    with speaking(Locale.KO):
        assert drawn == (
            week_chart(FULL.week),
            chart_of_incident(incident, scene),
            audit_line(SAMPLES["promoted"], "7 abc"),
        )
    assert not HANGUL.search(str(drawn[1:]))


_SAYING = frozenset({"esc", "header", "prose", "Plain", "Button", "Confirm", "bold"})
"""What takes words to be shown."""
_WORDS_IN_CODE = re.compile(r":[a-z_]+:|[a-z]+\.[a-z.]+|meshbot|open|refresh|preview|help|primary|danger")
"""Emoji, and what Slack is told and nobody reads."""
_ENGLISH_ALWAYS = {"audit_line.py"}


def test_no_words_go_around_the_catalogue() -> None:
    """Nothing that is shown is a literal of English, also where no sample comes by."""
    around = {
        f"{path.name}:{line}": text
        for path in Path(chat.__file__).parent.rglob("*.py")
        if path.name not in _ENGLISH_ALWAYS
        for line, text in _shown_literals(ast.parse(path.read_text()))
        if _WORD.search(_WORDS_IN_CODE.sub("", text))
    }
    assert not around


def _shown_literals(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the literals that stand in what is shown: as they are, in an f-string, or as one of two."""
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in _SAYING:
            for given in call.args:
                yield from _literals_in(given)


def _literals_in(given: ast.expr) -> Iterator[tuple[int, str]]:
    parts: list[ast.expr] = []
    if isinstance(given, ast.Constant) and isinstance(given.value, str):
        yield given.lineno, given.value
    elif isinstance(given, ast.JoinedStr):
        parts = given.values
    elif isinstance(given, ast.IfExp):
        parts = [given.body, given.orelse]
    elif isinstance(given, ast.BoolOp):
        parts = given.values
    for part in parts:
        yield from _literals_in(part)


def test_every_step_and_phase_has_its_word() -> None:
    """What is added to the vocabulary of an operation or a rollout needs a word that can be translated."""
    never_on_a_card = {Step.ANSWERED, Step.DENIED, Step.FORGED, Step.FLOODED, Step.CONFIGURED, Step.LOST, Step.TRIMMED}
    assert set(times.STEPS) == set(Step) - never_on_a_card
    assert set(charts.OUTCOMES) == set(Phase)
