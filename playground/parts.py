"""Every part of the playground, started in order and stopped in reverse: the same for `meshbot demo` and for tests."""

from __future__ import annotations

import json
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from playground.cluster.kubeconfig import kubeconfig_text
from playground.processes import START_S, Child, StartFailed
from playground.sentinels import GuardedRedis
from playground.servers import PASSWORD, USER, PrometheusMissing, PrometheusServer, RedisServer
from playground.serving import free_port
from playground.slack.driver import SlackDriver
from playground.slack.world import default_world

HERE = Path(__file__).parent
OBJECTS = HERE / "world/cluster.yaml"
CONFIGURATION = HERE / "world/meshbot.yaml"
HOOK_TOKEN = "playground-hook-token"
"""What Alertmanager posts to the bot's hook with."""
FLAGGER_TOKEN = "playground-flagger-token"
"""What Flagger asks the bot's hooks with."""

COMPLETIONS = (
    ("/mesh status api", "weights, shares and ready pods"),
    ("/mesh", "alone: a form, with a preview of the plan"),
    ("/mesh promote api 50", "canary to 50 %, if the gates pass"),
    ("/mesh canary api 25,50,100 every 10s", "step by step, turned back when it is worse"),
    ("/mesh canary api --strategy careful", "waits for somebody before 50 %"),
    ("/mesh pause api", "no further step until somebody resumes"),
    ("/mesh resume api", "go on"),
    ("/mesh confirm api", "yes to the step that waits for somebody"),
    ("/mesh abort api", "end it, everything back to stable"),
    ("/mesh plan promote api 50", "what would change"),
    ("/mesh gates api", "judge now, with numbers"),
    ("/mesh rollback api", "everything back to stable"),
    ("/mesh undo", "the last change of this channel, back"),
    ("/mesh set api v1=70 v2=30", "write these weights"),
    ("/mesh promote checkout 50", "needs two people: act as Ana and Lee to approve"),
    ("/mesh approvals", "what waits for people"),
    ("/mesh can promote checkout 50", "whether you may, by which rule"),
    ('/mesh freeze api for 5m --reason "load test"', "nobody gives its canary more"),
    ("/mesh unfreeze api", "promotions go on"),
    ("/mesh freezes", "what is frozen, and until when"),
    ("/mesh incidents", "alerts that hold promotions; raise one in the world's panel"),
    ("/mesh digest", "what this channel should know"),
    ("/mesh digest list", "which digests come by themselves, and when"),
    ("/mesh history api", "the latest changes"),
    ("/mesh whoami", "your rights"),
    ("/mesh help", "every command"),
    ("/mesh promote checkout 20", "VirtualService with header match, mirror and retries"),
    ("/mesh promote web 50", "TrafficSplit of Linkerd"),
    ("/mesh promote search 10", "HTTPRoute, first exposure"),
)


