"""The environment variables of meshbot: the only module that reads them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mesh.domain.errors import Refused

SLACK_API_URL = "https://slack.com/api/"
REDIS_URL = "redis://127.0.0.1:6379/0"
WEB = ("http://", "https://")
SECRET_NAME = re.compile("auth|token|key|secret|password|credential|cookie|dsn|honeycomb-team", re.IGNORECASE)
"""Headers of collectors whose value is a secret. Others name a tenant or a place, in words that log lines hold too."""
SECRET_VALUE = re.compile(r"(?i:bearer|basic) .+|(?=.*\d)[\w.~+/=]{20,}")
"""What is a secret whatever its header is called: it says so, or is long, with digits, and no words with hyphens."""


@dataclass(frozen=True)
class RedisSettings:
    """Where Redis is, how to log in there and what it must promise; `store.address.Where` says what each part means."""

    url: str = field(repr=False)
    username: str = ""
    password: str = field(default="", repr=False)
    sentinel_username: str = ""
    sentinel_password: str = field(default="", repr=False)
    tls_files: tuple[str, str, str] = ("", "", "")
    copies: int | None = None


@dataclass(frozen=True)
class Environment:
    """What the environment says. Whatever can hold a secret stays out of `repr`, so out of logs and tracebacks."""

    slack_bot_token: str = field(default="", repr=False)
    """`SLACK_BOT_TOKEN`, `xoxb-…`."""
    slack_signing_secret: str = field(default="", repr=False)
    """`SLACK_SIGNING_SECRET`; two, with a comma between them, while rotating."""
    slack_app_token: str = field(default="", repr=False)
    """`SLACK_APP_TOKEN`, `xapp-…`; Socket Mode only."""
    slack_config_token: str = field(default="", repr=False)
    """`SLACK_CONFIG_TOKEN`, for `meshbot doctor` alone."""
    slack_api_url: str = SLACK_API_URL
    """`SLACK_API_URL`, always with a final slash."""
    redis_url: str = field(default=REDIS_URL, repr=False)
    """`REDIS_URL`; may hold a password."""
    redis_username: str = ""
    redis_password: str = field(default="", repr=False)
    """`REDIS_PASSWORD`, for a URL without one."""
    redis_sentinel_username: str = ""
    redis_sentinel_password: str = field(default="", repr=False)
    redis_ca: str = ""
    """`REDIS_TLS_CA`, a path."""
    redis_cert: str = ""
    redis_key: str = ""
    redis_copies: str = ""
    """`REDIS_COPIES`; empty: as the URL suggests."""
    kubeconfig: str = ""
    """`KUBECONFIG`, a path; empty means in-cluster."""
    prometheus_url: str = field(default="", repr=False)
    """`PROMETHEUS_URL`, for the only cluster; may hold a password."""
    hook_token: str = field(default="", repr=False)
    """`MESHBOT_HOOK_TOKEN`; two, with a comma between them, while rotating."""
    flagger_token: str = field(default="", repr=False)
    """`MESHBOT_FLAGGER_TOKEN`, likewise."""
    https_proxy: str = field(default="", repr=False)
    """`HTTPS_PROXY`, always with `http://` or another scheme; may hold a password."""
    no_proxy: str = ""
    """`NO_PROXY`: hosts and domains that are reached without it, with commas between them."""
    config_path: str = ""
    """`MESHBOT_CONFIG`; empty means no file, so reading only."""

    metrics: str = "9090"
    """`MESHBOT_METRICS_PORT`; see `metrics_port`."""
    log_form: str = "text"
    """`MESHBOT_LOG`: `text` or `json`."""
    otlp: str = field(default="", repr=False)
    """`OTEL_EXPORTER_OTLP_ENDPOINT`; may hold a password."""
    otlp_traces: str = field(default="", repr=False)
    """`OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, likewise."""
    otlp_headers: str = field(default="", repr=False)
    """`OTEL_EXPORTER_OTLP_HEADERS`, `name=value,…`, values perhaps percent-encoded; as a rule one is a token."""
    otlp_traces_headers: str = field(default="", repr=False)
    """`OTEL_EXPORTER_OTLP_TRACES_HEADERS`, likewise."""

    @property
    def metrics_port(self) -> int:
        """Where each process serves its metrics and health; 0 for nowhere. Raises Refused."""
        if not self.metrics.isdecimal() or int(self.metrics) > 65535:
            raise Refused("MESHBOT_METRICS_PORT is no port.", hint="A number from 1 to 65535, or 0 for none.")
        return int(self.metrics)

    @property
    def traced(self) -> bool:
        """True where traces are to be sent."""
        return bool(self.otlp or self.otlp_traces)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every value that must never be told, passwords in addresses among them."""
        slack = (self.slack_bot_token, self.slack_app_token, self.slack_config_token, *self.signing_secrets)
        whole = (*slack, *self.hook_tokens, *self.flagger_tokens, self.redis_password, self.redis_sentinel_password)
        addresses = (self.redis_url, self.prometheus_url, self.otlp, self.otlp_traces, self.https_proxy)
        inside = [urlsplit(address).password or "" for address in addresses]
        inside += [one for headers in (self.otlp_headers, self.otlp_traces_headers) for one in _secrets_in(headers)]
        return tuple({one for one in (*whole, *inside, *map(unquote, inside)) if one})

    @property
    def redis(self) -> RedisSettings:
        """Return what a Redis client is made of."""
        return RedisSettings(
            url=self.redis_url,
            username=self.redis_username,
            password=self.redis_password,
            sentinel_username=self.redis_sentinel_username,
            sentinel_password=self.redis_sentinel_password,
            tls_files=(self.redis_ca, self.redis_cert, self.redis_key),
            copies=int(self.redis_copies) if self.redis_copies else None,
        )

    @property
    def signing_secrets(self) -> tuple[str, ...]:
        """Every signing secret that is accepted now."""
        return _separate(self.slack_signing_secret)

    @property
    def hook_tokens(self) -> tuple[str, ...]:
        """Every bearer token that Alertmanager's hook accepts now; empty: it accepts nothing."""
        return _separate(self.hook_token)

    @property
    def flagger_tokens(self) -> tuple[str, ...]:
        """The same of Flagger's hooks."""
        return _separate(self.flagger_token)

    def need(self, name: str) -> None:
        """Raise Refused when the variable `name` (one of those with a file form) holds nothing."""
        field_name = next(variable.field for variable in VARIABLES if variable.name == name)
        if not getattr(self, field_name).strip(", "):
            raise Refused(f"{name} is not set.", hint=f"Set it, or {name}_FILE to a file that holds it.")


def _separate(said: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in said.split(",") if one.strip())


def _secrets_in(headers: str) -> Iterator[str]:
    """Yield the secret values of `name=value,…`; what stands after `Bearer` is one without that word, too."""
    for header in headers.split(","):
        name, _, value = header.partition("=")
        plain = unquote(value).strip()
        if SECRET_NAME.search(unquote(name)) or SECRET_VALUE.fullmatch(plain):
            yield from (value.strip(), plain, plain.rpartition(" ")[2])


@dataclass(frozen=True)
class Variable:
    """One environment variable, for reading and for the reference."""

    name: str
    field: str
    meaning: str
    default: str = ""
    may_be_file: bool = False
    """True when `NAME_FILE` may name a file that holds the value."""
    begins: tuple[str, ...] = ("",)
    """How a value must begin."""
    shortest: int = 0
    """Fewest characters of each part between commas; 0: any."""
    small: bool = False
    """True where the name in small letters counts first, as with curl."""


VARIABLES = (
    Variable("SLACK_BOT_TOKEN", "slack_bot_token", "Bot token, `xoxb-…`.", may_be_file=True, begins=("xoxb-",)),
    Variable(
        "SLACK_SIGNING_SECRET",
        "slack_signing_secret",
        "Signing secret of the Slack app, for HTTP; two with a comma between them while rotating.",
        may_be_file=True,
    ),
    Variable(
        "SLACK_APP_TOKEN",
        "slack_app_token",
        "App-level token, `xapp-…`, for `--socket`.",
        may_be_file=True,
        begins=("xapp-",),
    ),
    Variable(
        "SLACK_CONFIG_TOKEN",
        "slack_config_token",
        "App configuration token, `xoxe…`: with it `meshbot doctor` compares the app's manifest.",
        may_be_file=True,
        begins=("xoxe",),
    ),
    Variable("SLACK_API_URL", "slack_api_url", "Base URL of Slack's Web API.", SLACK_API_URL, begins=WEB),
    Variable(
        "REDIS_URL",
        "redis_url",
        "Redis that keeps operations, jobs and the audit log; behind Sentinel "
        "`redis+sentinel://host:26379,host:26379/name-of-the-master/0`. Redis Cluster cannot be used.",
        REDIS_URL,
        may_be_file=True,
        begins=("redis://", "rediss://", "unix://", "redis+sentinel://", "rediss+sentinel://"),
    ),
    Variable("REDIS_USERNAME", "redis_username", "ACL user of Redis, where `REDIS_URL` names none."),
    Variable("REDIS_PASSWORD", "redis_password", "Password of Redis, where `REDIS_URL` holds none.", may_be_file=True),
    Variable("REDIS_SENTINEL_USERNAME", "redis_sentinel_username", "ACL user of the sentinels."),
    Variable(
        "REDIS_SENTINEL_PASSWORD",
        "redis_sentinel_password",
        "Password of the sentinels; that of Redis is never sent to them.",
        may_be_file=True,
    ),
    Variable(
        "REDIS_TLS_CA", "redis_ca", "Path of the CA bundle for `rediss://`; without it that of this machine is used."
    ),
    Variable("REDIS_TLS_CERT", "redis_cert", "Path of the client certificate, where Redis asks for one."),
    Variable("REDIS_TLS_KEY", "redis_key", "Path of its key."),
    Variable(
        "REDIS_COPIES",
        "redis_copies",
        "How many replicas must have a write before anybody acts on it; without it 1 behind Sentinel, else 0.",
    ),
    Variable("KUBECONFIG", "kubeconfig", "Path of a kubeconfig; without it the pod's service account is used."),
    Variable(
        "PROMETHEUS_URL",
        "prometheus_url",
        "Prometheus of the only cluster; with several clusters each names its own in the file.",
        may_be_file=True,
        begins=WEB,
    ),
    Variable(
        "MESHBOT_HOOK_TOKEN",
        "hook_token",
        "Bearer token of `/hooks/alertmanager`, at least 16 characters; two with a comma between them while rotating. "
        "Without it that hook is not there.",
        may_be_file=True,
        shortest=16,
    ),
    Variable(
        "MESHBOT_FLAGGER_TOKEN",
        "flagger_token",
        "Bearer token of `/hooks/flagger/…`, likewise. Another one: whoever reads a Canary can read it.",
        may_be_file=True,
        shortest=16,
    ),
    Variable(
        "MESHBOT_METRICS_PORT",
        "metrics",
        "Port of `/metrics`, `/healthz` and `/readyz` of each process; `0` for none. Processes on one machine need "
        "ports of their own.",
        "9090",
    ),
    Variable(
        "MESHBOT_LOG",
        "log_form",
        "Form of the log on standard error, `text` or `json`.",
        "text",
        begins=("text", "json"),
    ),
    Variable(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "otlp",
        "Where traces go (OTLP over HTTP); without it there are none. Needs `meshbot[otel]`, which reads the other "
        "`OTEL_…` variables as well.",
        begins=WEB,
    ),
    Variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "otlp_traces", "The same, for traces only.", begins=WEB),
    Variable(
        "OTEL_EXPORTER_OTLP_HEADERS",
        "otlp_headers",
        "Headers for that address, `name=value` with commas between them; secret values are kept out of the log.",
    ),
    Variable("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "otlp_traces_headers", "The same, for traces only."),
    Variable(
        "HTTPS_PROXY",
        "https_proxy",
        "HTTP proxy on the way to Slack, to Git servers and their APIs, and to a collector of traces, all over HTTPS: "
        "`http://host:port`, perhaps with user and password; also `https_proxy`. Clusters (whose kubeconfig may have a "
        "`proxy-url`), metrics, the step-up check and Redis are never reached through it.",
        small=True,
    ),
    Variable(
        "NO_PROXY",
        "no_proxy",
        "Hosts and domains that are reached without it, with commas between them (`slack.com` for Slack); `*` for all. "
        "Also `no_proxy`.",
        small=True,
    ),
    Variable("MESHBOT_CONFIG", "config_path", "Path of the configuration file; without it meshbot only reads."),
)


