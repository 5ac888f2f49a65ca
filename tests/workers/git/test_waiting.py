"""A way back that waits for a Git server: what people hear of it, what comes of it, and what it must not do later."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from chat.cards import card
from mesh.domain.operations import Operation, State, Step
from mesh.domain.policy import Policy
from mesh.operations.running import run
from mesh.ports import Place
from tests.builders import JIN
from tests.mesh.operations.test_silence import TEAM, Reserved
from tests.workers.git.bench import MANIFEST, PATH, GitBench
from tests.workers.git.forge import Forge
from tests.workers.git.server import GitServer
from tests.workers.git.test_requests import bench_of, merge
from workers.git.repository import Remote


def unreachable(bench: GitBench) -> Operation:
    """A rollback that cannot reach Git; the server drops every connection, so nobody is kept waiting."""
    bench.server.before = _broken
    return bench.do("rollback api")


def _broken(_path: str) -> None:
    raise ConnectionResetError


def test_a_way_back_that_waits_for_git_says_so_once_and_until_when(server: GitServer, tmp_path: Path) -> None:
    """The card shows what is in the way, how long it is tried, and what is faster; a new reason is no new event."""
    bench = GitBench(server, tmp_path)
    going = unreachable(bench)
    for _ in range(20):
        bench.time.at += 2
        going = run(going.id, bench.stage)
    assert [event.step for event in going.story].count(Step.UNANSWERED) == 1
    shown = str(card(going).blocks)
    assert "does not answer" in shown
    assert f"<!date^{going.deadline:.0f}^" in shown
    assert "once the sync is paused" in shown
    assert bench.cards.cards[going.id][-1] == card(going)


def test_slack_is_asked_for_the_card_only_once_the_service_is_free_again(
    server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That Git is silent is the moment in which a Slack that hangs would hold up the next way back."""
    bench = GitBench(server, tmp_path)
    real, held = bench.directory.place, []

    def place(channel: str) -> Place:
        held.append([key for key in bench.locks.held() if key.count("/") == 2])
        return real(channel)

    monkeypatch.setattr(bench.directory, "place", place)
    going = unreachable(bench)
    assert (going.story[-1].step, bool(held), any(held)) == (Step.UNANSWERED, True, False)
    assert "does not answer" in bench.cards.cards[going.id][-1].text


def test_a_way_back_that_git_let_through_at_last_says_nothing_of_that_any_more(
    server: GitServer, tmp_path: Path
) -> None:
    """It is committed once Git answers, and its card is that of any other."""
    bench = GitBench(server, tmp_path)
    going = unreachable(bench)
    server.before = lambda _path: None
    bench.time.at += 2
    going = run(going.id, bench.stage)
    assert going.commit
    assert "does not answer" not in str(card(going).blocks)
    bench.sync()
    assert bench.later(going).state is State.SUCCEEDED


def test_what_ends_with_its_time_says_what_was_in_its_way(server: GitServer, tmp_path: Path) -> None:
    """The next try may come too late, for the worker had others: people hear the newest reason all the same."""
    bench = GitBench(server, tmp_path)
    going = unreachable(bench)
    bench.repository = replace(bench.repository, token_file=str(tmp_path / "gone"))
    bench.another_worker()
    bench.time.at = going.deadline - 11
    going = run(going.id, bench.stage)
    assert going.state is State.RUNNING
    bench.time.at += 12
    ended = run(going.id, bench.stage)
    assert ended.state is State.EXPIRED
    assert "token of the repository apps cannot be read" in ended.outcome
    assert "kubectl" in ended.hint


@pytest.mark.parametrize("synced", [True, False])
def test_a_way_back_that_waited_takes_no_newer_change_back(server: GitServer, tmp_path: Path, synced: bool) -> None:
    """What somebody wrote since they wanted then: the older rollback ends, and says which change came after it."""
    bench = GitBench(server, tmp_path)
    going = unreachable(bench)
    bench.time.at += 60
    server.before = lambda _path: None
    newer = bench.do("promote api 50")
    if synced:
        bench.sync()
        assert bench.later(newer).state is State.SUCCEEDED
    ended = run(going.id, bench.stage)
    assert (ended.state, newer.id in ended.outcome) == (State.REFUSED, True)
    assert bench.in_git_now() == [50, 50]
    assert bench.done("rollback api").state is State.SUCCEEDED
    assert bench.in_git_now() == [100, 0]


