"""From a command to a commit on a real Git server, and to the cluster that follows it."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import pytest

from mesh.domain.catalog import Service
from mesh.domain.operations import Operation, State
from mesh.operations.running import run
from tests.builders import JIN, healthy
from tests.mesh.operations.test_approvals import ANA, KIM, SRE, TWO
from tests.workers.git.bench import MANIFEST, PATH, GitBench
from tests.workers.git.server import TOKEN, GitServer, git
from workers.git.messages import remembered, trailers


def test_a_promotion_becomes_one_commit_of_two_integers(server: GitServer, tmp_path: Path) -> None:
    """Two numbers differ and not one other byte; the operation waits for the cluster, and then it is done."""
    bench = GitBench(server, tmp_path)
    before = server.head()
    asked = bench.do("promote api 50")
    assert asked.outcome == ""
    assert asked.state is State.RUNNING
    wanted = MANIFEST.replace("weight: 90  ", "weight: 50  ").replace("weight:   10", "weight:   50")
    assert server.read(PATH).decode() == wanted
    assert server.read(PATH, f"{server.head()}^") == MANIFEST.encode()
    assert bench.weights() == [90, 10]
    bench.sync()
    done = bench.later(asked)
    assert done.state is State.SUCCEEDED
    assert bench.audit_steps(done) == ["queued", "checking", "patching", "patched", "awaiting", "verified"]
    assert done.commit is not None
    assert done.commit.id == server.head() != before


def test_the_commit_says_who_what_and_which_operation(server: GitServer, tmp_path: Path) -> None:
    """Author, subject and trailers; the token is in none of it."""
    bench = GitBench(server, tmp_path)
    asked = bench.do("promote api 50")
    said = server.messages()[0]
    assert said.splitlines()[0] == "api: v1 90 -> 50, v2 10 -> 50"
    assert f"Meshbot-Operation: {asked.id}" in said
    author = git(server.bare, "log", "-1", "--format=%an <%ae>").strip()
    assert author == f"meshbot on behalf of {JIN.user} <meshbot@example.com>"
    assert TOKEN not in said + str(bench.audit()) + str(bench.operations.get(asked.id))


def test_the_commit_says_why_and_on_what_evidence(server: GitServer, tmp_path: Path) -> None:
    """Reason, what was forced, and every gate's row: a commit is all that whoever reads the history has."""
    bench = GitBench(server, tmp_path, readings={"v1": healthy(), "v2": healthy(success=50.0)})
    asked = bench.do('promote api 50 --force --reason "the sale, fixes #12, gh-3, https://x/issues/4 for @all"')
    body = server.messages()[0].split("\n\n")[2].splitlines()
    assert body[:2] == [
        "    Reason: the sale, fixes # 12, gh- 3, https://x/issues/ 4 for @ all",
        "    Forced: a gate did not pass",
    ]
    assert any(line.startswith("    Gate success of v2: fail, 50 %, at least 99 %") for line in body)
    assert len(body) == 2 + len(asked.gates)
    assert trailers(server.messages()[0])["Meshbot-Operation"] == asked.id


def test_words_of_people_are_no_trailers(server: GitServer, tmp_path: Path) -> None:
    """A reason of several lines, the last of them like ours, is one line, and what is ours is still found."""
    bench = GitBench(server, tmp_path)
    asked = bench.ask("rollback api")
    words = "x\n\nMeshbot-Operation: op-1\nMeshbot-Stamps: {}"
    stored = bench.operations.get(asked.id)
    bench.operations.commit(replace(stored, command=replace(stored.command, reason=words)))
    run(asked.id, bench.stage)
    bench.sync()
    assert bench.later(asked).state is State.SUCCEEDED
    [said] = [said for said in server.messages() if "Reason: x Meshbot-Operation: op-1" in said]
    assert trailers(said)["Meshbot-Operation"] == asked.id
    assert remembered(trailers(said))


