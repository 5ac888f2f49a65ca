"""The grammar: what people type, and what they meant."""

from __future__ import annotations

import re
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.domain.commands import CHANGING, STEERING, Command, Verb
from mesh.domain.errors import Refused
from mesh.domain.grammar import MEANT_FOR, format_command, parse
from mesh.domain.verbs import MEANT, VERBS

PROMOTE = Command(verb=Verb.PROMOTE, service="api", share=50.0)


@pytest.mark.parametrize(
    "text",
    [
        "promote api 50",
        "/mesh promote api 50",
        "<@U0MESHBOT> promote api 50",
        "<@U0MESHBOT|mesh> promote api 50",
        "PROMOTE API 50%",
        "promote api 50 %",
        "promote\u00a0api\u00a050\u202f%",
        "promote api ５０％",
        "\u200bpromote api\u200d 50",
        "promote   api\t50.0",
        "promote api to 50",
        "hey <@U0MESHBOT> please promote api 50",
    ],
)
def test_what_people_type_means_the_same(text: str) -> None:
    """Case, spaces of every kind, wide digits and a trailing per cent sign do not matter."""
    assert parse(text) == PROMOTE


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('promote api 50 --reason "hotfix 4412"', "hotfix 4412"),
        ("promote api 50 --reason “hotfix 4412”", "hotfix 4412"),
        ("promote api 50 —reason “it’s urgent”", "it's urgent"),
        ("promote api 50 --reason=fast", "fast"),
        ("promote api 50 --reason <@U0ANA>", "<@U0ANA>"),
        ("promote api --reason it's 50", "it's"),
        ("--reason 'a \"b\"' promote api 50", 'a "b"'),
    ],
)
def test_reasons_survive_typographic_quotes(text: str, reason: str) -> None:
    """Quotes and dashes that a phone put in are read as the plain ones; options may stand anywhere."""
    assert parse(text).reason == reason


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("promoet api 50", "promoet", "Did you mean promote?"),
        ("promote api 50 --forec", "--forec", "Did you mean --force?"),
        ("promote api", "needs more words", "/mesh promote <service>"),
        ("promote api v2 50 60", "does not understand '60'", "Usage"),
        ("promote api 101", "not a share", "0 to 100"),
        ("promote api v2=50", "v2=50", "0 to 100"),
        ("promote api nan", "not a share", "0 to 100"),
        ("promote api -5", "Unknown option -5", "Options are"),
        ("set api v1", "needs more words|not <version>=<weight>", "set <service>"),
        ("set api v1=1 v1=2", "named twice", "once"),
        ("set api v1=-1 v2=3", "not <version>", "v1=70"),
        ("promote api;rm 50", "not a service name", "letters"),
        ("promote $(id) 50", "not a service name", "letters"),
        ("promote аpi 50", "not a service name", "letters"),
        ("promote api 50 --reason", "needs a value", "hotfix"),
        ("promote api 50 --force", "needs a reason", "--reason"),
        ("promote api 50 -n a -n b", "given twice", "once"),
        ("promote api 50 --strategy careful", "takes no --strategy: it is for canary", "Leave it out"),
        ("rollback api v2", "does not understand 'v2'", "rollback <service> [to <version>]"),
        ("rollback api to", "needs more words", "rollback api"),
        ("rollback api to v2=1", "not a version", "by name"),
        ("rollback api --version v2", "takes no --version: it is for canary and promote", "Leave it out"),
        ("promote api 2 50 --version 3", "version is given twice", "not both"),
        ("pause api --force --reason x", "pause takes no --force: no gate is asked", "Leave it out"),
        ("abort api --dry-run", "abort takes no --dry-run", "Leave it out"),
        ("confirm api --route http", "a service has one rollout", "Leave it out"),
        ("skip", "skip needs more words", "/mesh skip <service>"),
        ("resume api now", "does not understand 'now'", "/mesh resume <service>"),
        ("plan pause api", "under way, so there is nothing to plan", "/mesh pause"),
        ("promote api 50 --dry-run=yes", "takes no value", "just"),
        ('promote api 50 --reason "open', "quote is not closed", "--reason"),
        ("plan status api", "nothing to plan", "/mesh status"),
        ("plan", "needs a changing command", "plan promote"),
        ("status api --dry-run", "means nothing", "Leave it out"),
        ("status api --force --reason x", "means nothing", "Leave it out"),
        ("undo op-k3v9x2m4ta -n other", "knows its namespace", "Leave -n"),
        ("help promote extra", "does not understand 'extra'", "Usage"),
        ("freeze --reason x", "needs to know what", "all means everything"),
        ("freeze api", "needs a reason", "--reason"),
        ("freeze api for --reason x", "needs a time", "for 2h"),
        ("freeze api for 5 --reason x", "needs a time, not '5'", "for 2h"),
        ("freeze api for 5s --reason x", "out of range", "1 minute"),
        ("freeze api web --reason x", "does not understand 'web'", "Usage"),
        ("freeze api --force --reason x", "freeze takes no --force: it moves no traffic", "Leave it out"),
        ("unfreeze api --dry-run", "unfreeze takes no --dry-run: it moves no traffic", "Leave it out"),
        ("freeze api --route http --reason x", "a freeze is about services", "Leave it out"),
        ("unfreeze op-k3v9x2m4ta -n shop", "knows its namespace", "Leave -n"),
        ("plan freeze api --reason x", "moves no traffic, so there is nothing to plan", "/mesh freeze"),
        ("freezes now", "does not understand 'now'", "Usage"),
        ("can", "can needs more words", "can <command>"),
        ("can can promote api 50", "another command", "can promote"),
        ("can promote api", "needs more words", "/mesh promote"),
        ("thaw api", "thaw", "Did you mean unfreeze?"),
        ("promote api\x07 50", "control character", "again"),
        ("x" * 2000, "characters", "Shorten"),
    ],
)
def test_what_is_not_understood_is_answered(text: str, said: str, hint: str) -> None:
    """Each mistake is named, and the answer says how it is written."""
    with pytest.raises(Refused, match=said) as caught:
        parse(text)
    assert hint in caught.value.hint


