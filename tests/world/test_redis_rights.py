"""The user that docs/redis.md makes in Redis: its rights are enough, and none of them is needless."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import redis
import rq

from playground.sentinels import SENTINEL_RIGHTS
from playground.servers import RIGHTS, USER
from tests.world.town import Town

pytestmark = pytest.mark.world
ROOT = Path(__file__).parents[2]
BY_REDIS_PY = {"ping", "select", "exec", "client|setname", "client|info", "script|load", "script|exists"}
"""What its connections send by themselves, or under another name; RQ asks for the name and the address of its own."""


def test_the_rights_in_the_docs_are_enough(istio: Town) -> None:
    """Whatever people, clocks, RQ and the command line do in a world, Redis never had to refuse it."""
    istio.reset("istio-traffic.yaml")
    admin = redis.Redis.from_url(istio.world.redis.url)
    changes = (
        "promote api 40 --force --reason x",
        "rollback api",
        "undo",
        "freeze api for 5m --reason x",
        "unfreeze api",
    )
    for text in changes:
        istio.do(f"/mesh {text}")
    rollout = istio.ask("/mesh canary api")
    istio.do("/mesh rollback api")
    istio.settled(rollout)
    for text in ("freezes", "history api", "whoami", "digest", "incidents", "gates api"):
        istio.answer(f"/mesh {text}")
    environment = {"PATH": "/usr/bin:/bin", **istio.world.environment}
    for arguments in (("audit", "verify"), ("audit", "list"), ("doctor", "--within", "120")):
        subprocess.run([sys.executable, "-m", "meshbot", *arguments], env=environment, capture_output=True, check=False)
    log: Any = admin.acl_log()
    refused = {(one["reason"], one["object"]) for one in log if one["username"] == USER}
    # The doctor asks, and says that it cannot tell.
    assert refused <= {("command", "config|get")}
    users = {one["user"] for one in admin.client_list()}
    assert USER in users


def test_no_right_is_needless() -> None:
    """Each command that the user may send is named in our scripts and calls, or in RQ's."""
    code = "\n".join(path.read_text() for path in (ROOT / "store").glob("*.py"))
    code += "\n".join(path.read_text() for path in Path(rq.__file__).parent.rglob("*.py"))
    granted = set(re.findall(r"\+(\S+)", RIGHTS)) - BY_REDIS_PY
    named = {"del": "delete", "scan": "scan_iter"}
    used = {word for word in granted if re.search(rf"(\.{named.get(word, word)}\(|call\(['\"]{word}['\"])", code, re.I)}
    assert granted == used


def test_the_docs_have_these_rights() -> None:
    """Who copies the line from docs/redis.md makes the user with which everything here was tried."""
    page = " ".join((ROOT / "docs/redis.md").read_text().split())
    assert f"user {USER} on >" in page
    assert RIGHTS in page
    assert f"`{SENTINEL_RIGHTS}`" in page
