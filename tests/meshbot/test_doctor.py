"""`meshbot doctor`: healthy parts are ok, each sick one is named with what to do."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from mesh.domain.catalog import Catalog, Channels, Service
from meshbot.doctor.app import LOOKED_UP, PICTURES, SCOPES, scopes
from meshbot.doctor.slack import token as slack_token
from meshbot.doctor.surroundings import incidents
from playground.cluster.kubeconfig import kubeconfig_text
from playground.parts import OBJECTS
from playground.processes import Child
from playground.servers import RedisServer
from playground.serving import free_port
from playground.slack.world import default_world
from settings.environment import Environment
from tests.chat.proxies import ODD, proxy
from tests.meshbot.test_cli import run
from tests.workers.git.server import TOKEN, GitServer

pytestmark = pytest.mark.redis

SLACK_APP = Path(__file__).parents[2] / "manifests/slack-app.yaml"


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a meshbot whose Slack, Redis and cluster are well, without metrics."""
    directory = tmp_path_factory.mktemp("doctor")
    slack_argv = [sys.executable, "-m", "playground.slack", "--port", str(free_port())]
    cluster_argv = [sys.executable, "-m", "playground.cluster", "--port", str(free_port()), "--load", str(OBJECTS)]
    with (
        RedisServer(directory / "redis") as redis_server,
        Child("slack", slack_argv, log_path=directory / "slack.log") as slack,
        Child("cluster", cluster_argv, log_path=directory / "cluster.log") as cluster,
    ):
        (directory / "kubeconfig").write_text(kubeconfig_text(cluster.wait_ready_line()))
        (directory / "meshbot.yaml").write_text("policy: {roles: {sre: {users: [U0JIN], may: '*'}}}")
        bot = default_world().bot
        yield {
            "SLACK_BOT_TOKEN": bot.bot_token,
            "SLACK_SIGNING_SECRET": bot.signing_secret,
            "SLACK_API_URL": f"{slack.wait_ready_line()}/api/",
            "REDIS_URL": redis_server.url,
            "KUBECONFIG": str(directory / "kubeconfig"),
            "MESHBOT_CONFIG": str(directory / "meshbot.yaml"),
        }


API, WEB = Service("api", incident_channel="C0API"), Service("web")


@pytest.mark.parametrize(
    ("token", "catalog", "found"),
    [
        ("", Catalog(), None),
        ("", Catalog(services=(WEB,)), None),
        ("", Catalog(services=(API, WEB)), ("warn", "no alert is heard")),
        ("a-token-of-hooks-1", Catalog(), ("warn", "no service is configured")),
        ("a-token-of-hooks-1", Catalog(services=(API, WEB)), ("warn", "incidents of web hold promotions")),
        ("a-token-of-hooks-1", Catalog(services=(WEB,), channels=Channels(incidents="C0INC")), ("ok", "are heard")),
    ],
)
def test_alerts_that_nobody_would_hear_or_see_are_named(
    token: str, catalog: Catalog, found: tuple[str, str] | None
) -> None:
    """A channel without a token, a token without services, a service without a channel; else nothing is said."""
    findings = list(incidents(Environment(hook_token=token), catalog))
    assert [(one.level, found is not None and found[1] in one.text) for one in findings] == (
        [(found[0], True)] if found else []
    )


def test_one_token_for_two_systems_is_warned_about() -> None:
    """It stands in Canaries, where others may read it."""
    one = "a-token-of-hooks-1"
    catalog = Catalog(services=(WEB,), channels=Channels(incidents="C0INC"))
    findings = list(incidents(Environment(hook_token=one, flagger_token=f"another-one-of-16,{one}"), catalog))
    assert [(each.level, "one and the same token" in each.text) for each in findings] == [("warn", True), ("ok", False)]
    apart = list(incidents(Environment(hook_token=one, flagger_token="another-one-of-16"), catalog))
    assert [each.level for each in apart] == ["ok"]


def test_a_healthy_world_is_ok(healthy: dict[str, str]) -> None:
    """Every part has a line; what is missing but optional is a warning, and the status is 0."""
    shown = run("doctor", "--before-start", **healthy)
    assert shown.returncode == 0, shown.stdout
    for said in ("ok    environment", "may change traffic: sre", "every scope", "appendonly yes", "noeviction"):
        assert said in shown.stdout
    assert "VirtualService networking.istio.io/v1" in shown.stdout
    assert "warn  prom default" in shown.stdout


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"SLACK_BOT_TOKEN": ""}, "SLACK_BOT_TOKEN is not set"),
        ({"SLACK_SIGNING_SECRET": ""}, "neither SLACK_SIGNING_SECRET"),
        ({"SLACK_BOT_TOKEN": "xoxb-revoked"}, "fail  slack        auth.test: invalid_auth"),
        ({"SLACK_API_URL": "http://127.0.0.1:9"}, "fail  slack        no answer"),
        ({"REDIS_URL": "redis://127.0.0.1:1/0"}, "fail  redis        no answer"),
        ({"KUBECONFIG": "/absent"}, "fail  k8s default"),
        ({"PROMETHEUS_URL": "http://127.0.0.1:9"}, "fail  prom default"),
        ({"MESHBOT_CONFIG": "/absent.yaml"}, "fail  config"),
        ({"REDIS_URL": "localhost"}, "fail  environment"),
    ],
)
def test_a_sick_part_fails_by_name(healthy: dict[str, str], changes: dict[str, str], said: str) -> None:
    """Status 1, one line for the part, one for what to do, no traceback, and no secret."""
    shown = run("doctor", **(healthy | changes))
    assert shown.returncode == 1
    assert said in shown.stdout
    assert "->" in shown.stdout
    assert "Traceback" not in shown.stdout + shown.stderr
    assert "xoxb" not in shown.stdout + shown.stderr


