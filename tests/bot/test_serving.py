"""The bot as a process: gunicorn, a real Redis that hangs, a stand-in Slack over HTTP and over its websocket."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
import redis
from gunicorn.workers.gthread import PollableMethodQueue, ThreadWorker
from slack_sdk.socket_mode.builtin import SocketModeClient

from bot.arrival import LATEST_S, arrival
from bot.serving import PROCESSES, PunctualWorker
from bot.websocket import connect
from chat.connection import web_client
from chat.letters import REPEATED
from mesh.domain.commands import Target
from mesh.domain.errors import Unavailable
from mesh.domain.incidents import Incident
from mesh.domain.letters import Fate
from playground.processes import Child
from playground.servers import AlertmanagerServer, RedisServer
from playground.serving import ServerThread, free_port
from playground.slack.driver import SlackDriver
from playground.slack.server import make_app
from playground.slack.world import default_world
from settings.time import SystemTime
from store.auditlog import RedisAuditLog
from store.incidents import RedisIncidents
from store.outbox import RedisOutbox
from tests.bot.senders import TOKEN, Back, Mail, event, post, slash
from tests.bot.test_hooks import PATH, alert, mail, message
from tests.chat.proxies import ODD, proxy
from tests.quickest import quickest

pytestmark = pytest.mark.redis

SLACK = default_world().bot
POLICY = "policy: {roles: {sre: {users: [U0JIN], may: '*'}}}\nservices: {api: {incident_channel: C0INC}}\n"


@dataclass
class Process:
    """A bot's process and where it listens."""

    child: Child
    port: int
    log: Path

    @property
    def text(self) -> str:
        """What it has logged."""
        return self.log.read_text()


@contextmanager
def running(
    directory: Path, redis_url: str, *options: str, slack_url: str = "http://127.0.0.1:9", policy: str = POLICY
) -> Iterator[Process]:
    """Run `meshbot bot` until the block ends."""
    (directory / "meshbot.yaml").write_text(policy)
    port, log = free_port(), directory / "bot.log"
    environment = {
        "MESHBOT_HOOK_TOKEN": TOKEN,
        "SLACK_BOT_TOKEN": SLACK.bot_token,
        "SLACK_SIGNING_SECRET": SLACK.signing_secret,
        "SLACK_APP_TOKEN": SLACK.app_token,
        "SLACK_API_URL": f"{slack_url}/api/",
        "REDIS_URL": redis_url,
        "MESHBOT_CONFIG": str(directory / "meshbot.yaml"),
    }
    argv = [sys.executable, "-m", "meshbot", "bot", "--host", "127.0.0.1", "--port", str(port), *options]
    with Child("bot", argv, environment, log) as child:
        child.wait_ready(lambda: _answers(port))
        yield Process(child, port, log)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1):
            return True
    except OSError:
        return False


def ours(text: str) -> Mail:
    """A slash command signed with the stand-in's secret."""
    return slash(text, secret=SLACK.signing_secret)


def queued(bot: Process, text: str) -> Back:
    """What is answered to a command once Redis was in time for it, which it may not be on a busy machine."""
    deadline = time.monotonic() + 60
    while "nothing was started" in (back := post(bot.port, ours(text))).text or not back.text:
        assert time.monotonic() < deadline, back
    return back


def heard(bot: Process, hook: Mail) -> None:
    """Post a hook until Redis was in time for it, as its sender does; nothing else turns it away."""
    deadline = time.monotonic() + 60
    while (status := post(bot.port, hook, path=PATH).status) == 503:
        assert time.monotonic() < deadline, "Redis is never in time"
    assert status == 200


def begin(port: int, mail: Mail, begun: threading.Event) -> str:
    """Send one request that waits until it is being answered before it sends its body, and return the answer."""
    with socket.create_connection(("127.0.0.1", port), 60) as line:
        headers = {**mail.headers, "Host": "bot", "Content-Length": str(len(mail.body)), "Expect": "100-continue"}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        line.sendall(f"POST /slack/events HTTP/1.1\r\n{head}Connection: close\r\n\r\n".encode())
        answer = line.makefile("rb")
        assert answer.readline() == b"HTTP/1.1 100 Continue\r\n"
        begun.set()
        line.sendall(mail.body)
        return answer.read().decode()


