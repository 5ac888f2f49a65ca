"""The step-up check before changes and votes: a real server is asked, and nothing that goes back waits for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mesh.domain.approvals import Rule
from mesh.domain.commands import CHANGING, Verb
from mesh.domain.errors import Unavailable
from mesh.domain.operations import State
from mesh.domain.policy import Actor
from mesh.domain.scopes import Scope
from mesh.domain.stepups import PROVABLE, Question, StepUp
from mesh.operations.running import run
from store.memory import MemoryProofs
from tests.builders import JIN
from tests.mesh.operations.bench import Bench
from tests.stepups import LINK, Checkpoint, checkpoint
from workers.stepup import HttpProver

ANA = Actor("U0ANA", "T0MESH")
ONE = Rule("one", groups=("S0SRE",), above=20)


@pytest.fixture
def check(tmp_path: Path) -> Iterator[Checkpoint]:
    """A step-up check to which nobody is proven yet."""
    with checkpoint(tmp_path) as made:
        yield made


def a_bench(check: Checkpoint, **changes: object) -> Bench:
    """A bench that asks it; Ana may vote."""
    bench = Bench(members={"S0SRE": {"U0ANA"}}, **changes)  # type: ignore[arg-type]  # fields of Bench
    bench.step_up, bench.prover = check.rule, HttpProver(MemoryProofs())
    return bench


def answers(bench: Bench) -> list[tuple[str, str]]:
    """What the check said, as the audit log has it: of whom, and which."""
    steps = ("proven", "not proven")
    return [(entry["actor"], entry["step"]) for entry in bench.audit() if entry["step"] in steps]


def test_nothing_rises_before_its_asker_is_proven(check: Checkpoint) -> None:
    """Refused with a link for the person alone; once proven the same words go through; both answers are on record."""
    bench = a_bench(check)
    refused = bench.do("promote api 50")
    assert (refused.state, bench.weights()) == (State.REFUSED, [90, 10])
    assert "proof that it is you" in refused.outcome
    [(who, proof)] = bench.whispers.shown
    assert (who, proof.url) == (JIN.user, LINK)
    public = str([bench.cards.cards[refused.id], bench.audit()])
    assert LINK not in public
    assert "no proof of *today*" not in str(bench.cards.cards[refused.id])
    check.proven = {JIN.user}
    done = bench.do("promote api 50")
    assert (done.state, bench.weights()) == (State.SUCCEEDED, [50, 50])
    assert answers(bench) == [(JIN.user, "not proven"), (JIN.user, "proven")]
    assert refused.plan
    assert {one["plan"] for one in check.asked} == {refused.plan.intent}


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ("rollback api", [100, 0]),
        ("promote api 5", [95, 5]),
        ("set api v1=95 v2=5", [95, 5]),
    ],
)
def test_going_back_is_never_barred_by_it(check: Checkpoint, text: str, weights: list[int]) -> None:
    """Rollback and anything that only takes away are not asked about, also where nobody could answer."""
    check.reply = lambda request: request.connection.close()
    bench = a_bench(check)
    assert bench.do(text).state is State.SUCCEEDED
    assert (bench.weights(), check.asked) == (weights, [])


def test_an_undo_goes_back_unasked_and_a_rollout_turns_back(check: Checkpoint) -> None:
    """An undo to less, and an abort: the check is down and nobody notices."""
    check.proven = {JIN.user}
    bench = a_bench(check)
    bench.do("promote api 50")
    begun = bench.do("canary api 60,100 every 5m")
    assert (begun.state, len(check.asked)) == (State.RUNNING, 2)
    check.reply = lambda request: request.connection.close()
    assert bench.do("abort api").state is State.SUCCEEDED
    for name in 4 * list(bench.operations.open):
        run(name, bench.stage)
    assert bench.weights() == [100, 0]
    assert len(check.asked) == 2
    bench.step_up = None
    bench.do("promote api 50")
    bench.step_up = check.rule
    assert bench.do("undo api").state is State.SUCCEEDED
    assert (bench.weights(), len(check.asked)) == ([100, 0], 2)


@pytest.mark.parametrize("status", [500, 302])
def test_no_answer_is_no(check: Checkpoint, status: int) -> None:
    """The weights stay, the card says what was wrong and that going back works, and nobody is sent anywhere."""

    def broken(request: object) -> None:
        request.send_error(status)  # type: ignore[attr-defined]  # a request of http.server

    check.reply = broken
    bench = a_bench(check)
    refused = bench.do("promote api 50")
    assert (refused.state, bench.weights(), bench.whispers.shown) == (State.REFUSED, [90, 10], [])
    assert "gave no answer" in refused.outcome
    assert "Going back needs no proof" in refused.hint
    assert answers(bench) == [(JIN.user, "not proven")]


def test_a_worker_that_cannot_ask_refuses(check: Checkpoint) -> None:
    """A configuration that wants the check is never run without it."""
    bench = a_bench(check)
    bench.prover = None
    assert bench.do("promote api 50").state is State.REFUSED


def test_only_what_is_in_its_scope_is_asked_about(tmp_path: Path) -> None:
    """Another cluster, namespace, service or verb goes on unasked."""
    for settings in (
        {"scope": Scope(clusters=("prod",))},
        {"scope": Scope(namespaces=("shop",))},
        {"scope": Scope(services=("web",))},
        {"verbs": ("canary",)},
    ):
        with checkpoint(tmp_path, **settings) as check:
            bench = a_bench(check)
            assert bench.do("promote api 50").state is State.SUCCEEDED
            assert check.asked == []


def test_a_canary_is_asked_about_once_for_all_its_steps(check: Checkpoint) -> None:
    """At its start; its steps are not, and a word that gives it more is."""
    bench = a_bench(check)
    refused = bench.do("canary api 25,50,100 every 5m")
    assert (refused.state, bench.weights(), len(check.asked)) == (State.REFUSED, [90, 10], 1)
    check.proven = {JIN.user}
    begun = bench.do("canary api 25,50,100 every 5m")
    assert (begun.state, len(check.asked)) == (State.RUNNING, 2)
    for name in list(bench.operations.open):
        run(name, bench.stage)
    assert (bench.weights(), len(check.asked)) == ([75, 25], 2)
    check.proven = set()
    assert "proof that it is you" in bench.do("skip api").outcome
    assert (bench.weights(), check.asked[-1]["verb"]) == ([75, 25], "skip")


def test_a_voter_proves_it_before_the_vote_counts(check: Checkpoint) -> None:
    """Whoever asked comes before others are; a yes without proof is not counted, a no needs none."""
    bench = a_bench(check, approvals=(ONE,))
    assert bench.do("promote api 50").state is State.REFUSED
    check.proven = {JIN.user}
    waiting = bench.do("promote api 50")
    assert waiting.state is State.WAITING
    vote = bench.do(f"approve {waiting.id}", ANA)
    assert vote.state is State.REFUSED
    assert bench.operations.get(waiting.id).state is State.WAITING
    assert [who for who, _ in bench.whispers.shown] == [JIN.user, ANA.user]
    assert (check.asked[-1]["operation"], check.asked[-1]["verb"]) == (waiting.id, "approve")
    check.proven |= {ANA.user}
    assert bench.do(f"approve {waiting.id}", ANA).state is State.SUCCEEDED
    assert (bench.operations.get(waiting.id).state, bench.weights()) == (State.SUCCEEDED, [50, 50])
    # At the run the asker's proof is still valid, and that is on record as well.
    assert answers(bench)[-3:] == [(ANA.user, "not proven"), (ANA.user, "proven"), (JIN.user, "proven")]
    assert [one["user"] for one in check.asked] == ["U0JIN", "U0JIN", "U0ANA", "U0ANA"]
    check.proven, asked = {JIN.user}, len(check.asked)
    again = bench.do("promote api 60")
    assert bench.do(f'deny {again.id} --reason "no"', ANA).state is State.SUCCEEDED
    assert [one["user"] for one in check.asked[asked:]] == [JIN.user]


def test_a_memory_that_is_away_neither_refuses_nor_lets_through(check: Checkpoint) -> None:
    """Whether somebody proved it before is not known then: the change waits, and goes on when that can be told."""

    class Away(MemoryProofs):
        away = True

        def stands(self, rule: StepUp, question: Question) -> bool:
            if self.away:
                raise Unavailable("Redis did not answer.")
            return super().stands(rule, question)

    proofs, bench = Away(), a_bench(check)
    bench.prover, check.proven = HttpProver(proofs), {JIN.user}
    waits = bench.do("promote api 50")
    assert (waits.done, bench.weights(), check.asked) == (False, [90, 10], [])
    proofs.away = False
    run(waits.id, bench.stage)
    assert (bench.operations.get(waits.id).state, bench.weights()) == (State.SUCCEEDED, [50, 50])


def test_a_right_comes_before_a_proof(check: Checkpoint) -> None:
    """Who may not do it is told so, and the other system hears nothing of them."""
    bench = a_bench(check, approvals=(ONE,))
    check.proven = {JIN.user}
    waiting = bench.do("promote api 50")
    asked = len(check.asked)
    with pytest.raises(Exception, match="You may not approve"):
        bench.do(f"approve {waiting.id}", JIN)
    assert len(check.asked) == asked


def test_a_dry_run_proves_nothing(check: Checkpoint) -> None:
    """Looking is open to everybody."""
    bench = a_bench(check)
    bench.do("promote api 50 --dry-run")
    assert check.asked == []


def test_no_verb_that_sends_everything_back_can_be_asked_about() -> None:
    """Whatever a configuration says."""
    assert not PROVABLE & {Verb.ROLLBACK, Verb.ABORT, Verb.PAUSE, Verb.DENY, Verb.FREEZE}
    assert PROVABLE - {Verb.APPROVE} <= CHANGING
