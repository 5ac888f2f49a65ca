"""Answers that only the asking person sees."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chat.answers import accepted_answer, error_answer, help_answer, history_answer, late_answer
from chat.blocks import Message
from mesh.domain.commands import Verb
from mesh.domain.errors import Denied, Held, MeshbotError, NotFound, Refused, Unavailable
from mesh.domain.grammar import OPTIONS, parse
from mesh.domain.verbs import VERBS
from mesh.ports import Receipt
from playground.slack.render import render_text
from tests.chat.checking import assert_accepted, assert_inert, buttons_of
from tests.chat.samples import SAMPLES, hostile
from tests.chat.test_cards import HOSTILE

HUNDRED = range(100)


def read(message: Message) -> str:
    """Return a checked message as a person reads it."""
    assert_accepted(message)
    assert_inert(message, allowed=("U0JIN",))
    return render_text({"blocks": message.blocks}, {"U0JIN": "jin"})


def test_help_names_everything() -> None:
    """Help shows each verb's usage and summary, reading, changing and steering apart, and the options."""
    shown = read(help_answer())
    for verb in VERBS.values():
        assert f"/mesh {verb.usage} {verb.summary}" in shown
    assert shown.index("Reading") < shown.index("status [service]") < shown.index("Changing traffic")
    assert shown.index("Changing traffic") < shown.index("promote <service>")
    assert shown.index("reapply <service>") < shown.index("canary <service>") < shown.index("under way")
    assert shown.index("To a canary that is under way") < shown.index("pause <service>") < shown.index("Options")
    assert all(option in shown for option in OPTIONS if option.startswith("--"))


@pytest.mark.parametrize(
    ("verb", "said"),
    [(Verb.GATES, "Only reads."), (Verb.CANARY, "Changes traffic."), (Verb.ABORT, "Speaks to the canary")],
)
def test_help_says_what_kind_a_verb_is(verb: Verb, said: str) -> None:
    """Who asks about a verb learns whether it reads, changes, or speaks to what changes."""
    assert said in read(help_answer(str(verb)))


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_one_verb(verb: Verb) -> None:
    """Help of a verb shows examples that can be typed as they stand."""
    shown = read(help_answer(str(verb)))
    for example in VERBS[verb].examples:
        assert f"/mesh {example}" in shown
        if verb is not Verb.PLAN:
            assert parse(example).verb is verb


def test_history() -> None:
    """History tells what, how it ended, from what to what, who and why; newest first as given."""
    shown = read(history_answer([SAMPLES["forced"], SAMPLES["refused_by_gate"]]))
    first, second = shown.splitlines()[1:]
    assert first.startswith(":white_check_mark: Verified promote api to v2 50 % · :rotating_light: FORCED")
    assert "v1 90\u00a0%, v2 10\u00a0% -> v1 50\u00a0%, v2 50\u00a0%" in first
    assert "@jin" in first
    assert "customer is down, <!channel> knows" in first
    assert ":no_entry: Refused" in second
    assert "->" not in second
    assert "No change is on record" in read(history_answer([]))
    assert "stays v1 70\u00a0%, v2 30\u00a0%" in read(history_answer([SAMPLES["adopted"]]))


def test_receipts() -> None:
    """A new request gets its id; a repeated one the id it already has and how that stands."""
    queued, done = SAMPLES["queued"], SAMPLES["promoted"]
    assert read(accepted_answer(Receipt(queued, True))) == "Queued as op-k3v9x2m4ta. Watch the card."
    running = accepted_answer(Receipt(SAMPLES["checking"], False))
    assert read(running) == "That is already under way as op-k3v9x2m4ta (checking)."
    assert read(accepted_answer(Receipt(done, False))) == "That was already done as op-k3v9x2m4ta (verified)."


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (Denied("You may not."), "Not allowed."),
        (Held("Nobody knows."), "Unknown."),
        (NotFound("No.", hint="Did you mean api?", choices=("api", "kubectl get vs")), "Refused."),
        (Unavailable("Redis is away."), "Not available."),
        (MeshbotError("Odd."), "Failed."),
    ],
)
def test_errors(error: MeshbotError, word: str) -> None:
    """Each kind of error has its own word; what to do next follows, names and other tools' commands to copy."""
    shown = read(error_answer(error))
    assert word in shown
    assert error.message in shown
    assert error.hint in shown
    assert all(f"• {choice}" in shown for choice in error.choices)


def test_a_mistyped_word_becomes_a_button() -> None:
    """Who mistyped a word gets the command that was meant as a button; what is not complete stays text to copy."""
    buttons = buttons_of(error_answer(mistake("statu")))
    assert buttons["meshbot.choice.0"]["value"] == "/mesh status"
    assert "confirm" not in buttons["meshbot.choice.0"]
    unfinished = error_answer(NotFound("No.", choices=("/mesh promote",)))
    assert buttons_of(unfinished) == {}
    assert "• /mesh promote" in read(unfinished)


def mistake(text: str) -> Refused:
    """Return what the grammar says of `text`."""
    with pytest.raises(Refused) as caught:
        parse(text)
    return caught.value


def test_late() -> None:
    """Who waited too long learns that nothing was done."""
    assert "nothing was done" in read(late_answer())


@pytest.mark.parametrize("word", HOSTILE, ids=lambda word: repr(word[:20]))
def test_threat_3_hostile_words_in_answers(word: str) -> None:
    """Whatever stands in any field, no answer makes it active."""
    wishes = hostile(word)
    answers = [
        history_answer(wishes),
        error_answer(NotFound(word, hint=word, choices=(word,) * 40)),
        error_answer(
            NotFound(word, hint=word, choices=tuple(f"/mesh promote api {n} --reason '{word}'" for n in HUNDRED))
        ),
        *(accepted_answer(Receipt(replace(wish), created)) for wish in wishes for created in (True, False)),
    ]
    for answer in answers:
        assert_accepted(answer)
        assert_inert(answer)