def operations(url: str) -> int:
    """How many operations Redis holds."""
    with redis.Redis.from_url(url) as client:
        return len(client.keys("meshbot:op:*"))


def incidents(url: str) -> int:
    """How many incidents Redis holds."""
    with redis.Redis.from_url(url) as client:
        return len(client.keys("meshbot:incident:*"))


def address(driver: SlackDriver) -> str:
    """Where the stand-in Slack listens."""
    return driver._url


def until(condition: Callable[[], bool], timeout_s: float = 60) -> None:
    """Wait for `condition`."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


@pytest.fixture
def slack(tmp_path: Path) -> Iterator[Callable[..., SlackDriver]]:
    """Start a stand-in Slack."""
    children: list[Child] = []

    def start(*options: str) -> SlackDriver:
        port = free_port()
        argv = [sys.executable, "-m", "playground.slack", "--port", str(port), *options]
        children.append(Child("slack", argv, log_path=tmp_path / "slack.log").start())
        return SlackDriver(children[0].wait_ready_line())

    yield start
    for child in children:
        child.stop()


def serving(bot: Process) -> list[int]:
    """The processes that gunicorn forked."""
    main = bot.child.pid
    return [int(pid) for pid in Path(f"/proc/{main}/task/{main}/children").read_text().split()]


def test_a_process_that_takes_anothers_place_has_the_last_good_configuration(
    tmp_path: Path, redis_url: str, slack: Callable[..., SlackDriver]
) -> None:
    """A file that became good after the start, and is broken now: who is forked next still lets people roll back."""
    with running(tmp_path, redis_url, slack_url=address(slack()), policy="policy: {roles: {}}\n") as bot:
        until(lambda: len(serving(bot)) == PROCESSES)
        (tmp_path / "meshbot.yaml").write_text(POLICY)
        until(lambda: f" {bot.child.pid} settings.reloading: " in bot.text)
        (tmp_path / "meshbot.yaml").write_text("policy: {roles: {sre: [broken")
        before = set(serving(bot))
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        until(lambda: len(set(serving(bot)) - before) == PROCESSES)
        until(lambda: _answers(bot.port))
        answers = [queued(bot, f"rollback svc{at}").text for at in range(8)]
        assert ["Queued as" in answer for answer in answers] == [True] * 8


def test_the_bot_keeps_answering_when_redis_hangs(
    tmp_path: Path, own_redis: RedisServer, slack: Callable[..., SlackDriver]
) -> None:
    """Fast when all is well; within a second, and truthfully, when Redis hangs; well again afterwards."""
    with running(tmp_path, own_redis.url, slack_url=address(slack())) as bot:
        backs = [queued(bot, f"promote api {share}") for share in range(1, 21)]
        assert {back.status for back in backs} == {200}
        assert all("Queued as" in back.json["text"] for back in backs)
        # The quickest of many: a busy machine slows some of them, a defect all.
        assert min(back.seconds for back in backs) < 0.25
        assert post(bot.port, Mail(b""), path="/readyz", method="GET").json["policy"] == "sre"

        own_redis.pause()
        hung: list[Back] = []

        def ask() -> float:
            hung.append(post(bot.port, ours("promote api 50")))
            return hung[-1].seconds

        # Three are asked, and as many more as a busy machine is late with.
        for within_s in (LATEST_S, LATEST_S, 1.0):
            quickest(ask, within_s=within_s)
        assert {back.status for back in hung} == {200}
        assert {back.json["text"].count("nothing was started") for back in hung if back.text} == {1}
        assert sum(bool(back.text) for back in hung) >= 3
        # Who needs no Redis does not wait for it.
        quickest(lambda: post(bot.port, ours("help")).seconds, within_s=min(back.seconds for back in hung))
        # Somebody must be there to say it.
        ready = post(bot.port, Mail(b""), path="/readyz", method="GET")
        assert (ready.status, ready.json["redis"]) == (200, "does not answer")
        assert post(bot.port, Mail(b""), path="/healthz", method="GET").status == 200

        own_redis.resume()
        until(lambda: post(bot.port, Mail(b""), path="/readyz", method="GET").json["redis"] == "ok")
        assert operations(own_redis.url) == 20  # what was refused while it hung does not come to life
        assert "Queued as" in queued(bot, "promote api 50").json["text"]


def test_a_crowd_before_a_hung_redis_is_not_served_late(tmp_path: Path, own_redis: RedisServer) -> None:
    """200 commands at once while Redis hangs: whoever had to wait too long for a thread starts nothing later either."""
    with running(tmp_path, own_redis.url) as bot:
        own_redis.pause()
        with ThreadPoolExecutor(100) as crowd:
            backs = list(crowd.map(lambda number: post(bot.port, ours(f"status api -n n{number}")), range(200)))
        assert {back.status for back in backs} == {200}
        assert not [back for back in backs if "Queued" in back.text]
        own_redis.resume()
        time.sleep(0.5)
        assert operations(own_redis.url) == 0


def test_the_bot_starts_while_slack_is_away(tmp_path: Path, redis_url: str) -> None:
    """Every request is turned away within Slack's time, because nobody can say who asks, and says so."""
    with running(tmp_path, redis_url) as bot:
        for text in ("status api", "promote api 50"):

            def ask(text: str = text) -> float:
                back = post(bot.port, ours(text))
                # Who was too late is told by another way.
                assert "could not say who you are" in back.text or not back.text
                return back.seconds if back.text else math.inf

            quickest(ask, within_s=LATEST_S)
        assert operations(redis_url) == 0


