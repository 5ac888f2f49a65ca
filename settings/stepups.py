"""The step-up check in the configuration file."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from mesh.domain.stepups import PROVABLE, StepUp
from settings.forms import Scoped, Seconds, Text, every, private_address, scope_of


def _provable(value: str) -> str:
    if value != "*" and value not in PROVABLE:
        raise ValueError(f'{value!r} is never asked about; name {", ".join(sorted(PROVABLE))}, or "*" for all')
    return value


class StepUpSection(Scoped):
    """Another system is asked before anything is given more traffic; without its yes nothing is."""

    url: Annotated[
        Text,
        AfterValidator(private_address),
        Field(description="Where it is asked: an `https://` address, or `http://` on this very machine."),
    ]
    token_file: Annotated[Text, Field(description="Path of a file with the bearer token that it knows meshbot by.")]
    ca_file: Annotated[
        Text | None, Field(description="Path of the certificates that it is trusted by; without it the machine's.")
    ] = None
    verbs: Annotated[
        list[Annotated[str, AfterValidator(_provable)]],
        BeforeValidator(every),
        Field(
            min_length=1,
            description="Of `promote`, `set`, `undo`, `reapply`, `canary`, `resume`, `skip`, `confirm`, and `approve` "
            'for votes; or `"*"` for all. What goes back is never asked about.',
        ),
    ] = ["*"]
    timeout: Annotated[
        Seconds, Field(ge=1, le=10, description="How long its answer may take: seconds, or a number with s.")
    ] = int(StepUp("", "").timeout_s)
    valid_for: Annotated[
        Seconds,
        Field(
            ge=0,
            le=86_400,
            description="How long a yes counts for the same person, operation and plan: seconds, or with s, m or h.",
        ),
    ] = int(StepUp("", "").valid_for_s)


def step_up_of(section: StepUpSection | None) -> StepUp | None:
    """Turn a checked section into the value that the rules work with."""
    if section is None:
        return None
    return StepUp(
        url=section.url,
        token_file=section.token_file,
        ca_file=section.ca_file or "",
        scope=scope_of(section),
        verbs=tuple(section.verbs),
        timeout_s=float(section.timeout),
        valid_for_s=float(section.valid_for),
    )
