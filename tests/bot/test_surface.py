"""The modal and the App Home: the same grammar, rights and operations, by fields instead of words."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from bot.homes import Homes
from chat.form import VERBS
from mesh.domain.catalog import Catalog, Cluster, Service
from mesh.domain.commands import Verb
from mesh.domain.errors import Unavailable
from mesh.domain.grammar import format_command, parse
from mesh.domain.operations import Event, State, Step
from mesh.domain.policy import Actor, Policy
from mesh.operations.desk import Desk
from mesh.operations.overview import Notice
from playground.slack.blocks import check_options, check_view
from tests.bot.bench import SRE, Bench
from tests.bot.senders import (
    Back,
    button,
    event,
    fields,
    home_opened,
    modal_fields,
    slash,
    submission,
    suggestion,
    view_button,
)

CATALOG = Catalog(
    clusters=(Cluster("prod", namespace="shop"), Cluster("lab", namespace="try")),
    services=(Service("api", cluster="prod"), Service("api-gateway"), Service("web")),
    policy=Policy((SRE,)),
)


def bench() -> Bench:
    """A bot with two clusters."""
    return Bench(catalog=CATALOG)


def filled(**given: str) -> dict[str, Any]:
    """The form's state in prod."""
    return fields(**{"cluster": "prod", "service": "prod/shop/api", **given})


def send_off(bot: Bench, **given: str) -> Back:
    """Send the form off."""
    return bot.send(submission(view={"state": filled(**given)}))


def errors(back: Back) -> dict[str, str]:
    """What stands beside which field."""
    assert back.json["response_action"] == "errors"
    found: dict[str, str] = back.json["errors"]
    return found


# --- the modal -------------------------------------------------------------------------------------------------------


def test_the_command_alone_opens_the_form() -> None:
    """`/mesh` opens a modal that Slack takes, with its one trigger, and the acknowledgement says nothing."""
    bot = bench()
    back = bot.send(slash(" ", trigger_id="7.7.x"))
    [(trigger, view)] = bot.screens.opened
    assert (back.status, back.text, trigger) == (200, "", "7.7.x")
    check_view(view, kind="modal")
    assert json.loads(view["private_metadata"]) == {"channel": "C0PROD", "thread": ""}
    assert [block["block_id"] for block in view["blocks"] if block["type"] == "input"] == [
        "verb", "cluster", "service", "amount", "version", "reason",
    ]  # fmt: skip


def test_a_form_that_does_not_open_is_told() -> None:
    """When Slack does not take the form, the answer says how to go on."""
    bot = bench()
    bot.screens.fails = ConnectionError("no")
    back = bot.send(slash(""))
    assert "did not open the form" in back.json["text"]
    assert "/mesh help" in back.json["text"]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"amount": "50"}, "promote api 50 -n shop -c prod"),
        ({"amount": "25%", "version": "v2"}, "promote api v2 25 -n shop -c prod"),
        ({"verb": "set", "amount": "v1=70 v2=30"}, "set api v1=70 v2=30 -n shop -c prod"),
        (
            {"verb": "canary", "amount": "5,25,confirm,50 every 5m"},
            "canary api 5,25,confirm,50 every 5m -n shop -c prod",
        ),
        ({"verb": "canary", "amount": "", "version": "v2"}, "canary api v2 -n shop -c prod"),
        ({"verb": "rollback", "amount": "", "reason": 'it\'s "bad" --force'}, None),
        ({"verb": "status", "amount": ""}, "status api -n shop -c prod"),
        ({"verb": "undo", "amount": ""}, "undo api -n shop -c prod"),
        ({"service": "prod/shop/typed-by-hand"}, "promote typed-by-hand 50 -n shop -c prod"),
        ({"cluster": "lab", "service": "lab/try/web"}, "promote web 50 -n try -c lab"),
    ],
)
def test_the_form_means_what_one_would_type(given: dict[str, str], text: str | None) -> None:
    """What is sent off becomes the operation that the same words would have become, and the modal says which."""
    bot = bench()
    back = send_off(bot, **given)
    [operation] = bot.started
    if text is not None:
        assert operation.command == parse(text)
    else:
        assert (operation.command.reason, operation.command.force) == ('it\'s "bad" --force', False)
    assert (operation.origin.way, operation.origin.channel, operation.actor.user) == ("modal", "C0PROD", "U0JIN")
    assert back.json["response_action"] == "update"
    assert operation.id in back.text
    check_view(back.json["view"], kind="modal")


