"""What every process does first: read the environment, and give its log the form asked for, without secrets."""

from __future__ import annotations

from settings.environment import Environment, read_environment
from telemetry.logs import hide, log_to_stderr


def starting() -> Environment:
    """Return the environment; raise Refused where it is wrong."""
    environment = read_environment()
    hide(environment.secrets)
    log_to_stderr(environment.log_form)
    return environment
