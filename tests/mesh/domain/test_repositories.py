"""Addresses of Git over SSH: the two forms of Git, and what could mean something else to a shell or an option."""

from __future__ import annotations

import pytest

from mesh.domain.repositories import SshAddress, over_ssh


@pytest.mark.parametrize(
    ("url", "address", "known_as"),
    [
        ("git@github.com:org/apps.git", SshAddress("git", "github.com", 22, "org/apps.git"), "github.com"),
        ("git@GitHub.com:/org/apps.git", SshAddress("git", "github.com", 22, "/org/apps.git"), "github.com"),
        (
            "ssh://git@ssh.github.com:443/org/apps.git",
            SshAddress("git", "ssh.github.com", 443, "/org/apps.git"),
            "[ssh.github.com]:443",
        ),
        ("ssh://git@host/~lee/apps.git", SshAddress("git", "host", 22, "/~lee/apps.git"), "host"),
        ("ssh://git@[::1]:2222/apps", SshAddress("git", "::1", 2222, "/apps"), "[::1]:2222"),
        ("ssh://git@host:22/apps", SshAddress("git", "host", 22, "/apps"), "host"),
    ],
)
def test_both_forms_say_user_host_port_and_path(url: str, address: SshAddress, known_as: str) -> None:
    """As `git clone` reads them, with the name under which OpenSSH keeps the host's keys."""
    assert over_ssh(url) == address
    assert address.known_as == known_as


@pytest.mark.parametrize(
    "url",
    [
        "https://git.example.com/apps.git",
        "file:///etc",
        "apps.git",
        "ssh://host/apps.git",
        "ssh://git:pw@host/apps.git",
        "ssh://git@host",
        "ssh://git@host/",
        "ssh://git@host:port/apps",
        "ssh://git@-oProxyCommand=x/apps",
        "git@host:",
        "git@host:-upload-pack",
        "git@-host:apps",
        "-x@host:apps",
        "git@host:a b",
        "git@host:a\nb",
    ],
)
def test_what_is_no_ssh_address_is_none(url: str) -> None:
    """Other schemes, a part that is missing, a password, an option in disguise, white space."""
    assert over_ssh(url) is None