@pytest.mark.parametrize("reason", ["it’s slow", "’ --force ’", "“ --force “", "x” —force “y"])
def test_threat_19_curved_quotes_in_a_field_end_no_quotes(reason: str) -> None:
    """What a phone makes of an apostrophe stays within its field: it is neither refused nor an option."""
    bot = bench()
    send_off(bot, verb="promote", reason=reason)
    [operation] = bot.started
    assert operation.command.force is False
    assert "--force" in operation.command.reason or operation.command.reason == "it's slow"


def test_what_needs_no_operation_is_answered_in_the_modal() -> None:
    """History is shown where it was asked for."""
    bot = bench()
    back = send_off(bot, verb="history", amount="")
    assert bot.started == []
    assert "No change is on record" in back.text
    check_view(back.json["view"], kind="modal")


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({"amount": "many"}, "amount", "not a share"),
        ({"amount": ""}, "amount", "needs more words"),
        ({"amount": "101"}, "amount", "101"),
        ({"verb": "set", "amount": "v1"}, "amount", ""),
        ({"verb": "canary", "amount": "50,5"}, "amount", ""),
        ({"amount": "50 --force --reason x"}, "amount", "Options do not belong here"),
        ({"amount": "5" * 301}, "amount", "More than 300"),
        ({"version": "a b"}, "version", "not a version"),
        ({"verb": "rollback", "amount": "", "version": "v2"}, "version", "takes no --version"),
        ({"verb": "rollback"}, "amount", "50"),
        ({"service": ""}, "service", "Choose a service"),
        ({"cluster": ""}, "cluster", "Choose a cluster"),
        ({"cluster": "lab"}, "cluster", "is in prod"),
        ({"verb": ""}, "verb", "Choose what to do"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(given: dict[str, str], field: str, words: str) -> None:
    """Nothing is started and nothing typed is lost: the modal stays, and says what is wrong where it is wrong."""
    bot = bench()
    found = errors(send_off(bot, **given))
    assert list(found) == [field]
    assert words in found[field]
    assert bot.started == []


def test_rights_are_those_of_whoever_sends_it_off() -> None:
    """Somebody without a role is told so in the modal, and the denial is on record."""
    bot = bench()
    back = bot.send(submission(user={"id": "U0LEE", "team_id": "T0MESH"}, view={"state": filled()}))
    assert "may not promote" in errors(back)["service"]
    assert bot.started == []
    assert [entry.facts["step"] for entry in bot.operations.log.entries()] == ["denied"]


def test_sending_off_twice_is_one_operation() -> None:
    """The same state of the modal is one wish; so are two modals that say the same."""
    bot = bench()
    backs = [send_off(bot) for _ in range(2)]
    backs.append(bot.send(submission(view={"state": filled(), "id": "V2", "hash": "other"})))
    [operation] = bot.started
    assert all(operation.id in back.text for back in backs)


def test_trouble_is_told_in_the_modal(monkeypatch: pytest.MonkeyPatch) -> None:
    """An absent store and a bug become words, and the modal does not hang."""
    for error in (Unavailable("Redis did not answer, so nothing was started."), ZeroDivisionError("boom")):
        bot = bench()

        def fail(*_: object, error: Exception = error, **__: object) -> None:
            raise error

        monkeypatch.setattr(bot.operations, "receive", fail)
        back = send_off(bot)
        assert back.status == 200
        assert "nothing was started" in back.text or "incident" in back.text


# --- threat 19: what comes back from a client is a claim -------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"verb": "abort"}, "verb"),
        ({"verb": "promote api 100 --force"}, "verb"),
        ({"cluster": "nowhere"}, "cluster"),
        ({"service": "nowhere/shop/api"}, "service"),
        ({"service": "prod/kube-system/api"}, "service"),
        ({"service": "prod/shop/api --force"}, "service"),
        ({"service": "prod/shop/../api"}, "service"),
        ({"service": "api"}, "service"),
        ({"service": "/"}, "service"),
    ],
)
def test_threat_19_an_option_must_be_among_those_offered_now(given: dict[str, str], field: str) -> None:
    """A value that no list of ours holds for this person is refused beside its field; nothing is started."""
    bot = bench()
    assert list(errors(send_off(bot, **given))) == [field]
    assert bot.started == []


