"""What the doctor finds in the environment and in the configuration by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mesh.domain.catalog import Catalog
from meshbot.findings import Finding
from settings.environment import Environment

TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
"""Where Kubernetes mounts a pod's token."""


def environment(found: Environment, role: str) -> Iterator[Finding]:
    """Yield what is missing for the process."""
    if not found.slack_bot_token and role != "clock":
        yield Finding("fail", "environment", "SLACK_BOT_TOKEN is not set", "Copy it from the app's OAuth page.")
    if role not in ("all", "bot"):
        return
    if not (found.slack_signing_secret or found.slack_app_token):
        text = "neither SLACK_SIGNING_SECRET (HTTP) nor SLACK_APP_TOKEN (Socket Mode) is set"
        yield Finding("fail", "environment", text, "The bot needs one of them: see docs/configuration.md.")
    elif found.slack_bot_token:
        ways = [found.slack_signing_secret and "HTTP", found.slack_app_token and "Socket Mode"]
        yield Finding("ok", "environment", f"secrets for {' and '.join(filter(None, ways))}")


def powerless(found: Environment, role: str, *, token: Path = TOKEN) -> Iterator[Finding]:
    """Yield what gives a process that needs no cluster a way to one."""
    if token.exists() or found.kubeconfig:
        where = f"KUBECONFIG is {found.kubeconfig}" if found.kubeconfig else "a service account's token is mounted"
        todo = "Set automountServiceAccountToken: false in its pod, and leave KUBECONFIG out."
        yield Finding("warn", "k8s", f"the {role} needs no cluster, and {where}", todo)
    else:
        yield Finding("ok", "k8s", f"the {role} has no way to a cluster, as it should be")


def policy(found: Environment, catalog: Catalog) -> Finding:
    """Say who may change traffic at all."""
    roles = ", ".join(role.name for role in catalog.policy.roles)
    if roles:
        return Finding("ok", "policy", f"may change traffic: {roles}")
    where = found.config_path or "a file, and set MESHBOT_CONFIG to it"
    return Finding(
        "warn", "policy", "no policy, so everybody reads and nobody changes", f"Write `policy` into {where}."
    )


def incidents(found: Environment, catalog: Catalog) -> Iterator[Finding]:
    """Yield what keeps alerts from being heard or told; nothing where nobody asked for that."""
    if set(found.hook_tokens) & set(found.flagger_tokens):
        todo = "Give Flagger another one: whoever may read a Canary could end incidents with this."
        yield Finding("warn", "incidents", "Alertmanager and Flagger have one and the same token", todo)
    homeless = [one.name for one in catalog.services if not (one.incident_channel or catalog.channels.incidents)]
    if not found.hook_tokens:
        if len(homeless) < len(catalog.services):
            todo = "Set MESHBOT_HOOK_TOKEN, and let Alertmanager send it: docs/incidents.md."
            yield Finding("warn", "incidents", "channels for incidents are named, but no alert is heard", todo)
    elif not catalog.services:
        todo = "Write `services`: alerts of others are ignored."
        yield Finding("warn", "incidents", "alerts are heard, but no service is configured", todo)
    elif homeless:
        names = ", ".join(homeless[:5]) + (", …" if len(homeless) > 5 else "")
        todo = "Set `channels.incidents`, or `incident_channel` of each."
        yield Finding("warn", "incidents", f"incidents of {names} hold promotions, and no channel is told", todo)
    else:
        yield Finding("ok", "incidents", "alerts are heard and have their channels")