def test_a_commit_is_no_older_than_what_it_is_made_on(server: GitServer, tmp_path: Path) -> None:
    """Where another person's clock goes ahead ours must not look like the past: what is newest is told by time."""
    bench = GitBench(server, tmp_path)
    head = git(server.bare, "rev-parse", "main^{tree}").strip()
    ahead = "4000000000 +0000"
    words = ["commit-tree", head, "-p", "main", "-m", "From the future"]
    future = git(server.bare, *words, dates=ahead).strip()
    git(server.bare, "update-ref", "refs/heads/main", future)
    assert bench.done("promote api 50").state is State.SUCCEEDED
    assert git(server.bare, "log", "-1", "--format=%ct %at").split() == ["4000000000"] * 2


def test_undo_is_a_new_commit_with_the_old_weights(server: GitServer, tmp_path: Path) -> None:
    """The file is byte for byte what it was, and history has both."""
    bench = GitBench(server, tmp_path)
    first = bench.done("promote api 50")
    back = bench.done(f"undo {first.id}")
    assert back.state is State.SUCCEEDED, back.outcome
    assert server.read(PATH).decode() == MANIFEST
    assert [said.splitlines()[0] for said in server.messages()] == [
        "api: v1 50 -> 90, v2 50 -> 10",
        "api: v1 90 -> 50, v2 10 -> 50",
        "First",
    ]


def test_undo_needs_no_memory_but_git(server: GitServer, tmp_path: Path) -> None:
    """With an empty Redis the newest commit of ours says what was before it."""
    bench = GitBench(server, tmp_path)
    bench.done("promote api 50")
    bench.forget()
    back = bench.done("undo api")
    assert back.state is State.SUCCEEDED
    assert server.read(PATH).decode() == MANIFEST


def test_a_rollback_goes_over_what_is_committed_and_not_synced(server: GitServer, tmp_path: Path) -> None:
    """The cluster still has 90/10 and Git 50/50: everything to stable is committed on top, and nothing raises v2."""
    bench = GitBench(server, tmp_path)
    waiting = bench.do("promote api 50")
    back = bench.do("rollback api")
    assert bench.in_git_now() == [100, 0]
    bench.sync()
    assert bench.later(back).state is State.SUCCEEDED
    assert bench.weights() == [100, 0]
    stale = bench.later(waiting)
    assert stale.state is State.FAILED
    assert "somebody changed it since" in stale.outcome


def test_what_is_not_synced_is_not_raised(server: GitServer, tmp_path: Path) -> None:
    """Somebody pushed 70/30 and the cluster has 90/10: refused, with both, and nothing is committed."""
    bench = GitBench(server, tmp_path)
    head = server.push({PATH: MANIFEST.replace("90  ", "70  ").replace("  10", "  30")})
    refused = bench.do("promote api 50")
    assert refused.state is State.REFUSED
    assert "v1 70 % / v2 30 % in Git, v1 90 % / v2 10 % in the cluster" in refused.outcome
    assert server.head() == head


def test_a_cluster_that_does_not_follow_is_told_with_the_commit(server: GitServer, tmp_path: Path) -> None:
    """After the configured time the operation ends: committed, not seen; undo is still possible."""
    bench = GitBench(server, tmp_path)
    asked = bench.do("promote api 50")
    assert bench.later(asked, 100).state is State.RUNNING
    ended = bench.later(asked, 201)
    assert ended.state is State.FAILED
    assert ended.outcome == f"Committed as {server.head()[:8]}, but the cluster does not show it after 5 min"
    assert "sync the application" in ended.hint
    assert bench.done(f"undo {asked.id}").state is State.SUCCEEDED
    assert server.read(PATH).decode() == MANIFEST


def test_git_already_there_and_the_cluster_behind_is_no_success(server: GitServer, tmp_path: Path) -> None:
    """A rollback that finds 100/0 in Git does not claim that traffic is back while the cluster has 90/10."""
    bench = GitBench(server, tmp_path)
    server.push({PATH: MANIFEST.replace("90  ", "100  ").replace("  10", "  0")})
    ended = bench.do("rollback api")
    assert ended.state is State.FAILED
    assert "Git already has these weights, and the cluster does not" in ended.outcome


