"""Git over SSH, against OpenSSH's server and the real git: who is trusted, who is let in, what is said otherwise."""

from __future__ import annotations

import os
import pwd
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from mesh.domain.errors import Conflict, Refused, Unavailable
from mesh.domain.operations import State
from mesh.domain.repositories import Repository, SshAddress
from tests.workers.git.bench import MANIFEST, PATH, GitBench
from tests.workers.git.server import GitServer
from tests.workers.git.sshd import HOST, USER, SshdMissing, SshServer, fingerprint, new_key, sshd_executable
from workers.git.repository import Remote
from workers.git.ssh import Session

Trouble = Callable[[SshServer, Path], dict[str, str]]


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    """These need OpenSSH's server."""
    try:
        sshd_executable()
    except SshdMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    """A server that speaks Git's newest protocol, as the large hosters do."""
    with SshServer(tmp_path_factory.mktemp("sshd")) as serving:
        yield serving


@pytest.fixture(scope="module")
def old_sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    """A server that hears nothing of protocol 2: a plain OpenSSH."""
    with SshServer(tmp_path_factory.mktemp("old"), newest=False) as serving:
        yield serving


def remote(sshd: SshServer, server: GitServer, **told: Any) -> Remote:
    """The repository, as a worker reads it."""
    return Remote(Repository("apps", **{**sshd.settings(server.bare), **told}))


@pytest.mark.parametrize("kind", ["sshd", "old_sshd"])
def test_promote_and_undo_are_commits(
    kind: str, server: GitServer, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """The same as over HTTP, in both protocols: the file is edited, and is what it was after undo."""
    sshd: SshServer = request.getfixturevalue(kind)
    bench = GitBench(server, tmp_path, repository={**sshd.settings(server.bare), "token_file": ""})
    done = bench.done("promote api 50")
    assert done.state is State.SUCCEEDED, done.outcome
    assert done.commit is not None
    assert done.commit.id == server.head()
    assert bench.in_git_now() == [50, 50]
    assert bench.done("undo api").state is State.SUCCEEDED
    assert server.read(PATH).decode() == MANIFEST
    assert len(server.messages()) == 3
    assert server.requests == []


def test_a_path_may_begin_in_the_users_home(sshd: SshServer, server: GitServer) -> None:
    """`user@host:path` and `ssh://user@host/~/path` are both below the home of the server's user."""
    server.push({PATH: MANIFEST})
    path = os.path.relpath(server.bare, pwd.getpwuid(os.getuid()).pw_dir)
    told = sshd.settings(server.bare)
    assert Remote(Repository("apps", **{**told, "url": f"ssh://{USER}@{HOST}:{sshd.port}/~/{path}"})).fetch()
    short = Remote(Repository("apps", **{**told, "url": f"{USER}@{HOST}:{path}"}))
    # Only the standard port can be written in this form.
    assert short.line._ssh == SshAddress(USER, HOST, 22, path)
    short.line._ssh = SshAddress(USER, HOST, sshd.port, path)
    assert short.fetch() == server.head()


def test_an_unknown_host_is_refused_with_what_it_shows(sshd: SshServer, server: GitServer, tmp_path: Path) -> None:
    """No host key on file: nobody logs in, the fingerprint is `ssh-keygen`'s, and the hint says what to do with it."""
    server.push({PATH: MANIFEST})
    (tmp_path / "known").write_text("# nobody\n")
    before = sshd.log.read_text().count("Accepted publickey")
    with pytest.raises(Refused, match=r"is not known; it shows ssh-ed25519 SHA256:") as refused:
        remote(sshd, server, known_hosts_file=str(tmp_path / "known")).fetch()
    assert fingerprint(Path(f"{sshd.host_key}.pub")) in refused.value.message
    assert "known_hosts_file" in refused.value.hint
    assert sshd.log.read_text().count("Accepted publickey") == before
    assert (tmp_path / "known").read_text() == "# nobody\n"


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
def test_a_host_with_another_key_is_refused(kind: str, sshd: SshServer, server: GitServer, tmp_path: Path) -> None:
    """The host is known by another key, of the same kind or not: somebody may stand in between, and nobody logs in."""
    known = tmp_path / "known"
    known.write_text(sshd.line(new_key(tmp_path / "other", kind=kind)))
    before = sshd.log.read_text().count("Accepted publickey")
    with pytest.raises(Refused, match="shows another key than is known") as refused:
        remote(sshd, server, known_hosts_file=str(known)).fetch()
    assert fingerprint(Path(f"{sshd.host_key}.pub")) in refused.value.message
    assert sshd.log.read_text().count("Accepted publickey") == before


def test_one_of_several_known_keys_is_enough(sshd: SshServer, server: GitServer, tmp_path: Path) -> None:
    """While a host changes its key both stand on file, the hashed form of OpenSSH among them."""
    server.push({PATH: MANIFEST})
    known = tmp_path / "known"
    known.write_text(sshd.line(new_key(tmp_path / "other", kind="ecdsa")) + sshd.line(sshd.host_key))
    os.system(f"ssh-keygen -q -H -f {known} 2>/dev/null")
    assert HOST not in known.read_text()
    assert remote(sshd, server, known_hosts_file=str(known)).fetch() == server.head()


def encrypted(_: SshServer, at: Path) -> dict[str, str]:
    """A key with a passphrase."""
    return {"key_file": str(new_key(at / "locked", passphrase="secret-words"))}


def public(sshd: SshServer, _: Path) -> dict[str, str]:
    """The public half."""
    return {"key_file": f"{sshd.key}.pub"}


def marked(sshd: SshServer, at: Path) -> dict[str, str]:
    """A revoked host key."""
    (at / "known").write_text(f"{sshd.line(sshd.host_key)}@revoked {sshd.line(sshd.host_key)}")
    return {"known_hosts_file": str(at / "known")}


def torn(sshd: SshServer, at: Path) -> dict[str, str]:
    """Half a line."""
    (at / "known").write_text(f"[{HOST}]:{sshd.port} ssh-ed25519 AAAAC\n")
    return {"known_hosts_file": str(at / "known")}


def stranger(_: SshServer, at: Path) -> dict[str, str]:
    """A key that opens nothing."""
    return {"key_file": str(new_key(at / "stranger"))}


def nowhere(sshd: SshServer, at: Path) -> dict[str, str]:
    """A path where there is no repository."""
    return sshd.settings(at / "no.git")


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (encrypted, r"key of the repository apps cannot be used"),
        (public, r"key of the repository apps cannot be used"),
        (marked, r"marked lines \(@cert-authority, @revoked\)"),
        (torn, "have a line that is no host key"),
        (stranger, rf"does not let us in to apps as {USER} with the key ssh-ed25519 SHA256:"),
        (nowhere, r"does not give us apps: .*does not appear to be a git repository"),
    ],
)
def test_what_a_person_can_mend_is_refused(
    trouble: Trouble, said: str, sshd: SshServer, server: GitServer, tmp_path: Path
) -> None:
    """In words, with the key of the configuration to look at, and with nothing of the private key."""
    with pytest.raises(Refused, match=said) as refused:
        remote(sshd, server, **trouble(sshd, tmp_path)).fetch()
    assert "repositories.apps." in refused.value.hint
    assert "PRIVATE" not in str(refused.value) + refused.value.hint + repr(refused.value.__cause__)


