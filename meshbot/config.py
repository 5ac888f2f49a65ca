"""`meshbot config check`: every mistake of a configuration file, without starting anything."""

from __future__ import annotations

import click

from mesh.domain.catalog import Catalog
from settings.file import read_catalog


@click.group
def config() -> None:
    """Check a configuration file."""


@config.command
@click.argument("file")
def check(file: str) -> None:
    """Check FILE; says every mistake with its line, or what it allows. Exit code 2 when there are mistakes."""
    click.echo(f"{file}: ok. {summary(read_catalog(file))}")


def summary(catalog: Catalog) -> str:
    """Say in one line what the configuration holds."""
    roles = len(catalog.policy.roles)
    policy = f"{_count(roles, 'role')} may change traffic" if roles else "no policy, so reading only"
    clusters = ", ".join(cluster.name for cluster in catalog.clusters)
    services = _count(len(catalog.services), "service")
    return f"{_count(len(catalog.clusters), 'cluster')} ({clusters}), {services}; {policy}."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
