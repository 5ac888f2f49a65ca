"""`python -m playground.traffic`: the simulator as a process of its own."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import click
from aiohttp import web

from playground.serving import free_port
from playground.traffic.app import make_app
from playground.traffic.profile import DEFAULT, ProfileError, load


@click.command()
@click.option("--port", default=0, show_default="a free one", help="Port of 127.0.0.1 to listen on.")
@click.option("--cluster-url", required=True, help="Kubernetes API to read routes from, e.g. http://127.0.0.1:8001.")
@click.option("--prometheus-url", help="Prometheus whose readiness /state shows.")
@click.option("--profile", "profile_path", type=click.Path(path_type=Path), help="YAML file with a list `services`.")
@click.option("--seed", type=int, help="Roll the same dice each time.")
def main(port: int, cluster_url: str, prometheus_url: str | None, profile_path: Path | None, seed: int | None) -> None:
    """Simulate the sidecars of a mesh; prints `ready URL` once /metrics answers."""
    try:
        profile = load(profile_path) if profile_path else DEFAULT
    except ProfileError as error:
        raise click.ClickException(str(error)) from error
    app = make_app(cluster_url, profile, prometheus_url=prometheus_url, seed=seed)
    asyncio.run(_serve(app, port or free_port()))


async def _serve(app: web.Application, port: int) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    click.echo(f"ready http://127.0.0.1:{port}")
    await stopped.wait()
    await runner.cleanup()


if __name__ == "__main__":
    main()
