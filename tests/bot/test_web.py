"""Signed requests through gate, Bolt and listeners: what is written, what is answered, what is turned away."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from bot import arrival
from bot.gate import MAX_BODY
from bot.identity import Identity
from mesh.domain.choices import about
from mesh.domain.commands import STEERING, Verb
from mesh.domain.errors import Unavailable
from mesh.domain.grammar import parse
from mesh.ports import Receipt
from tests.bot.bench import Bench
from tests.bot.senders import FORM, Mail, button, event, signed, slash, slash_fields

HOME = Identity(team="T0MESH", app="A0MESH", bot="B0MESH", user="UMESHBOT")


def only(bench: Bench) -> Any:
    """The only operation there is."""
    [operation] = bench.started
    return operation


# --- what becomes an operation -----------------------------------------------------------------------------------


def test_a_slash_command_becomes_one_operation_and_an_ephemeral_answer() -> None:
    """`/mesh promote api 50` is written down and answered in the acknowledgement, for the asking person only."""
    bench = Bench()
    back = bench.send(slash("promote api 50", channel_id="C0INC"))
    operation = only(bench)
    assert back.status == 200
    assert back.json["response_type"] == "ephemeral"
    assert operation.id in back.json["text"]
    assert (operation.command.verb, operation.command.share) == (Verb.PROMOTE, 50)
    assert (operation.actor.user, operation.actor.team) == ("U0JIN", "T0MESH")
    assert (operation.origin.way, operation.origin.channel) == ("slash", "C0INC")
    assert operation.origin.response_url == "https://hooks.slack.com/commands/1/2/3"
    assert bench.told == []


def test_the_slash_command_may_have_any_name() -> None:
    """Slack does not keep command names apart by app, so the name is the installer's choice."""
    bench = Bench()
    bench.send(slash("status api", command="/traffic"))
    assert only(bench).command.verb is Verb.STATUS


def test_a_mention_becomes_the_same_operation_with_its_thread() -> None:
    """A mention works in threads, where slash commands do not; its acknowledgement is empty."""
    bench = Bench()
    back = bench.send(event("<@UMESHBOT> rollback api", event={"thread_ts": "7.7"}))
    operation = only(bench)
    assert (back.status, back.text) == (200, "")
    assert operation.command.verb is Verb.ROLLBACK
    assert (operation.origin.way, operation.origin.channel, operation.origin.thread) == ("mention", "C0PROD", "7.7")
    assert operation.id in bench.told[0]


def test_a_direct_message_is_heard() -> None:
    """In a direct message no mention is needed."""
    bench = Bench()
    bench.send(event("status api", "message", event={"channel": "D0JIN", "channel_type": "im"}))
    assert only(bench).origin.channel == "D0JIN"


def test_slacks_escaping_is_undone() -> None:
    """Slack escapes three characters; the reason is kept as typed."""
    bench = Bench()
    bench.send(slash('rollback api --reason "a &amp; b &lt;3"'))
    assert only(bench).command.reason == "a & b <3"


@pytest.mark.parametrize(("action", "verb"), [("meshbot.rollback", Verb.ROLLBACK), ("meshbot.undo", Verb.UNDO)])
def test_a_button_acts_on_its_cards_operation(action: str, verb: Verb) -> None:
    """The button's value is looked up; the person who pressed is the actor; the answer follows the acknowledgement."""
    bench = Bench()
    bench.send(slash("promote api 50 -n shop"))
    former = only(bench)
    back = bench.send(button(action, former.id, user={"id": "U0ANA", "team_id": "T0MESH"}))
    pressed = next(operation for operation in bench.started if operation.id != former.id)
    assert (back.status, back.text) == (200, "")
    assert (pressed.command.verb, pressed.target, pressed.actor.user) == (verb, former.target, "U0ANA")
    assert pressed.command.operation == (former.id if verb is Verb.UNDO else "")
    assert pressed.id in bench.told[0]


