"""What came back from the modal: read as claims, put into the words a person would type, and errors put in place."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from typing import Any

from bot.requests import Payload
from chat.form import SERVICE, VERBS
from mesh.domain.commands import Command, Target, Verb
from mesh.domain.errors import Refused
from mesh.domain.grammar import parse
from mesh.domain.policy import Actor
from mesh.domain.spelling import normalised
from mesh.operations.desk import Desk
from mesh.operations.offering import offered

MOST = 300
"""Characters that a field may hold."""
AMOUNTS = {Verb.PROMOTE: "50", Verb.SET: "a=1 b=1"}
"""What stands in for an amount while another field is looked at; the other verbs need none."""


class Misplaced(Refused):
    """A field holds what it cannot hold."""

    def __init__(self, field: str, error: Refused) -> None:
        """Say `error` beside `field`, the id of a block."""
        super().__init__(error.message, hint=error.hint, choices=error.choices)
        self.field = field


@dataclass(frozen=True)
class Form:
    """The fields, as they came. Nothing in it is true before it was looked up."""

    verb: str = ""
    cluster: str = ""
    service: str = ""
    """`cluster/namespace/service`, as one of the options that were offered."""
    amount: str = ""
    version: str = ""
    reason: str = ""


def read_form(view: Payload) -> Form:
    """Read the values of a view; what is missing or of another shape is empty."""
    values = (view.get("state") or {}).get("values") or {}
    ids = {"verb": "verb", "cluster": "cluster", "service": SERVICE}
    chosen = {block: _chosen(values, block, action) for block, action in ids.items()}
    typed = {block: _typed(values, block) for block in ("amount", "version", "reason")}
    return Form(**chosen, **typed)


def understand(desk: Desk, form: Form, actor: Actor, *, channel: str) -> Command:
    """Return the command that the fields make, parsed from the text that a person would type.

    Raises Misplaced: for an option that is not offered to this person now, and where the text is not understood.
    """
    verb, target = _verb(form), _target(desk, form, actor, channel)
    form = replace(form, **{field: written(field, getattr(form, field)) for field in ("amount", "version", "reason")})
    try:
        return parse(_text(verb, target, form))
    except Refused as error:
        raise Misplaced(_culprit(verb, target, form), error) from error


def written(field: str, text: str) -> str:
    """Return what was typed into a field, as it may stand in a command; raise Misplaced where it cannot."""
    if len(text) > MOST:
        raise Misplaced(field, Refused(f"More than {MOST} characters.", hint="Shorten it."))
    try:
        return normalised(text).strip()
    except Refused as error:
        raise Misplaced(field, error) from error


def _verb(form: Form) -> Verb:
    if form.verb not in {str(verb) for verb in VERBS}:
        raise Misplaced("verb", Refused("Choose what to do.", hint="Other commands can be typed: /mesh help."))
    return Verb(form.verb)


def _target(desk: Desk, form: Form, actor: Actor, channel: str) -> Target:
    """Return the chosen service when it is among those that this person would be offered now."""
    if form.cluster not in {cluster.name for cluster in desk.catalog.clusters}:
        raise Misplaced("cluster", Refused("Choose a cluster from the list.", hint="The configuration names them."))
    name = form.service.rpartition("/")[2]
    found = [one for one in offered(desk, actor, name, channel=channel) if str(one) == form.service]
    if not name or not found:
        raise Misplaced("service", Refused("Choose a service from the list.", hint="Type a part of its name."))
    if found[0].cluster != form.cluster:
        hint = f"Choose the cluster {found[0].cluster}, or this service in {form.cluster}."
        raise Misplaced("cluster", Refused(f"The chosen service is in {found[0].cluster}.", hint=hint))
    return found[0]


def _text(verb: Verb, target: Target, form: Form) -> str:
    words = form.amount.split()
    if any(word.startswith("-") for word in words):
        raise Misplaced("amount", Refused("Options do not belong here.", hint="They can be typed: /mesh help."))
    options = {"version": form.version, "reason": form.reason}
    given = [f"--{name}={shlex.quote(value)}" for name, value in options.items() if value]
    where = [f"--namespace={target.namespace}", f"--cluster={target.cluster}"]
    return " ".join([verb, target.service, *map(shlex.quote, words), *where, *given])


def _culprit(verb: Verb, target: Target, form: Form) -> str:
    """Return the field without which the text is understood."""
    sound = replace(form, amount=AMOUNTS.get(verb, ""), version="", reason="")
    for field in ("amount", "version", "reason"):
        try:
            parse(_text(verb, target, replace(sound, **{field: getattr(form, field)})))
        except Refused:
            return field
    return "verb"


def _chosen(values: Any, block: str, action: str) -> str:
    option = _at(_at(_at(values, block), action), "selected_option")
    return str(_at(option, "value") or "")


def _typed(values: Any, block: str) -> str:
    return str(_at(_at(_at(values, block), block), "value") or "").strip()


def _at(found: Any, key: str) -> Any:
    return found.get(key) if isinstance(found, dict) else None