@pytest.mark.parametrize("file", ["key_file", "known_hosts_file"])
def test_a_file_that_is_not_there_yet_is_unavailable(file: str, sshd: SshServer, server: GitServer) -> None:
    """A Secret that is mounted late is no reason to end an operation; the key of the configuration is named."""
    with pytest.raises(Unavailable, match="cannot be read") as told:
        remote(sshd, server, **{file: "/absent"}).fetch()
    assert told.value.hint == f"See `repositories.apps.{file}`."


def test_a_new_key_is_used_at_once(sshd: SshServer, server: GitServer, tmp_path: Path) -> None:
    """Keys are rotated while workers run."""
    server.push({PATH: MANIFEST})
    key = new_key(tmp_path / "key")
    one = remote(sshd, server, key_file=str(key))
    with pytest.raises(Refused):
        one.fetch()
    key.write_bytes(sshd.key.read_bytes())
    assert one.fetch() == server.head()


def test_a_push_that_comes_second_writes_nothing(sshd: SshServer, server: GitServer) -> None:
    """Somebody else was first: a conflict, and the branch is theirs."""
    head = server.push({PATH: MANIFEST})
    one = remote(sshd, server)
    made = one.make(one.fetch(), PATH, b"ours\n", message="Ours", author="us")
    theirs = server.push({"other": "theirs\n"})
    with pytest.raises(Conflict, match="Somebody else pushed"):
        one.push(made)
    assert (server.head(), theirs != head) == (theirs, True)