@pytest.mark.parametrize(
    "kept",
    [
        "",
        "no json",
        "[]",
        '{"channel": 5}',
        '{"channel": "#general"}',
        '{"channel": "C0X<!channel>"}',
        '{"thread": "1.1"}',
    ],
)
def test_threat_19_private_metadata_is_a_claim(kept: str) -> None:
    """What does not look like a channel is none: the card goes to the person's own direct messages."""
    bot = bench()
    bot.send(submission(view={"state": filled(), "private_metadata": kept}))
    [operation] = bot.started
    assert (operation.origin.channel, operation.origin.thread) == ("U0JIN", "")


@pytest.mark.parametrize(
    "state", [None, {}, {"values": None}, {"values": {"verb": "x"}}, {"values": {"verb": {"verb": []}}}]
)
def test_threat_19_a_state_of_another_shape_is_empty(state: Any) -> None:
    """Whatever the state looks like, it is read as empty fields."""
    bot = bench()
    assert list(errors(bot.send(submission(view={"state": state})))) == ["verb"]
    assert bot.started == []


def test_threat_19_hidden_values_are_of_no_use() -> None:
    """Fields that the form does not have change nothing."""
    bot = bench()
    state = filled()
    state["values"]["force"] = {"force": {"value": "true"}}
    state["values"]["actor"] = {"actor": {"value": "U0ANA"}}
    bot.send(submission(view={"state": state}))
    [operation] = bot.started
    assert (operation.command.force, operation.actor.user) == (False, "U0JIN")


def test_threat_19_the_value_of_a_home_button_is_parsed_and_authorised() -> None:
    """A press in the App Home is typed text: without the right, it starts nothing."""
    bot = bench()
    pressed = {"view": {"type": "home"}, "user": {"id": "U0LEE", "team_id": "T0MESH"}}
    bot.send(view_button("meshbot.choice.0", "/mesh promote api 100 -c prod", **pressed))
    assert bot.started == []
    assert "may not promote" in bot.told[0]


# --- suggestions -----------------------------------------------------------------------------------------------------


def suggested(bot: Bench, typed: str, **given: str) -> list[str]:
    """The values of the options offered for what is typed."""
    back = bot.send(suggestion(value=typed, view={"state": filled(**given)}))
    check_options(back.json)
    return [option["value"] for option in back.json["options"]]


def test_services_are_suggested_by_a_part_of_their_name() -> None:
    """Those that begin with it come first; the chosen cluster narrows them; a whole name may be typed."""
    bot = bench()
    assert suggested(bot, "") == ["prod/shop/api", "prod/shop/api-gateway", "prod/shop/web"]
    assert suggested(bot, "api") == ["prod/shop/api", "prod/shop/api-gateway"]
    assert suggested(bot, "gate") == ["prod/shop/api-gateway", "prod/shop/gate"]
    assert suggested(bot, "", cluster="lab") == ["lab/try/api-gateway", "lab/try/web"]
    assert suggested(bot, "NOT A name") == []


def test_what_was_changed_here_lately_is_suggested() -> None:
    """A service without an entry that was changed in the channel is offered where it was."""
    bot = bench()
    bot.send(slash("promote billing 50 -n money -c prod"))
    assert "prod/money/billing" in suggested(bot, "bill")
    assert send_off(bot, service="prod/money/billing").json["response_action"] == "update"


def test_a_long_list_is_cut() -> None:
    """Slack takes 100 options."""
    many = tuple(Service(f"svc-{at}") for at in range(150))
    bot = Bench(catalog=Catalog(clusters=(Cluster("prod"),), services=many))
    assert len(suggested(bot, "svc", cluster="")) == 100


# --- the preview -----------------------------------------------------------------------------------------------------


def preview(bot: Bench, **given: str) -> Back:
    """Press Preview."""
    return bot.send(view_button("meshbot.form.preview", view={"state": filled(**given)}))