def test_waiting_for_a_thread_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request's clock starts when its connection came in, not when a thread was free for it."""
    stamps: list[float] = []
    all_are_in = threading.Event()

    def handle(*_: object) -> None:
        stamps.append(arrival().at)
        all_are_in.wait(10)

    monkeypatch.setattr(ThreadWorker, "handle", handle)
    worker = PunctualWorker.__new__(PunctualWorker)
    worker.tpool, worker.method_queue = ThreadPoolExecutor(1), SimpleNamespace(defer=lambda *_: None)
    started = time.monotonic()
    for _ in range(2):
        worker.enqueue_req(SimpleNamespace())
    came_in = time.monotonic()
    all_are_in.set()
    worker.tpool.shutdown()
    assert len(stamps) == 2
    assert started <= stamps[0] <= stamps[1] <= came_in


def test_the_end_begins_before_the_last_request_is_over() -> None:
    """What a process does when it ends begins with SIGTERM, while requests are still answered, and only once."""
    ended = threading.Semaphore(0)
    worker = PunctualWorker.__new__(PunctualWorker)
    worker.alive, worker.app, worker.method_queue = True, SimpleNamespace(finish=ended.release), PollableMethodQueue()
    worker.method_queue.init()
    for _ in range(2):
        worker.handle_exit(signal.SIGTERM, None)
    assert not ended.acquire(blocking=False)  # nothing is done in the middle of whatever the signal interrupts
    worker.method_queue.run_callbacks(None)  # as the loop does that waits for the last requests
    assert ended.acquire(timeout=60)
    worker._end()
    assert not ended.acquire(timeout=0.2)
    worker.method_queue.close()


def test_forged_requests_stay_outside_of_the_real_server(tmp_path: Path, redis_url: str) -> None:
    """The 401 comes from the server as deployed, and what was not signed is not logged."""
    with running(tmp_path, redis_url) as bot:
        forged = ours("promote api 50").with_headers(x_slack_signature="v0=" + "0" * 64)
        statuses = [post(bot.port, mail).status for mail in (forged, ours("help"))]
        too_large = post(bot.port, Mail(b"x" * 1_048_577, {"content-type": "application/json"}))
        assert (statuses, too_large.status) == ([401, 200], 413)
        assert "promote" not in bot.text
        assert SLACK.signing_secret not in bot.text


def configured(bot: Process) -> str:
    """What /readyz says of the configuration; the bot stays in service whatever that is."""
    back = post(bot.port, Mail(b""), path="/readyz", method="GET")
    assert back.status == 200
    return str(back.json["configuration"])