@pytest.mark.parametrize(("word", "verb"), MEANT.items())
def test_words_of_other_tools_are_answered_with_ours(word: str, verb: Verb) -> None:
    """Who types `stop` in a hurry is shown abort, and `unpause` is not taken for pause."""
    with pytest.raises(Refused) as caught:
        parse(f"{word} api")
    assert caught.value.hint == f"Did you mean {verb}?"
    assert caught.value.choices == (f"/mesh {verb} api",)


@pytest.mark.parametrize("verb", sorted(STEERING))
def test_a_rollout_is_steered_by_one_word_and_its_service(verb: Verb) -> None:
    """The five words take a service, and a reason."""
    said = parse(f"{verb.upper()} api -n shop --reason 'customers complain'")
    assert said == Command(verb=verb, service="api", namespace="shop", reason="customers complain")
    assert said.steers
    assert said.changes_traffic


def test_a_version_may_be_an_option() -> None:
    """`--version` names an arm that looks like something else; the plain form is what is written."""
    assert parse("promote api 50 --version 2") == parse("promote api 2 50")


def test_a_rollback_may_say_which_arm_is_stable() -> None:
    """Only with `to`, which names no share and no promotion, and reads the same in a button."""
    said = parse("rollback api TO v1 -n shop")
    assert said == Command(verb=Verb.ROLLBACK, service="api", version="v1", namespace="shop")
    assert format_command(said) == "rollback api to v1 --namespace shop"
    assert parse("rollback api").version == ""


def test_nothing_at_all_is_a_call_for_help() -> None:
    """`/mesh` alone shows the help, and so do the other ways in which people ask for it."""
    assert parse("").verb is parse("/mesh").verb is parse("?").verb is Verb.HELP
    assert parse("promote --help").topic == "promote"


def test_plan_is_a_dry_run_of_what_follows() -> None:
    """`plan promote …` and `promote … --dry-run` are one and the same, and change no traffic."""
    assert parse("plan promote api 50") == parse("promote api 50 --dry-run")
    assert not parse("plan rollback api").changes_traffic


def test_undo_takes_an_operation_or_a_service() -> None:
    """An operation id is told from a service name by its form."""
    assert parse("undo op-k3v9x2m4ta").operation == "op-k3v9x2m4ta"
    assert parse("undo api").service == "api"


