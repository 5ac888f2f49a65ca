"""The buttons of a rollout: what people may say to it now, each saying beforehand what follows. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

from chat.blocks import Button, Confirm
from chat.escape import shorten
from chat.figures import percent, short_name
from chat.phases import canary_of, share_of, stable_of
from mesh.domain.commands import Verb
from mesh.domain.gates import span
from mesh.domain.operations import Operation
from mesh.domain.rollouts import Happening, Phase, Rollout, after

STEER: dict[str, Verb] = {
    f"meshbot.{verb}": verb for verb in (Verb.CONFIRM, Verb.RESUME, Verb.SKIP, Verb.PAUSE, Verb.ABORT)
}
"""What Slack sends when one is pressed, in the order of the buttons; the value is `op-…/1`: rollout and step."""
_STYLES: dict[Verb, Literal["primary", "danger"]] = {Verb.CONFIRM: "primary", Verb.ABORT: "danger"}


def steering_buttons(operation: Operation, rollout: Rollout) -> Iterator[Button]:
    """Yield a button for each word of a person that the rollout takes in its phase."""
    for action, verb in STEER.items():
        follows = after(rollout, Happening(str(verb)))
        if follows is not None:
            yield _button(action, operation, rollout, follows)


def _button(action: str, operation: Operation, rollout: Rollout, follows: Phase) -> Button:
    verb, service = STEER[action], operation.target.service
    name = str(verb).capitalize()
    said = _CONSEQUENCES[verb](operation, rollout, follows)
    confirm = Confirm(f"{name} the canary of {shorten(service, 60)}?", f"{said} The card names you.", name)
    # With the step: the question names a share, and by the time of the press the canary may stand elsewhere.
    value = f"{operation.id}/{rollout.at}"
    return Button(name, action, value, f"{name} the canary of {service}", _STYLES.get(verb, ""), confirm)


def _of(operation: Operation) -> str:
    target = operation.target
    return f"{shorten(target.service, 40)} in {shorten(f'{target.cluster} / {target.namespace}', 50)}"


def _canary(operation: Operation) -> str:
    return short_name(canary_of(operation))


def _confirm(operation: Operation, rollout: Rollout, _follows: Phase) -> str:
    share = percent(rollout.upcoming.share) if rollout.upcoming else "more"
    return f"This gives {_canary(operation)} {share} of {_of(operation)}."


def _resume(operation: Operation, rollout: Rollout, follows: Phase) -> str:
    share, canary = percent(rollout.current.share), _canary(operation)
    if follows is Phase.BAKING:
        return f"The steps go on where they stopped, with {canary} at {share} of {_of(operation)}."
    bake = span(rollout.current.bake_s)
    return f"This writes {share} of {_of(operation)} for {canary} again, and bakes it for {bake} anew."


def _skip(operation: Operation, rollout: Rollout, follows: Phase) -> str:
    share, canary = percent(rollout.upcoming.share) if rollout.upcoming else "", _canary(operation)
    rest = "The rest of this bake is left out" if rollout.phase is Phase.BAKING else "The gates are not waited for"
    if follows is Phase.COMPLETED:
        return f"{rest}: the canary of {_of(operation)} is complete, with {canary} at {percent(share_of(rollout))}."
    if follows is Phase.CONFIRMING:
        return f"{rest}; then somebody must confirm {share} for {canary} of {_of(operation)}."
    return f"{rest}: {canary} gets {share} of {_of(operation)} now."


def _pause(operation: Operation, rollout: Rollout, _follows: Phase) -> str:
    worse = f" If it is worse, all goes back to {short_name(stable_of(operation))}."
    back = worse if rollout.strategy.on_failure == "rollback" else ""
    keeps = f"{_canary(operation)} keeps {percent(share_of(rollout))} of {_of(operation)} and is still watched."
    return f"{keeps} No step follows until somebody presses Resume.{back}"


def _abort(operation: Operation, _rollout: Rollout, _follows: Phase) -> str:
    return f"All traffic of {_of(operation)} goes back to {short_name(stable_of(operation))}, at once."


_CONSEQUENCES: dict[Verb, Callable[[Operation, Rollout, Phase], str]] = {
    Verb.CONFIRM: _confirm,
    Verb.RESUME: _resume,
    Verb.SKIP: _skip,
    Verb.PAUSE: _pause,
    Verb.ABORT: _abort,
}