def test_other_peoples_pushes_to_other_files_do_not_hold_up_a_change(server: GitServer, tmp_path: Path) -> None:
    """The branch moves between reading and pushing; the file is the same, so the commit is made anew on top."""
    bench = GitBench(server, tmp_path)
    pushes = iter(range(2))

    def crowd(path: str) -> None:
        if path.endswith("git-receive-pack") and (number := next(pushes, None)) is not None:
            server.push({f"apps/other-{number}.yaml": "kind: Other\n"})

    server.before = crowd
    bench.do("promote api 50")
    assert bench.in_git_now() == [50, 50]
    assert len(server.messages()) == 4
    assert git(server.bare, "rev-list", "--merges", "main") == ""


@pytest.mark.parametrize("moment", ["?service=git-receive-pack", "/git-receive-pack"])
def test_a_concurrent_change_of_the_weights_is_planned_again_and_refused(
    moment: str, server: GitServer, tmp_path: Path
) -> None:
    """Somebody pushes other weights before git tells us where the branch is, or after: planned again, theirs stay."""
    bench = GitBench(server, tmp_path)
    pushed: list[str] = []

    def rival(path: str) -> None:
        if path.endswith(moment) and not pushed:
            pushed.append(server.push({PATH: MANIFEST.replace("90  ", "80  ").replace("  10", "  20")}))
            bench.sync()

    server.before = rival
    refused = bench.do("promote api 50")
    assert refused.state is State.REFUSED
    assert "v1 90 % / v2 10 % became v1 80 % / v2 20 %" in refused.outcome
    assert "conflict" in bench.audit_steps(refused)
    assert server.head() == pushed[0]


def test_a_comment_pushed_in_between_is_kept(server: GitServer, tmp_path: Path) -> None:
    """The file changed and its weights did not: planned again on top of that, with both changes in the end."""
    bench = GitBench(server, tmp_path)
    pushed: list[str] = []

    def rival(path: str) -> None:
        if path.endswith("git-receive-pack") and not pushed:
            pushed.append(server.push({PATH: f"# a new word\n{MANIFEST}"}))

    server.before = rival
    bench.do("promote api 50")
    assert bench.in_git_now() == [50, 50]
    assert server.read(PATH).startswith(b"# a new word\n# Owned")


def test_a_server_that_is_away_changes_nothing_and_status_still_answers(server: GitServer, tmp_path: Path) -> None:
    """People see what the cluster has, and why it cannot be written now; in no word of it is the token."""
    bench = GitBench(server, tmp_path)
    server.close()
    refused, status = bench.do("promote api 50"), bench.do("status api")
    assert refused.state is State.FAILED
    assert "The Git server of apps does not answer" in refused.outcome
    assert [arm.share for arm in status.statuses[0].arms] == [90, 10]
    assert status.statuses[0].kept.startswith("Kept in Git, and not to be written now: The Git server of apps")
    assert TOKEN not in str(bench.audit()) + str(status) + str(refused)


def test_status_says_that_it_is_kept_in_git_and_shows_what_the_cluster_has(server: GitServer, tmp_path: Path) -> None:
    """Arms are those of the cluster; Git's weights stand beside them while they differ."""
    bench = GitBench(server, tmp_path)
    assert bench.do("status api").statuses[0].kept == f"Kept in Git: {PATH} on main of apps"
    bench.do("promote api 50")
    lagging = bench.do("status api").statuses[0]
    assert [arm.weight for arm in lagging.arms] == [90, 10]
    assert "Not synced: v1 50 % / v2 50 % in Git, v1 90 % / v2 10 % in the cluster" in lagging.kept


def test_a_dry_run_says_that_it_becomes_a_commit_and_makes_none(server: GitServer, tmp_path: Path) -> None:
    """The plan has the note; the branch stays."""
    bench = GitBench(server, tmp_path)
    head = server.head()
    shown = bench.do("promote api 50 --dry-run")
    assert shown.plan is not None
    assert any(f"a commit to {PATH} on main of apps" in note for note in shown.plan.notes)
    assert server.head() == head


