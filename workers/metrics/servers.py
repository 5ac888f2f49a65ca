"""The equal metrics servers of one cluster: whoever answers, answers for all."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass

from mesh.domain.catalog import MetricsServer
from workers.metrics.prometheus import Prometheus, Question, Row
from workers.metrics.trouble import Trouble, name_of

AT_ONCE = 12
"""How many questions may be under way: a look at two meshes with its burn rates, and some that nobody waits for."""
ILL_S = 30.0
"""For how long a server that was in trouble is not asked whether it knows more: nobody waits for it at each look."""


@dataclass(frozen=True)
class Reply:
    """What one server answered to all questions."""

    source: str
    """Its address, without user and password."""
    rows: list[list[Row]]
    """By question."""


class Servers:
    """Asks the server that answered last; when it is down, slow or ill, the next one, within the same call.

    All questions of a call are answered by one server: counters of two servers differ.
    """

    def __init__(self, settings: MetricsServer) -> None:
        """Take where they are; opens nothing yet."""
        self._settings = settings
        self._servers = {name_of(url): Prometheus(url, settings) for url in settings.urls}
        self._first = next(iter(self._servers), "")
        self._ill_until: dict[str, float] = {}
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="metrics")

    def close(self) -> None:
        """Close all connections; nobody waits for what is still under way."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for server in self._servers.values():
            server.close()

    @property
    def lag_s(self) -> float:
        """How long ago the newest moment lies that may be asked about, in seconds."""
        return self._settings.lag_s

    @property
    def patience_s(self) -> float:
        """How long a call may take in all, in seconds: time for a second server where there is one."""
        return self._settings.timeout_s * min(2, len(self._servers))

    def twins(self, source: str) -> list[str]:
        """Return the servers beside this one that were not in trouble lately."""
        now = time.monotonic()
        return [name for name in self._others(source) if self._ill_until.get(name, now) <= now]

    def ask(self, questions: Sequence[Question], *, first: str = "") -> Reply:
        """Return one server's answers; all are asked at once. Raises Trouble when no server can answer them all.

        `first` is who is asked first; an address that is none leaves that to who answered last.
        """
        deadline, troubles = time.monotonic() + self.patience_s, list[str]()
        begin = first if first in self._servers else self._first
        for name in [begin, *self._others(begin)] if self._servers else []:
            left = min(self._settings.timeout_s, deadline - time.monotonic())
            if left <= 0:
                break
            try:
                rows = self._all(name, questions, left)
            except Trouble as trouble:
                if trouble.everywhere:
                    raise
                troubles.append(str(trouble))
            else:
                self._first = name
                return Reply(name, rows)
        raise Trouble("; ".join(dict.fromkeys(troubles)) or "no metrics server is configured")

    def ask_only(self, name: str, questions: Sequence[Question]) -> list[list[Row]]:
        """Return the answers of this server; raise Trouble where it has none."""
        return self._all(name, questions, self._settings.timeout_s)

    def _others(self, source: str) -> list[str]:
        return [name for name in self._servers if name != source]

    def _all(self, name: str, questions: Sequence[Question], timeout_s: float) -> list[list[Row]]:
        server = self._servers[name]
        under_way = [self._threads.submit(server.rows, question, timeout_s=timeout_s) for question in questions]
        done, waiting = wait(under_way, timeout=timeout_s + 0.1, return_when="FIRST_EXCEPTION")
        if waiting or any(future.exception() for future in done):
            self._ill_until[name] = time.monotonic() + ILL_S
        for future in done:
            future.result()
        if waiting:
            raise Trouble(f"Prometheus did not answer in {self._settings.timeout_s:.3g} s")
        return [future.result() for future in under_way]
