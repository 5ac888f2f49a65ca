"""Run the stand-in Slack as a process: `python -m playground.slack --port 8002`."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from pathlib import Path

from aiohttp import web

from playground.slack.alerting import Alerting
from playground.slack.rules import FULL_RETRY_DELAYS_S, Rules
from playground.slack.server import make_app
from playground.slack.world import default_world, load_world


def main(arguments: list[str] | None = None) -> None:
    """Serve on 127.0.0.1 until SIGTERM or SIGINT; print `ready URL` once the socket listens."""
    options = _parser().parse_args(arguments)
    world = load_world(options.world) if options.world else default_world()
    completions = json.loads(options.completions.read_text()) if options.completions else ()
    rules = Rules(retry_delays_s=FULL_RETRY_DELAYS_S) if options.full_retries else Rules()
    app = make_app(
        world,
        request_url=options.request_url,
        traffic_url=options.traffic_url,
        completions=completions,
        rules=rules,
        alerting=Alerting(options.alerts_url, options.alerts_token) if options.alerts_url else None,
        public_url=options.public_url,
    )
    asyncio.run(_serve(app, options.port))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m playground.slack", description="A stand-in Slack on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=8002)
    parser.add_argument("--public-url", default="", help="this server as the app is to call it")
    parser.add_argument("--request-url", help="where the app takes deliveries; leave out for Socket Mode")
    parser.add_argument("--traffic-url", help="the traffic simulator behind the page's buttons")
    parser.add_argument("--alerts-url", help="where the alerts go that the page raises: the app's Alertmanager webhook")
    parser.add_argument("--alerts-token", default="", help="its bearer token")
    parser.add_argument("--completions", type=Path, help="JSON list of {insert, hint} for the page")
    parser.add_argument("--world", type=Path, help="YAML world; default: the one of the demo")
    parser.add_argument("--full-retries", action="store_true", help="retry events after 1 and 5 minutes too")
    return parser


async def _serve(app: web.Application, port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    print(f"ready http://127.0.0.1:{port}", flush=True)  # noqa: T201 - the line the starter waits for
    await stop.wait()
    await runner.cleanup()


if __name__ == "__main__":
    main()