def test_a_preview_is_a_dry_run_whose_place_is_the_modal() -> None:
    """The modal says that the plan is being made, and the dry run knows the state that the modal has from then on."""
    bot = bench()
    back = preview(bot)
    [operation] = bot.started
    assert (back.status, back.text) == (200, "")
    assert operation.command == parse("promote api 50 -n shop -c prod --dry-run")
    assert (operation.origin.view, operation.origin.view_hash) == ("V1", "h2")
    [(view_id, seen, view)] = bot.screens.updated
    assert (view_id, seen) == ("V1", "h1")
    assert "Making the plan of promote api 50" in json.dumps(view)
    check_view(view, kind="modal")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"amount": "many"}, "not a share"),
        ({"verb": "status", "amount": ""}, "nothing to plan"),
        ({"service": "prod/else/api"}, "Choose a service"),
    ],
)
def test_what_is_wrong_with_a_preview_is_told_in_the_modal(given: dict[str, str], words: str) -> None:
    """A press cannot be answered beside a field, so the words stand where the preview would."""
    bot = bench()
    preview(bot, **given)
    [(_, _, view)] = bot.screens.updated
    assert words in json.dumps(view, ensure_ascii=False)
    assert view["callback_id"] == "meshbot.form"
    assert bot.started == []


def test_a_preview_asked_for_twice_is_one() -> None:
    """The same delivery makes one dry run."""
    bot = bench()
    mail = view_button("meshbot.form.preview", view={"state": filled()})
    for _ in range(2):
        bot.send(mail)
    assert len(bot.started) == 1


def test_a_preview_of_a_modal_that_moved_on_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where something newer is shown, or the modal is closed, nothing is started."""
    bot = bench()
    monkeypatch.setattr(bot.screens, "update", lambda *_: "")
    assert preview(bot).status == 200
    assert bot.started == []


# --- the App Home ----------------------------------------------------------------------------------------------------


def published(bot: Bench) -> str:
    """The last App Home, which Slack would take."""
    _, view = bot.screens.published[-1]
    check_view(view, kind="home")
    return json.dumps(view, ensure_ascii=False)


def test_the_home_shows_what_concerns_its_owner() -> None:
    """My running operations with a Status button, my rights, and that nothing waits and nothing is frozen."""
    bot = bench()
    bot.send(slash("promote api 50 -c prod -n shop"))
    bot.send(slash("promote web 50 -c prod", user_id="U0ANA"))
    bot.send(home_opened())
    shown = published(bot)
    assert "op-" in shown
    assert "web" not in shown
    assert "/mesh status api --namespace shop --cluster prod" in shown
    assert "*sre*" in shown
    assert "Nothing waits for you." in shown
    assert "Nothing is frozen." in shown
    assert "<!date^" in shown


def test_the_messages_tab_draws_no_home() -> None:
    """Slack tells of both tabs with one event."""
    bot = bench()
    bot.send(home_opened(event={"tab": "messages"}))
    assert bot.screens.published == []


def test_buttons_of_the_home_answer_in_direct_messages() -> None:
    """There is no channel in a Home: answers and cards go to the person."""
    bot = bench()
    bot.send(view_button("meshbot.choice.0", "/mesh status api -c prod", view={"type": "home"}))
    [operation] = bot.started
    assert (operation.origin.way, operation.origin.channel) == ("home", "U0JIN")
    assert bot.notes.sent[0][0].origin.channel == "U0JIN"


def test_the_home_opens_the_form() -> None:
    """Its card will be in our direct messages."""
    bot = bench()
    bot.send(view_button("meshbot.form.open", "open", view={"type": "home"}, trigger_id="9.9.x"))
    [(trigger, view)] = bot.screens.opened
    assert (trigger, json.loads(view["private_metadata"])["channel"]) == ("9.9.x", "U0JIN")


def test_the_home_follows_what_its_owner_does() -> None:
    """After each request of somebody who looked at their Home it is drawn again; for others it is not drawn."""
    bot = bench()
    bot.send(slash("promote api 50 -c prod"))
    assert bot.screens.published == []
    bot.send(home_opened())
    bot.send(view_button("meshbot.home.refresh", view={"type": "home"}))
    assert len(bot.screens.published) == 2
    bot.send(event("<@UMESHBOT> help"))
    assert len(bot.screens.published) == 3


class Board:
    """Two things that wait."""

    def notices(self, desk: Desk, actor: Actor) -> list[Notice]:
        """Return them."""
        return [Notice(f"Promote <!channel> for {actor.user}", "/mesh status api"), Notice("Another")]


class Broken:
    """A board that does not answer."""

    def notices(self, desk: Desk, actor: Actor) -> list[Notice]:
        """Fail."""
        raise Unavailable("The list of freezes did not answer.")


def test_boards_are_drawn_and_a_broken_one_is_named() -> None:
    """What other parts put on the Home is shown as plain words; what does not answer is said."""
    bot = bench()
    object.__setattr__(bot.boards, "waiting", Board())
    bot.send(home_opened())
    assert "Promote &lt;!channel&gt; for U0JIN" in published(bot)
    object.__setattr__(bot.boards, "freezes", Broken())
    bot.send(home_opened())
    assert "did not answer" in published(bot)


def test_many_looks_draw_few_homes() -> None:
    """Within the gap a person's looks become one more drawing, of what is true then."""
    bot = bench()
    homes = Homes(bot.screens, bot.chores, gap_s=60)
    for _ in range(20):
        homes.looked("U0JIN", lambda: {"type": "home", "blocks": []})
    timer = homes._seen["U0JIN"].waiting
    assert timer is not None
    assert 0 < timer.interval <= 60
    assert len(bot.screens.published) == 1
    # The gap is over.
    timer.cancel()
    timer.function(*timer.args)
    assert len(bot.screens.published) == 2
    assert homes._seen["U0JIN"].waiting is None