@pytest.mark.parametrize("shown", ["2", "2/1796037066000"], ids=["step", "stop"])
@pytest.mark.parametrize("verb", sorted(STEERING))
def test_a_button_steers_its_cards_rollout_only(verb: Verb, shown: str) -> None:
    """A press names the target and, as what was promised, what the card showed: an old card steers nothing newer."""
    bench = Bench()
    bench.send(slash("promote api 50 -n shop"))
    former = only(bench)
    pressed_at = button(f"meshbot.{verb}", f"{former.id}/{shown}", user={"id": "U0ANA", "team_id": "T0MESH"})
    assert bench.send(pressed_at).status == 200
    pressed = next(operation for operation in bench.started if operation.id != former.id)
    assert (pressed.command.verb, pressed.target, pressed.actor.user) == (verb, former.target, "U0ANA")
    assert (pressed.command.promised, pressed.command.rollout) == (f"{former.id}/{shown}", "")


@pytest.mark.parametrize("what", ["op-k3v9x2m4ta/1/1796037066000", ""], ids=["new", "of an older meshbot"])
def test_a_choice_to_steer_is_about_what_its_card_spoke_of(what: str) -> None:
    """A press carries it; a button that says nothing of it is not taken for a word about what is under way now."""
    bench = Bench()
    value = about("/mesh resume api -n shop", what) if what else "/mesh resume api -n shop"
    assert bench.send(button("meshbot.choice.0", value)).status == 200
    pressed = only(bench)
    assert (pressed.command.verb, pressed.target.namespace, pressed.command.promised) == (Verb.RESUME, "shop", what)


@pytest.mark.parametrize("value", ["", "op-unknown234", "'; DROP", "meshbot:operation:x", "x" * 2000])
def test_a_tampered_button_starts_nothing(value: str) -> None:
    """A value that names no operation is refused in words."""
    for action in ("meshbot.rollback", "meshbot.abort"):
        bench = Bench()
        assert bench.send(button(action, value)).status == 200
        assert bench.started == []
        assert len(bench.told) == 1


def test_roll_back_on_a_card_means_the_cards_route() -> None:
    """Where the change said which of several routes it meant, its Roll back means that one, too."""
    bench = Bench()
    bench.send(slash("promote api 50 --route 'VirtualService/api-vs/http[1]'"))
    bench.send(button("meshbot.rollback", only(bench).id))
    pressed = next(operation for operation in bench.started if operation.command.verb is Verb.ROLLBACK)
    assert pressed.command.route == "VirtualService/api-vs/http[1]"


CHOICE = "/mesh promote api v2 50 -n shop --force --reason 'customer is down' --route 'http \"canary\"'"


def test_a_choice_runs_exactly_its_command_as_the_presser() -> None:
    """A pressed choice is the command on it, typed by whoever pressed: their name, their rights, force and reason."""
    bench = Bench()
    back = bench.send(button("meshbot.choice.3", CHOICE, user={"id": "U0ANA", "team_id": "T0MESH"}))
    operation = only(bench)
    assert (back.status, back.text) == (200, "")
    assert operation.command == parse(CHOICE)
    assert (operation.actor.user, operation.origin.way, operation.target.namespace) == ("U0ANA", "button", "shop")
    assert operation.id in bench.told[0]


def test_a_choice_asks_for_the_pressers_rights() -> None:
    """Somebody without a role cannot press what somebody with one was offered."""
    bench = Bench()
    bench.send(button("meshbot.choice.0", CHOICE, user={"id": "U0LEE", "team_id": "T0MESH"}))
    assert bench.started == []
    assert "may not promote" in bench.told[0]


@pytest.mark.parametrize("value", ["", "/mesh promote", "op-k3v9x2m4ta", "kubectl delete", "/mesh nosuch", "x" * 2000])
def test_a_tampered_choice_starts_nothing(value: str) -> None:
    """The value is parsed like typed text: what is no command becomes words."""
    bench = Bench()
    assert bench.send(button("meshbot.choice.0", value)).status == 200
    assert bench.started == []
    assert len(bench.told) == 1


def test_a_choice_that_only_reads_is_answered() -> None:
    """Help, rights and history behind a button are answered as if they were typed."""
    bench = Bench()
    bench.send(button("meshbot.choice.0", "/mesh help promote"))
    assert "/mesh promote" in bench.told[0]
    assert bench.started == []


def test_a_mistyped_word_offers_what_was_meant() -> None:
    """The answer's button carries the command, and pressing it starts that."""
    bench = Bench()
    answer = bench.send(slash("statu")).json
    offered = next(block for block in answer["blocks"] if block["type"] == "actions")["elements"][0]
    bench.send(button(offered["action_id"], offered["value"]))
    assert only(bench).command.verb is Verb.STATUS


