"""Real servers behind real sentinels, with passwords and TLS: clients find the master, and leave what is none."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from mesh.domain.errors import Unavailable
from playground.sentinels import GuardedRedis
from playground.servers import HOST, PASSWORD, USER, RedisServer, redis_executable
from playground.serving import free_port
from settings.environment import RedisSettings
from store.connection import last_look, patient, quick, translated
from store.copies import Copied
from tests.quickest import quickly
from tests.world.town import until

pytestmark = pytest.mark.redis
WRITE = "redis.call('SET', KEYS[1], ARGV[1]) return {'written'}"
KEY = "meshbot:test"
SENTINELS = "password-of-the-sentinels"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedRedis]:
    """Three servers behind three sentinels that ask for a password."""
    with GuardedRedis(tmp_path_factory.mktemp("guarded"), password=SENTINELS) as found:
        yield found


def test_a_hung_master_is_left_within_one_call(guarded: GuardedRedis) -> None:
    """Old connections, scripts and second looks go to the new master by themselves, with logins for both kinds."""
    where = RedisSettings(guarded.url, USER, PASSWORD, sentinel_username=USER, sentinel_password=PASSWORD)
    worker, bot = patient(where), quick(where)
    script = Copied(worker, WRITE)
    assert script(keys=[KEY], args=["1"]) == ([b"written"], True)
    assert (bot.get(KEY), worker.get(KEY)) == (b"1", b"1")
    master = guarded.master()
    master.pause()
    try:
        until(lambda: guarded.master() is not master, "nobody was promoted")
        # The first call of an old connection: it times out there, and goes on at the new master.
        assert script(keys=[KEY], args=["2"])[0] == [b"written"]
        with last_look(worker, within_s=30) as look:
            assert look.get(KEY) == b"2"
        with translated(), pytest.raises(redis.TimeoutError):
            bot.get(KEY)
        until(lambda: found(bot) == b"2", "the bot stays with the former one")
    finally:
        master.resume()


def found(client: redis.Redis) -> object:
    """What stands under the key; None when a busy machine took too long to tell."""
    try:
        return client.get(KEY)
    except redis.TimeoutError:
        return None


@pytest.mark.parametrize("password", ["", "wrong"])
def test_sentinels_that_refuse_us_are_no_answer(guarded: GuardedRedis, password: str) -> None:
    """A wrong or missing password of the sentinels is Unavailable, soon, as any other trouble with Redis."""

    def ask() -> None:
        with pytest.raises(Unavailable), translated():
            quick(RedisSettings(guarded.url, USER, PASSWORD, sentinel_password=password)).ping()

    quickly(ask, within_s=3)


def test_a_server_that_became_a_replica_is_left(tmp_path: Path) -> None:
    """Behind a fixed address a refused write ends the connection, so that the next one leads to the new master."""
    with RedisServer(tmp_path) as server:
        client, admin = patient(server.url), patient(server.url)
        before = client.client_id()
        admin.replicaof(HOST, str(free_port()))
        for write in (lambda: client.set(KEY, "1"), lambda: client.eval(WRITE, 1, KEY, "1")):
            with pytest.raises(redis.ConnectionError, match="no longer the master"):
                write()
        admin.replicaof("NO", "ONE")
        assert client.set(KEY, "2")
        assert client.client_id() != before


def test_a_cluster_is_named_as_what_it_is(tmp_path: Path) -> None:
    """Whoever names a node of a Redis Cluster hears that it cannot be used, and what can."""
    options = {"cluster-enabled": "yes", "cluster-require-full-coverage": "no"}
    with RedisServer(tmp_path, options=options) as server:
        client: Any = patient(server.url)
        client.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
        until(lambda: client.execute_command("CLUSTER INFO")["cluster_state"] == "ok", "no cluster")
        with pytest.raises(Unavailable, match="is a cluster") as caught, translated():
            client.eval("return redis.call('MGET', KEYS[1], KEYS[2])", 2, "meshbot:a", "meshbot:b")
        assert "Sentinel" in caught.value.hint


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CA, a certificate of a server and one of a client."""
    home = tmp_path_factory.mktemp("papers")
    _openssl(home, "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 2 -subj /CN=ca")
    for name in ("server", "client"):
        (home / "san").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost")
        _openssl(home, f"req -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}")
        _openssl(
            home,
            f"x509 -req -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out {name}.crt -days 2 -extfile san",
        )
    return home


class Encrypted(RedisServer):
    """A redis-server that speaks TLS only, and only with who shows a certificate."""

    def __init__(self, directory: Path, papers: Path) -> None:
        """Use these certificates."""
        self._papers = papers
        port = free_port()
        files = {"cert-file": "server.crt", "key-file": "server.key", "ca-cert-file": "ca.crt"}
        options = {f"tls-{name}": str(papers / file) for name, file in files.items()}
        super().__init__(directory, port, options={**options, "port": "0", "tls-port": str(port)})

    @property
    def url(self) -> str:
        """Its address, with TLS."""
        return f"rediss://{HOST}:{self.port}/0"

    def _answers(self) -> bool:
        try:
            return bool(quick(RedisSettings(self.url, tls_files=self.files())).ping())
        except redis.RedisError:
            return False

    def files(self, ca: str = "ca.crt", who: str = "client") -> tuple[str, str, str]:
        """What a client is given."""
        home = self._papers
        return (str(home / ca), str(home / f"{who}.crt"), str(home / f"{who}.key"))


def test_tls_is_checked_on_both_sides(tmp_path: Path, papers: Path) -> None:
    """With the CA and a client certificate it works; without either, or with another CA, it is Unavailable."""
    if "ssl" not in subprocess.run(["ldd", redis_executable()], capture_output=True, text=True, check=False).stdout:
        pytest.skip("this redis-server was built without TLS: install the distribution's")
    with Encrypted(tmp_path, papers) as server:
        client = patient(RedisSettings(server.url, USER, PASSWORD, tls_files=server.files(), copies=0))
        assert Copied(client, WRITE)(keys=[KEY], args=["1"]) == ([b"written"], True)
        wrong = (("", "", ""), (server.files()[0], "", ""), server.files(ca="client.crt"))
        for files in wrong:
            with pytest.raises(Unavailable), translated():
                quick(RedisSettings(server.url, USER, PASSWORD, tls_files=files)).ping()
        with pytest.raises((OSError, ssl.SSLError, redis.RedisError)):
            redis.Redis(HOST, server.port).ping()


def _openssl(home: Path, words: str) -> None:
    subprocess.run(["openssl", *words.split()], cwd=home, check=True, capture_output=True)