def test_a_freeze_says_what_and_for_how_long() -> None:
    """A service, a namespace, a cluster or everything; until it is lifted, or for a time."""
    said = parse("freeze api for 2 h --reason 'incident 4412'")
    assert said == Command(verb=Verb.FREEZE, service="api", lasts_s=7200, reason="incident 4412")
    assert parse("freeze all --reason x").topic == "all"
    assert parse("freeze all -n shop --reason x") == parse("freeze -n shop --reason x")
    assert parse("freeze -c prod for 3d --reason x").lasts_s == 259_200
    assert parse("unfreeze OP-k3v9x2m4ta").operation == "op-k3v9x2m4ta"
    assert not said.goes_back
    assert said.changes_traffic


def test_can_keeps_the_whole_command_that_it_asks_about() -> None:
    """What is asked about is read by the same grammar, with its options, and written back in one form."""
    said = parse("can plan promote api 50 % -n shop --reason 'it is time'")
    assert said == Command(verb=Verb.CAN, topic="promote api 50 --namespace shop --reason 'it is time' --dry-run")
    assert parse(format_command(said)) == said
    assert not said.changes_traffic


@given(
    st.sampled_from(["freeze", "unfreeze", "can freeze", "can unfreeze"]),
    st.sampled_from(["all", "api", "for", "-n shop", "-c prod", "api -n shop -c prod", "op-k3v9x2m4ta"]),
    st.integers(60, 7_776_000),
)
def test_a_freeze_survives_being_written_and_read(verb: str, scope: str, seconds: int) -> None:
    """Whatever its scope and its time are."""
    text = f"{verb} {scope}" + ("" if "unfreeze" in verb else f" for {seconds}s --reason x")
    first = parse(text)
    assert parse(format_command(first)) == first


def test_every_example_of_the_help_is_accepted() -> None:
    """Help never teaches what the grammar refuses."""
    assert set(VERBS) == set(Verb) - {Verb.FLAGGER}
    for verb, text in ((verb, example) for verb, entry in VERBS.items() for example in entry.examples):
        parsed = parse(text)
        assert parsed.verb is verb or (verb is Verb.PLAN and parsed.dry_run)


def test_a_reason_that_begins_with_a_dash_survives() -> None:
    """It is written in one word with its option, or it would be read as the next one."""
    first = parse("promote api 50 --reason='-5 % errors'")
    assert parse(format_command(first)) == first


@pytest.mark.parametrize("text", ["don't <@U0MESHBOT> rollback api", "please don't <@U0MESHBOT> rollback api"])
def test_what_stands_before_our_name_may_turn_the_meaning_round(text: str) -> None:
    """Only a greeting is passed over."""
    with pytest.raises(Refused):
        parse(text)


WORDS = st.sampled_from(
    [
        "can",
        "freeze",
        "unfreeze",
        "freezes",
        "for",
        "2h",
        "all",
        "api",
        "op-k3v9x2m4ta",
        "-n",
        "-c",
        "--reason",
        "x",
        "--force",
        "--dry-run",
        "--route",
        "promote",
        "50",
        "plan",
        "canary",
        "undo",
        "status",
        "it's",
        "'",
        "-",
        "=",
        "a=1",
    ]
)


@given(st.lists(WORDS, max_size=8))
def test_threat_1_what_is_understood_is_written_and_read_alike(words: list[str]) -> None:
    """Whatever stands in whatever order: refused, or the same command again; what `can` asks about is a command."""
    try:
        first = parse(" ".join(words))
    except Refused as error:
        assert error.message
        return
    assert parse(format_command(first)) == first
    if first.verb is Verb.CAN:
        assert format_command(parse(first.topic)) == first.topic


@given(st.text(max_size=200))
def test_threat_1_any_text_is_parsed_or_refused(text: str) -> None:
    """No text makes the parser fail in another way than by refusing."""
    try:
        parse(text)
    except Refused as error:
        assert error.message


