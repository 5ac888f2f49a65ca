"""What a commit says: to people, and, in trailers, to the worker that comes after a dead one.

The trailers hold what meshbot otherwise writes into annotations of the object: Git is the memory where Git is the
truth. Whoever may push can write them, as whoever may patch can write annotations: what is not ours is nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from mesh.domain.plans import Plan
from mesh.domain.routes import PREFIX, STAMP_ACTOR, STAMP_ATTEMPT, STAMP_OPERATION

OPERATION = "Meshbot-Operation"
OBJECT = "Meshbot-Object"
STAMPS = "Meshbot-Stamps"

_ANNOTATIONS = "/metadata/annotations"
_REFERENCE = re.compile(r"([@#!](?=\w)|/(?:issues|pull|merge_requests|work_items)/(?=\d)|\bGH-(?=\d))", re.IGNORECASE)
"""How GitLab and GitHub know a person, an issue or a request in a text: with a blank in it they do not."""
_TRAILER = re.compile(r"^(Meshbot-[A-Za-z]+): (.*)$", re.MULTILINE)


def stamps_of(plan: Plan) -> dict[str, str]:
    """Return what the plan would write into the object's annotations."""
    found: dict[str, str] = {}
    for one in plan.patch:
        if one.op == "add" and one.path == _ANNOTATIONS:
            found |= one.value
        elif one.op == "add" and one.path.startswith(f"{_ANNOTATIONS}/"):
            found[one.path.removeprefix(f"{_ANNOTATIONS}/").replace("~1", "/").replace("~0", "~")] = one.value
    return found


def object_of(plan_or_route: object, path: str) -> str:
    """Return what trailers call the object: in which file it is, for one file may go to several clusters."""
    kind, namespace, name = (getattr(plan_or_route, key) for key in ("kind", "namespace", "name"))
    return f"{kind} {namespace}/{name} in {path}"


def message(plan: Plan, cluster: str, service: str, path: str) -> str:
    """Write the message of the commit that carries out `plan`, or that shuts out an attempt to."""
    stamps = stamps_of(plan)
    if STAMP_ATTEMPT in stamps and STAMP_OPERATION not in stamps:
        body = [f"{service}: void an attempt that got no answer", "Nothing is changed: a push that is late is refused."]
        trailers = [f"Meshbot-Attempt: {stamps[STAMP_ATTEMPT]}"]
        return "\n".join([body[0], "", body[1], "", *trailers, ""])
    changes = ", ".join(f"{arm.name} {arm.before} -> {arm.after}" for arm in plan.arms if arm.before != arm.after)
    trailers = [
        f"{OPERATION}: {stamps.get(STAMP_OPERATION, '')}",
        f"{OBJECT}: {object_of(plan, path)}",
        f"{STAMPS}: {json.dumps(stamps, separators=(',', ':'), sort_keys=True)}",
    ]
    by = stamps.get(STAMP_ACTOR, "")
    said = f"Weights of {plan.label}, cluster {cluster}, asked for by {by} through meshbot."
    # Indented: what people wrote is then no markup, and no order to the forge, where this is a merge request's text.
    why = [*(f"    {_harmless(line)}" for line in plan.because), ""] if plan.because else []
    return "\n".join([f"{service}: {changes or 'take the weights as they are'}", "", said, "", *why, *trailers, ""])


def _harmless(line: str) -> str:
    """Return people's words so that a forge calls nobody (`@all`) and closes nothing (`fixes #12`) for them."""
    return _REFERENCE.sub(r"\1 ", line)


def trailers(message: str) -> dict[str, str]:
    """Return the trailers of ours in the last paragraph of a message."""
    last = message.rstrip().rpartition("\n\n")[2]
    return dict(_TRAILER.findall(last))


def remembered(found: Mapping[str, str]) -> dict[str, str]:
    """Return the stamps that trailers hold; nothing where they are not ours."""
    try:
        stamps = json.loads(found.get(STAMPS, "{}"))
    except (ValueError, RecursionError):
        return {}
    if not isinstance(stamps, dict):
        return {}
    return {key: value for key, value in stamps.items() if str(key).startswith(PREFIX) and isinstance(value, str)}
