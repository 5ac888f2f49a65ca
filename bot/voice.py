"""In which language a person is answered: that of their own Slack, as far as it is known without asking."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from chat.locales import locale_of, speaking


def _nothing(*_: str) -> str:
    return ""


@dataclass(frozen=True)
class Voice:
    """Knows languages."""

    locale: Callable[[str], str] = _nothing
    """Returns at once what is remembered of a person's locale (`ko-KR`), by their id; empty for nothing."""
    general: Callable[[], str] = _nothing
    """Returns the language of the configuration, for whoever nothing is known of."""

    def to(self, user: str) -> AbstractContextManager[None]:
        """Speak to that person, in this thread, until the end of the block.

        What is known is asked for at each sentence: who is at the door is asked about after the block has begun.
        """
        return speaking(lambda: locale_of(self.locale(user) or self.general()))


class Voiced:
    """A Bolt application whose listeners all speak to whoever they answer."""

    def __init__(self, app: Any, voice: Callable[[], Voice]) -> None:
        self._app = app
        self._voice = voice

    def __getattr__(self, kind: str) -> Callable[..., Callable[[Callable[..., Any]], object]]:
        """Return what registers a listener of one kind: `command`, `action`, `view` …."""
        return lambda *named: lambda listener: getattr(self._app, kind)(*named)(self._spoken(listener))

    def _spoken(self, listener: Callable[..., Any]) -> Callable[..., Any]:
        """Return a listener that speaks to whoever its `context` says the request is from."""

        @functools.wraps(listener)
        def speaks(**named: Any) -> Any:
            with self._voice().to((named.get("context") or {}).get("user_id") or ""):
                return listener(**named)

        return speaks