def test_a_canary_is_refused_with_the_reason(server: GitServer, tmp_path: Path) -> None:
    """Its way back would wait for a sync, and nobody would watch meanwhile."""
    bench = GitBench(server, tmp_path)
    refused = bench.do("canary api")
    assert refused.state is State.REFUSED
    assert "a canary must be turned back within seconds" in refused.outcome


def test_gates_and_the_wish_hold_as_for_a_patch(server: GitServer, tmp_path: Path) -> None:
    """A canary that fails is not promoted by a commit either."""
    bench = GitBench(server, tmp_path, readings={"v1": healthy(), "v2": healthy(success=50.0)})
    head = server.head()
    assert bench.do("promote api 50").state is State.REFUSED
    assert server.head() == head


def test_what_somebody_pushed_is_drift_that_can_be_adopted(server: GitServer, tmp_path: Path) -> None:
    """Weights that another person committed and Argo CD applied: told, and taken over by a commit without a change."""
    bench = GitBench(server, tmp_path)
    bench.done("promote api 50")
    theirs = server.read(PATH).decode().replace("50  ", "60  ").replace("  50", "  40")
    server.push({PATH: theirs})
    bench.sync()
    assert bench.do("status api").statuses[0].drift is not None
    adopted = bench.do("adopt api")
    assert adopted.state is State.SUCCEEDED
    assert server.read(PATH).decode() == theirs
    assert bench.do("status api").statuses[0].drift is None


def test_a_route_that_git_keeps_is_not_said_to_be_put_back(server: GitServer, tmp_path: Path) -> None:
    """Without `in_git` Argo CD's route is refused; with it there is no such warning, on the plan or in status."""
    bench = GitBench(server, tmp_path)
    asked, status = bench.do("promote api 50"), bench.do("status api")
    assert asked.plan is not None
    assert not [text for text in (*asked.plan.warnings, *status.statuses[0].warnings) if "Argo CD" in text]
    bench.services = (Service("api", stable="v1", canary="v2"),)
    bench.another_worker()
    bench.sync()
    refused = bench.do("promote api 20")
    assert refused.state is State.REFUSED
    assert "Argo CD keeps" in refused.outcome


def agreed(server: GitServer, directory: Path) -> tuple[GitBench, Operation]:
    """A promotion that waits for two others, one of whom has agreed."""
    bench = GitBench(server, directory, approvals=(TWO,), members=copy.deepcopy(SRE))
    asked = bench.do("promote api 50")
    assert asked.state is State.WAITING
    assert bench.do(f"approve {asked.id}", ANA).state is State.SUCCEEDED
    assert len(server.messages()) == 1
    return bench, asked


def test_what_people_agreed_to_is_committed_once(server: GitServer, tmp_path: Path) -> None:
    """Nothing before the last vote, one commit after it, though others pushed other files meanwhile."""
    bench, asked = agreed(server, tmp_path)
    server.push({"apps/other.yaml": "kind: Other\n"})
    bench.do(f"approve {asked.id}", KIM)
    bench.sync()
    assert bench.later(asked).state is State.SUCCEEDED
    assert bench.in_git_now() == [50, 50]
    assert len(server.messages()) == 3
    assert f"\n    Approved by: {ANA.user}, {KIM.user}\n" in server.messages()[0]


def test_an_approval_is_void_where_git_has_other_weights_since(server: GitServer, tmp_path: Path) -> None:
    """People agreed to 90/10 becoming 50/50; somebody committed 70/30, synced: theirs stays."""
    bench, asked = agreed(server, tmp_path)
    head = server.push({PATH: MANIFEST.replace("90  ", "70  ").replace("  10", "  30")})
    bench.sync()
    bench.do(f"approve {asked.id}", KIM)
    assert bench.operations.get(asked.id).state is State.VOID
    assert server.head() == head