def test_a_way_back_by_a_fast_clock_takes_no_newer_change_back_either(server: GitServer, tmp_path: Path) -> None:
    """The store says which was received last, and no clock of a bot."""
    bench = GitBench(server, tmp_path)
    going = unreachable(bench)
    bench.operations._stored[going.id] = replace(going, created_at=going.created_at + 4)
    bench.time.at += 2
    server.before = lambda _path: None
    newer = bench.do("promote api 50")
    bench.sync()
    assert bench.later(newer).state is State.SUCCEEDED
    ended = run(going.id, bench.stage)
    assert (ended.state, newer.id in ended.outcome) == (State.REFUSED, True)
    assert bench.in_git_now() == [50, 50]


THEIRS = MANIFEST.replace("weight: 90", "weight: 40").replace("weight:   10", "weight: 60")


def test_a_way_back_that_waited_takes_nobodys_newer_commit_back_without_a_word(
    server: GitServer, tmp_path: Path
) -> None:
    """Ana pushed other weights meanwhile: the commit is named, with a button, and the rollback of that moment works."""
    bench = GitBench(server, tmp_path)
    bench.time.at = time.time() - 60
    going = unreachable(bench)
    server.before = lambda _path: None
    theirs = server.push({PATH: THEIRS}, "v2 is the fix")
    server.push({"README": "hello"}, "Something else")
    bench.time.at += 60
    ended = run(going.id, bench.stage)
    assert (ended.state, theirs[:8] in ended.outcome, ended.choices) == (State.REFUSED, True, ("/mesh rollback api",))
    assert "v1 40 % / v2 60 %" in ended.outcome
    assert bench.in_git_now() == [40, 60]
    assert bench.do("rollback api").commit
    assert bench.in_git_now() == [100, 0]


@pytest.mark.parametrize(
    ("earlier", "later"),
    [(THEIRS, THEIRS), (MANIFEST, MANIFEST.replace("# the old one", "# the stable one")), (MANIFEST, MANIFEST)],
    ids=["before it was asked", "no weight", "another file"],
)
def test_a_way_back_that_waited_is_overtaken_by_no_commit_that_moved_nothing_since(
    server: GitServer, tmp_path: Path, earlier: str, later: str
) -> None:
    """What was committed before it was asked for must go back, and what moves no weight of the route is not asked."""
    bench = GitBench(server, tmp_path)
    server.push({PATH: earlier})
    bench.time.at = time.time() + 60
    going = unreachable(bench)
    server.before = lambda _path: None
    server.push({PATH: later, "README": "hello"}, at=bench.time.at + 30)
    bench.time.at += 60
    assert run(going.id, bench.stage).commit
    assert bench.in_git_now() == [100, 0]


def test_a_file_that_came_to_its_place_lately_is_written_as_any_other(server: GitServer, tmp_path: Path) -> None:
    """The commit before has none there, which is no reason to write nothing."""
    server.push({"README": "hello"}, "Before the manifest")
    bench = GitBench(server, tmp_path)
    assert bench.do("rollback api").commit


def test_a_way_back_that_waited_is_not_overtaken_by_an_older_change_of_ours(server: GitServer, tmp_path: Path) -> None:
    """A promotion that was asked for before it, and committed while it waited, is what it takes back."""
    bench = GitBench(server, tmp_path)
    bench.time.at = time.time() - 60
    older = bench.ask("promote api 50")
    bench.time.at += 1
    going = unreachable(bench)
    server.before = lambda _path: None
    assert run(older.id, bench.stage).commit
    assert run(going.id, bench.stage).commit
    assert bench.in_git_now() == [100, 0]


def test_a_way_back_that_waited_is_not_overtaken_by_what_wrote_nothing(server: GitServer, tmp_path: Path) -> None:
    """The weights already were as that one asked: it is in nobody's way, and the rollback is committed."""
    bench = GitBench(server, tmp_path)
    going = unreachable(bench)
    bench.time.at += 10
    server.before = lambda _path: None
    newer = bench.do("promote api 10")
    assert newer.went(Step.UNCHANGED)
    assert run(going.id, bench.stage).commit
    assert bench.in_git_now() == [100, 0]


