"""Which of several equal servers to believe: one that knows nothing must not hide its twin that does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from workers.metrics.dialect import Dialect
from workers.metrics.prometheus import Question, Row
from workers.metrics.servers import Reply, Servers
from workers.metrics.trouble import Trouble

Asked = Mapping[Dialect, Sequence[Question]]
"""For each mesh what was counted, how long that took, and how old the news are."""
Knowledge = Callable[[Dialect, Sequence[Row], Sequence[Row]], tuple[int, int]]
"""Of how many arms counts and times of newest samples tell, and how many there are."""
MUCH_BETTER = 2
"""How many times as many arms a twin must know to be believed in a server's stead: nothing counts for a while then, so
a canary that one of them has seen a scrape earlier is not worth it."""


def answered(servers: Servers, asked: Asked, knowledge: Knowledge, *, first: str) -> Reply:
    """Return all answers of one server: of `first`, unless a twin knows much more. Raises Trouble."""
    questions = [one for each in asked.values() for one in each]
    reply = servers.ask(questions, first=first)
    telling = [rows for at, rows in enumerate(reply.rows) if at % 3 != 1]
    known, arms = _known(asked, telling, knowledge)
    twins = servers.twins(reply.source) if known < arms else []
    better = {twin: knows for twin in twins if (knows := _asked(servers, twin, asked, knowledge)) > MUCH_BETTER * known}
    return servers.ask(questions, first=max(better, key=better.__getitem__)) if better else reply


def _asked(servers: Servers, twin: str, asked: Asked, knowledge: Knowledge) -> int:
    """Return of how many arms a twin knows; the histograms, which are large, are not asked for that."""
    try:
        telling = servers.ask_only(twin, [one for counts, _, newest in asked.values() for one in (counts, newest)])
    except Trouble:
        return 0
    return _known(asked, telling, knowledge)[0]


def _known(asked: Asked, telling: Sequence[Sequence[Row]], knowledge: Knowledge) -> tuple[int, int]:
    found = [knowledge(dialect, telling[2 * at], telling[2 * at + 1]) for at, dialect in enumerate(asked)]
    return sum(known for known, _ in found), sum(arms for _, arms in found)
