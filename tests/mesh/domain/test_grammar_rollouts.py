"""How a rollout is asked for: steps, times and outcomes, and every slip."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.domain.commands import STEERING, Command, Verb, Wish
from mesh.domain.errors import Refused
from mesh.domain.grammar import format_command, parse
from mesh.domain.terms import read_version

CANARY = Command(verb=Verb.CANARY, service="api")
WISHES = (Wish(5), Wish(25), Wish(50, confirm=True), Wish(100))
WHOLE = replace(CANARY, version="v2", steps=WISHES, every_s=300, on_failure="hold")


@pytest.mark.parametrize(
    "text",
    [
        "canary api v2 5,25,confirm,50,100 every 5m on-failure hold",
        "/mesh canary api v2 5,25,confirm,50,100 every 5m on-failure hold",
        "CANARY API v2 5%,25%,CONFIRM,50%,100% EVERY 5M ON-FAILURE HOLD",
        "canary api v2 5, 25, confirm, 50, 100 every 5 m on-failure hold",
        "canary api v2 5 %, 25 % ,confirm, 50 %,100 % every 300s on-failure hold",
        "canary api v2 5 , 25 , confirm , 50 , 100 every 5m on-failure hold",
        "canary api v2 5,25 confirm 50,100 every 5m on-failure hold",
        "canary api every 5m on-failure hold 5,25,confirm,50,100 v2",
        "canary api on‑failure hold 5.0,25.0,confirm,50.0,100.0 every 5m v2",
        "canary api on-failure hold --version v2 every 5m 5,25,confirm,50,100",
        "<@U0MESHBOT> please canary api v2 ５,２５,confirm,５０,１００ every 5m on-failure hold",
    ],
)
def test_what_people_type_means_the_same(text: str) -> None:
    """Case, spaces, per cent signs and the order after the service do not matter."""
    assert parse(text) == WHOLE


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("canary api", {}),
        ("canary api v2", {"version": "v2"}),
        ("canary api 50", {"steps": (Wish(50),)}),
        ("canary api 0.5,99.9999", {"steps": (Wish(0.5), Wish(99.9999))}),
        ("canary api --strategy Careful", {"strategy": "careful"}),
        ("canary api every 10s", {"every_s": 10}),
        ("canary api every 24h", {"every_s": 86_400}),
        ("canary api on-failure rollback", {"on_failure": "rollback"}),
        ("canary api --version 2 5,25", {"version": "2", "steps": (Wish(5), Wish(25))}),
        ("canary api -n shop -c prod", {"namespace": "shop", "cluster": "prod"}),
        ("canary api -r http --reason x", {"route": "http", "reason": "x"}),
        ("plan canary api 5", {"steps": (Wish(5),), "dry_run": True}),
    ],
)
def test_each_part_may_be_left_out(text: str, said: dict[str, object]) -> None:
    """What is not typed stays empty, so that the strategy says it."""
    assert parse(text) == replace(CANARY, **said)  # type: ignore[arg-type]  # replace() checks the names


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("canary", "needs more words", "/mesh canary <service>"),
        ("canary api 2 5,25", "no comma between '2' and '5'", "Write 2,5 if both are steps, or --version 2 if"),
        ("canary api 5 25 50", "no comma between '5' and '25'", "Write 5,25"),
        ("canary api 5,25 every 5m 50", "no comma between '25' and '50'", "Write 25,50."),
        ("canary api 5 v2 25,50", "in two places", "one list"),
        ("canary api 5,25,", "A comma has no step", "5,25,50,100"),
        ("canary api ,5", "A comma has no step", "5,25,50,100"),
        ("canary api 5,,25", "A comma has no step", "5,25,50,100"),
        ("canary api 25,5", "Step 5 does not rise above 25", "that rise"),
        ("canary api 5,5.0%", "Step 5 does not rise above 5", "that rise"),
        ("canary api 0,5", "0 % gives the canary nothing", "rollback"),
        ("canary api 5,100.1", "'100.1' is not a step", "at most 100"),
        ("canary api 5,x,25", "'x' is not a step", "5,25,50,100"),
        ("canary api 5,nan", "'nan' is not a step", "5,25,50,100"),
        ("canary api 5;25", "'5;25' is not a step", "5,25,50,100"),
        ("canary api 5.25.50", "'5.25.50' is not a step", "--version"),
        ("canary api 5-25", "'5-25' is not a step", "--version"),
        (f"canary api {','.join(map(str, range(1, 22)))}", "21 steps; at most 20", "Leave some out"),
        ("canary api confirm,5", "first step waits for nobody", "leave confirm out"),
        ("canary api 5,confirm", "No step follows the last confirm", "5,25,confirm,100"),
        ("canary api 5,confirm confirm,25", "confirm stands twice", "once"),
        ("canary api 5,25 5m", "does not understand '5m'", "Write every 5m"),
        ("canary api 5,25 evry 5m", "does not understand '5m'", "Write every 5m"),
        ("canary api 5,25 every5m", "does not understand 'every5m'", "Write every 5m"),
        ("canary api 5,25 every=5m", "does not understand 'every=5m'", "Write every 5m."),
        ("canary api 5,25 every", "every needs a time", "Write every 5m"),
        ("canary api 5,25 every soon", "not 'soon'", "Write every 5m"),
        ("canary api 5,25 every 5", "'5' has no unit", "every 5m, or s or h"),
        ("canary api 5,25 every 5min", "'5min' has no unit that is known", "Write every 5m"),
        ("canary api 5,25 every 9s", "every 9s is out of range", "at least 10 s and at most 24 h"),
        ("canary api 5,25 every 25h", "every 25h is out of range", "at least 10 s and at most 24 h"),
        ("canary api 5,25 every 5m every 5m", "every is given twice", "once"),
        ("canary api 5,25 --every 5m", "Unknown option --every", "without dashes: every 5m"),
        ("canary api 5,25 --on-failure hold", "Unknown option --on-failure", "without dashes: on-failure hold"),
        ("canary api 5,25 on-failure", "needs a word", "on-failure hold, or on-failure rollback"),
        ("canary api 5,25 on-failure stop", "does not understand 'stop'", "on-failure hold, or"),
        ("canary api 5,25 on failure hold", "does not understand 'hold'", "Write on-failure hold"),
        ("canary api 5,25 on-failure:hold", "does not understand 'on-failure:hold'", "Write on-failure hold"),
        ("canary api 5,25 rollback", "does not understand 'rollback'", "Write on-failure rollback"),
        ("canary api pause 5,25", "does not understand 'pause'", "Write /mesh pause api"),
        ("canary api v2 v3 5", "does not understand 'v3'", "Usage"),
        ("canary api v2=5", "'v2=5' is not a version", "set"),
        ("canary api v2 --version v3", "version is given twice", "v2 or --version"),
        ("canary api --strategy", "--strategy needs a value", "careful"),
        ("canary api --strategy a.b", "not a strategy name", "a-z"),
        ("canary api 5,25 --force --reason x", "judged all the time", "Leave it out"),
        ("canry api 5", "I do not know the command 'canry'", "Did you mean canary?"),
    ],
)
def test_every_slip_is_answered(text: str, said: str, hint: str) -> None:
    """The mistake is named, and the answer says what to write."""
    with pytest.raises(Refused, match=said) as caught:
        parse(text)
    assert hint in caught.value.hint


@pytest.mark.parametrize("text", ["canary pause api", "canary api pause", "canary api confirm", "canary abort api"])
def test_steering_is_not_taken_for_a_service_or_a_version(text: str) -> None:
    """Who puts canary before pause is shown the command that was meant, to be pressed."""
    verb = next(word for word in text.split() if word in STEERING)
    with pytest.raises(Refused, match=f"{verb} is a command of its own") as caught:
        parse(text)
    assert caught.value.choices == (f"/mesh {verb} api",)


def test_a_service_called_like_a_steering_word_can_be_rolled_out() -> None:
    """Its version is written as an option, so that nobody takes the line for a slip."""
    first = parse("canary skip --version v2")
    assert (first.service, first.version) == ("skip", "v2")
    assert parse(format_command(first)) == first


versions = st.one_of(
    st.from_regex(r"[A-Za-z0-9][-A-Za-z0-9_.:#/]{0,8}[A-Za-z0-9]", fullmatch=True),
    st.sampled_from(["2", "5m", "1.5", "every", "confirm", "hold", "rollback", "on-failure", "pause", "every5m", "to"]),
)
services = st.one_of(st.from_regex(r"[a-z][-a-z0-9]{0,8}[a-z0-9]", fullmatch=True), st.sampled_from(sorted(STEERING)))


@st.composite
def wishes(draw: st.DrawFn) -> tuple[Wish, ...]:
    """Any steps that may be typed."""
    shares = sorted(draw(st.sets(st.integers(1, 1_000_000), max_size=20)))
    confirms = [False, *draw(st.lists(st.booleans(), min_size=20, max_size=20))]
    return tuple(Wish(share / 10_000, confirm) for share, confirm in zip(shares, confirms, strict=False))


commands = st.builds(
    Command,
    verb=st.just(Verb.CANARY),
    service=services,
    version=st.one_of(st.just(""), versions),
    steps=wishes(),
    every_s=st.one_of(st.just(0), st.integers(10, 86_400)),
    on_failure=st.sampled_from(["", "hold", "rollback"]),
    strategy=st.sampled_from(["", "careful", "2"]),
    namespace=st.sampled_from(["", "shop"]),
    reason=st.sampled_from(["", "it's 5,25 every 5m", "-1 confirm"]),
    dry_run=st.booleans(),
)


@given(commands)
def test_a_rollout_survives_being_written_and_read(command: Command) -> None:
    """parse(format_command(x)) is x for every command there is: no version turns into a step, or the other way."""
    assert parse(format_command(command)) == command


@given(st.lists(st.sampled_from(["5", "25,", ",50", "confirm", "v2", "every", "5m", "%", "on-failure", "hold", "2"])))
def test_what_is_read_is_read_the_same_again(words: list[str]) -> None:
    """Whatever people mix, it is refused, or written back to what it was read as."""
    try:
        command = parse(f"canary api {' '.join(words)}")
    except Refused as error:
        assert error.hint
    else:
        assert parse(format_command(command)) == command
        assert not command.version or read_version(command.version)


def test_which_rollout_a_step_belongs_to_is_never_written() -> None:
    """Only a rollout itself says `rollout`; nobody can type it, and no card shows it as a command."""
    child = Command(verb=Verb.PROMOTE, service="api", share=25.0, rollout="op-k3v9x2m4ta")
    assert format_command(child) == "promote api 25"