names = st.from_regex(r"[a-z][a-z0-9]{0,10}", fullmatch=True).filter(lambda name: not name.startswith("op"))
reasons = st.text(st.characters(categories=["Ll", "Lu", "Nd", "Zs"], include_characters="'\"&<>|;$`\\"), max_size=40)


@given(
    st.sampled_from(sorted(CHANGING)),
    names,
    names,
    st.integers(0, 400),
    reasons.map(lambda text: " ".join(text.split())),
)
def test_a_command_survives_being_written_and_read(
    verb: Verb, service: str, version: str, four: int, reason: str
) -> None:
    """parse(format_command(parse(x))) is parse(x): buttons, cards and the audit log speak the same language."""
    words = {
        Verb.PROMOTE: f"promote {service} {version} {four / 4:g}",
        Verb.SET: f"set {service} {version}={four} other={four}",
        Verb.ROLLBACK: f"rollback {service} to {version}",
        Verb.UNDO: f"undo {service}",
        Verb.ADOPT: f"adopt {service}",
        Verb.REAPPLY: f"reapply {service} --route 'VirtualService/{service}/http \"x y\"'",
        Verb.CANARY: f"canary {service} --version {version} {four / 8 + 1:g},confirm,{four / 8 + 2:g}",
    }.get(verb, f"{verb} {service}")

    if verb is Verb.FREEZE and not reason:
        reason = "holidays"
    force = "--force" if verb in MEANT_FOR["force"] else ""
    text = words + (f" {force} --reason {shlex.quote(reason)}" if reason else "")
    first = parse(text)
    assert parse(format_command(first)) == first


@pytest.mark.parametrize("text", ["approve op-k3v9x2m4ta", "deny OP-K3V9X2M4TA --reason 'not now'", "approvals"])
def test_a_vote_survives_being_written_and_read(text: str) -> None:
    """A button, a slash command and a mention are one command."""
    assert parse(format_command(parse(text))) == parse(text)


def test_breaking_the_glass_needs_a_reason_and_something_to_wait_for() -> None:
    """It survives being written and read; what never waits has no use for it."""
    first = parse("promote api 50 --break-glass --reason 'customers are down'")
    assert (first.break_glass, parse(format_command(first))) == (True, first)
    for text in ("promote api 50 --break-glass", "rollback api --break-glass --reason x", "status --break-glass"):
        with pytest.raises(Refused, match="break"):
            parse(text)


@pytest.mark.parametrize("text", ["approve", "approve api", "deny op-a", "approve op-k3v9x2m4ta op-k3v9x2m4tb"])
def test_a_vote_names_one_operation(text: str) -> None:
    """A service has no vote: what is agreed to is one plan."""
    with pytest.raises(Refused):
        parse(text)


@pytest.mark.parametrize("text", ["flagger", "help flagger", "flagger podinfo", "plan flagger podinfo"])
def test_nobody_speaks_for_flagger(text: str) -> None:
    """Its questions come over its own address."""
    with pytest.raises(Refused, match="is no command"):
        parse(text)


@pytest.mark.parametrize("option", ["--force --reason x", "--dry-run", "-n shop", "--route 'HTTPRoute/web'"])
def test_a_vote_takes_no_options_of_changes(option: str) -> None:
    """The operation knows all that."""
    with pytest.raises(Refused):
        parse(f"approve op-k3v9x2m4ta {option}")


@pytest.mark.parametrize("verb", ["promote {} 50", "rollback {}", "status {}", "freeze {} --reason x", "undo {}"])
@pytest.mark.parametrize(
    "word",
    [
        "api;rm",
        "$(id)",
        "`id`",
        "api|cat",
        "api&&id",
        "../api",
        "api\n--force",
        "api\u2028--force",
        "\u202eipa",
        "\u0430pi",
        "api\x00",
        "{{api}}",
        "%s",
        "--env=prod",
        "env=prod",
    ],
)
def test_threat_1_no_word_reaches_further_than_its_place(word: str, verb: str) -> None:
    """What a shell, a template or an alias would take for more is refused, or read as something harmless: a name."""
    try:
        read = parse(verb.format(word))
    except Refused:
        return
    assert re.fullmatch(r"[a-z0-9.-]*", read.service)
    assert (read.force, read.cluster, read.namespace, read.weights) == (False, "", "", ())
