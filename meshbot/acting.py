"""`meshbot worker` and `meshbot clock`: the processes that act."""

from __future__ import annotations

import click

from meshbot.starting import starting
from workers.runner import QUEUES
from workers.wiring import run_clock, run_worker


@click.command
@click.option("--queue", type=click.Choice(list(QUEUES)), help="Work on this queue only.")
def worker(*, queue: str | None) -> None:
    """Run operations; without --queue one process for each queue is started and kept alive."""
    run_worker(starting(), [queue] if queue else list(QUEUES))


@click.command
def clock() -> None:
    """Start what is due, and what a dead worker left. Any number may run; one of them works."""
    run_clock(starting())