def test_the_policy_is_read_again_while_the_bot_runs(
    tmp_path: Path, redis_url: str, slack: Callable[..., SlackDriver]
) -> None:
    """A changed file is in force within a second, in every process; with mistakes the last good one stays."""
    config = tmp_path / "meshbot.yaml"
    with running(tmp_path, redis_url, slack_url=address(slack())) as bot:
        assert "Queued as" in queued(bot, "promote api 20").json["text"]
        assert configured(bot) == "ok"
        # One that comes up only now would never have seen a good one, and would rightly deny.
        until(lambda: bot.text.count("This process serves.") == PROCESSES)
        config.write_text("policy: {roles: {sre: {users: [jin], may: '*'}}}\n")
        time.sleep(0.6)
        for share in range(21, 29):
            assert "Queued as" in queued(bot, f"promote api {share}").json["text"]
        assert configured(bot).startswith("the last good one is in force: ")
        assert "meshbot.yaml:1: policy.roles.sre.users[0]" in configured(bot)
        config.write_text("policy: {roles: {sre: {users: [U0ANA], may: '*'}}}\n")
        time.sleep(0.6)
        for share in range(31, 39):
            assert "may not promote" in queued(bot, f"promote api {share}").json["text"]
        assert configured(bot) == "ok"


@pytest.mark.parametrize("policy", ["policy: [", "polcy: {}"])
def test_a_broken_policy_at_the_start_denies_and_is_told(
    policy: str, tmp_path: Path, redis_url: str, slack: Callable[..., SlackDriver]
) -> None:
    """The bot comes up, answers what only reads, denies every change with the reason, and says so in /readyz."""
    with running(tmp_path, redis_url, policy=policy, slack_url=address(slack())) as bot:
        assert "missing or has mistakes, so nobody may change" in queued(bot, "promote api 50").json["text"]
        assert "Queued as" in queued(bot, "status api").json["text"]
        assert configured(bot).startswith("nobody may change traffic: ")
        assert "meshbot.yaml:" in bot.text


