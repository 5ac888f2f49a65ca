"""Runs the stand-in cluster as a process: `python -m playground.cluster --port 8001 --load FILE...`."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from aiohttp import web

from playground.cluster.api import make_app
from playground.cluster.kinds import KINDS, serving
from playground.cluster.manifests import documents
from playground.cluster.objects import Cluster
from playground.cluster.statuses import ApiError


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT; print `ready URL` on standard output once the socket listens."""
    given = _parser().parse_args(arguments)
    try:
        cluster = Cluster(serving(KINDS, dict(given.serve)))
        for file in given.load:
            cluster.load(documents(file.read_text(encoding="utf-8")))
        accept_after_s = None if given.accept_after < 0 else given.accept_after
        asyncio.run(_serve(make_app(cluster, accept_after_s=accept_after_s), given.port))
    except (ApiError, OSError, ValueError) as error:
        sys.exit(f"cannot start the stand-in cluster: {error}; see --help for --port, --load and --serve")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m playground.cluster", description=__doc__)
    parser.add_argument("--port", type=int, default=8001, help="TCP port on 127.0.0.1")
    parser.add_argument("--load", type=Path, nargs="*", default=[], metavar="FILE", help="YAML files to start with")
    parser.add_argument(
        "--accept-after",
        type=float,
        default=0.2,
        metavar="SECONDS",
        help="parents accept a Gateway API route this long after it changed; below 0 = they never speak",
    )
    parser.add_argument(
        "--serve",
        type=_versions,
        action="append",
        default=[],
        metavar="KIND=V1,V2",
        help="versions of one kind, e.g. trafficsplits.split.smi-spec.io=v1alpha2; nothing after = stops serving it",
    )
    return parser


def _versions(text: str) -> tuple[str, list[str]]:
    kind, _, listed = text.partition("=")
    return kind, [version for version in listed.split(",") if version]


async def _serve(app: web.Application, port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    sys.stdout.write(f"ready http://127.0.0.1:{port}\n")
    sys.stdout.flush()
    await stop.wait()
    await runner.cleanup()


if __name__ == "__main__":
    main()
