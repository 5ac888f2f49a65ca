"""Freezes in words: what holds now and what comes next, and what the card of one says. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from chat.blocks import Message, header, message, section
from chat.escape import DAY_AND_TIME, Markup, bold, code, date, esc, join, shorten, tell, user
from chat.locales import many, mark, tr
from mesh.domain.commands import Target
from mesh.domain.freezes import Freeze
from mesh.domain.operations import Operation, Step

_MOST = 20


def freezes_answer(now: Sequence[Freeze], later: Sequence[Freeze]) -> Message:
    """List what is frozen, and what the calendar freezes next."""
    text = esc(many("{count} freeze holds now.", "{count} freezes hold now.", len(now)))
    nothing = esc(tr("Nothing is frozen now."))
    lines = [freeze_line(one) for one in now[:_MOST]] or [nothing]
    lines += [esc(tr("… and {count} more", count=len(now) - _MOST))] if len(now) > _MOST else []
    blocks = [header(tr("Freezes")), *(section(line) for line in lines)]
    if later:
        coming = [_coming(one) for one in later[:_MOST]]
        blocks.append(section(join("\n", [bold(esc(tr("Next"))), *coming])))
    return message(text if now else nothing, blocks)


def freeze_line(freeze: Freeze) -> Markup:
    """Say what is frozen, until when, by whom, why, and how it is lifted."""
    ends = esc(tr("until it is lifted"))
    if not math.isinf(freeze.until):
        ends = tell("until {when}", when=date(freeze.until, shown=DAY_AND_TIME))
    who = tell("by {person}", person=user(freeze.by)) if freeze.by else esc(tr("by the calendar"))
    what = join(" ", [esc(":snowflake:"), bold(esc(tr("Frozen"))), code(shorten(str(freeze.scope), 200))])
    return join(" · ", [what, ends, who, code(shorten(freeze.reason, 300)), code(freeze.id)])


def target_in_words(target: Target) -> str:
    """Return what a freeze is about, for headlines: `api`, `everything`, `namespace shop`. Plain text."""
    if target.service != "*":
        return target.service
    return wide_in_words(*("" if name == "*" else name for name in (target.namespace, target.cluster)))


def wide_in_words(namespace: str, cluster: str) -> str:
    """Return what a freeze of no one service is about; empty stands for all. Plain text."""
    if namespace and cluster:
        return tr("namespace {namespace} of cluster {cluster}", namespace=namespace, cluster=cluster)
    if namespace:
        return tr("namespace {namespace}", namespace=namespace)
    return tr("cluster {cluster}", cluster=cluster) if cluster else tr("everything")


def narrowed(**parts: Sequence[str]) -> list[str]:
    """Return what something is limited to: `services api, web`; nothing for a part that stands for all. Plain text."""
    return [tr(_NARROWED[what], names=", ".join(names)) for what, names in parts.items() if tuple(names) != ("*",)]


_NARROWED = {
    "services": mark("services {names}"),
    "namespaces": mark("namespaces {names}"),
    "clusters": mark("clusters {names}"),
}


def was_about_freezes(operation: Operation) -> bool:
    """Tell whether a freeze was made, or lifted."""
    return operation.went(Step.FROZEN) or operation.went(Step.LIFTED)


def place_in_words(target: Target) -> str:
    """Return `prod / shop`; a part that stands for all says so. Plain text."""
    cluster = tr("every cluster") if target.cluster == "*" else target.cluster
    namespace = tr("every namespace") if target.namespace == "*" else target.namespace
    return f"{cluster} / {namespace}"


def _coming(freeze: Freeze) -> Markup:
    begins, ends = (date(at, shown=DAY_AND_TIME) for at in (freeze.since, freeze.until))
    when = tell("{begins} to {ends}", begins=begins, ends=ends)
    what = code(shorten(str(freeze.scope), 200))
    return join(" · ", [when, what, code(shorten(freeze.reason, 200)), code(freeze.id)])
