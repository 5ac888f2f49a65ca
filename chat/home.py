"""The App Home: what waits for somebody, what runs for them, what they may do, what is frozen, and help. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from chat.approvals import vote_buttons
from chat.blocks import Block, Button, Message, actions, context, header, section
from chat.cards import change_in_short
from chat.choices import CALLED, CHOICES
from chat.escape import DAY_AND_TIME, TIME, Markup, bold, code, date, esc, join, shorten, tell
from chat.form import OPEN, View
from chat.locales import heard, mark, tr
from chat.phrases import sign
from chat.rights import whoami_answer
from chat.tables import more
from mesh.domain.commands import Command, Verb
from mesh.domain.grammar import format_command
from mesh.domain.operations import Operation
from mesh.operations.overview import Notice, Overview

REFRESH = "meshbot.home.refresh"
MOST_EACH = 10
"""Lines of one list: a Home has at most 100 blocks, and is to be read at a glance."""


def home(found: Overview) -> View:
    """Draw the App Home as things stood at `found.at`."""
    drawn = tell("As of {time}. Press Refresh to look again.", time=date(found.at, shown=TIME))
    top = actions([
        Button(tr("Move traffic"), OPEN, "open", tr("Open the form to move traffic"), "primary"),
        Button(tr("Refresh"), REFRESH, "refresh", tr("Draw this page again")),
        Button(tr("Help"), CHOICES[0], f"{CALLED}help", tr("What meshbot understands, as a direct message")),
    ])  # fmt: skip
    trouble = [section(join(" ", [esc(":warning:"), esc(shorten(heard(found.trouble), 500))]))] if found.trouble else []
    return _view([
        header("meshbot"), top, context([drawn]), *trouble,
        *_notices(tr("Waiting for your approval"), found.waiting, none=tr("Nothing waits for you.")),
        *_running(found.running),
        *_notices(tr("Freezes"), found.freezes, none=tr("Nothing is frozen.")),
        *_rights(found),
    ])  # fmt: skip


def home_told(message: Message) -> View:
    """Show one answer in place of everything: to somebody who may not see it."""
    return _view(list(message.blocks))


def _view(blocks: Sequence[Block]) -> View:
    return {"type": "home", "blocks": list(blocks)[:100]}


def _notices(title: str, notices: Sequence[Notice], *, none: str) -> list[Block]:
    lines = [block for at, one in enumerate(notices[:MOST_EACH]) for block in _notice(one, place=at)]
    return [*_title(title), *(lines or [_quiet(none)]), *_more(len(notices))]


def _notice(notice: Notice, *, place: int) -> list[Block]:
    """Draw one notice; below what waits for a vote there are the buttons of its card."""
    votes = vote_buttons(notice.asks) if notice.asks else ()
    return [
        _line(esc(shorten(heard(notice.text), 400)), notice.command, place=place),
        *([actions(votes)] if votes else []),
    ]


def _running(operations: Sequence[Operation]) -> list[Block]:
    lines = [_operation(operation, place=at) for at, operation in enumerate(operations[:MOST_EACH])]
    nothing = _quiet(tr("None of your operations is running."))
    return [*_title(tr("Your running operations")), *(lines or [nothing]), *_more(len(operations))]


def _operation(operation: Operation, *, place: int) -> Block:
    found, target = sign(operation), operation.target
    look = Command(verb=Verb.STATUS, service=target.service, namespace=target.namespace, cluster=target.cluster)
    words = [
        join(" ", [esc(found.emoji), bold(esc(found.word)), esc(change_in_short(operation))]),
        esc(f"{target.cluster} / {target.namespace}"),
        date(operation.created_at, shown=DAY_AND_TIME),
        code(operation.id),
    ]
    return _line(join(" · ", words), CALLED + format_command(look), place=place)


def _line(text: Markup, command: str, *, place: int) -> Block:
    block = section(text)
    if command and len(command) > len(CALLED):
        label = tr("Status") if command.startswith(f"{CALLED}{Verb.STATUS}") else tr("Show")
        button = Button(label, CHOICES[place], command, f"{label}: {shorten(command, 60)}")
        block["accessory"] = actions([button])["elements"][0]
    return block


def _rights(found: Overview) -> list[Block]:
    if found.who is None:
        return [*_title(tr("Your rights")), _quiet(tr("Not known now."))]
    votes = tr("To vote takes no role: the rule that a change waits for says who may.")
    said = [_quiet(votes)] if found.waiting else []
    return [*_title(tr("Your rights")), *whoami_answer(found.who, votes=bool(found.waiting)).blocks, *said]


def _title(text: str) -> list[Block]:
    return [{"type": "divider"}, section(bold(esc(text)))]


def _quiet(text: str) -> Block:
    return context([esc(text)])


def _more(count: int) -> list[Block]:
    return [_quiet(line) for line in more(count - MOST_EACH, mark("… and {count} more"))]
