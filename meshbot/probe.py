"""`meshbot probe`: whether the process beside this one is well, for images without a shell."""

from __future__ import annotations

import sys
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

import click

TIMEOUT_S = 2.0
_MOST = 2000
"""Bytes of an answer that are shown."""


@click.command
@click.option("--ready", is_flag=True, help="Ask whether it can do its work, not whether it must be started anew.")
@click.option(
    "--port", default=9090, show_default=True, envvar="MESHBOT_METRICS_PORT", type=click.IntRange(1, 65535),
    help="Where the process answers, also by MESHBOT_METRICS_PORT.",
)  # fmt: skip
def probe(*, ready: bool, port: int) -> None:
    """Ask the process on this machine for its health; exit 0 when it is well and 1 when not."""
    well, said = _answer(f"http://127.0.0.1:{port}/{'readyz' if ready else 'healthz'}")
    click.echo(said)
    sys.exit(0 if well else 1)


def _answer(url: str) -> tuple[bool, str]:
    """Return whether the answer is a 200, and what it says. No proxy: it is this machine."""
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=TIMEOUT_S) as response:
            return True, response.read(_MOST).decode(errors="replace").strip()
    except HTTPError as error:
        return False, error.read(_MOST).decode(errors="replace").strip()
    except OSError as error:
        return False, f"No answer from {url}: {error}"