def test_a_serving_process_that_is_killed_is_told_and_counted(
    tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What gunicorn says of it stands in the same log, in the same form, and its replacement is counted, once."""
    watched = free_port()
    monkeypatch.setenv("MESHBOT_LOG", "json")
    monkeypatch.setenv("MESHBOT_METRICS_PORT", str(watched))

    def counted() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{watched}/metrics", timeout=60) as answer:
            said: str = answer.read().decode()
        return next(line for line in said.splitlines() if "bot_restarts_total{" in line)

    with running(tmp_path, redis_url) as bot:
        until(lambda: len(serving(bot)) == PROCESSES)
        assert counted() == 'meshbot_bot_restarts_total{end="died"} 0.0'
        killed = serving(bot)[0]
        os.kill(killed, signal.SIGKILL)
        until(lambda: killed not in serving(bot) and len(serving(bot)) == PROCESSES)
        until(lambda: _answers(bot.port))
        assert counted() == 'meshbot_bot_restarts_total{end="died"} 1.0'
        said = [json.loads(line) for line in bot.text.splitlines()]
    assert [(one["level"], one["logger"]) for one in said if str(killed) in one["message"]] == [
        ("error", "gunicorn.error")
    ]


def test_the_bot_ends_in_order(tmp_path: Path, redis_url: str) -> None:
    """SIGTERM ends it with status 0, long before a pod is killed for not ending (30 s)."""
    with running(tmp_path, redis_url) as bot:
        post(bot.port, ours("help"))
        os.kill(bot.child.pid, signal.SIGTERM)
        until(lambda: not bot.child.running)
        assert bot.child.returncode == 0


def test_what_was_begun_over_http_is_finished(
    tmp_path: Path, own_redis: RedisServer, slack: Callable[..., SlackDriver]
) -> None:
    """A request that is being answered when SIGTERM comes gets its answer, and answers that follow are still sent."""
    driver = slack()
    with running(tmp_path, own_redis.url, slack_url=address(driver)) as bot, ThreadPoolExecutor(1) as asking:
        post(bot.port, ours("help"))
        driver.trouble("hang", method="chat.postEphemeral", seconds=1)
        mention = event("<@UMESHBOT> whoami", secret=SLACK.signing_secret)
        assert post(bot.port, mention).status == 200
        own_redis.pause()
        begun = threading.Event()
        under_way = asking.submit(begin, bot.port, ours("promote api 50"), begun)
        assert begun.wait(60)
        os.kill(bot.child.pid, signal.SIGTERM)
        assert "nothing was started" in under_way.result()
        own_redis.resume()
        driver.wait_for_text("You are @jin U0JIN")
        until(lambda: not bot.child.running)
        assert bot.child.returncode == 0


@pytest.mark.parametrize("options", [[], ["--socket"]], ids=["http", "socket"])
def test_answers_that_slack_does_not_take_outlive_the_process(
    options: list[str], tmp_path: Path, own_redis: RedisServer, slack: Callable[..., SlackDriver]
) -> None:
    """A bot that is stopped while Slack is silent leaves each answer in the outbox, marked only where it was begun."""
    driver, asked = slack(), 20
    with running(tmp_path, own_redis.url, *options, slack_url=address(driver)) as bot:
        until(lambda: post(bot.port, Mail(b""), path="/readyz", method="GET").status == 200)
        driver.trouble("hang", method="chat.postEphemeral", seconds=600, times=asked)
        for _ in range(asked):
            if options:
                driver.send("U0JIN", "C0PROD", "@mesh whoami")
            else:
                assert post(bot.port, event("<@UMESHBOT> whoami", secret=SLACK.signing_secret)).status == 200
        if options:
            until(lambda: sum(bool(one["attempts"]) for one in driver.deliveries()) == asked)
        # Who is connected and says nothing is waited for, but not before that is written down.
        with ExitStack() as idle:
            for _ in range(2 * PROCESSES):
                idle.enter_context(socket.create_connection(("127.0.0.1", bot.port)))
            os.kill(bot.child.pid, signal.SIGTERM)
            until(lambda: not bot.child.running)
        assert bot.child.returncode == 0
    with redis.Redis.from_url(own_redis.url) as client:
        rows = RedisOutbox(client, SystemTime()).look("C0PROD", 100).rows
    assert {row.letter.key.split()[0] for row in rows} == {"answer"}
    assert (len(rows), {row.fate for row in rows}) == (asked, {Fate.WAITING})
    assert 0 < sum(REPEATED in row.letter.body for row in rows) < asked


def test_socket_mode_hears_the_same_things(tmp_path: Path, redis_url: str, slack: Callable[..., SlackDriver]) -> None:
    """Over the websocket: a slash command, a mention in a thread and a direct message, each acknowledged in time."""
    driver = slack()
    with running(tmp_path, redis_url, "--socket", slack_url=address(driver)) as bot:
        until(lambda: post(bot.port, Mail(b""), path="/readyz", method="GET").status == 200)
        driver.send("U0JIN", "C0PROD", "/mesh promote api 50")
        driver.send("U0JIN", "C0PROD", "@mesh status api")
        driver.send("U0JIN", "D0JIN", "whoami")
        driver.wait_for_text("You are @jin U0JIN")
        driver.wait_for(lambda message: "Queued as" in driver.render_text(message))
        until(lambda: operations(redis_url) == 2)
        until(lambda: all(delivery["attempts"] for delivery in driver.deliveries()))
        attempts = [delivery["attempts"][-1] for delivery in driver.deliveries()]
        assert {attempt["via"] for attempt in attempts} == {"socket"}
        assert {attempt["error"] for attempt in attempts} == {""}
        # Slack's own limit: what came later would have an error.
        assert max(attempt["seconds"] for attempt in attempts) < 3
        os.kill(bot.child.pid, signal.SIGTERM)
        until(lambda: not bot.child.running)
        assert bot.child.returncode == 0


def test_hooks_are_served_over_http(tmp_path: Path, redis_url: str) -> None:
    """Through gunicorn: an alert is written down, a wrong token is turned away, and what is too large as well."""
    with running(tmp_path, redis_url) as bot:
        about = alert(labels={"namespace": "default"})
        heard(bot, mail(message(about)))
        wrong, too_large = mail(message(about), token="wrong"), mail(b"x" * 262_145)
        assert [post(bot.port, one, path=PATH).status for one in (wrong, too_large)] == [401, 413]
        assert TOKEN not in bot.text
        assert incidents(redis_url) == 1


def test_hooks_are_served_in_socket_mode(tmp_path: Path, redis_url: str, slack: Callable[..., SlackDriver]) -> None:
    """Beside health; and who sends nothing for long holds up neither."""
    with running(tmp_path, redis_url, "--socket", slack_url=address(slack())) as bot:
        idle = [socket.create_connection(("127.0.0.1", bot.port)) for _ in range(5)]
        about = mail(message(alert(labels={"namespace": "default"})))
        heard(bot, about)
        assert post(bot.port, about.with_headers(authorization=None), path=PATH).status == 401
        assert post(bot.port, Mail(b""), path="/healthz", method="GET").status == 200
        assert post(bot.port, Mail(b"{}", {"content-type": "application/json"})).status == 404
        assert incidents(redis_url) == 1
        for one in idle:
            one.close()


def test_a_hook_without_redis_is_a_503_within_a_few_seconds(tmp_path: Path, own_redis: RedisServer) -> None:
    """Alertmanager then tries again, and nothing was half done."""
    with running(tmp_path, own_redis.url) as bot:
        about = mail(message(alert(labels={"namespace": "default"})))

        def ask() -> float:
            own_redis.pause()
            back = post(bot.port, about, path=PATH)
            own_redis.resume()
            assert back.status == 503
            return back.seconds

        quickest(ask, within_s=5)
        heard(bot, about)
        assert incidents(own_redis.url) == 1


@pytest.mark.skipif(
    not (shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")), reason="no Alertmanager here"
)
def test_a_real_alertmanager_opens_and_closes_an_incident(tmp_path: Path, redis_url: str) -> None:
    """The snippet of docs/incidents.md, but for its times: firing, repeated by a second one, resolved."""
    client = redis.Redis.from_url(redis_url)
    kept = RedisIncidents(client, SystemTime(), enqueue=lambda incident_id, attempt: None)
    labels = {"alertname": "HighErrorRate", "service": "api", "namespace": "default", "severity": "critical"}

    def newest() -> Incident | None:
        return kept.newest(Target("default", "default", "api"))

    with running(tmp_path, redis_url) as bot, ExitStack() as stack:
        url = f"http://127.0.0.1:{bot.port}{PATH}"
        pair = [stack.enter_context(AlertmanagerServer(tmp_path / f"am{n}", url, TOKEN)) for n in range(2)]
        for one in pair:
            one.alert(**labels)
        until(lambda: (found := newest()) is not None and found.open)
        found = newest()
        assert found is not None
        assert [(one.name, one.severity) for one in found.alerts] == [("HighErrorRate", "critical")]
        ended = datetime.now(UTC).isoformat()
        for one in pair:
            one.alert(ends_at=ended, **labels)
        until(lambda: (over := newest()) is not None and not over.open)
        time.sleep(3)
        last = newest()
        assert last is not None
        assert (last.id, last.open) == (found.id, False)
        steps = [entry.facts["step"] for entry in RedisAuditLog(client).entries()]
        assert steps == ["incident opened", "incident closed"]
    client.close()


def test_a_slack_that_refuses_ends_the_socket_bot_with_a_sentence(tmp_path: Path, redis_url: str) -> None:
    """Without a websocket there is nothing to hear: the process ends and says what to check."""
    with ServerThread(make_app(default_world())) as slack:
        environment = {
            "SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xapp-1", "SLACK_API_URL": f"{slack.url}/api/",
            "REDIS_URL": redis_url,
        }  # fmt: skip
        argv = [sys.executable, "-m", "meshbot", "bot", "--socket", "--host", "127.0.0.1", "--port", str(free_port())]
        shown = subprocess.run(argv, capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert shown.returncode == 1
    assert "Error: Slack did not open a websocket (invalid_auth)" in shown.stderr
    assert "xapp" not in shown.stderr


@pytest.mark.parametrize(("answer", "said"), ODD.values(), ids=ODD)
def test_a_proxy_in_slacks_place_ends_the_socket_bot_with_a_sentence(answer: bytes, said: str) -> None:
    """What comes back instead of a websocket is told by its kind, without its page."""
    with proxy(answer) as url:
        client = SocketModeClient("xapp-1", web_client=web_client("xoxb-test", url))
        with pytest.raises(Unavailable) as told:
            connect(client, lambda _: False)
    assert told.value.message == f"Slack did not open a websocket ({said})."