@pytest.mark.parametrize("text", ["help", "help promote", "whoami", "history api", "can promote api 50", "freezes"])
def test_reading_words_are_answered_at_once(text: str) -> None:
    """Help, rights and history come with the acknowledgement and make no operation."""
    bench = Bench()
    back = bench.send(slash(text))
    assert (back.status, back.json["response_type"]) == (200, "ephemeral")
    assert back.json["blocks"]
    assert bench.started == []


def test_a_mistyped_word_is_answered_with_a_hint() -> None:
    """Errors of people are answers with status 200, which is what Slack shows."""
    back = Bench().send(slash("promot api 50"))
    assert back.status == 200
    assert "Did you mean promote?" in back.json["text"]


def test_policy_is_asked_before_anything_is_written() -> None:
    """Somebody without a role is told so, and the denial is audited."""
    bench = Bench()
    back = bench.send(slash("promote api 50", user_id="U0LEE"))
    assert "may not promote" in back.json["text"]
    assert bench.started == []
    assert [entry.facts["step"] for entry in bench.operations.log.entries()] == ["denied"]


# --- once ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda _: slash("promote api 50"),
        lambda _: event("<@UMESHBOT> promote api 50"),
        lambda former: button("meshbot.rollback", former),
        lambda _: button("meshbot.choice.0", "/mesh rollback api"),
    ],
    ids=["slash", "event", "button", "choice"],
)
def test_a_repeated_delivery_gives_the_same_operation_back(make: Callable[[str], Mail]) -> None:
    """Slack's retry, and a replay of the signed request within its 300 s, start nothing new and say what there is."""
    bench = Bench()
    bench.send(slash("promote api 10"))
    first = only(bench)
    mail = make(first.id)
    backs = [bench.send(mail.with_headers(x_slack_retry_num=retry)) for retry in (None, "1", "2")]
    assert [back.status for back in backs] == [200, 200, 200]
    assert len(bench.started) == 2
    made = next(operation for operation in bench.started if operation.id != first.id)
    words = [back.json["text"] for back in backs if back.text] or bench.told
    assert len(words) == 3
    assert all(made.id in said for said in words)


def test_the_same_wish_again_gives_the_running_operation_back() -> None:
    """Typed twice is not done twice."""
    bench = Bench()
    for _ in range(2):
        bench.send(slash("promote api 50"))
    assert len(bench.started) == 1


# --- in time ---------------------------------------------------------------------------------------------------------


def test_a_late_request_starts_nothing_and_is_told_by_another_way() -> None:
    """After 2.5 s Slack shows a timeout, the person repeats it: so nothing may start, and it is said once."""
    bench = Bench()
    arrival.accepted(time.monotonic() - 2.6)
    back = bench.send(slash("promote api 50"))
    assert (back.status, back.text) == (200, "")
    assert bench.started == []
    assert "too long" in bench.told[0]


def test_the_next_request_of_the_thread_is_not_late() -> None:
    """The arrival of one request is not inherited by the next one, not even over a probe."""
    bench = Bench()
    arrival.accepted(time.monotonic() - 2.6)
    bench.send(Mail(b""), path="/healthz", method="GET")
    bench.send(slash("promote api 50"))
    assert len(bench.started) == 1


# --- trouble ---------------------------------------------------------------------------------------------------------


def _fails_with(bench: Bench, error: Exception) -> None:
    def fail(*_: object, **__: object) -> Receipt:
        raise error

    bench.operations.receive = fail  # type: ignore[method-assign]  # the store's trouble, without a store


def test_an_absent_store_is_said() -> None:
    """The answer says that nothing was started."""
    bench = Bench()
    _fails_with(bench, Unavailable("Redis did not answer, so nothing was started.", hint="Try again."))
    back = bench.send(slash("promote api 50"))
    assert back.status == 200
    assert "nothing was started" in back.json["text"]


