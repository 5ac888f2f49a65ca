"""`meshbot bot`: the process that Slack talks to."""

from __future__ import annotations

import click

from bot.serving import Place
from bot.wiring import run_http, run_socket
from meshbot.starting import starting


@click.command
@click.option("--socket", is_flag=True, help="Receive over Slack's websocket; nothing need reach this machine.")
@click.option("--port", default=3000, show_default=True, type=click.IntRange(1, 65535), help="Port for HTTP.")
@click.option("--host", default="0.0.0.0", show_default=True, help="Address to listen on.")  # noqa: S104 (a pod is reached by its own address)
def bot(*, socket: bool, port: int, host: str) -> None:
    """Receive from Slack at POST /slack/events, or with --socket over its websocket.

    /healthz and /readyz are served on the same port either way.
    """
    environment = starting()
    run = run_socket if socket else run_http
    run(environment, Place(host, port))
