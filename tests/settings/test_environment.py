"""The environment: every variable, secrets from files, nothing secret in a repr."""

from __future__ import annotations

from pathlib import Path

import pytest

from mesh.domain.errors import Refused
from settings.environment import VARIABLES, Environment, read_environment

FULL = {
    "SLACK_BOT_TOKEN": "xoxb-1",
    "SLACK_SIGNING_SECRET": "old-secret",
    "SLACK_APP_TOKEN": "xapp-1",
    "SLACK_CONFIG_TOKEN": "xoxe.xoxp-1",
    "SLACK_API_URL": "http://127.0.0.1:8002/api",
    "REDIS_URL": "redis://:password@127.0.0.1:6379/3",
    "REDIS_USERNAME": "meshbot",
    "REDIS_PASSWORD": "password-of-redis",
    "REDIS_SENTINEL_USERNAME": "asking",
    "REDIS_SENTINEL_PASSWORD": "password-of-sentinels",
    "REDIS_TLS_CA": "/etc/tls/ca.crt",
    "REDIS_TLS_CERT": "/etc/tls/tls.crt",
    "REDIS_TLS_KEY": "/etc/tls/tls.key",
    "REDIS_COPIES": "2",
    "KUBECONFIG": "/etc/kubeconfig",
    "PROMETHEUS_URL": "http://user:password@127.0.0.1:9090",
    "MESHBOT_HOOK_TOKEN": "a-token-of-hooks-4711",
    "MESHBOT_FLAGGER_TOKEN": "a-token-of-flagger-4711",
    "HTTPS_PROXY": "http://lee:password@proxy:3128",
    "NO_PROXY": ".example.com,127.0.0.1",
    "MESHBOT_CONFIG": "/etc/meshbot.yaml",
    "MESHBOT_METRICS_PORT": "9091",
    "MESHBOT_LOG": "json",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://user:password@127.0.0.1:4318",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces",
    "OTEL_EXPORTER_OTLP_HEADERS": "api-key=token-of-tracing, authorization=Basic%20dG9rZW46eA==",
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "x-key=key-of-traces",
}


def test_every_variable_is_read() -> None:
    """Each name of the contract fills its field."""
    environment = read_environment(FULL)
    assert environment == Environment(
        slack_bot_token="xoxb-1",
        slack_signing_secret="old-secret",
        slack_app_token="xapp-1",
        slack_config_token="xoxe.xoxp-1",
        slack_api_url="http://127.0.0.1:8002/api/",
        redis_url="redis://:password@127.0.0.1:6379/3",
        redis_username="meshbot",
        redis_password="password-of-redis",
        redis_sentinel_username="asking",
        redis_sentinel_password="password-of-sentinels",
        redis_ca="/etc/tls/ca.crt",
        redis_cert="/etc/tls/tls.crt",
        redis_key="/etc/tls/tls.key",
        redis_copies="2",
        kubeconfig="/etc/kubeconfig",
        prometheus_url="http://user:password@127.0.0.1:9090",
        hook_token="a-token-of-hooks-4711",
        flagger_token="a-token-of-flagger-4711",
        https_proxy="http://lee:password@proxy:3128",
        no_proxy=".example.com,127.0.0.1",
        config_path="/etc/meshbot.yaml",
        metrics="9091",
        log_form="json",
        otlp="http://user:password@127.0.0.1:4318",
        otlp_traces="http://127.0.0.1:4318/v1/traces",
        otlp_headers="api-key=token-of-tracing, authorization=Basic%20dG9rZW46eA==",
        otlp_traces_headers="x-key=key-of-traces",
    )
    assert {variable.name for variable in VARIABLES} == set(FULL)


def test_an_empty_environment_has_the_defaults() -> None:
    """Nothing is required to be read; an empty value counts as none."""
    assert read_environment({}) == Environment() == read_environment(dict.fromkeys(FULL, " "))


def test_no_secret_is_in_the_repr() -> None:
    """Logs and tracebacks show an environment without its secrets."""
    shown = repr(read_environment(FULL))
    assert not [secret for secret in ("xoxb", "xapp", "xoxe", "old-secret", "password") if secret in shown]