@pytest.mark.parametrize("make", [slash, event], ids=["slash", "event"])
def test_a_bug_has_a_number_in_the_answer_and_in_the_log(
    make: Callable[[str], Mail], caplog: pytest.LogCaptureFixture
) -> None:
    """People get a number to report; the log has it beside the traceback; Slack gets a 200."""
    bench = Bench()
    _fails_with(bench, ZeroDivisionError("boom"))
    back = bench.send(make("promote api 50"))
    said = back.json["text"] if back.text else bench.told[0]
    number = said.partition("incident ")[2][:8]
    assert back.status == 200
    assert f"Incident {number}" in caplog.text
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("changes", [{"user_id": None}, {"trigger_id": None}])
def test_a_payload_that_lacks_a_part_is_answered(changes: dict[str, None], caplog: pytest.LogCaptureFixture) -> None:
    """A payload we cannot read is a bug report, not a crash, and its body is not logged."""
    bench = Bench()
    fields = {name: value for name, value in (slash_fields("promote secretword 50") | changes).items() if value}
    back = bench.send(signed(urlencode(fields)))
    assert (back.status, bench.started) == (200, [])
    assert "incident" in back.json["text"]
    assert "secretword" not in caplog.text


# --- what is not for us ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "mail",
    [
        event("<@UMESHBOT> promote api 50", event={"bot_id": "B1"}),
        event("<@UMESHBOT> promote api 50", event={"bot_profile": {"id": "B1"}}),
        event("<@UMESHBOT> promote api 50", event={"user": None}),
        event("<@UMESHBOT> promote api 50", event={"user": "UMESHBOT"}),
        event("promote api 50", "message", event={"subtype": "message_changed", "channel_type": "im"}),
        event("promote api 50", "message", event={"channel_type": "channel"}),
        event("", "app_home_opened"),
        button("somebody.else", "op-k3v9x2m4ta"),
        button("meshbot.rollback.else", "op-k3v9x2m4ta"),
        button("meshbot.choice.99", "/mesh rollback api"),
        signed(urlencode({"payload": json.dumps({"type": "view_closed", "view": {}, "user": {"id": "U1"}})})),
        signed(json.dumps({"type": "app_rate_limited", "team_id": "T0MESH"}), "application/json"),
    ],
)
def test_what_no_person_asked_of_us_is_acknowledged_and_ignored(mail: Mail, caplog: pytest.LogCaptureFixture) -> None:
    """Bots, edits, other events and buttons start nothing and get a 200 (or Slack would repeat them), but no answer."""
    caplog.set_level(logging.DEBUG)
    bench = Bench(identity=HOME)
    assert bench.send(mail).status == 200
    assert (bench.started, bench.told) == ([], [])
    assert "promote api 50" not in caplog.text


@pytest.mark.parametrize(
    ("mail", "why"),
    [
        (slash("promote api 50", api_app_id="A0OTHER"), "another Slack app"),
        (slash("promote api 50", team_id="T0OTHER"), "another Slack workspace"),
        (
            event("<@UMESHBOT> promote api 50", event={"user_team": "T0X"}, is_ext_shared_channel=True),
            "another Slack wo",
        ),
        (
            button("meshbot.rollback", "op-k3v9x2m4ta", user={"id": "U0JIN", "team_id": "T0X"}),
            "another Slack workspace",
        ),
    ],
)
def test_other_apps_and_other_workspaces_are_refused(mail: Mail, why: str) -> None:
    """People of a shared channel's other side can press buttons: they learn nothing and change nothing."""
    bench = Bench(identity=HOME)
    back = bench.send(mail)
    assert back.status == 200
    assert why in (back.json["text"] if back.text else bench.told[0])
    assert bench.started == []


# --- at the gate -----------------------------------------------------------------------------------------------------

GOOD = slash("promote api 50")
FORGED: list[tuple[str, Callable[[Mail], Mail]]] = [
    ("another secret", lambda good: signed(good.body, secret="guessed")),
    ("a changed body", lambda good: Mail(good.body.replace(b"50", b"99"), good.headers)),
    ("too old", lambda good: signed(good.body, age_s=310)),
    ("from the future", lambda good: signed(good.body, age_s=-400)),
    ("a timestamp that is no number", lambda good: good.with_headers(x_slack_request_timestamp="now")),
    ("a timestamp of foreign digits", lambda good: good.with_headers(x_slack_request_timestamp="١٢٣٤٥٦")),
    ("a negative timestamp", lambda good: good.with_headers(x_slack_request_timestamp="-5")),
    ("a long timestamp", lambda good: good.with_headers(x_slack_request_timestamp="9" * 5000)),
    ("a signature that is not ASCII", lambda good: good.with_headers(x_slack_signature="v0=" + "ä" * 64)),
    ("an empty signature", lambda good: good.with_headers(x_slack_signature="")),
    ("no signature", lambda good: good.with_headers(x_slack_signature=None)),
    ("no timestamp", lambda good: good.with_headers(x_slack_request_timestamp=None)),
    ("nothing", lambda good: Mail(good.body, {"content-type": FORM})),
    ("a body that is no text", lambda good: Mail(b"\xff\xfe", good.headers)),
]
"""What is wrong with a request -> how it is made of one that is signed at this moment."""