def test_a_hook_that_declines_is_told(sshd: SshServer, server: GitServer, tmp_path: Path) -> None:
    """The server's words, as over HTTP."""
    bench = GitBench(server, tmp_path, repository={**sshd.settings(server.bare), "token_file": ""})
    hook(server, "pre-receive", "exit 1")
    head = server.head()
    refused = bench.do("promote api 50")
    assert refused.state is State.REFUSED
    assert "did not take the commit: pre-receive hook declined" in refused.outcome
    assert server.head() == head


@pytest.mark.parametrize(
    ("name", "condition"), [("pre-receive", "true"), ("reference-transaction", '[ "$1" = committed ]')]
)
def test_a_connection_that_breaks_in_a_push_leaves_one_commit(
    name: str, condition: str, sshd: SshServer, server: GitServer, tmp_path: Path
) -> None:
    """Git dies before it wrote, or when it had written and not said so: in the end there is one commit of ours."""
    bench = GitBench(server, tmp_path, repository={**sshd.settings(server.bare), "token_file": ""})
    hook(server, name, f'if {condition}; then rm "$0"; kill -9 $PPID; fi')
    asked = bench.do("promote api 50")
    for _ in range(3):
        bench.sync()
        asked = bench.later(asked)
    assert asked.state is State.SUCCEEDED, asked.outcome
    assert bench.in_git_now() == [50, 50]
    assert not (server.bare / "hooks" / name).exists()
    assert sum(f"Meshbot-Operation: {asked.id}" in said for said in server.messages()) == 1


def hook(server: GitServer, name: str, does: str) -> None:
    """Let the server run something at a moment of a push."""
    file = server.bare / "hooks" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/sh\n{does}\n")
    file.chmod(0o755)


def test_a_repository_that_is_too_large_is_not_fetched(sshd: SshServer, server: GitServer) -> None:
    """The limit is the administrators', also here."""
    server.push({"noise": os.urandom(300_000)})
    with pytest.raises(Refused, match="larger than 100000 bytes"):
        remote(sshd, server, max_bytes=100_000).fetch()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("sleep 30", "no end within 3 s"),
        ("while printf f; do sleep 0.1; done", "no end within 3 s"),
        ("echo Gitaly is away >&2; exit 1", "Gitaly is away"),
        ("exit 1", "without a word"),
        ("echo 'Welcome to this server.'", "does not answer as it should"),
    ],
)
def test_a_server_that_does_not_answer_well_costs_no_more_than_its_time(
    command: str, said: str, server: GitServer, tmp_path: Path
) -> None:
    """Silent, drop by drop, in trouble or with a greeting on the wrong stream: unavailable, in words."""
    with SshServer(tmp_path / "slow", command=command) as slow, pytest.raises(Unavailable, match=re.escape(said)):
        remote(slow, server, timeout_s=3.0).fetch()


def test_a_listener_that_is_no_ssh_server_costs_no_more_than_its_time(sshd: SshServer, server: GitServer) -> None:
    """It accepts and says nothing: unavailable."""
    with socket.create_server((HOST, 0)) as listening:
        url = f"ssh://{USER}@{HOST}:{listening.getsockname()[1]}/apps.git"
        with pytest.raises(Unavailable, match="does not answer"):
            remote(sshd, server, url=url, timeout_s=1.0).fetch()


def test_no_connection_outlives_its_exchange(sshd: SshServer, server: GitServer, tmp_path: Path) -> None:
    """Each connection has a thread; all are gone after exchanges that went well and after those that did not."""
    server.push({PATH: MANIFEST})
    one, other = remote(sshd, server), remote(sshd, server, **sshd.settings(tmp_path / "no.git"))
    one.fetch()
    with suppress(Refused):
        other.fetch()
    for thread in threading.enumerate():
        if "paramiko" in type(thread).__module__:
            thread.join(60)
            assert not thread.is_alive()


def test_a_path_is_one_word_to_the_server(sshd: SshServer, server: GitServer, tmp_path: Path) -> None:
    """What a shell would run or read as an option is the name of a repository that is not there."""
    told = Repository("apps", **sshd.settings(server.bare))
    for path in (f"/x';touch${{IFS}}{tmp_path}/made;'", f"$(touch {tmp_path}/made)"):
        with pytest.raises(Refused, match="does not appear to be a git repository"):
            remote(
                sshd, server, url=f"ssh://{USER}@{HOST}:{sshd.port}/{path.lstrip('/')}".replace(" ", "${IFS}")
            ).fetch()
    assert not (tmp_path / "made").exists()
    session = Session(told, SshAddress(USER, HOST, sshd.port, "x"), b"touch made")
    with pytest.raises((Refused, Unavailable)):
        session.read(1)
    session.close()
