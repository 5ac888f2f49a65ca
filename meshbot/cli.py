"""The `meshbot` command: a table of commands, loaded when they are called, and one place for errors and exit codes.

Exit codes: 0 all is well; 1 a check failed or a part did not answer; 2 wrong usage, environment or configuration.
"""

from __future__ import annotations

import importlib
import sys

import click

from mesh.domain.errors import MeshbotError, Refused
from telemetry.logs import log_to_stderr

COMMANDS = {
    "bot": ("meshbot.hearing:bot", "Receive from Slack, over HTTP or Socket Mode."),
    "worker": ("meshbot.acting:worker", "Run operations, messages and looks at rollouts; a process for each queue."),
    "clock": ("meshbot.acting:clock", "Start what is due, and what a dead worker left."),
    "demo": ("playground.demo:main", "The whole product on this machine, without accounts."),
    "doctor": ("meshbot.doctor.command:doctor", "Check everything meshbot depends on."),
    "probe": ("meshbot.probe:probe", "Ask a process on this machine for its health."),
    "config": ("meshbot.config:config", "Check a configuration file."),
    "audit": ("meshbot.audit:audit", "List, verify, export and trim the audit log."),
}
"""Name: where it is, and one line for the overview."""


class Table(click.Group):
    """Imports a command's module only when that command is called.

    `config check` must not wait for the Kubernetes client, and the bot's process must never hold it. No cycle hides
    behind this late import: nothing imports the command line.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        """Return the names in the order of the table."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Put the real command in the place of its line in the overview."""
        name, line, rest = super().resolve_command(ctx, args)
        return name, _loaded(name) if name and line else None, rest


def _loaded(name: str) -> click.Command:
    module, _, attribute = COMMANDS[name][0].partition(":")
    try:
        command: click.Command = getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        if not module.startswith("playground"):
            raise
        raise click.ClickException(
            f"The demo needs {error.name}, which is not installed. Install meshbot[playground]."
        ) from error
    return command


meshbot = Table(
    name="meshbot",
    commands={name: click.Command(name, short_help=line) for name, (_, line) in COMMANDS.items()},
    help="Move service-mesh traffic from Slack: safely, and so that everybody can see what happened.",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Run the command line; errors that have words are shown as words, without a traceback."""
    log_to_stderr()
    try:
        meshbot(prog_name="meshbot")
    except MeshbotError as error:
        click.echo(f"Error: {error.message}", err=True)
        if error.hint:
            click.echo(error.hint, err=True)
        sys.exit(2 if isinstance(error, Refused) else 1)
