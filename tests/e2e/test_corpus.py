"""The corpus on a real API server: what it takes is read, moved and moved back with the shipped rights."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mesh.domain.errors import Refused
from tests.corpus import meaning
from tests.corpus.cases import Case, Obj, cases, name
from tests.corpus.moves import Place, promotion, setting, there_and_back
from tests.corpus.places import fresh, spots
from tests.e2e.admin import MERGE, Admin
from tests.e2e.objects import COLLECTIONS
from workers.cluster.adapter import KubernetesCluster
from workers.cluster.client import KubernetesClient
from workers.cluster.served import Served
from workers.cluster.table import ROUTING_APIS

NAMESPACES = ("shop", "shop-routes")
GIVEN = bool(os.environ.get("E2E_KUBECONFIG"))
WRITTEN_BY_SERVER = ("managedFields", "generation", "creationTimestamp")


class OneVersion(KubernetesClient):
    """A client of a cluster that serves the corpus's version of each kind: the real one serves all, and prefers one."""

    serving = Served()

    def discover(self) -> Served:
        """Name the versions that the case at hand is written in."""
        return self.serving


@pytest.fixture(scope="module")
def client(worker_kubeconfig: Path) -> OneVersion:
    """One warm client with the workers' account."""
    return OneVersion("demo", kubeconfig=str(worker_kubeconfig))


@pytest.fixture(scope="module")
def room(admin: Admin) -> Admin:
    """The administrator, with the corpus's namespaces there and empty."""
    for namespace in NAMESPACES:
        admin.namespace(namespace)
        admin.empty(namespace, COLLECTIONS)
    return admin


@pytest.fixture
def place(case: Case, room: Admin, client: OneVersion) -> Iterator[Place]:
    """A real cluster that holds the objects of the case; they are gone afterwards."""
    client.serving = _versions(case)
    by_name = {obj["metadata"]["name"]: obj for obj in case.objects}
    try:
        assert refusals(room, case) == []
        yield Place(KubernetesCluster({"demo": client}), case.target, lambda _kind, name: room.get(by_name[name]))
    finally:
        remove(room, case)


def refusals(admin: Admin, case: Case) -> list[str]:
    """Create the objects of a case; return why the server does not take some."""
    return [said for obj in case.objects if (said := put(admin, obj))]


def put(admin: Admin, obj: Obj) -> str:
    """Create an object with its status; return why the server does not take it, nothing when it does."""
    metadata = {key: value for key, value in obj["metadata"].items() if key not in WRITTEN_BY_SERVER}
    reply = admin.do("POST", f"{collection(obj)}?fieldValidation=Ignore", obj | {"metadata": metadata})
    if reply.status != 201:
        return str(reply.body.get("message", reply.body))
    if obj.get("status"):
        admin.must("PATCH", f"{collection(obj)}/{metadata['name']}/status", {"status": obj["status"]}, MERGE)
    return ""


def remove(admin: Admin, case: Case) -> None:
    """Delete the objects of a case, whatever finalizers they have; no matter when there are none."""
    for obj in case.objects:
        path = f"{collection(obj)}/{obj['metadata']['name']}"
        admin.do("PATCH", path, {"metadata": {"finalizers": None}}, MERGE)
        assert admin.do("DELETE", path).status in (200, 404)


def collection(obj: Obj) -> str:
    """Return the path of the objects of its kind, served or not."""
    plural = next(api.plural for api in ROUTING_APIS if api.kind == obj["kind"])
    return f"/apis/{obj['apiVersion']}/namespaces/{obj['metadata']['namespace']}/{plural}"


def _versions(case: Case) -> Served:
    versions = {obj["kind"]: obj["apiVersion"].rpartition("/")[2] for obj in case.objects}
    return Served({(api.group, api.plural): versions[api.kind] for api in ROUTING_APIS if api.kind in versions})


def _collected(case: Case) -> bool:
    """Tell whether a garbage collector would take an object of the case away: its owner is not there."""
    return GIVEN and any("ownerReferences" in obj["metadata"] for obj in case.objects)


TAKEN = [case for case in cases() if not (case.real or case.refused or _collected(case))]
UNREADABLE = [case for case in cases() if case.refused and not case.real]
REJECTED = [case for case in cases() if case.real]


@pytest.mark.parametrize("case", TAKEN, ids=name)
def test_what_the_server_has_stored_is_read_moved_and_moved_back(case: Case, place: Place) -> None:
    """Rules, arms and shares are as the corpus says; an edit touches its weights only, and undo leaves no trace."""
    there = spots(place)
    assert sorted(there) == sorted((truth.name, truth.at) for truth in case.truths)
    for truth in case.truths:
        spot = fresh(there[truth.name, truth.at])
        assert meaning.shares(spot.route.kind, meaning.at(spot.raw, truth.at)) == pytest.approx(truth.shares, abs=1e-3)
        assert [spot.route.share(arm) for arm in spot.route.arms] == pytest.approx(truth.shares, abs=1e-3)
        assert truth.rule_like in spot.route.rule
        assert truth.rule_like or spot.route.rule == truth.rule
        last = len(spot.route.arms) - 1
        there_and_back(spot, promotion(last, 50, heir=0))
        numbers = {arm.name: "250m" if arm.quantity else index + 3 for index, arm in enumerate(spot.route.arms)}
        there_and_back(fresh(spot), setting(dict(numbers)))


@pytest.mark.parametrize("case", UNREADABLE, ids=name)
def test_what_the_server_takes_and_nobody_can_read_is_refused(case: Case, place: Place) -> None:
    """Here too with the object, the field and the fix."""
    with pytest.raises(Refused) as caught:
        place.cluster.routes(case.target)
    assert case.refused in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("case", REJECTED, ids=name)
def test_what_the_server_does_not_take_is_known(case: Case, room: Admin) -> None:
    """The reason is the one that stands in the corpus, so that a newer definition that takes it is noticed."""
    try:
        assert any(case.real in said for said in refusals(room, case))
    finally:
        remove(room, case)