def _nobody(line: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class OtherCluster:
    """A cluster that runs already and takes the place of the stand-in."""

    url: str
    """Where the simulated sidecars read its objects over plain HTTP, without credentials."""
    kubeconfig: Path
    """What the workers are given."""


@dataclass
class World:
    """A whole world in one directory. `with World(directory) as world:` it runs; afterwards nothing is left running.

    `page_port` 0 takes a free port. `tell` is given one line for each part that starts.
    """

    directory: Path
    page_port: int = 0
    objects: Path = OBJECTS
    configuration: Path = CONFIGURATION
    profile: Path | None = None
    """What traffic there is; None for the demo's."""
    workers: bool = True
    """False leaves out worker and clock: a test starts its own."""
    cluster: OtherCluster | None = None
    """None for the stand-in, loaded with `objects`."""
    prometheus_port: int = 0
    """0 takes a free one; a configuration that names its metrics server has to know it beforehand."""
    bot_port: int = 0
    """0 takes a free one."""
    guarded: bool = False
    """True: three Redis servers behind three sentinels take the place of the one."""
    watched: bool = False
    """Let Prometheus scrape the product's own processes as well."""
    door: str = ""
    """Where Slack delivers instead, e.g. what stands before several bots; empty for the bot itself."""
    program: tuple[str, ...] = (sys.executable, "-m", "meshbot")
    """What is run as `meshbot`: this checkout, or what was built from it."""
    tell: Callable[[str], None] = _nobody
    redis: RedisServer | GuardedRedis = field(init=False)
    prometheus: PrometheusServer | None = field(init=False, default=None)
    children: dict[str, Child] = field(init=False, default_factory=dict)
    cluster_url: str = field(init=False, default="")
    traffic_url: str = field(init=False, default="")
    slack_url: str = field(init=False, default="")
    bot_url: str = field(init=False, default="")
    """Where Slack delivers: the bot's `/slack/events`, unless there is a `door`."""
    slack: SlackDriver = field(init=False)
    metrics_ports: dict[str, int] = field(init=False, default_factory=dict)
    """Where each process of the product is watched, by its name; empty unless it is."""
    _stack: ExitStack = field(init=False, default_factory=ExitStack)

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self._stack.close()

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a worker: exactly what production sets, with this world's addresses."""
        slack = default_world().bot
        return {
            "SLACK_BOT_TOKEN": slack.bot_token,
            "SLACK_SIGNING_SECRET": slack.signing_secret,
            "SLACK_APP_TOKEN": slack.app_token,
            "SLACK_API_URL": f"{self.slack_url}/api/",
            "REDIS_URL": self.redis.url,
            "REDIS_USERNAME": USER,
            "REDIS_PASSWORD": PASSWORD,
            "KUBECONFIG": str(self.cluster.kubeconfig if self.cluster else self.directory / "kubeconfig"),
            "PROMETHEUS_URL": self.prometheus.url if self.prometheus else "",
            "MESHBOT_HOOK_TOKEN": HOOK_TOKEN,
            "MESHBOT_FLAGGER_TOKEN": FLAGGER_TOKEN,
            "MESHBOT_CONFIG": str(self.configuration),
        }

    def start_meshbot(self, name: str, *arguments: str) -> Child:
        """Start one more process of the product, as production would: `start_meshbot("worker2", "worker")`.

        Only workers are told of the cluster.
        """
        words = arguments or (name,)
        environment = self.environment | ({} if words[0] == "worker" else {"KUBECONFIG": ""})
        environment["MESHBOT_METRICS_PORT"] = str(self.metrics_ports.get(name, 0))
        child = Child(name, [*self.program, *words], environment, self.directory / f"{name}.log")
        self.children[name] = self._stack.enter_context(child)
        return child

    def weights(self) -> dict[str, dict[str, int]]:
        """Return the live weights of every service, read from the cluster: service -> arm -> weight."""
        services: list[dict[str, Any]] = self.traffic_state()["services"]
        return {entry["service"]: {arm["name"]: arm["weight"] for arm in entry["arms"]} for entry in services}

    def traffic_state(self) -> dict[str, Any]:
        """Return what the simulated sidecars see and do."""
        return _get(f"{self.traffic_url}/state")

    def break_arm(self, service: str, version: str, *, errors: float = 0.0, latency_ms: int = 0) -> None:
        """Make an arm fail a share of its requests (0 to 1) or answer later (milliseconds); without either: mend it."""
        self._break(service, version, errors=errors, latency_ms=latency_ms)

    def clump_errors(self, service: str, version: str, *, errors: float, clump: float) -> None:
        """Make an arm fail a share of its requests (0 to 1) in clumps of a mean size, as one bad client does."""
        self._break(service, version, errors=errors, clump=clump)

    def kill_arm(self, service: str, version: str) -> None:
        """Let nothing take connections behind an arm: its pods stay listed, and no request reaches them."""
        self._break(service, version, dead=True)

    def incident(self, service: str, *, errors: float) -> None:
        """Make every arm of a service fail the same share of its requests: what they all depend on is ill."""
        self._break(service, "*", errors=errors)

    def mend(self, service: str) -> None:
        """Make every arm of a service healthy again; its rate stays."""
        self._break(service, "*")

    def set_rps(self, service: str, rps: float) -> None:
        """Change how many requests a service gets, per second, 0 (silence) to 5000."""
        _post(f"{self.traffic_url}/rps", {"namespace": "mesh-demo", "service": service, "rps": rps})

    def _break(self, service: str, version: str, **how: object) -> None:
        where = {"namespace": "mesh-demo", "service": service, "version": version}
        _post(f"{self.traffic_url}/break", {**where, **how})

    # --- parts -------------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        _insist_free(self.page_port)
        self.directory.mkdir(parents=True, exist_ok=True)
        traffic_port, bot_port = free_port(), self.bot_port or free_port()
        self.bot_url = self.door or f"http://127.0.0.1:{bot_port}/slack/events"
        home = self.directory / "redis"
        if self.guarded:
            self.redis = self._stack.enter_context(GuardedRedis(home))
        else:
            self.redis = self._stack.enter_context(RedisServer(home))
        self.tell(f"redis         {self.redis.url}")
        self._start_prometheus(traffic_port)
        self.cluster_url = self.cluster.url if self.cluster else self._start_cluster()
        metrics = ("--prometheus-url", self.prometheus.url) if self.prometheus else ()
        profile = ("--profile", str(self.profile)) if self.profile else ()
        self.traffic_url = self._stand_in(
            "traffic", "--port", str(traffic_port), "--cluster-url", self.cluster_url, *metrics, *profile
        )
        self.slack_url = self._start_slack()
        self.slack = SlackDriver(self.slack_url)
        self._start_product(bot_port)

    def _start_cluster(self) -> str:
        url = self._stand_in("cluster", "--port", str(free_port()), "--load", str(self.objects))
        (self.directory / "kubeconfig").write_text(kubeconfig_text(url))
        return url

    def _start_prometheus(self, traffic_port: int) -> None:
        if self.watched:
            self.metrics_ports = {name: free_port() for name in ("bot", "worker", "clock")}
        own = {f"meshbot-{name}": f"127.0.0.1:{port}" for name, port in self.metrics_ports.items()}
        try:
            targets = {"sidecars": f"127.0.0.1:{traffic_port}", **own}
            server = PrometheusServer(self.directory / "prometheus", targets, port=self.prometheus_port)
        except PrometheusMissing as missing:
            self.tell(f"prometheus    {missing}")
            return
        self.prometheus = self._stack.enter_context(server)
        self.tell(f"prometheus    {self.prometheus.url}")

    def _start_slack(self) -> str:
        completions = self.directory / "completions.json"
        completions.write_text(json.dumps([{"insert": insert, "hint": hint} for insert, hint in COMPLETIONS]))
        return self._stand_in(
            "slack",
            *("--port", str(self.page_port or free_port())),
            *("--request-url", self.bot_url),
            *("--traffic-url", self.traffic_url),
            *("--alerts-url", self.bot_url.replace("/slack/events", "/hooks/alertmanager")),
            *("--alerts-token", HOOK_TOKEN),
            *("--completions", str(completions)),
        )

    def _start_product(self, bot_port: int) -> None:
        bot = self.start_meshbot("bot", "bot", "--host", "127.0.0.1", "--port", str(bot_port))
        if self.workers:
            self.start_meshbot("worker")
            self.start_meshbot("clock")
        bot.wait_ready(lambda: _is_ready(f"http://127.0.0.1:{bot_port}/readyz"))
        self.tell("meshbot       bot, worker and clock")

    def _stand_in(self, name: str, *arguments: str) -> str:
        """Start `python -m playground.<name>` and return the address it says it listens on."""
        argv = [sys.executable, "-m", f"playground.{name}", *arguments]
        child = self._stack.enter_context(Child(name, argv, log_path=self.directory / f"{name}.log"))
        self.children[name] = child
        url = child.wait_ready_line()
        self.tell(f"{name:<13} {url}")
        return url


def _insist_free(port: int) -> None:
    """Say that the page's port is taken before anything is started; 0 is always free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise StartFailed(f"Port {port} is taken; choose another, for example --port {port + 1}.") from error


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1):
            return True
    except (urllib.error.URLError, OSError):
        return False


def _get(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=START_S) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def _post(url: str, body: dict[str, object]) -> None:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=START_S):
        pass
