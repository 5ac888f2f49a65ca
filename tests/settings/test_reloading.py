"""The configuration while a process runs: taken whole, or not at all."""

from __future__ import annotations

import logging
import os
import threading
import time
from pathlib import Path

import pytest

from mesh.domain.commands import Target, Verb
from mesh.domain.policy import Actor, decide
from settings.reloading import CatalogFile

GOOD = "policy: {roles: {sre: {users: [U0JIN], may: [promote]}}}\n"
OTHER = "policy: {roles: {ops: {users: [U0LEE], may: [promote]}}}\n"
BROKEN = "policy: {roles: {sre: {users: [jin], may: [promote]}}}\nchannels: {audit: x}\n"


def write(path: Path, text: str, *, age_s: float = 10.0) -> None:
    """Replace the file as `mv` does, with a text that is that old."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    then = time.time() - age_s
    os.utime(fresh, (then, then))
    fresh.replace(path)


def roles(configuration: CatalogFile) -> list[str]:
    """Who may change traffic now."""
    return [role.name for role in configuration.current().policy.roles]


def test_a_changed_file_is_in_force_at_the_next_look(tmp_path: Path) -> None:
    """Until it changes, each look gives the same object: whoever holds it has one whole configuration."""
    path = tmp_path / "meshbot.yaml"
    write(path, GOOD)
    configuration = CatalogFile(str(path))
    first = configuration.current()
    assert configuration.current() is first
    write(path, OTHER)
    assert roles(configuration) == ["ops"]
    assert [role.name for role in first.policy.roles] == ["sre"]
    assert configuration.standing().trouble == ""


@pytest.mark.parametrize("how", ["broken", "gone", "not text"])
def test_threat_18_with_mistakes_the_last_good_one_stays(
    how: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Every mistake is told, once, and it is said which one is in force; mended, it is taken again."""
    path = tmp_path / "meshbot.yaml"
    write(path, GOOD)
    configuration = CatalogFile(str(path))
    if how == "gone":
        path.unlink()
    elif how == "broken":
        write(path, BROKEN)
    else:
        path.write_bytes(b"\xff\xfe")
        os.utime(path, (1000, 1000))
    for _ in range(3):
        assert roles(configuration) == ["sre"]
    standing = configuration.standing()
    assert standing.good
    assert str(path) in standing.trouble
    told = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert len(told) == (2 if how == "broken" else 1)
    assert all("the last good one stays" in text for text in told)
    write(path, OTHER)
    assert roles(configuration) == ["ops"]
    assert configuration.standing().trouble == ""


@pytest.mark.parametrize("text", [None, BROKEN, "policy: ["])
def test_threat_18_a_file_that_was_never_good_denies_every_change(
    text: str | None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Missing or broken at the start, it is said loudly, to people too; once mended, it is in force."""
    path = tmp_path / "meshbot.yaml"
    if text is not None:
        write(path, text)
    configuration = CatalogFile(str(path))
    denied = decide(
        configuration.current().policy, Actor("U0JIN"), frozenset(), Verb.PROMOTE, Target("default", "default", "api")
    )
    assert not denied.allowed
    assert "meshbot.yaml is missing or has mistakes, so nobody may change traffic" in denied.why
    assert not configuration.standing().good
    assert any(record.levelno == logging.ERROR for record in caplog.records)
    write(path, GOOD)
    assert roles(configuration) == ["sre"]
    assert configuration.standing().good


def test_no_file_is_a_choice_and_said(caplog: pytest.LogCaptureFixture) -> None:
    """Reading only."""
    configuration = CatalogFile()
    assert roles(configuration) == []
    assert configuration.standing().good
    assert "nobody may change traffic" in caplog.text


def test_a_file_that_is_being_written_is_not_read_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written this moment may be half of it: a cut that leaves valid YAML would take a limit away."""
    path = tmp_path / "meshbot.yaml"
    write(path, GOOD)
    configuration = CatalogFile(str(path))
    with monkeypatch.context() as patch:
        # However long a busy machine takes from the writing to the look.
        patch.setattr("settings.reloading.SETTLED_S", 60)
        write(path, OTHER, age_s=0.0)
        assert roles(configuration) == ["sre"]
    write(path, OTHER, age_s=0.0)
    time.sleep(0.6)
    assert roles(configuration) == ["ops"]


def test_a_mounted_configuration_is_seen_behind_its_links(tmp_path: Path) -> None:
    """Kubernetes changes a ConfigMap by turning one link round."""
    for name, text in (("one", GOOD), ("two", OTHER)):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "meshbot.yaml", text)
    (tmp_path / "..data").symlink_to("one")
    (tmp_path / "meshbot.yaml").symlink_to("..data/meshbot.yaml")
    configuration = CatalogFile(str(tmp_path / "meshbot.yaml"))
    assert roles(configuration) == ["sre"]
    (tmp_path / "..new").symlink_to("two")
    (tmp_path / "..new").replace(tmp_path / "..data")
    assert roles(configuration) == ["ops"]


def test_who_cannot_work_without_one_waits(tmp_path: Path) -> None:
    """And goes on with the first that can be read."""
    path = tmp_path / "meshbot.yaml"
    write(path, BROKEN)
    paused: list[float] = []

    def pause(seconds: float) -> None:
        paused.append(seconds)
        if len(paused) == 3:
            write(path, GOOD)

    catalog = CatalogFile(str(path)).wait(pause=pause)
    assert [role.name for role in catalog.policy.roles] == ["sre"]
    assert len(paused) == 3


def test_threads_see_whole_configurations_only(tmp_path: Path) -> None:
    """While the file changes again and again, each look gives one of them, whole."""
    path = tmp_path / "meshbot.yaml"
    texts = [
        f"clusters: {{c{n}: {{}}}}\npolicy: {{roles: {{r{n}: {{users: [U0JIN], may: '*'}}}}}}\n" for n in range(20)
    ]
    write(path, texts[0])
    configuration, seen, over = CatalogFile(str(path)), set[tuple[str, str]](), threading.Event()

    def look() -> None:
        while not over.is_set():
            catalog = configuration.current()
            seen.add((catalog.clusters[0].name[1:], catalog.policy.roles[0].name[1:]))

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 60
    for number, text in enumerate(texts):
        write(path, text)
        # On a busy machine nobody may have looked for a while.
        while len(seen) <= number and time.monotonic() < deadline:
            time.sleep(0.01)
    over.set()
    for thread in threads:
        thread.join()
    assert len(seen) == len(texts)
    assert all(cluster == role for cluster, role in seen)
