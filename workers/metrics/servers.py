"""The equal metrics servers of one cluster: whoever answers, answers for all."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait

from mesh.domain.catalog import MetricsServer
from workers.metrics.prometheus import Prometheus, Question, Row
from workers.metrics.trouble import Trouble

AT_ONCE = 12
"""How many questions may be under way: a look at two meshes with its burn rates, and some that nobody waits for."""


class Servers:
    """Asks the server that answered last; when it is down, slow or ill, the next one, within the same call."""

    def __init__(self, settings: MetricsServer) -> None:
        """Take where they are; opens nothing yet."""
        self._settings = settings
        self._servers = [Prometheus(url, settings) for url in settings.urls]
        self._first = 0
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="metrics")

    def close(self) -> None:
        """Close all connections; nobody waits for what is still under way."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for server in self._servers:
            server.close()

    @property
    def lag_s(self) -> float:
        """How long ago the newest moment lies that may be asked about, in seconds."""
        return self._settings.lag_s

    @property
    def patience_s(self) -> float:
        """How long a call may take in all, in seconds: time for a second server where there is one."""
        return self._settings.timeout_s * min(2, len(self._servers))

    def ask(self, questions: Sequence[Question]) -> list[list[Row]]:
        """Return the rows of each answer; all are asked at once. Raises Trouble when any cannot be answered."""
        deadline = time.monotonic() + self.patience_s
        under_way = [self._threads.submit(self._in_turn, question, deadline) for question in questions]
        wait(under_way, timeout=max(0.0, deadline - time.monotonic()) + 0.1)
        if not all(future.done() for future in under_way):
            raise Trouble(f"Prometheus did not answer in {self._settings.timeout_s:.3g} s")
        return [future.result() for future in under_way]

    def _in_turn(self, question: Question, deadline: float) -> list[Row]:
        troubles: list[str] = []
        # Other questions may find out meanwhile who answers; each asks every server once all the same.
        first = self._first
        for turn in range(len(self._servers)):
            place = (first + turn) % len(self._servers)
            left = min(self._settings.timeout_s, deadline - time.monotonic())
            if left <= 0:
                break
            try:
                rows = self._servers[place].rows(question, timeout_s=left)
            except Trouble as trouble:
                if trouble.everywhere:
                    raise
                troubles.append(str(trouble))
            else:
                self._first = place
                return rows
        raise Trouble("; ".join(dict.fromkeys(troubles)) or "no metrics server is configured")