def read_environment(environ: Mapping[str, str] = os.environ) -> Environment:
    """Read every variable, each secret also from the file that `NAME_FILE` names.

    Raises Refused naming the variable whose value has the wrong form, whose file cannot be read or is empty, or that is
    given in both forms.
    """
    values = {variable.field: value for variable in VARIABLES if (value := _value(variable, environ))}
    if "slack_api_url" in values:
        values["slack_api_url"] = values["slack_api_url"].rstrip("/") + "/"
    if "://" not in (proxy := values.get("https_proxy", "://")):
        values["https_proxy"] = f"http://{proxy}"
    if not values.get("redis_copies", "0").isdecimal():
        raise Refused("REDIS_COPIES is no whole number.", hint="Write how many replicas must have a write.")
    return Environment(**values)


def read_again(name: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return what the variable `name` holds now: its file may have another content than at the start.

    Empty where that cannot be used.
    """
    try:
        return _value(next(one for one in VARIABLES if one.name == name), environ)
    except Refused:
        return ""


def _value(variable: Variable, environ: Mapping[str, str]) -> str:
    small = environ.get(variable.name.lower(), "").strip() if variable.small else ""
    plain = small or environ.get(variable.name, "").strip()
    path = environ.get(f"{variable.name}_FILE", "").strip() if variable.may_be_file else ""
    if plain and path:
        raise Refused(
            f"{variable.name} and {variable.name}_FILE are both set.", hint="Unset one: it is unclear which is meant."
        )
    value = _content(f"{variable.name}_FILE", path) if path else plain
    if value and not value.startswith(variable.begins):
        # The value is not repeated: it may be a secret.
        raise Refused(f"{variable.name} does not begin with {' or '.join(variable.begins)}.", hint=variable.meaning)
    if any(len(part.strip()) < variable.shortest for part in value.split(",") if part.strip()):
        raise Refused(f"{variable.name} holds less than {variable.shortest} characters.", hint=variable.meaning)
    return value


def _content(name: str, path: str) -> str:
    try:
        content = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(
            f"{name} names {path}, which cannot be read: {getattr(error, 'strerror', None) or 'it is not text'}.",
            hint="Check the path, and that this user may read it.",
        ) from error
    if not content:
        raise Refused(f"{name} names {path}, which is empty.", hint="Write the secret into that file.")
    return content
