"""What is remembered of one kind: believed only while it is sure, and in the order of the server's writes."""

from __future__ import annotations

import pytest

from tests.workers.cluster.shapes import Obj, canary, virtual_service
from workers.cluster import remembered as module
from workers.cluster.remembered import Remembered
from workers.cluster.resources import Resource

ROUTES = Resource("networking.istio.io", "v1", "virtualservices", "VirtualService")


def at(version: str, v1: int = 90, *, name: str = "api-vs", namespace: str = "shop", uid: str = "uid-1") -> Obj:
    """Return a VirtualService as it was at a resource version."""
    obj = virtual_service(canary(v1, 100 - v1), name=name)
    return obj | {"metadata": obj["metadata"] | {"namespace": namespace, "resourceVersion": version, "uid": uid}}


def event(word: str, obj: Obj) -> Obj:
    """Return one line of a watch."""
    return {"type": word, "object": obj}


@pytest.fixture
def kept() -> Remembered:
    """One VirtualService of version 7, by a list of version 10."""
    made = Remembered()
    made.replace(ROUTES, [at("7")], "10")
    return made


def seen(kept: Remembered, namespace: str = "shop") -> list[tuple[str, str, int]] | None:
    """Return name, version and first weight of each object; None when nothing is known."""
    objects = kept.objects(ROUTES, namespace)
    if objects is None:
        return None
    return [
        (obj["metadata"]["name"], obj["metadata"]["resourceVersion"], obj["spec"]["http"][0]["route"][0]["weight"])
        for obj in objects
    ]


def test_nothing_is_known_before_a_list() -> None:
    """Which is not the same as knowing that there is nothing."""
    kept = Remembered()
    assert seen(kept) is None
    kept.replace(ROUTES, [], "1")
    assert seen(kept) == []


def test_another_version_of_the_kind_is_not_known(kept: Remembered) -> None:
    """Objects of v1 are no answer for who asks for v1beta1."""
    assert kept.objects(Resource("networking.istio.io", "v1beta1", "virtualservices", "VirtualService"), "shop") is None


def test_events_are_taken_in(kept: Remembered) -> None:
    """Made, changed, removed, each in its own namespace; a bookmark only tells how far the watch is."""
    kept.learn(event("ADDED", at("11", 50, namespace="other")))
    kept.learn(event("MODIFIED", at("12", 80)))
    kept.learn(event("ADDED", at("13", name="a-vs")))
    assert seen(kept) == [("a-vs", "13", 90), ("api-vs", "12", 80)]
    assert seen(kept, "other") == [("api-vs", "11", 50)]
    kept.learn(event("DELETED", at("14", name="a-vs")))
    assert seen(kept) == [("api-vs", "12", 80)]
    kept.learn(event("BOOKMARK", {"kind": "VirtualService", "metadata": {"resourceVersion": "20"}}))
    assert (kept.version, seen(kept)) == ("20", [("api-vs", "12", 80)])


def test_our_own_write_is_known_at_once(kept: Remembered) -> None:
    """Older events that are still on their way do not undo it, its echo and newer ones are taken in."""
    kept.wrote(ROUTES, at("12", 50))
    kept.learn(event("MODIFIED", at("11", 80)))
    assert seen(kept) == [("api-vs", "12", 50)]
    kept.learn(event("MODIFIED", at("12", 50)))
    kept.learn(event("MODIFIED", at("13", 40)))
    assert seen(kept) == [("api-vs", "13", 40)]


def test_an_answer_that_comes_after_its_echo_changes_nothing(kept: Remembered) -> None:
    """Somebody wrote again before we heard the answer, or removed the object: that is newer."""
    kept.learn(event("MODIFIED", at("12", 50)))
    kept.learn(event("MODIFIED", at("13", 40)))
    kept.wrote(ROUTES, at("12", 50))
    assert seen(kept) == [("api-vs", "13", 40)]
    kept.learn(event("DELETED", at("15", 40)))
    kept.wrote(ROUTES, at("14", 50))
    assert seen(kept) == []


def test_an_object_made_anew_is_not_removed_by_the_end_of_the_old_one(kept: Remembered) -> None:
    """We may have written to the new one before the watch tells that the old one is gone."""
    kept.wrote(ROUTES, at("13", 50, uid="uid-2"))
    kept.learn(event("DELETED", at("11")))
    kept.learn(event("ADDED", at("12", 90, uid="uid-2")))
    assert seen(kept) == [("api-vs", "13", 50)]


def test_a_list_does_not_undo_what_was_written_meanwhile(kept: Remembered) -> None:
    """The list was asked for before the write, and is taken in after it; a later list counts again."""
    kept.forget()
    kept.wrote(ROUTES, at("12", 50))
    kept.replace(ROUTES, [at("7")], "11")
    assert seen(kept) == [("api-vs", "12", 50)]
    kept.forget()
    kept.replace(ROUTES, [at("3", 10)], "4")
    assert seen(kept) == [("api-vs", "3", 10)], "a cluster restored from a backup counts from before"


def test_versions_that_are_no_numbers_are_not_compared() -> None:
    """What came last counts."""
    kept = Remembered()
    kept.replace(ROUTES, [at("x")], "x")
    kept.wrote(ROUTES, at("z", 50))
    kept.learn(event("MODIFIED", at("y", 60)))
    assert seen(kept) == [("api-vs", "y", 60)]


def test_silence_is_not_believed(kept: Remembered, monkeypatch: pytest.MonkeyPatch) -> None:
    """After too long without a word nothing is known any more; a word makes it good again."""
    now = 1000.0
    monkeypatch.setattr("workers.cluster.remembered.time.monotonic", lambda: now)
    kept.hear()
    now += module.SILENT_S
    assert seen(kept) is not None
    now += 1
    assert seen(kept) is None
    kept.hear()
    assert seen(kept) is not None


def test_who_wrote_which_field_is_not_kept(kept: Remembered) -> None:
    """It is half of most objects, and nobody asks memory for it."""
    obj = at("12")
    obj["metadata"]["managedFields"] = [{"manager": "somebody"}]
    kept.learn(event("MODIFIED", obj))
    [held] = kept.objects(ROUTES, "shop") or ()
    assert "managedFields" not in held["metadata"]
    assert "managedFields" in obj["metadata"], "the caller's object stays as it is"
