"""A step-up check to talk to: a real HTTP server that answers each question as a test says, and keeps them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from mesh.domain.stepups import StepUp
from tests.answering import answering, send

TOKEN = "step-up-token-4711"
LINK = "https://login.example.com/prove?key=once"
NO = {"allow": False, "reason": "no proof of *today*", "url": LINK}


@dataclass
class Checkpoint:
    """The other system: who is proven to it, what it was asked, and what else it may do."""

    rule: StepUp
    proven: set[str] = field(default_factory=set)
    asked: list[dict[str, Any]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    reply: Callable[[BaseHTTPRequestHandler], object] | None = None
    """Answers instead, where it is there."""

    def hear(self, request: BaseHTTPRequestHandler) -> None:
        """Answer one question."""
        question = json.loads(request.body)  # type: ignore[attr-defined]  # tests.answering reads it
        self.asked.append(question)
        self.tokens.append(str(request.headers["Authorization"]))
        with suppress(BrokenPipeError, ConnectionResetError):  # whoever asked did not wait
            if self.reply:
                self.reply(request)
                return
            said = {"allow": True, "reason": "proven"} if question["user"] in self.proven else NO
            send(request, json.dumps(said).encode(), content_type="application/json")


@contextmanager
def checkpoint(tmp_path: Path, **settings: Any) -> Iterator[Checkpoint]:
    """Run one; `settings` are those of the rule that leads there."""
    token = tmp_path / "step-up-token"
    token.write_text(TOKEN + "\n")
    made = Checkpoint(StepUp("", str(token), **settings))
    with answering(made.hear) as url:
        made.rule = replace(made.rule, url=f"{url}/check")
        yield made