@pytest.mark.parametrize("forged", [made for _, made in FORGED], ids=[name for name, _ in FORGED])
def test_a_forged_request_is_turned_away(forged: Callable[[Mail], Mail], caplog: pytest.LogCaptureFixture) -> None:
    """Whatever Slack did not sign within 300 s gets a 401, starts nothing, and its body is not logged."""
    caplog.set_level(logging.DEBUG)
    bench = Bench()
    assert bench.send(forged(signed(GOOD.body))).status == 401
    assert bench.started == []
    assert "promote" not in caplog.text


def test_a_request_just_young_enough_passes() -> None:
    """The window is 300 s, as Slack documents."""
    bench = Bench()
    assert bench.send(signed(GOOD.body, age_s=298)).status == 200
    assert len(bench.started) == 1


def test_either_of_two_signing_secrets_is_accepted() -> None:
    """While the secret is rotated, both pass; a third does not."""
    bench = Bench(secrets=("old", "new"))
    statuses = [bench.send(signed(GOOD.body, secret=secret)).status for secret in ("old", "new", "other")]
    assert statuses == [200, 200, 401]


def test_ssl_probes_get_an_empty_answer() -> None:
    """Slack probes certificates without a signature; nothing is done for it."""
    bench = Bench()
    mail = Mail(b"ssl_check=1&token=x&command=%2Fmesh&text=promote+api+50", {"content-type": FORM})
    assert (bench.send(mail).status, bench.send(mail).text, bench.started) == (200, "", [])


def test_the_url_verification_challenge_is_answered_only_when_signed() -> None:
    """Slack checks the events address with a challenge."""
    bench = Bench()
    mail = signed(json.dumps({"type": "url_verification", "challenge": "abc"}), "application/json")
    assert bench.send(mail).json == {"challenge": "abc"}
    assert bench.send(mail.with_headers(x_slack_signature=None)).status == 401


@pytest.mark.parametrize(
    ("mail", "status"),
    [
        (signed(b"x" * (MAX_BODY + 1)), 413),
        (GOOD.with_headers(content_length="9" * 400), 413),
        (GOOD.with_headers(content_length=""), 411),
        (GOOD.with_headers(content_length="-1"), 411),
        (GOOD.with_headers(content_length="many"), 411),
        (GOOD.with_headers(content_length=str(len(GOOD.body) + 9)), 400),
        (GOOD.with_headers(content_type="text/xml"), 415),
        (GOOD.with_headers(content_type=None), 415),
        (signed("{not json", "application/json"), 400),
        (signed("payload=%7Bnot-json"), 400),
    ],
)
def test_what_slack_never_sends_is_refused_with_the_right_status(mail: Mail, status: int) -> None:
    """Oversize, wrong type, missing length and broken JSON do not reach a listener."""
    bench = Bench()
    assert bench.send(mail).status == status
    assert bench.started == []


def test_unsigned_headers_do_not_steer_bolt() -> None:
    """Bolt would skip a listener for a header that the signature does not cover."""
    bench = Bench()
    bench.send(GOOD.with_headers(x_slack_bolt_lazy_only="1", x_slack_bolt_lazy_function_name="x"))
    assert len(bench.started) == 1


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/slack/events", "GET", 405),
        ("/healthz", "GET", 200),
        ("/readyz", "GET", 200),
        ("/", "GET", 404),
        ("/slack/install", "GET", 404),
        ("/slack/events/", "POST", 404),
    ],
)
def test_there_is_one_address_for_slack_and_two_for_probes(path: str, method: str, status: int) -> None:
    """Everything else is not found."""
    bench = Bench()
    assert bench.send(GOOD, path=path, method=method).status == status
    assert bench.started == []
