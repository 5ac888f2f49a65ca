"""`meshbot doctor`: one line for each thing meshbot depends on, and what to do about it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial

import click
from redis import Redis, RedisError, ResponseError
from slack_sdk.errors import SlackApiError

from chat.connection import web_client
from chat.directory import SlackDirectory
from chat.trouble import TROUBLE, word
from mesh.domain.catalog import Catalog, Cluster, MetricsServer
from mesh.domain.errors import MeshbotError, Refused
from meshbot.findings import Finding
from meshbot.people import people
from settings.environment import Environment, read_environment
from settings.file import read_catalog
from store.connection import quick
from store.jobs import POST
from store.keys import LANES
from workers.cluster.client import KubernetesClient
from workers.cluster.table import ROUTING_APIS
from workers.metrics.prometheus import Prometheus, Question
from workers.metrics.trouble import Trouble

SCOPES = (
    "chat:write", "commands", "app_mentions:read", "im:history", "users:read", "usergroups:read",
    "channels:read", "groups:read",
)  # fmt: skip
"""What the bot token needs (docs.slack.dev/reference/scopes)."""
PICTURES = "files:write"
"""Without it everything works, but charts are drawn with characters."""


@click.command
def doctor() -> None:
    """Check everything meshbot depends on. Exit code 1 when something fails."""
    failed = False
    for finding in examine():
        click.echo(f"{finding.level:<5} {finding.what:<12} {finding.text}")
        if finding.todo:
            click.echo(f"{'':<18} -> {finding.todo}")
        failed = failed or finding.level == "fail"
    sys.exit(1 if failed else 0)


def examine() -> Iterator[Finding]:
    """Yield every finding, in the order in which to mend things."""
    try:
        environment = read_environment()
    except Refused as error:
        yield Finding("fail", "environment", error.message, error.hint)
        return
    yield from _environment(environment)
    catalog = Catalog()
    try:
        catalog = read_catalog(environment.config_path, prometheus_url=environment.prometheus_url)
        yield _policy(environment, catalog)
        yield from _incidents(environment, catalog)
    except Refused as error:
        yield Finding("fail", "config", error.message, error.hint)
    reached = False
    for finding in _slack(environment):
        reached = reached or (finding.what, finding.level) == ("slack", "ok")
        yield finding
    if reached:
        yield from people(catalog, SlackDirectory(web_client(environment.slack_bot_token, environment.slack_api_url)))
    yield from _redis(environment)
    for cluster in catalog.clusters:
        yield _cluster(environment, cluster)
        yield from _prometheus(cluster)


def _environment(environment: Environment) -> Iterator[Finding]:
    if not environment.slack_bot_token:
        yield Finding("fail", "environment", "SLACK_BOT_TOKEN is not set", "Copy it from the app's OAuth page.")
    if not (environment.slack_signing_secret or environment.slack_app_token):
        text = "neither SLACK_SIGNING_SECRET (HTTP) nor SLACK_APP_TOKEN (Socket Mode) is set"
        yield Finding("fail", "environment", text, "The bot needs one of them: see docs/configuration.md.")
    elif environment.slack_bot_token:
        ways = [environment.slack_signing_secret and "HTTP", environment.slack_app_token and "Socket Mode"]
        yield Finding("ok", "environment", f"secrets for {' and '.join(filter(None, ways))}")


def _policy(environment: Environment, catalog: Catalog) -> Finding:
    roles = ", ".join(role.name for role in catalog.policy.roles)
    if roles:
        return Finding("ok", "policy", f"may change traffic: {roles}")
    where = environment.config_path or "a file, and set MESHBOT_CONFIG to it"
    return Finding(
        "warn", "policy", "no policy, so everybody reads and nobody changes", f"Write `policy` into {where}."
    )


def _incidents(environment: Environment, catalog: Catalog) -> Iterator[Finding]:
    """Yield what keeps alerts from being heard or told; nothing where nobody asked for that."""
    homeless = [one.name for one in catalog.services if not (one.incident_channel or catalog.channels.incidents)]
    if not environment.hook_tokens:
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


def _slack(environment: Environment) -> Iterator[Finding]:
    if not environment.slack_bot_token:
        return
    try:
        answer = web_client(environment.slack_bot_token, environment.slack_api_url).auth_test()
    except SlackApiError as error:
        todo = f"Check SLACK_BOT_TOKEN, and that {environment.slack_api_url} is Slack's."
        yield Finding("fail", "slack", f"auth.test: {word(error)}", todo)
        return
    except TROUBLE as error:
        yield Finding("fail", "slack", f"no answer ({word(error)})", f"Is {environment.slack_api_url} reachable?")
        return
    yield Finding("ok", "slack", f"{answer.get('user')} in {answer.get('team')} ({answer.get('team_id')})")
    yield _scopes({name.lower(): value for name, value in answer.headers.items()}.get("x-oauth-scopes"))


def _scopes(header: str | None) -> Finding:
    if header is None:
        return Finding("warn", "scopes", "Slack did not say which scopes the token has")
    given = {scope.strip() for scope in header.split(",")}
    missing = [scope for scope in SCOPES if scope not in given]
    if missing:
        return Finding("fail", "scopes", f"missing {', '.join(missing)}", "Add them to the app, then install it again.")
    if PICTURES not in given:
        said = f"without {PICTURES} the charts of rollouts are drawn with characters"
        return Finding("warn", "scopes", said, "Add it to the app, then install it again.")
    return Finding("ok", "scopes", "the token has every scope it needs")


def _redis(environment: Environment) -> Iterator[Finding]:
    try:
        redis = quick(environment.redis)
        redis.ping()
        yield Finding("ok", "redis", f"answers, version {redis.info('server')['redis_version']}")
        yield _setting(redis, ("appendonly", "yes"), "Set `appendonly yes`, or a restart forgets operations.")
        yield _setting(
            redis, ("maxmemory-policy", "noeviction"), "Set `maxmemory-policy noeviction`: nothing may vanish."
        )
        yield from _messages(redis)
    except (RedisError, ValueError) as error:
        yield Finding("fail", "redis", f"no answer ({type(error).__name__})", "Check REDIS_URL, and that Redis runs.")


def _messages(redis: Redis) -> Iterator[Finding]:
    """Tell where people hear nothing, because the worker that posts is not there."""
    waiting = redis.zcard(LANES)
    if waiting and not redis.scard(f"rq:workers:{POST}"):
        todo = "Start `meshbot worker`, or beside workers of single queues `meshbot worker --queue post`."
        yield Finding("fail", "messages", f"they wait for {waiting} channel(s), and no worker posts them", todo)


def _setting(redis: Redis, wanted: tuple[str, str], todo: str) -> Finding:
    name, value = wanted
    try:
        found = redis.config_get(name).get(name, "")
    except ResponseError:
        return Finding("warn", "redis", f"this Redis does not tell its {name}", f"Make sure that it is {value}.")
    return Finding("ok" if found == value else "warn", "redis", f"{name} {found}", "" if found == value else todo)


def _cluster(environment: Environment, cluster: Cluster) -> Finding:
    what = f"k8s {cluster.name}"
    client = KubernetesClient.of(cluster, kubeconfig=environment.kubeconfig)

    def ask() -> Finding:
        served = client.discover()
        found = [resource for resource in map(served.resource, ROUTING_APIS) if resource]
        if not found:
            kinds = ", ".join(api.kind for api in ROUTING_APIS)
            return Finding("fail", what, "it serves no routing API", f"Install a mesh with one of {kinds}.")
        return Finding("ok", what, ", ".join(f"{resource.kind} {resource.api_version}" for resource in found))

    return _asked(what, ask)


def _prometheus(cluster: Cluster) -> Iterator[Finding]:
    what = f"prom {cluster.name}"
    if not cluster.prometheus.urls:
        text = "no Prometheus is configured, so every gate is unknown and nothing is promoted"
        yield Finding("warn", what, text, f"Set PROMETHEUS_URL, or clusters.{cluster.name}.prometheus.")
    for url in cluster.prometheus.urls:
        yield _asked(what, partial(_targets, what, url, cluster.prometheus))


def _targets(what: str, url: str, settings: MetricsServer) -> Finding:
    prometheus = Prometheus(url, settings)
    try:
        rows = prometheus.rows(Question("count(up)"), timeout_s=settings.timeout_s)
    finally:
        prometheus.close()
    if not rows:
        text = "answers, but knows no `up` of any target, and without it the first failures of a pod are not counted"
        return Finding("warn", what, text, "Check its targets.")
    return Finding("ok", what, f"answers, scrapes {rows[0][1]:.0f} targets")


def _asked(what: str, ask: Callable[[], Finding]) -> Finding:
    try:
        return ask()
    except MeshbotError as error:
        return Finding("fail", what, error.message, error.hint)
    except Trouble as trouble:
        return Finding("fail", what, str(trouble), "Check its address, and that this machine reaches it.")
