"""What a Git server that hangs costs those who do not need it, and how soon one that is well again is found."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from mesh.domain.errors import Refused, Unavailable
from mesh.domain.operations import Operation, State
from mesh.domain.repositories import Repository
from mesh.operations.patching import GIVE_UP_S
from mesh.operations.running import run
from tests.workers.git.bench import GitBench
from tests.workers.git.server import GitServer
from workers.git.adapter import GitCluster
from workers.git.budget import over_at
from workers.git.patience import KNOCK_AGAIN_S, KNOCK_S, TRY_AGAIN_S, TRY_S, Patience, Silence


@dataclass
class Town:
    """A worker with a clock of its own, and a server that it may wait for in vain."""

    now: float = 1000.0
    knock_s: float = KNOCK_S
    """How long a knock takes, in vain where that is as long as it may take."""
    ask_s: float = 20.0
    """How long an exchange takes, which ends in vain; 0 for a server that is well."""
    busy_s: float = 0.0
    knocks: int = 0
    server: Silence = field(default_factory=Silence)

    def knock(self) -> None:
        """Answer, or not."""
        self.knocks += 1
        self.spend(self.knock_s)
        if self.knock_s >= KNOCK_S:
            raise Unavailable("No answer to a knock.")

    def spend(self, seconds: float) -> None:
        """Let the worker be at it for so long."""
        self.now += seconds
        self.busy_s += seconds

    def patience(self) -> Patience:
        """That of one more repository of the server."""
        return Patience(self.knock, self.server)

    def ask(self, patience: Patience) -> None:
        """Do what a job does that needs the server."""
        with patience.fetching():
            took_s = min(self.ask_s, over_at() - self.now)
            self.spend(took_s)
            if self.ask_s:
                raise Unavailable(f"No end within {took_s:g} s: the server does not answer.")

    def wanted(self, *patiences: Patience, seconds: float) -> float:
        """Return which part of the worker it takes, where each is wanted every two seconds for so long."""
        began, self.busy_s = self.now, 0.0
        while self.now < began + seconds:
            for one in patiences:
                with pytest.raises(Unavailable):
                    self.ask(one)
            self.now += 2.0
        return self.busy_s / (self.now - began)


@pytest.fixture
def town(monkeypatch: pytest.MonkeyPatch) -> Town:
    """The clock of `Patience` is the town's."""
    made = Town()
    monkeypatch.setattr("workers.git.patience.time.monotonic", lambda: made.now)
    monkeypatch.setattr("workers.git.patience.SLOW_S", 0.5)
    return made


@pytest.mark.parametrize("ask_s", [1.0, 10.0, 20.0, 30.0])
@pytest.mark.parametrize(("knock_s", "repositories"), [(KNOCK_S, 1), (KNOCK_S, 8), (0.05, 1)])
def test_a_server_that_hangs_or_a_repository_that_drips_leaves_the_worker_to_others(
    town: Town, knock_s: float, repositories: int, ask_s: float
) -> None:
    """Whatever one exchange takes, and however many repositories the server has that hangs."""
    town.knock_s, town.ask_s = knock_s, ask_s
    assert town.wanted(*(town.patience() for _ in range(repositories)), seconds=3600) < 0.31


@pytest.mark.parametrize("after_s", [5.0, 60.0, 300.0])
def test_a_server_that_is_well_again_is_found_soon(town: Town, after_s: float) -> None:
    """A rollback, or a push whose answer was lost, waits for a knock and not for the whole rest."""
    patience = town.patience()
    town.wanted(patience, seconds=after_s)
    town.knock_s = town.ask_s = 0.0
    began = town.now
    while True:
        try:
            town.ask(patience)
            break
        except Unavailable:
            town.now += 2.0
    assert town.now - began <= KNOCK_AGAIN_S + 2.0
    knocks = town.knocks
    town.ask(patience)
    assert town.knocks == knocks


@pytest.mark.parametrize("slow", [1, 2])
def test_a_repository_that_was_slow_is_used_again_soon(town: Town, slow: int) -> None:
    """While it is wanted, and while others of its server stay slow: it is tried within half a minute."""
    others, one = [town.patience() for _ in range(slow)], town.patience()
    town.knock_s, town.ask_s = 0.05, 30.0
    town.wanted(*others, one, seconds=90)
    began = town.now
    while True:
        town.now += 2.0
        for other in others:
            with suppress(Unavailable):
                town.ask(other)
        town.ask_s = 0.0
        try:
            town.ask(one)
            break
        except Unavailable:
            town.ask_s = 30.0
    assert town.now - began <= 30.0


def test_who_hears_of_a_try_hears_what_made_it_rest(town: Town) -> None:
    """How little time a try is given is nothing that people could mend."""
    one = town.patience()
    town.knock_s, town.ask_s = 0.05, 30.0
    with pytest.raises(Unavailable):
        town.ask(one)
    town.now += TRY_AGAIN_S
    for _ in range(2):
        with pytest.raises(Unavailable, match="No end within 30 s"):
            town.ask(one)
    assert town.busy_s >= 30.0 + TRY_S


def test_a_repository_that_is_slow_keeps_no_other_one_of_its_server_waiting(town: Town) -> None:
    """The server answers a knock, so what never comes to an end is that repository's own."""
    slow, other = town.patience(), town.patience()
    town.knock_s = 0.05
    with pytest.raises(Unavailable):
        town.ask(slow)
    town.ask_s = 0.0
    town.ask(other)
    with pytest.raises(Unavailable, match="does not answer"):
        town.ask(slow)