def test_a_home_follows_what_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """While something runs for somebody who just looked, it is drawn again by itself, until that has ended."""
    monkeypatch.setattr("bot.homes.FOLLOW_GAP_S", 0.1)
    bot = bench()
    bot.send(slash("promote api 50 -c prod"))
    bot.send(home_opened())
    until(lambda: len(bot.screens.published) > 2)
    [operation] = bot.started
    bot.operations.commit(operation.move(State.REFUSED, Event(Step.REFUSED, 1.0, "no")))
    until(lambda: "None of your operations is running." in published(bot))
    drawn = len(bot.screens.published)
    time.sleep(0.3)
    assert len(bot.screens.published) == drawn


def test_a_look_does_not_wait_for_a_later_drawing() -> None:
    """Whoever opens their Home sees it drawn now, although it would have been drawn by itself later."""
    bot = bench()
    homes = Homes(bot.screens, bot.chores, gap_s=0)
    draw = lambda: {"type": "home", "blocks": []}  # noqa: E731 (a value, not a verb)
    homes.looked("U0JIN", draw)
    homes.running("U0JIN", draw)
    homes.looked("U0JIN", draw)
    assert len(bot.screens.published) == 2
    assert homes._seen["U0JIN"].waiting is None


def until(condition: Callable[[], bool]) -> None:
    """Wait for `condition`."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


# --- one grammar -----------------------------------------------------------------------------------------------------


def test_every_verb_of_the_form_is_one_of_the_grammar() -> None:
    """What the form can do can be typed."""
    assert {str(verb) for verb in VERBS} <= {str(verb) for verb in Verb}


def test_seven_ways_in_are_one_operation() -> None:
    """Slash, mention, direct message, button, modal and Home button: one command. A suggestion only reads."""
    text = "promote api 50 -n shop -c prod"
    ways = [
        slash(text),
        event(f"<@UMESHBOT> {text}"),
        event(text, "message", event={"channel_type": "im", "channel": "D0JIN"}),
        button("meshbot.choice.0", f"/mesh {text}"),
        submission(view={"state": filled()}),
        view_button("meshbot.choice.0", f"/mesh {text}", view={"type": "home"}),
    ]
    made = []
    for mail in ways:
        bot = bench()
        bot.send(mail)
        [operation] = bot.started
        made.append((format_command(operation.command), operation.target, operation.actor))
    assert len(set(made)) == 1
    bot = bench()
    bot.send(suggestion(view=modal_fields("block_suggestion")["view"]))
    assert bot.started == []