@pytest.mark.parametrize("name", [variable.name for variable in VARIABLES if variable.may_be_file])
def test_a_secret_may_come_from_a_file(name: str, tmp_path: Path) -> None:
    """NAME_FILE names a mounted file; its final line break does not belong to the secret."""
    (tmp_path / "secret").write_text(f"{FULL[name]}\n")
    from_file = read_environment({f"{name}_FILE": str(tmp_path / "secret")})
    assert from_file == read_environment({name: FULL[name]})
    assert from_file != Environment()


@pytest.mark.parametrize("name", ["SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET", "SLACK_APP_TOKEN", "REDIS_URL"])
def test_every_secret_has_a_file_form(name: str) -> None:
    """What is a secret can be given without an environment variable that holds it."""
    assert name in {variable.name for variable in VARIABLES if variable.may_be_file}


def test_both_forms_at_once_are_refused(tmp_path: Path) -> None:
    """It would be unclear which of the two is meant."""
    (tmp_path / "secret").write_text("xoxb-2")
    with pytest.raises(Refused, match="SLACK_BOT_TOKEN and SLACK_BOT_TOKEN_FILE"):
        read_environment({"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_BOT_TOKEN_FILE": str(tmp_path / "secret")})


@pytest.mark.parametrize(("content", "why"), [(None, "No such file"), (b"", "empty"), (b"\xff\xfe", "not text")])
def test_an_unreadable_file_is_named(content: bytes | None, why: str, tmp_path: Path) -> None:
    """A missing, empty or binary secret file stops the process with its name, not with an empty secret."""
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    with pytest.raises(Refused, match=why) as refused:
        read_environment({"SLACK_BOT_TOKEN_FILE": str(tmp_path / "secret")})
    assert "SLACK_BOT_TOKEN_FILE" in refused.value.message


@pytest.mark.parametrize("name", ["SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_API_URL", "REDIS_URL", "PROMETHEUS_URL"])
def test_a_value_of_the_wrong_form_is_refused_without_repeating_it(name: str) -> None:
    """A token in the wrong variable is named by variable; the value may be a secret."""
    with pytest.raises(Refused) as refused:
        read_environment({name: "swapped-secret"})
    assert name in refused.value.message
    assert "swapped" not in refused.value.message + refused.value.hint


def test_redis_is_told_all_of_it() -> None:
    """What a Redis client is made of holds each part; copies are a whole number, and unset ones are left to the URL."""
    found = read_environment(FULL).redis
    assert (found.url, found.username, found.password) == (FULL["REDIS_URL"], "meshbot", "password-of-redis")
    assert (found.sentinel_username, found.sentinel_password) == ("asking", "password-of-sentinels")
    assert (found.tls_files, found.copies) == (("/etc/tls/ca.crt", "/etc/tls/tls.crt", "/etc/tls/tls.key"), 2)
    assert "password" not in repr(found)
    assert read_environment({}).redis.copies is None
    with pytest.raises(Refused, match="REDIS_COPIES is no whole number"):
        read_environment({"REDIS_COPIES": "one"})


def test_two_signing_secrets_are_accepted_while_rotating() -> None:
    """A comma separates the old signing secret from the new one."""
    assert read_environment({"SLACK_SIGNING_SECRET": "old, new,"}).signing_secrets == ("old", "new")
    assert read_environment({}).signing_secrets == ()


@pytest.mark.parametrize("name", [variable.name for variable in VARIABLES if variable.may_be_file])
def test_what_is_needed_and_missing_is_named(name: str) -> None:
    """Both forms in which it can be given are told; what is there is enough."""
    read_environment(FULL).need(name)
    with pytest.raises(Refused, match=f"{name} is not set") as refused:
        Environment(redis_url="").need(name)
    assert f"{name}_FILE" in refused.value.hint


def test_a_lone_comma_is_no_signing_secret() -> None:
    """A bot that accepts no signature at all must not start."""
    with pytest.raises(Refused, match="SLACK_SIGNING_SECRET is not set"):
        read_environment({"SLACK_SIGNING_SECRET": " , "}).need("SLACK_SIGNING_SECRET")


