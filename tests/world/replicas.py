"""Several of everything: a door before three bots, three workers and two clocks, and who kills them at random."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

from playground.parts import World
from playground.serving import free_port
from tests.world.town import descendants, kill, until
from workers.runner import QUEUES

PAUSE_S = (0.5, 3.0)
"""Between two kills: on average about what a start takes on two cores, or nobody would ever do anything."""
WORKERS = ("worker", "worker2", "worker3")
CLOCKS = ("clock", "clock2")


class Door:
    """A tiny load balancer: each request goes to the next bot, and to the one after it where nobody listens."""

    def __init__(self, ports: Sequence[int]) -> None:
        """Stand before the bots at these ports; the door itself is at a free one."""
        self._ports = tuple(ports)
        self._turns = count()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler(), bind_and_activate=False)
        self._server.request_queue_size = 256
        self._server.server_bind()
        self._server.server_activate()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/slack/events"

    @contextmanager
    def kept(self) -> Iterator[Door]:
        """Keep it open inside a `with` block."""
        thread = threading.Thread(target=self._server.serve_forever, name="door", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join(5)

    def _passed_on(self, request: BaseHTTPRequestHandler) -> tuple[int, str, bytes] | None:
        """Return the status, type and body of a bot's answer; None where none answered."""
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        first = next(self._turns)
        for place in range(len(self._ports)):
            port = self._ports[(first + place) % len(self._ports)]
            line = HTTPConnection("127.0.0.1", port, timeout=10)
            try:
                line.connect()
            except OSError:
                continue
            try:
                line.request("POST", request.path, body, dict(request.headers))
                answer = line.getresponse()
                return answer.status, answer.getheader("Content-Type", "text/plain"), answer.read()
            except (OSError, HTTPException):
                # Killed with the request in its hands: as a real balancer, nobody repeats what may have been done.
                return None
            finally:
                line.close()
        return None

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        door = self

        class _Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                answer = door._passed_on(self)
                if answer is None:
                    return
                status, kind, body = answer
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                del format, args

        return _Handler


class Replicas:
    """The processes of the product in a world that has one of each already."""

    def __init__(self, world: World, ports: Sequence[int]) -> None:
        """`ports` are those of the bots; the world was told the first one."""
        self._world = world
        self._bots = {f"bot{place or ''}": port for place, port in enumerate(ports)}

    def start(self) -> None:
        """Start what is missing, and return once all of it is there."""
        for name in (*self._bots, *WORKERS, *CLOCKS):
            if name not in self._world.children:
                self._start(name)
        for name in WORKERS:
            pid = self._world.children[name].pid
            until(lambda p=pid: len(descendants(p)) >= len(QUEUES), "no worker", timeout_s=60)  # type: ignore[misc]  # bound now

    @contextmanager
    def killed_at_random(self, dice: random.Random) -> Iterator[Counter[str]]:
        """Kill and replace one after the other inside a `with` block; yields how often each was."""
        killed: Counter[str] = Counter()
        over = threading.Event()

        def strike() -> None:
            while not over.wait(dice.uniform(*PAUSE_S)):
                name = dice.choice((*self._bots, *WORKERS, *CLOCKS, "part"))
                killed[name] += 1
                self._strike(name, dice)

        thread = threading.Thread(target=strike, name="killer", daemon=True)
        thread.start()
        try:
            yield killed
        finally:
            over.set()
            thread.join(30)

    def _strike(self, name: str, dice: random.Random) -> None:
        if name == "part":
            # One queue's process: its supervisor replaces it.
            parts = descendants(self._world.children[dice.choice(WORKERS)].pid)
            for pid in parts and [dice.choice(parts)]:
                kill(pid)
            return
        pid = self._world.children[name].pid
        for victim in (pid, *descendants(pid)):
            kill(victim)
        self._start(name)

    def _start(self, name: str) -> None:
        if name in self._bots:
            self._world.start_meshbot(name, "bot", "--host", "127.0.0.1", "--port", str(self._bots[name]))
        else:
            self._world.start_meshbot(name, "worker" if name in WORKERS else "clock")


def bot_ports(number: int) -> list[int]:
    """Return free ports, one for each bot."""
    return [free_port() for _ in range(number)]


@contextmanager
def several(world: World, *, bots: int) -> Iterator[tuple[World, Replicas]]:
    """Run a world that was not started yet, behind a door, with several of everything."""
    ports = bot_ports(bots)
    with Door(ports).kept() as door:
        world.bot_port, world.door = ports[0], door.url
        with world:
            replicas = Replicas(world, ports)
            replicas.start()
            time.sleep(1)
            yield world, replicas
