"""The Redis of the chart, run as it would run: a real redis-server with the rendered files."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

from playground.processes import Child
from playground.servers import redis_executable
from playground.serving import free_port
from tests.helm.chart import Obj, case, pods

pytestmark = [pytest.mark.usefixtures("helm"), pytest.mark.redis]


def found(kind: str) -> Obj:
    """The one object of that kind that belongs to Redis."""
    [obj] = [one for one in case("redis-internal") if (one["kind"], one["metadata"]["name"]) == (kind, "meshbot-redis")]
    return obj


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A redis-server with the rendered configuration; its address as the processes get it, but on this machine."""
    directory, port = tmp_path_factory.mktemp("redis"), free_port()
    secret, config = found("Secret")["stringData"], found("ConfigMap")["data"]["redis.conf"]
    (directory / "users.acl").write_text(secret["users.acl"])
    text = config.replace("/run/secrets/redis/users.acl", str(directory / "users.acl")).replace("/data", str(directory))
    (directory / "redis.conf").write_text(text)
    given: str = secret["url"].replace("meshbot-redis:6379", f"127.0.0.1:{port}")
    command = [redis_executable(), str(directory / "redis.conf"), "--port", str(port)]
    with Child("redis-server", command, log_path=directory / "redis.log") as child:
        child.wait_ready(lambda: answers(given))
        yield given


def answers(url: str) -> bool:
    """Whether Redis is there."""
    try:
        with redis.Redis.from_url(url) as client:
            return bool(client.ping())
    except redis.ConnectionError:
        return False


def test_it_keeps_what_it_was_told(url: str) -> None:
    """Every write is on disk before it is answered, and nothing is thrown away for room."""
    with redis.Redis.from_url(url, decode_responses=True) as client:
        told = client.config_get("append*") | client.config_get("maxmemory*")
        assert (told["appendonly"], told["appendfsync"], told["maxmemory-policy"]) == ("yes", "always", "noeviction")
        assert int(told["maxmemory"]) == 200 * 1024 * 1024
        client.set("kept", "yes")
        directory = Path(client.config_get("dir")["dir"])
    assert any("kept" in file.read_text(errors="replace") for file in directory.glob("appendonlydir/*.aof"))


def test_it_is_for_those_who_know_the_password(url: str) -> None:
    """Without it nothing is answered; it is long, and another one at each rendering."""
    address = url.rsplit("@", 1)[1]
    with redis.Redis.from_url(f"redis://{address}") as client, pytest.raises(redis.AuthenticationError):
        client.ping()
    assert found("Secret")["stringData"]["password"] in url
    assert len(found("Secret")["stringData"]["password"]) == 32


def test_it_is_ready_when_it_answers_well(url: str) -> None:
    """By the probe, run with a real redis-cli: an answer that is an error (NOAUTH here, LOADING at the start) fails."""
    if not shutil.which("redis-cli"):
        pytest.skip("redis-cli is not installed: apt-get install redis-tools, or brew install redis")
    [container] = pods(case("redis-internal"))["redis"]["spec"]["containers"]
    first, *rest = container["readinessProbe"]["exec"]["command"]
    password, port = found("Secret")["stringData"]["password"], str(urlsplit(url).port)
    asked = {
        given: subprocess.run(
            [first, "-h", "127.0.0.1", "-p", port, *rest], env={**os.environ, "REDISCLI_AUTH": given}, check=False
        ).returncode
        for given in (password, "another")
    }
    assert asked[password] == 0
    assert asked["another"] != 0


def test_its_pod_reads_those_files() -> None:
    """The server's only argument is the file of the ConfigMap, and its data lies on the volume that is claimed."""
    [container] = pods(case("redis-internal"))["redis"]["spec"]["containers"]
    assert container["command"] == ["redis-server", "/etc/redis/redis.conf"]
    assert {one["name"]: one["mountPath"] for one in container["volumeMounts"]} == {
        "data": "/data",
        "config": "/etc/redis",
        "secrets": "/run/secrets/redis",
    }
    [claim] = found("StatefulSet")["spec"]["volumeClaimTemplates"]
    assert claim["metadata"]["name"] == "data"