def test_a_server_that_turns_a_knock_away_answers(town: Town) -> None:
    """A token that ran out while it hung is a matter for people, who are told that and not that it hangs."""
    patience = town.patience()
    with pytest.raises(Unavailable):
        town.ask(patience)
    town.now += KNOCK_AGAIN_S
    refused = Patience(_turn_away, town.server)
    town.ask_s = 0.0
    town.ask(refused)


def _turn_away() -> None:
    raise Refused("The Git server does not let us in.")


def test_repositories_of_one_server_know_of_it_together(tmp_path: Path, server: GitServer) -> None:
    """By host and port, whoever the user is; over SSH and HTTPS a host has different servers."""
    urls = ("https://git.example.com/a.git", "https://me@GIT.example.com/b.git", "git@git.example.com:c.git")
    bench = GitBench(server, tmp_path)
    catalog = replace(bench.catalog, repositories=tuple(Repository(url[-5:], url) for url in urls))
    first, second, third = (one._server for one in GitCluster(bench.cluster, catalog)._patience.values())
    assert (first is second, first is third) == (True, False)


def test_a_server_that_hung_is_used_again_before_its_rest_is_over(
    server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a real server: the knock is turned away by nothing, the rollback is committed, and nobody waited for it."""
    monkeypatch.setattr("workers.git.patience.SLOW_S", 0.5)
    monkeypatch.setattr("workers.git.patience.KNOCK_AGAIN_S", 0.0)
    monkeypatch.setattr("workers.git.patience.RESTS", 1000.0)
    bench = GitBench(server, tmp_path, repository={"timeout_s": 1.0})
    server.before = hanging(1.5)
    going = bench.do("rollback api")
    assert going.state is State.RUNNING
    bench.repository = replace(bench.repository, timeout_s=20.0)
    for remote in bench.git.remotes.values():
        monkeypatch.setattr(remote, "at", bench.repository)
    server.before = lambda _path: None
    assert bench.later(going).commit


class Stalling:
    """A clock of the patience and of the bench, for a real server whose next answer comes too late."""

    def __init__(self, bench: GitBench, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bench, self.now, self.monkeypatch = bench, 5000.0, monkeypatch
        monkeypatch.setattr("workers.git.patience.time", self)

    def monotonic(self) -> float:
        """As `time` has it."""
        return self.now

    def spend(self, seconds: float) -> None:
        """Let so much time go by."""
        self.now += seconds
        self.bench.time.at += seconds

    def once(self, method: str, seconds: float, *, arrives: bool) -> None:
        """Let the next call of the repository's `method` end in vain after so long, with or without its effect."""
        remote = self.bench.git.remotes["apps"]
        real: Callable[..., object] = getattr(remote, method)

        def stall(*args: object, **said: object) -> None:
            self.monkeypatch.setattr(remote, method, real)
            if arrives:
                real(*args, **said)
            self.spend(seconds)
            raise Unavailable(f"No end within {seconds:g} s.")

        self.monkeypatch.setattr(remote, method, stall)

    def until(self, operation: Operation, seen: Callable[[Operation], object]) -> float:
        """Look at the operation every two seconds until that is so of it; return how long after it was asked for."""
        while not seen(operation):
            self.spend(2.0)
            operation = run(operation.id, self.bench.stage)
        return self.bench.time.at - operation.created_at


@pytest.mark.parametrize("word", ["rollback api", "promote api 50"])
def test_a_push_whose_answer_was_lost_is_found_while_it_is_looked_for(
    server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    """Its repository rests for a minute, which is as long as a push is looked for, and is tried before that is over."""
    bench = GitBench(server, tmp_path)
    stalling = Stalling(bench, monkeypatch)
    stalling.once("push", 20.0, arrives=True)
    asked = bench.do(word)
    assert (asked.state, asked.commit) == (State.RUNNING, None)
    bench.sync()
    assert stalling.until(asked, lambda one: one.done) < GIVE_UP_S / 1.5
    assert bench.operations.get(asked.id).state is State.SUCCEEDED


def test_a_rollback_that_met_one_stall_is_committed_soon_after(
    server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its repository rests for longer than a rollback waits, and is tried meanwhile."""
    bench = GitBench(server, tmp_path)
    stalling = Stalling(bench, monkeypatch)
    stalling.once("fetch", 30.0, arrives=False)
    asked = bench.do("rollback api")
    assert asked.state is State.RUNNING
    assert stalling.until(asked, lambda one: one.done or one.commit) <= 30.0 + TRY_AGAIN_S + 2.0
    assert bench.in_git_now() == [100, 0]


def test_a_knock_is_short_whatever_an_exchange_may_take(server: GitServer, tmp_path: Path) -> None:
    """A server that takes the connection and says nothing is waited for as long as said, and not for ten seconds."""
    bench = GitBench(server, tmp_path)
    over = threading.Event()

    def hang(_path: str) -> None:
        over.wait(30)

    server.before = hang
    began = time.monotonic()
    with pytest.raises(Unavailable):
        bench.git.remotes["apps"].greet(within_s=0.2)
    over.set()
    assert time.monotonic() - began < 5


def hanging(seconds: float) -> Callable[[str], None]:
    """Let every request wait."""

    def hang(_path: str) -> None:
        time.sleep(seconds)

    return hang
