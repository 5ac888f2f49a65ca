"""Flagger's questions over HTTP: may this revision go on? Answered from approvals, 200 for yes and 403 for not yet.

Flagger sends JSON `{name, namespace, phase, checksum, metadata}` (docs.flagger.app/usage/webhooks) and asks again until
its own deadline. `metadata.cluster` names the cluster where meshbot has several, `metadata.interval` says how often it
asks where that is more than a quarter of an hour.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bot.hooks import BadPost, Hook, Reply
from mesh.domain.catalog import Catalog
from mesh.domain.commands import Command, Verb
from mesh.domain.errors import Flooded, MeshbotError, Unavailable
from mesh.operations.desk import Desk
from mesh.operations.gatekeeping import (
    HOOKS,
    LONGEST_S,
    ROLLBACK,
    answered,
    is_open,
    question,
    refuse_rise,
    turned_away,
)
from telemetry.counting import given_up

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_INTERVAL = re.compile(r"(?:([0-9]{1,4})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,8})s)?")
_CHECKSUM = re.compile(r"[A-Za-z0-9._:+/=-]{1,128}")

log = logging.getLogger(__name__)


def flagger(desk: Desk, *, catalog: Callable[[], Catalog] | None = None) -> dict[str, Hook]:
    """Return Flagger's hooks by name, each answering by what `catalog` says at that moment.

    Only 200 lets Flagger go on; whatever cannot be known is not 200.
    """

    def hook_of(name: str) -> Hook:
        def hook(posted: Any) -> Reply:
            now = replace(desk, catalog=catalog()) if catalog else desk
            return _answer(now, _command(name, posted), interval_s=_interval_s(name, posted))

        return hook

    return {f"flagger/{name}": hook_of(name) for name in HOOKS}


def _answer(desk: Desk, command: Command, *, interval_s: float) -> Reply:
    operation = None
    try:
        operation = question(desk, command, interval_s=interval_s)
        if is_open(operation):
            refuse_rise(desk, operation)
            answered(desk, operation)
    except Unavailable:
        raise
    except Flooded as error:
        turned_away(desk, command, error.message.removesuffix("."))
        given_up("hook", error.lapse)
        return Reply(429, {"error": f"{error.message} {error.hint}"}, wait_s=max(1, math.ceil(error.wait_s)))
    except MeshbotError as error:
        why = error.message.removesuffix(".")
        if operation is None:
            turned_away(desk, command, why)
        else:
            answered(desk, operation, why)
        return Reply(403, {"error": f"{error.message} {error.hint}"})
    return Reply(200 if is_open(operation) else 403, {"operation": operation.id, "state": str(operation.state)})


def _command(hook: str, posted: Any) -> Command:
    """Return what is asked; every word is checked, for cards and keys are made of them. Raises BadPost."""
    body = posted if isinstance(posted, dict) else {}
    metadata = body.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise BadPost("`metadata` is not a JSON object.")
    cluster = metadata.get("cluster")
    named = {"name": body.get("name"), "namespace": body.get("namespace"), "metadata.cluster": cluster or "any"}
    for key, value in named.items():
        if not (isinstance(value, str) and _NAME.fullmatch(value)):
            raise BadPost(f"`{key}` is not a name.")
    checksum = body.get("checksum")
    if not (isinstance(checksum, str) and _CHECKSUM.fullmatch(checksum)):
        raise BadPost("`checksum` is missing, and approval is bound to it.")
    words = {"service": body["name"], "namespace": body["namespace"], "cluster": cluster or ""}
    return Command(verb=Verb.FLAGGER, hook=hook, checksum=checksum, **words)


def _interval_s(hook: str, posted: Any) -> float:
    """Return how often Flagger asks, as the Canary says in seconds; 0 where it does not. Raises BadPost.

    Whoever wants to go back is not kept from it by a mistake about how long that counts.
    """
    said = (posted.get("metadata") or {}).get("interval", "0s")
    found = _INTERVAL.fullmatch(said) if isinstance(said, str) and said else None
    hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (0, 0, math.inf)
    interval_s = hours * 3600 + minutes * 60 + seconds
    if interval_s <= LONGEST_S:
        return interval_s
    wrong = BadPost(f"`metadata.interval` is no time like 1h or 90m, of at most {LONGEST_S / 3600:g} h.")
    if hook != ROLLBACK:
        raise wrong
    log.warning("hook flagger/%s goes by no interval: %s", hook, wrong.message)
    return 0.0