def test_flagger_has_tokens_of_its_own() -> None:
    """As long, and two while rotating; neither stands for the other, and both are secrets."""
    found = read_environment({"MESHBOT_FLAGGER_TOKEN": "old-token-of-flagger, new-token-of-flagger"})
    assert found.flagger_tokens == ("old-token-of-flagger", "new-token-of-flagger")
    assert found.hook_tokens == ()
    assert {"old-token-of-flagger", "new-token-of-flagger"} <= set(found.secrets)
    with pytest.raises(Refused, match="MESHBOT_FLAGGER_TOKEN holds less than 16 characters"):
        read_environment({"MESHBOT_FLAGGER_TOKEN": "hunter2"})


def test_tokens_of_hooks_are_long_and_may_be_two() -> None:
    """Two while rotating; one that could be guessed is refused without being repeated; none gives no hooks."""
    both = "old-token-of-hooks, new-token-of-hooks,"
    assert read_environment({"MESHBOT_HOOK_TOKEN": both}).hook_tokens == ("old-token-of-hooks", "new-token-of-hooks")
    assert read_environment({}).hook_tokens == ()
    with pytest.raises(Refused, match="MESHBOT_HOOK_TOKEN holds less than 16 characters") as refused:
        read_environment({"MESHBOT_HOOK_TOKEN": "old-token-of-hooks,hunter2"})
    assert "hunter2" not in refused.value.message + refused.value.hint


@pytest.mark.parametrize(("said", "port"), [("", 9090), ("0", 0), ("65535", 65535), ("65536", None), ("http", None)])
def test_the_metrics_port_is_a_port(said: str, port: int | None) -> None:
    """It is 9090 unless something else is said, 0 for none, and never what is no port."""
    environment = read_environment({"MESHBOT_METRICS_PORT": said})
    if port is not None:
        assert environment.metrics_port == port
        return
    with pytest.raises(Refused, match="MESHBOT_METRICS_PORT"):
        _ = environment.metrics_port


def test_a_proxy_is_read_as_other_programs_do() -> None:
    """In small letters first, and without a scheme it is an HTTP proxy; its password is known as a secret."""
    found = read_environment({"https_proxy": "lee:proxy-password@proxy:3128", "HTTPS_PROXY": "http://other:1"})
    assert (found.https_proxy, found.no_proxy) == ("http://lee:proxy-password@proxy:3128", "")
    assert found.secrets == ("proxy-password",)
    assert read_environment({"no_proxy": "a", "NO_PROXY": "b"}).no_proxy == "a"


def test_every_secret_is_known_as_one() -> None:
    """What log lines must not show: tokens, both secrets while rotating, passwords and headers in both spellings."""
    found = read_environment(FULL | {"SLACK_SIGNING_SECRET": "one, two", "REDIS_URL": "redis://:p%40ss@h/0"}).secrets
    tokens = {"xoxb-1", "xapp-1", "xoxe.xoxp-1", "one", "two", "a-token-of-hooks-4711", "a-token-of-flagger-4711"}
    passwords = {"p%40ss", "p@ss", "password", "password-of-redis", "password-of-sentinels"}
    headers = {"token-of-tracing", "Basic%20dG9rZW46eA==", "Basic dG9rZW46eA==", "dG9rZW46eA==", "key-of-traces"}
    assert set(found) == tokens | passwords | headers


@pytest.mark.parametrize(
    ("header", "hidden"),
    [
        ("X-Scope-OrgID=default", set()),
        ("x-env=production", set()),
        ("x-cluster=mesh-demo-production-eu-1", set()),
        ("team=the%20people%20of%20api", set()),
        ("AUTHORIZATION=hunter-two", {"hunter-two"}),
        ("x-api-%6Bey=hunter-two", {"hunter-two"}),
        ("lightstep-access-token=hunter-two", {"hunter-two"}),
        ("x-honeycomb-team=hunter-two", {"hunter-two"}),
        ("x-tenant=bearer hunter-two", {"bearer hunter-two", "hunter-two"}),
        ("x-tenant=4f9a1c0be2d7488fa6b3", {"4f9a1c0be2d7488fa6b3"}),
    ],
)
@pytest.mark.parametrize("field", ["otlp_headers", "otlp_traces_headers"])
def test_of_headers_only_secrets_are_kept_out_of_the_log(field: str, header: str, hidden: set[str]) -> None:
    """A tenant or an environment is an ordinary word, which log lines must still show; a token never is."""
    assert set(Environment(**{field: f"a=b,{header}"}).secrets) == hidden
