"""What needs a Git server has a process of its own, and however long that takes, nobody else waits for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mesh.domain.catalog import Catalog
from mesh.domain.commands import Verb
from mesh.domain.repositories import Repository
from settings.environment import Environment
from tests.workers.desk import Desk, wait
from workers import runner, wiring
from workers.runner import Wear

pytestmark = pytest.mark.redis


@pytest.fixture
def desk(redis_url: str, tmp_path: Path) -> Desk:
    """The shared Redis, empty."""
    return Desk(redis_url, tmp_path)


@pytest.mark.parametrize("verb", [Verb.PROMOTE, Verb.ROLLBACK])
def test_a_git_server_that_hangs_delays_nobody_else(desk: Desk, tmp_path: Path, verb: Verb) -> None:
    """Whatever is urgent or ordinary is done while it hangs, also what was received later; then that is done, once."""
    answers = tmp_path / "answers"
    with desk.supervisor(), desk.clock():
        hanging = desk.receive(f"git {answers}", verb=verb)
        # Once where it was handed on, and once where it hangs now.
        wait(lambda: len(set(desk.runs(hanging))) == 2)
        others = [desk.receive(verb=one) for one in (Verb.ROLLBACK, Verb.PROMOTE, Verb.STATUS)]
        wait(lambda: all(map(desk.settled, others)))
        assert not desk.settled(hanging)
        answers.touch()
        wait(lambda: desk.settled(hanging))


@pytest.mark.parametrize("queue", runner.QUEUES)
def test_only_one_process_ever_asks_git(queue: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stage that its jobs get says so, and its clusters too; of the others none waits for a Git server."""
    made: list[wiring.Workshop] = []
    make = wiring.make_workshop

    def noted(environment: Environment, catalog: Catalog, *, asks_git: bool = True) -> wiring.Workshop:
        made.append(make(environment, catalog, asks_git=asks_git))
        return made[-1]

    class Configured:
        def current(self) -> Catalog:
            return Catalog(repositories=(Repository("apps", "https://git.example.com/apps.git"),))

    monkeypatch.setattr(wiring, "make_workshop", noted)
    monkeypatch.setattr(wiring, "work", lambda *_, **__: None)
    environment = Environment("xoxb-test", redis_url=redis_url)
    wiring._work_on(Configured(), queue, environment, Wear())  # type: ignore[arg-type]  # all that it is asked for
    stages = [workshop.open_stage() for workshop in made]
    assert [stage.asks_git for stage in stages] == ([] if queue == "post" else [queue == "git"])
    assert [stage.cluster._inner._asks for stage in stages] == [stage.asks_git for stage in stages]  # type: ignore[attr-defined]  # behind what measures it
