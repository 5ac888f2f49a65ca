"""Git and merge requests through an HTTP proxy, against a real tinyproxy, and servers whose authority is one's own."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mesh.domain.errors import Refused, Unavailable
from mesh.domain.operations import State
from mesh.domain.repositories import Repository
from playground.processes import Child
from playground.serving import free_port
from settings.environment import read_environment
from tests.workers.git.bench import MANIFEST, PATH, GitBench
from tests.workers.git.forge import Forge
from tests.workers.git.papers import Papers
from tests.workers.git.server import TOKEN, GitServer
from workers.git.repository import Remote
from workers.git.transport import Proxies

PASSWORD = "proxy-very-secret"


class Tinyproxy:
    """A real proxy on loopback that asks for a user and a password."""

    def __init__(self, directory: Path) -> None:
        self.port, self.log = free_port(), directory / "proxy.log"
        told = directory / "proxy.conf"
        lines = [f"Port {self.port}", "Listen 127.0.0.1", "Timeout 60", f"BasicAuth lee {PASSWORD}", "LogLevel Connect"]
        told.write_text("\n".join((*lines, "")))
        self.child = Child("tinyproxy", ["tinyproxy", "-d", "-c", str(told)], log_path=self.log)

    @property
    def url(self) -> str:
        """Its address, with what it asks for."""
        return f"http://lee:{PASSWORD}@127.0.0.1:{self.port}"

    def led_to(self, url: str) -> int:
        """How many tunnels it made to a server."""
        return self.log.read_text().count(f"CONNECT {url.split('/')[2]} ")

    def answers(self) -> bool:
        """True once it listens."""
        with socket.socket() as connection:
            return connection.connect_ex(("127.0.0.1", self.port)) == 0


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    """A certificate that no machine knows."""
    return Papers(tmp_path_factory.mktemp("papers"))


@pytest.fixture
def server(tmp_path: Path, papers: Papers) -> Iterator[GitServer]:
    """A Git server over TLS."""
    serving = GitServer(tmp_path, papers)
    yield serving
    serving.close()


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Tinyproxy]:
    """A proxy."""
    if not shutil.which("tinyproxy"):
        pytest.skip("tinyproxy is not installed: apt-get install tinyproxy-bin, or brew install tinyproxy")
    made = Tinyproxy(tmp_path)
    with made.child:
        made.child.wait_ready(made.answers)
        yield made


def proxies(**told: str) -> Proxies:
    """What a worker makes of its environment."""
    read = read_environment(told)
    return Proxies(read.https_proxy, read.no_proxy)


def remote(server: GitServer, papers: Papers, directory: Path, way: Proxies, **told: Any) -> Remote:
    """The repository, as a worker reads it."""
    (directory / "token").write_text(TOKEN)
    at = {"token_file": str(directory / "token"), "ca_file": str(papers.certificate), **told}
    return Remote(Repository("apps", server.url, **at), way)


def test_a_commit_and_a_merge_request_go_through_the_proxy(
    server: GitServer, proxy: Tinyproxy, papers: Papers, tmp_path: Path
) -> None:
    """Both are tunnels of the proxy, which sees neither the token nor what is said."""
    forge = Forge(papers)
    repository = {"forge": "gitlab", "api": f"{forge.url}/api/v4", "project": "platform/apps"}
    repository |= {"ca_file": str(papers.certificate)}
    told = proxies(HTTPS_PROXY=proxy.url)
    bench = GitBench(server, tmp_path, repository=repository, in_git={"mode": "merge-request"}, proxies=told)
    asked = bench.do("promote api 50")
    forge.close()
    assert "Proposed as https://git.example.com/apps/requests/1" in asked.outcome
    assert list(forge.requests) == [f"meshbot/{asked.id}"]
    assert bench.done("rollback api").state is State.SUCCEEDED
    assert bench.in_git_now() == [100, 0]
    assert proxy.led_to(server.url) > 0
    assert proxy.led_to(forge.url) > 0
    assert TOKEN not in proxy.log.read_text()


def test_who_is_named_in_no_proxy_is_reached_without_it(
    server: GitServer, proxy: Tinyproxy, papers: Papers, tmp_path: Path
) -> None:
    """The environment names a proxy and leaves this server out: no tunnel is made."""
    server.push({PATH: MANIFEST})
    way = proxies(https_proxy=proxy.url, no_proxy="git.example.com, 127.0.0.1")
    assert remote(server, papers, tmp_path, way).fetch() == server.head()
    assert proxy.led_to(server.url) == 0


def test_a_proxy_that_turns_us_away_is_told_without_its_password(
    server: GitServer, proxy: Tinyproxy, papers: Papers, tmp_path: Path
) -> None:
    """The person who set HTTPS_PROXY can mend it, and hears so; the Git server heard nothing."""
    way = proxies(HTTPS_PROXY=proxy.url.replace(PASSWORD, "wrong-very-secret"))
    with pytest.raises(Refused, match=r"proxy does not let us through to the server of apps \(HTTP 40[17]\)") as told:
        remote(server, papers, tmp_path, way).fetch()
    assert "HTTPS_PROXY" in told.value.hint
    assert "very-secret" not in str(told.value) + told.value.hint + repr(way)
    assert server.requests == []


def test_a_proxy_that_is_away_is_not_gone_round(server: GitServer, papers: Papers, tmp_path: Path) -> None:
    """Who must use a proxy does not want a way past it: unavailable, and the server heard nothing."""
    way = proxies(HTTPS_PROXY=f"127.0.0.1:{free_port()}")
    with pytest.raises(Unavailable, match="does not answer"):
        remote(server, papers, tmp_path, way).fetch()
    assert server.requests == []


def test_a_proxy_of_another_kind_is_refused(server: GitServer, papers: Papers, tmp_path: Path) -> None:
    """A SOCKS proxy is none that can be used, and is not left out either."""
    with pytest.raises(Refused, match="HTTPS_PROXY names no HTTP proxy"):
        remote(server, papers, tmp_path, proxies(HTTPS_PROXY="socks5://127.0.0.1:9")).fetch()


@pytest.mark.parametrize(
    ("url", "no", "led"),
    [
        ("https://git.example.com/apps.git", "", True),
        ("https://git.example.com/apps.git", "example.com", False),
        ("https://git.example.com/apps.git", ".example.com", False),
        ("https://git.example.com:8443/apps.git", "git.example.com:8443", False),
        ("https://git.example.com/apps.git", "it.example.com,example.co", True),
        ("https://git.example.com/apps.git", "*", False),
        ("http://127.0.0.1:8080/apps.git", "", False),
    ],
)
def test_only_https_is_led_through_the_proxy_and_not_what_is_left_out(url: str, no: str, led: bool) -> None:
    """Hosts, domains and ports of NO_PROXY as other programs read them."""
    assert Proxies("http://proxy:3128", no).lead(url) is led


def test_an_authority_of_ones_own_must_be_named(server: GitServer, papers: Papers, tmp_path: Path) -> None:
    """With its certificate in `ca_file` the server is trusted; without, or with a file that is none, it is told."""
    server.push({PATH: MANIFEST})
    assert remote(server, papers, tmp_path, Proxies()).fetch() == server.head()
    heard = len(server.requests)
    (tmp_path / "none.pem").write_text("none")
    for file, said in (
        ("", "is not trusted"),
        (str(tmp_path / "none.pem"), "cannot be read"),
        ("/x", "cannot be read"),
    ):
        with pytest.raises(Unavailable, match=said) as told:
            remote(server, papers, tmp_path, Proxies(), ca_file=file).fetch()
        assert "repositories.apps.ca_file" in told.value.hint
    assert len(server.requests) == heard
