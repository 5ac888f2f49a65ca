"""The main job on the real API server: signed Slack requests in, a patch with the shipped rights, a card out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mesh.domain.operations import State, Step
from tests.e2e.admin import Admin
from tests.e2e.audit import requests_of
from tests.e2e.conftest import GIVEN
from tests.e2e.controllers import Acceptor
from tests.e2e.town import RealTown, real_town
from tests.quickest import quickest
from tests.world.town import bare, with_weights

pytestmark = pytest.mark.world

HALF = {"v1": 50, "v2": 50, "api-v1": 50, "api-v2": 50}
BACK = {"v1": 100, "v2": 0, "api-v1": 100, "api-v2": 0}
SEEDS = [
    ("istio", "istio-traffic.yaml", "VirtualService", "api-vs"),
    ("istio", "istio-bundle.yaml", "VirtualService", "api"),
    ("linkerd", "linkerd-split.yaml", "TrafficSplit", "api-split"),
    ("linkerd", "linkerd-bundle.yaml", "TrafficSplit", "api"),
    ("linkerd", "httproute.yaml", "HTTPRoute", "api-route"),
]
ONE_EACH = [SEEDS[0], SEEDS[2], SEEDS[4]]


@pytest.fixture(scope="module")
def istio(admin: Admin, worker_kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealTown]:
    """A world with Istio's metrics."""
    with real_town(tmp_path_factory.mktemp("istio"), admin, worker_kubeconfig, mesh="istio") as town:
        yield town


@pytest.fixture(scope="module")
def linkerd(admin: Admin, worker_kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealTown]:
    """A world with Linkerd's metrics."""
    with real_town(tmp_path_factory.mktemp("linkerd"), admin, worker_kubeconfig, mesh="linkerd") as town:
        yield town


@pytest.fixture
def town(mesh: str, example: str, acceptor: Acceptor, request: pytest.FixtureRequest) -> RealTown:
    """The world of this mesh, its namespace with one example in it, and a controller that accepts routes."""
    found: RealTown = request.getfixturevalue(mesh)
    found.reset(example)
    return found


def said(town: RealTown, text: str) -> str:
    """Carry out a command that must succeed; its card, in one line."""
    done = town.do(text)
    assert done.state is State.SUCCEEDED, (done.outcome, done.hint)
    return " ".join(town.card(done).split())


@pytest.mark.parametrize(("mesh", "example", "kind", "name"), SEEDS, ids=[seed[1] for seed in SEEDS])
def test_the_seeds_go_there_and_back(town: RealTown, kind: str, name: str) -> None:
    """90/10 -> 50/50 -> undo -> 50/50 -> rollback -> undo; each time the object is as expected, to the last field."""
    town.await_gates("v2")
    before = bare(town.object(kind, name))
    card = said(town, "/mesh promote api 50")
    assert "90 % -> 50 %" in card
    assert "pass" in card
    assert bare(town.object(kind, name)) == with_weights(before, HALF) != before
    assert "50 %" in said(town, "/mesh status api")
    said(town, "/mesh undo")
    assert bare(town.object(kind, name)) == before
    said(town, "/mesh promote api 50")
    said(town, "/mesh rollback api")
    assert bare(town.object(kind, name)) == with_weights(before, BACK)
    said(town, "/mesh undo api")
    assert bare(town.object(kind, name)) == with_weights(before, HALF)


@pytest.mark.parametrize(("mesh", "example"), [("linkerd", "httproute.yaml")])
@pytest.mark.parametrize("command", ["promote api 50 --force --reason x", "rollback api"])
def test_acceptance_is_seen_soon(town: RealTown, example: str, command: str) -> None:
    """The parent speaks within a tenth of a second, and the next look is half a second later, for urgent work too."""

    def take() -> float:
        town.reset(example)
        at = {event.step: event.at for event in town.do(f"/mesh {command}").story}
        return at[Step.VERIFIED] - at[Step.PATCHED]

    quickest(take, within_s=5)


@pytest.mark.parametrize(("mesh", "example", "kind", "name"), ONE_EACH, ids=[seed[2] for seed in ONE_EACH])
def test_the_object_alone_is_enough_to_go_back(town: RealTown, kind: str, name: str) -> None:
    """Redis was emptied: undo finds the former weights on the object, and rollback who is stable."""
    before = bare(town.object(kind, name))
    said(town, '/mesh set api v1=40 v2=60 --force --reason "a test"')
    town.empty_redis()
    assert "40 % -> 90 %" in said(town, "/mesh undo api")
    assert bare(town.object(kind, name)) == before
    said(town, '/mesh set api v1=40 v2=60 --force --reason "a test"')
    town.empty_redis()
    said(town, "/mesh rollback api")
    assert bare(town.object(kind, name)) == with_weights(before, BACK)
    town.empty_redis()
    said(town, "/mesh undo api")
    assert bare(town.object(kind, name)) == with_weights(before, {"v1": 40, "v2": 60, "api-v1": 40, "api-v2": 60})


@pytest.mark.parametrize(("mesh", "example"), [("linkerd", "httproute.yaml")])
def test_a_route_that_is_not_accepted_is_told(town: RealTown, acceptor: Acceptor) -> None:
    """The weights are written and read back, the parent refuses them, and the card says both."""
    acceptor.refuses = "UnsupportedValue"
    failed = town.do("/mesh rollback api")
    assert (failed.state, failed.patch_step) == (State.FAILED, Step.UNACCEPTED)
    assert "UnsupportedValue" in town.card(failed)


@pytest.mark.skipif(bool(GIVEN), reason="the audit log of a given cluster is not here to be read")
@pytest.mark.parametrize(("mesh", "example"), [("istio", "istio-traffic.yaml")])
def test_only_the_worker_speaks_to_the_cluster(town: RealTown, admin: Admin) -> None:
    """The bot's process is told of no cluster, and the patch came from the shipped account."""
    bot = Path(f"/proc/{town.world.children['bot'].pid}/environ").read_bytes().split(b"\0")
    assert b"KUBECONFIG=" in bot
    said(town, "/mesh rollback api")
    patched = town.object("VirtualService", "api-vs")["metadata"]
    assert {one["manager"] for one in patched["managedFields"]} == {"e2e", "meshbot"}
    asked = requests_of(admin, "meshbot-worker")
    assert [one for one in asked if one.right == ("networking.istio.io", "virtualservices", "patch")]
