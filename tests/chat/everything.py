"""Everything that this room draws, by the samples it is reviewed with; drawn when it is called, in any language."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from chat.answers import accepted_answer, error_answer, help_answer, history_answer, late_answer
from chat.approvals import approvals_answer, vote_answer
from chat.blocks import Block, Message, message, section
from chat.cards import card
from chat.digests import digest_message, list_answer
from chat.escape import Markup, join
from chat.form import asking, form, receipt, told
from chat.freezes import freezes_answer
from chat.home import home
from chat.incidents import incident_card, incidents_answer
from chat.rights import can_answer, whoami_answer
from chat.story import closing_story, tell
from mesh.domain.approvals import Rule
from mesh.domain.digests import Digest
from mesh.domain.errors import Barred, Denied, Flooded, Held, NotFound, Refused, TooLate, Unavailable
from mesh.domain.freezes import Freeze
from mesh.domain.grammar import parse
from mesh.domain.limits import Beyond
from mesh.domain.operations import Event, Operation, State, Step
from mesh.domain.policy import Actor, Decision, Role
from mesh.domain.scopes import Scope
from mesh.domain.verbs import VERBS
from mesh.operations.ballots import Waiting
from mesh.operations.explaining import Can, Right, Say, Whoami
from mesh.operations.overview import Notice, Overview
from mesh.ports import Open, Receipt
from tests.chat.agreeing import APPROVALS, LEADS, TWO, asked, waiting
from tests.chat.editions import AT as MONDAY
from tests.chat.editions import EDITIONS, FULL
from tests.chat.rolling import ROLLOUTS
from tests.chat.samples import API, AT, SAMPLES, operation
from tests.chat.test_incidents import FIRING, SHOWN
from tests.chat.test_rights import FREEZE, LIMITED, ROLE

Drawing = Message | dict[str, Any]
CARDS = SAMPLES | ROLLOUTS | APPROVALS
JIN = Actor("U0JIN", "T0MESH")
SOON = Freeze("op-k3v9x2m4tb", Scope(namespaces=("shop",)), AT + 9e4, AT + 1e5, "inventory")
UNTIL = replace(FREEZE, until=AT + 3600, by="")
DAILY = Digest("daily", "C0PROD", "0 9 * * MON-FRI", "Europe/Berlin")
NEVER = Digest("never", "C0AUDIT", "0 0 29 2 MON#5", scope=Scope(("prod",), ("shop*",)), quiet=True)
CHOICES = (
    "/mesh promote api v2 50 --route VirtualService/api-vs/http[1]",
    "/mesh promote api v2 50 --route VirtualService/api-vs/http[2]",
)
PRESSED = (
    "promote api v2 50",
    "promote api v2 50 --force --reason 'customer is down'",
    "set api v1=0 v2=100",
    "rollback api",
    "rollback api --route HTTPRoute/web",
    "undo api",
    "adopt api",
    "reapply api",
    "canary api v2 5,50,100",
    "canary api v2",
    "pause api",
    "resume api",
    "skip api",
    "confirm api",
    "abort api",
    "freeze api --reason sale",
    "freeze all --namespace shop --cluster prod --reason sale",
    "unfreeze api",
    "status api",
)
"""Commands that become buttons, each with its question."""


GLASS = Rule("break-glass", groups=("S0SRE",))


def _can(typed: str, *, allowed: bool = True, **fields: Any) -> Can:
    decision = Decision(allowed, "role api owners", "it may" if allowed else "no role of yours allows it")
    return Can(parse(typed), API, decision, **fields)


def _lines(lines: list[Markup]) -> Message:
    return message(join("\n", lines), [section(one) for one in lines])


def _modal(blocks: list[Block]) -> dict[str, Any]:
    return {"blocks": blocks}


def _home() -> dict[str, Any]:
    held = Whoami(JIN, frozenset({"S0SRE"}), (Right(ROLE, ("S0SRE",)), Right(LIMITED, (JIN.user,))))
    running = (ROLLOUTS["canary_baking"], SAMPLES["checking"])
    notices = (
        Notice("promote prod/shop/api; 5 min left", "/mesh status api"),
        Notice("promote web", "/mesh approvals"),
    )
    return home(Overview(AT, held, running, notices, (Notice("service=api, until it is lifted"),), "Redis is slow."))


def _errors() -> dict[str, Callable[[], Drawing]]:
    said = {
        "denied": Denied("No role of yours allows it.", hint="Ask an administrator."),
        "held": Held("The gates could not decide.", hint="Try again, or `--force --reason`."),
        "barred": Barred("api is frozen.", hint="Wait."),
        "flooded": Flooded("That is the 31st command of a minute.", hint="Wait."),
        "refused": Refused("There are two routes.", hint="Say which one.", choices=CHOICES),
        "many": Refused("There are many.", choices=tuple(f"/mesh set api v1={n} v2=9" for n in range(1, 20))),
        "unavailable": Unavailable("Redis does not answer.", hint="Try again."),
        "too_late": TooLate("It is decided.", by=("U0ANA", "U0LEE")),
        "unknown": NotFound("There is no such service."),
    }
    return {f"error_{name}": partial(error_answer, error) for name, error in said.items()}


def _stories() -> dict[str, Callable[[], Drawing]]:
    threads = {f"thread_{name}": one for name, one in CARDS.items() if tell(one)}
    threads["thread_reminded"] = waiting(asked(TWO), Event(Step.REMINDED, AT + 300, "0 of 2 approvals"))
    ends = {f"end_{name}": one for name, one in CARDS.items() if closing_story(one)}

    def thread(one: Operation) -> Message:
        return _lines([told.text for told in tell(one)])

    def end(one: Operation) -> Message:
        return _lines([closing_story(one) or Markup("")])

    return {
        **{name: partial(thread, one) for name, one in threads.items()},
        **{name: partial(end, one) for name, one in ends.items()},
    }


def _pressed() -> dict[str, Callable[[], Drawing]]:
    def choice(typed: str) -> Message:
        return error_answer(Refused("Which one?", choices=(f"/mesh {typed}", "/mesh gates api")))

    return {f"pressed_{typed}": partial(choice, typed) for typed in PRESSED}


def _more() -> dict[str, Callable[[], Drawing]]:
    voted = operation(
        "approve op-k3v9x2m4ta", Step.REFUSED, state=State.REFUSED, outcome="It is decided.", hint="Look."
    )
    rising = Beyond("role daytime gives an arm at most 50 %", None)
    return {
        "approvals": lambda: approvals_answer([Waiting(APPROVALS["approval_one_vote"], asked(TWO), mine)
                                               for mine in (True, False, None)]),
        "approvals_none": lambda: approvals_answer([]),
        "approvals_many": lambda: approvals_answer([Waiting(APPROVALS["approval_waiting"], asked(LEADS), True)] * 40),
        "vote": lambda: vote_answer(replace(voted, state=State.SUCCEEDED)),
        "vote_late": lambda: vote_answer(replace(voted, story=(Event(Step.REFUSED, AT, by="U0ANA"),))),
        "accepted": lambda: accepted_answer(Receipt(SAMPLES["queued"], True)),
        "accepted_again": lambda: accepted_answer(Receipt(SAMPLES["checking"], False)),
        "accepted_done": lambda: accepted_answer(Receipt(SAMPLES["promoted"], False)),
        "late": late_answer,
        "history": lambda: history_answer([SAMPLES["forced"], SAMPLES["refused_by_gate"], SAMPLES["adopted"]]),
        "history_none": lambda: history_answer([]),
        "freezes": lambda: freezes_answer([FREEZE, UNTIL], [SOON]),
        "freezes_none": lambda: freezes_answer([], []),
        "whoami": lambda: whoami_answer(Whoami(JIN, frozenset({"S0SRE"}), (Right(ROLE, ("S0SRE",)),
                                               Right(Role("all", verbs=("*",)), (JIN.user,)), Right(LIMITED, ())))),
        "whoami_nobody": lambda: whoami_answer(Whoami(JIN, frozenset(), (), "it is broken")),
        "can": lambda: can_answer(_can("promote api 50", held=(Right(LIMITED, ("S0SRE",)),), rules=(TWO,))),
        "can_behind_glass": lambda: can_answer(
            _can("promote api 50 --break-glass --reason sale", passes=(FREEZE,), rules=(GLASS,))
        ),
        "whoami_votes": lambda: whoami_answer(
            Whoami(JIN, frozenset({"S0SRE"}), (), votes=(Say(TWO, ("S0SRE",)), Say(GLASS, ("S0SRE",), later=True)))
        ),
        "can_not": lambda: can_answer(_can("promote api 50", allowed=False)),
        "can_not_now": lambda: can_answer(_can("promote api 50", freezes=(FREEZE,))),
        "can_not_so_much": lambda: can_answer(_can("promote api 90", beyond=rising)),
        "home": _home,
        "home_empty": lambda: home(Overview(AT, None, (), (), ())),
        "form": lambda: form(["prod", "lab"], channel="C0PROD"),
        "form_asking": lambda: _modal(asking("promote api 50")),
        "form_told": lambda: told(late_answer()),
        "form_receipt": lambda: receipt(accepted_answer(Receipt(SAMPLES["queued"], True)), "C0PROD"),
        "form_receipt_home": lambda: receipt(accepted_answer(Receipt(SAMPLES["queued"], True)), "D0JIN"),
        "digests": lambda: list_answer([(DAILY, int(MONDAY)), (NEVER, None)], "C0AUDIT"),
        "digests_none": lambda: list_answer([], "C0PROD"),
        "digest_characters": lambda: digest_message(FULL),
        "incidents": lambda: incidents_answer(Open((FIRING, replace(FIRING, alerts=FIRING.alerts[:1])) * 15)),
        "incidents_none": lambda: incidents_answer(Open()),
        "incidents_newer": lambda: incidents_answer(Open(unread={FIRING.target: "A newer meshbot wrote it."})),
        "help": help_answer,
        "too_many_blocks": lambda: message(Markup("…"), [section(Markup("…"))] * 60),
    }  # fmt: skip


EVERYTHING: dict[str, Callable[[], Drawing]] = {
    **{f"card_{name}": partial(card, one) for name, one in CARDS.items()},
    **{f"digest_{name}": partial(digest_message, one, picture="F000000001") for name, one in EDITIONS.items()},
    **{f"incident_{name}": partial(incident_card, *one) for name, one in SHOWN.items()},
    **{f"help_{verb}": partial(help_answer, str(verb)) for verb in VERBS},
    **_errors(),
    **_stories(),
    **_pressed(),
    **_more(),
}


def blocks_of(drawing: Drawing) -> list[Block]:
    """Return the blocks of a message or a view."""
    return list(drawing.blocks) if isinstance(drawing, Message) else drawing["blocks"]