def test_a_missing_policy_is_a_warning(healthy: dict[str, str]) -> None:
    """Reading only is a choice, so it is told and does not fail."""
    shown = run("doctor", "--before-start", **(healthy | {"MESHBOT_CONFIG": ""}))
    assert shown.returncode == 0
    assert "warn  policy" in shown.stdout


def test_repositories_are_looked_at_by_who_commits(healthy: dict[str, str], tmp_path: Path) -> None:
    """The bot has no keys and asks no Git server; the others do, as the configuration and the environment say."""
    server = GitServer(tmp_path)
    server.push({"apps/api.yaml": "kind: Nothing\n"})
    (tmp_path / "token").write_text(TOKEN)
    configured = {
        "repositories": {"apps": {"url": server.url, "token_file": str(tmp_path / "token")}},
        "services": {"api": {"namespace": "mesh-demo", "in_git": {"repository": "apps", "path": "apps/api.yaml"}}},
    }
    (tmp_path / "meshbot.yaml").write_text(yaml.safe_dump(configured))
    told = healthy | {"MESHBOT_CONFIG": str(tmp_path / "meshbot.yaml")}
    shown = run("doctor", "--as", "bot", **told).stdout
    assert ("git apps" in shown, server.requests) == (False, [])
    shown = run("doctor", "--as", "worker", **told).stdout
    server.close()
    assert f"ok    git apps     lets us in over HTTPS; main is at {server.head()[:8]}" in shown
    assert "fail  git apps     api: " in shown


def test_a_redis_that_forgets_is_warned_about(healthy: dict[str, str], tmp_path: Path) -> None:
    """Without an append-only file a restart would forget operations."""
    with RedisServer(tmp_path, appendonly=False) as forgetful:
        assert "warn  redis        appendonly no" in run("doctor", **(healthy | {"REDIS_URL": forgetful.url})).stdout


@pytest.mark.parametrize(
    ("header", "level"),
    [
        (",".join((*SCOPES, PICTURES)), "ok"),
        (",".join((*SCOPES, PICTURES, *LOOKED_UP)), "ok"),
        (",".join(SCOPES), "warn"),
        ("commands,chat:write", "fail"),
        (None, "warn"),
    ],
)
def test_missing_scopes_are_named(header: str | None, level: str) -> None:
    """Slack tells a token's scopes in a header; what is missing must be added to the app."""
    finding, *others = scopes(header)
    assert finding.level == level
    assert level != "fail" or "app_mentions:read" in finding.text
    assert {one.level for one in others} <= {"ok"}


@pytest.mark.parametrize(
    ("more", "said"),
    [((), "channels:history, groups:history"), (LOOKED_UP[:1], "groups:history"), (LOOKED_UP, "")],
)
def test_what_is_gained_by_reading_channels_is_a_notice(more: tuple[str, ...], said: str) -> None:
    """The shipped app cannot look for a post without an answer: the doctor names scopes and price, and no mistake."""
    found = [one for one in scopes(",".join((*SCOPES, PICTURES, *more))) if "looked up" in one.text]
    wanted = [("ok", True, True)] if said else []
    assert [
        (one.level, f"without {said} a post" in one.text, "docs/messages.md" in one.todo) for one in found
    ] == wanted


def test_the_shipped_app_has_the_scopes_that_are_checked() -> None:
    """Who makes the app from the manifest is told of no scope that lacks, and grants none needlessly."""
    manifest = yaml.safe_load(SLACK_APP.read_text())
    assert sorted(manifest["oauth_config"]["scopes"]["bot"]) == sorted((*SCOPES, PICTURES))


@pytest.mark.parametrize(("answer", "said"), ODD.values(), ids=ODD)
def test_a_proxy_in_slacks_place_is_a_finding(answer: bytes, said: str) -> None:
    """It is told by its kind, without its page and without a traceback."""
    with proxy(answer) as url:
        [finding] = slack_token(Environment("xoxb-test", slack_api_url=url))
    assert finding.level == "fail"
    assert said in finding.text
    assert url in finding.todo
    assert "SECRET" not in finding.text
