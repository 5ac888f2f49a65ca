"""Which names are versions of a service."""

from __future__ import annotations

import pytest

from workers.cluster.backendnames import is_version, services_of


@pytest.mark.parametrize(
    "backend",
    [
        "api",
        "api-v2",
        "api-2",
        "api-v2-1",
        "api-2024-06-01",
        "api-v1beta1",
        "api-v2-rc1",
        "api-blue",
        "api-green",
        "api-canary",
        "api-v2-canary",
        "api-stable",
        "api-primary",
        "api-new",
        "api-old",
        "api-next",
        "api-a",
        "api-b",
    ],
)
def test_versions_are_numbers_and_the_words_of_releases(backend: str) -> None:
    """The service itself, and what people call its versions."""
    assert is_version(backend, "api")


@pytest.mark.parametrize(
    "backend",
    [
        "api-gateway",
        "api-orders",
        "api-gateway-v2",
        "api-v2-gateway",
        "api-canary-checker",
        "api-",
        "api--v2",
        "apiv2",
        "apix-v2",
        "ap",
        "v2",
        "my-api-v2",
        "api-dev",
        "api-v",
        "api-c",
        "api-V2",
        "api-v2\n",
        "",
    ],
)
def test_what_does_not_look_like_a_version_belongs_to_somebody_else(backend: str) -> None:
    """Another service whose name begins alike is not guessed to be a version."""
    assert not is_version(backend, "api")


def test_nothing_is_a_version_of_nothing() -> None:
    """A backend without a Service is nobody's."""
    assert not is_version("", "")
    assert services_of(["", ""]) == set()


@pytest.mark.parametrize(
    ("backends", "services"),
    [
        (["api-v1", "api-v2"], {"api"}),
        (["api", "api-canary"], {"api"}),
        (["api-canary", "api"], {"api"}),
        (["my-api-blue", "my-api-green"], {"my-api"}),
        (["auth-v2", "auth-v2-canary"], {"auth", "auth-v2"}),
        (["api", "api"], {"api"}),
        (["api-gateway", "api-orders"], set()),
        (["api-v1", "web-v1"], set()),
        (["api-v1"], set()),
        ([], set()),
    ],
)
def test_backends_share_a_service_or_none(backends: list[str], services: set[str]) -> None:
    """Every service that all of them are versions of, and nobody when nothing fits."""
    assert services_of(backends) == services
