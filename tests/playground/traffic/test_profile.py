"""Profiles are read strictly: what is wrong is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from playground.traffic.profile import DEFAULT, ProfileError, ServiceProfile, load

GOOD = "{namespace: n, service: s, mesh: istio, rps: 5}"


def test_a_file_is_read_with_defaults(tmp_path: Path) -> None:
    """What the file leaves out has the healthy defaults."""
    path = tmp_path / "profile.yaml"
    path.write_text(f"services:\n  - {GOOD}\n")
    assert load(path).services == (ServiceProfile("n", "s", "istio", 5, 0.0005, 40.0),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("services: [", "cannot read the profile"),
        ("- a", "needs a list named `services`"),
        ("services: []", "at least one entry"),
        (f"services: [{GOOD}, {GOOD}]", "names a service twice"),
        ("services: [api]", "service 1 of the profile must be a mapping"),
        ("services: [{service: s}]", "missing"),
        (f"services: [{GOOD[:-1]}, speed: 3}}]", r"unknown keys \['speed'\]"),
        (f"services: [{GOOD.replace('istio', 'consul')}]", "use istio or linkerd"),
        (f"services: [{GOOD[:-1]}, protocol: tcp}}]", "protocol is 'tcp'; use http or grpc"),
        (f"services: [{GOOD[:-1]}, proxies: none}}]", "proxies is 'none'; use sidecar or waypoint"),
        (f"services: [{GOOD.replace('5', '-5')}]", "rps is -5; it must be from 0 to 5000"),
        (f"services: [{GOOD.replace('5', 'many')}]", "service 1 of the profile"),
        (f"services: [{GOOD[:-1]}, error_rate: 2}}]", "error_rate is 2"),
    ],
)
def test_a_bad_file_is_explained(tmp_path: Path, text: str, message: str) -> None:
    """Each mistake gives its own message with the entry's number or the remedy."""
    path = tmp_path / "profile.yaml"
    path.write_text(text)
    with pytest.raises(ProfileError, match=message):
        load(path)


def test_a_missing_file_is_explained(tmp_path: Path) -> None:
    """A path that does not exist is named."""
    with pytest.raises(ProfileError, match="absent"):
        load(tmp_path / "absent.yaml")


def test_the_default_profile_is_the_demo_world() -> None:
    """Four services of one namespace, two on each mesh."""
    assert DEFAULT.namespaces == ("mesh-demo",)
    assert [entry.mesh for entry in DEFAULT.services] == ["istio", "istio", "linkerd", "linkerd"]
