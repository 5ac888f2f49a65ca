"""What every part of the configuration file is made of: sections without unknown keys, and forms of values."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from mesh.domain.commands import APPROVABLE, CHANGING
from mesh.domain.errors import Refused
from mesh.domain.scopes import Scope
from mesh.domain.templates import check_template

DURATION_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}

Language = Literal["en", "ko"]
"""Languages that messages come in."""


class Section(BaseModel):
    """Every part of the file: no unknown keys, no guessing of types."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


def _seconds(value: object) -> object:
    """Turn `90`, `90s`, `5m` or `1h` into seconds; anything else is left for the integer check to refuse."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"(\d{1,9})\s*([smh]?)", value.strip())
    if not match:
        raise ValueError(f"{value!r} is not a duration; write seconds, or a number with s, m or h: 300, 90s, 5m, 1h")
    return int(match[1]) * DURATION_UNITS[match[2]]


def every(value: object) -> object:
    """Let a lone `"*"` stand for the list that holds it."""
    return ["*"] if value == "*" else value


def one_or_more(value: object) -> object:
    """Let a lone name stand for the list that holds it."""
    return [value] if isinstance(value, str) else value


def label_name(value: str) -> str:
    """Check the name of a label (prometheus.io/docs/concepts/data_model)."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value):
        raise ValueError(f"{value!r} is not the name of a label; they have letters, digits and underscores")
    return value


def _ids(what: str, letters: str, example: str) -> AfterValidator:
    """Check the form of a Slack id: names can be chosen by anybody, ids cannot."""
    form = re.compile(rf"[{letters}][A-Z0-9]{{2,}}")

    def check(value: str) -> str:
        if not form.fullmatch(value):
            raise ValueError(f"{value!r} is not a {what} id; ids only, such as {example}, because names can be changed")
        return value

    return AfterValidator(check)


def _changing(value: str) -> str:
    if value != "*" and value not in CHANGING:
        raise ValueError(f'{value!r} cannot be granted; grant {", ".join(sorted(CHANGING))}, or "*" for all of them')
    return value


def _approvable(value: str) -> str:
    if value != "*" and value not in APPROVABLE:
        raise ValueError(f'{value!r} never waits for approval; name {", ".join(sorted(APPROVABLE))}, or "*" for all')
    return value


def _label(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", value):
        raise ValueError(f"{value!r} is not a name; names have lower-case letters, digits, dashes and dots")
    return value


def _http(value: str) -> str:
    if value and not (re.match(r"https?://[^/\s]", value) and _host(value)):
        # The value is not repeated: such an address may hold a password.
        raise ValueError("not an address; it must begin with http:// or https:// and a host")
    return value


def private_address(value: str) -> str:
    """Check an address to which secrets are sent: encrypted, or to this very machine."""
    _http(value)
    if value.startswith("http://") and _host(value) not in ("127.0.0.1", "::1", "localhost"):
        raise ValueError("not safe for a token; it must begin with https://, or be on this very machine")
    return value


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _typable(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", value):
        raise ValueError(f"{value!r} is not a name; here names have lower-case letters, digits and dashes, at most 63")
    return value


def _header(value: str) -> str:
    # Form: RFC 9110, 5.1 (a token). The value of a header is never repeated: it may be a secret.
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}", value):
        raise ValueError(f"{value!r} is not the name of a header")
    return value


def _header_value(value: str) -> str:
    if not value or not value.isprintable():
        raise ValueError("not a header's value: some text without line breaks is needed")
    return value


def _template(value: str) -> str:
    try:
        check_template(value)
    except Refused as refused:
        raise ValueError(f"{refused.message} {refused.hint}") from refused
    return value


def _step(value: object) -> object:
    """Let a bare share stand for the step that gives it."""
    if isinstance(value, dict):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(  # noqa: TRY004 (only a ValueError becomes a mistake with its line)
            f"{value!r} is not a step; write a share in per cent, like 25, or {{share: 25, bake: 10m, confirm: 30m}}"
        )
    return {"share": value}


Text = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=253)]
Name = Annotated[Text, AfterValidator(_label)]
Label = Annotated[Text, AfterValidator(_typable)]
HeaderName = Annotated[Text, AfterValidator(_header)]
HeaderValue = Annotated[str, AfterValidator(_header_value)]
Template = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=2_000), AfterValidator(_template)]
UserId = Annotated[str, _ids("user", "UW", "U012AB3CD")]
GroupId = Annotated[str, _ids("usergroup", "S", "S012AB3CD")]
ChannelId = Annotated[str, _ids("channel", "CG", "C012AB3CD")]
Grant = Annotated[str, AfterValidator(_changing)]
Approvable = Annotated[str, AfterValidator(_approvable)]
Address = Annotated[str, AfterValidator(_http)]
Seconds = Annotated[int, BeforeValidator(_seconds), WithJsonSchema({"type": "duration"})]
Patterns = Annotated[list[Text], BeforeValidator(every), Field(min_length=1)]
RouteName = Annotated[
    Text, StringConstraints(pattern=r"^(VirtualService|TrafficSplit|HTTPRoute|GRPCRoute)/[^/\s]+(/[^\n]+)?$")
]
MeshName = Literal["istio", "linkerd"]
GitName = Literal["refuse", "patch"]
IncidentPolicyName = Literal["refuse", "warn"]
OutcomeName = Literal["rollback", "hold"]
STEP = BeforeValidator(_step)


class Scoped(Section):
    """A section that says which targets it is about; without a word, all of them."""

    services: Annotated[Patterns, Field(description="Service names; `*` stands for any run of characters.")] = ["*"]
    namespaces: Annotated[Patterns, Field(description="Namespaces; `*` as above.")] = ["*"]
    clusters: Annotated[Patterns, Field(description="Clusters; `*` as above.")] = ["*"]


def scope_of(section: Scoped) -> Scope:
    """Return which targets a checked section is about."""
    return Scope(tuple(section.clusters), tuple(section.namespaces), tuple(section.services))