@pytest.mark.parametrize("merged", [False, True])
def test_a_proposal_overtakes_a_way_back_that_waited_once_it_is_merged(
    server: GitServer, forge: Forge, tmp_path: Path, merged: bool
) -> None:
    """Until then it moved nothing; from then on it is what somebody wanted later."""
    bench = bench_of(server, forge, tmp_path)
    going = unreachable(bench)
    bench.time.at += 10
    server.before = lambda _path: None
    newer = bench.do("promote api 50")
    assert newer.went(Step.PROPOSED)
    if merged:
        merge(server, f"meshbot/{newer.id}")
    ended = run(going.id, bench.stage)
    assert (ended.state, newer.id in ended.outcome) == ((State.REFUSED, True) if merged else (State.RUNNING, False))
    assert bench.in_git_now() == ([50, 50] if merged else [100, 0])


def silent_slack(server: GitServer, directory: Path) -> tuple[GitBench, Reserved, Operation]:
    """A rollback that waits for Git, a minute after it was asked for; Git is well by now, and Slack is silent."""
    bench = GitBench(server, directory, policy=Policy((TEAM,)))
    bench.members["S0TEAM"] = {JIN.user}
    bench.directory = slack = Reserved(bench.members)
    going = unreachable(bench)
    bench.time.at += 61
    server.before = lambda _path: None
    slack.silent = frozenset({"S0TEAM"})
    return bench, slack, run(going.id, bench.stage)


def test_a_way_back_that_waited_for_git_waits_for_a_silent_slack_as_well(server: GitServer, tmp_path: Path) -> None:
    """It was allowed when it was asked for, and its card says that it is tried again: that goes on, and says why."""
    bench, slack, going = silent_slack(server, tmp_path)
    assert going.state is State.RUNNING
    assert "Slack does not say whether this is still allowed" in str(card(going).blocks)
    assert bench.in_git_now() == [90, 10]
    slack.silent = frozenset()
    bench.time.at += 2
    assert run(going.id, bench.stage).commit
    assert bench.in_git_now() == [100, 0]


def test_a_silent_slack_is_named_where_a_way_back_ends_with_its_time(server: GitServer, tmp_path: Path) -> None:
    """Nothing is written, then or later, and people hear what was in its way and what they can do."""
    bench, slack, going = silent_slack(server, tmp_path)
    bench.time.at = going.deadline + 1
    ended = run(going.id, bench.stage)
    assert (ended.state, "Slack does not say" in ended.outcome) == (State.EXPIRED, True)
    assert "kubectl" in ended.hint
    slack.silent = frozenset()
    assert bench.later(going).state is State.EXPIRED
    assert bench.in_git_now() == [90, 10]


def test_a_right_that_was_lost_while_git_was_waited_for_is_lost(server: GitServer, tmp_path: Path) -> None:
    """Slack answers, and the answer is no."""
    bench, slack, going = silent_slack(server, tmp_path)
    slack.silent = frozenset()
    bench.members["S0TEAM"].clear()
    assert bench.later(going).state is State.REFUSED
    assert bench.in_git_now() == [90, 10]


class Killed(BaseException):
    """What a process that is killed does not outlive."""


def test_what_may_have_been_sent_is_not_tried_again_over_somebody_elses_change(
    server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker died over the push, and the file is another by now: nobody knows, which is told, and not retried."""
    bench = GitBench(server, tmp_path)

    def dying(*_: object, **__: object) -> None:
        raise Killed

    asked = bench.ask("rollback api")
    with monkeypatch.context() as patching:
        patching.setattr(Remote, "push", dying)
        with pytest.raises(Killed):
            run(asked.id, bench.stage)
    server.push({PATH: server.read(PATH).replace(b"weight: 90", b"weight: 80").replace(b"weight:   10", b"weight: 20")})
    bench.another_worker()
    ended = bench.later(asked)
    assert (ended.state, "while this operation was interrupted" in ended.outcome) == (State.FAILED, True)
    assert bench.in_git_now() == [80, 20]
