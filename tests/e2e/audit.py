"""Reading the API server's own audit log: what an account really asked for."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass

from tests.e2e.admin import ACCOUNTS, Admin, Obj, Right, until
from tests.e2e.servers import AUDIT_LOG


@dataclass(frozen=True)
class Request:
    """One request, as the API server has it on record."""

    right: Right
    namespace: str
    status: int
    """HTTP status of the answer."""


def requests_of(admin: Admin, account: str) -> list[Request]:
    """Return what an account of ours asked of objects so far, oldest first; discovery is left out: all may ask."""
    who = f"system:serviceaccount:{ACCOUNTS}:{account}"
    return [_request(event) for event in _events(admin) if event["user"]["username"] == who and event.get("objectRef")]


def settle(admin: Admin, worker: Admin) -> None:
    """Wait until all that was answered before is in the log: a line follows its answer by a moment."""
    mark = f"settle-{uuid.uuid4().hex}"
    worker.do("GET", f"/version?mark={mark}")
    until(lambda: any(mark in event["requestURI"] for event in _events(admin)), "the audit log stands still")


def _events(admin: Admin) -> list[Obj]:
    text = admin.kubeconfig.with_name(AUDIT_LOG).read_text(encoding="utf-8")
    # The last line may still be on its way.
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def _request(event: Obj) -> Request:
    what = event["objectRef"]
    plural = "/".join(filter(None, (what["resource"], what.get("subresource", ""))))
    right = (what.get("apiGroup", ""), plural, event["verb"])
    return Request(right, what.get("namespace", ""), event["responseStatus"]["code"])
