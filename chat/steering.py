"""The buttons of a rollout: what people may say to it now, each saying beforehand what follows. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

from chat.blocks import Button, Confirm
from chat.escape import shorten
from chat.figures import percent, short_name, span
from chat.locales import mark, tr
from chat.phases import canary_of, share_of, stable_of
from mesh.domain.commands import Verb
from mesh.domain.operations import Operation
from mesh.domain.rollouts import Happening, Phase, Rollout, after

STEER: dict[str, Verb] = {
    f"meshbot.{verb}": verb for verb in (Verb.CONFIRM, Verb.RESUME, Verb.SKIP, Verb.PAUSE, Verb.ABORT)
}
"""What Slack sends when one is pressed, in the order of the buttons; the value is `op-…/1`, rollout and step, and for
Resume `op-…/1/1796037066000`: which stop as well."""
_STYLES: dict[Verb, Literal["primary", "danger"]] = {Verb.CONFIRM: "primary", Verb.ABORT: "danger"}

_NAMES = {
    Verb.CONFIRM: mark("Confirm"),
    Verb.RESUME: mark("Resume"),
    Verb.SKIP: mark("Skip"),
    Verb.PAUSE: mark("Pause"),
    Verb.ABORT: mark("Abort"),
}
_ASKS = {
    Verb.CONFIRM: mark("Confirm the canary of {service}?"),
    Verb.RESUME: mark("Resume the canary of {service}?"),
    Verb.SKIP: mark("Skip the canary of {service}?"),
    Verb.PAUSE: mark("Pause the canary of {service}?"),
    Verb.ABORT: mark("Abort the canary of {service}?"),
}
_SAYS = {
    Verb.CONFIRM: mark("Confirm the canary of {service}"),
    Verb.RESUME: mark("Resume the canary of {service}"),
    Verb.SKIP: mark("Skip the canary of {service}"),
    Verb.PAUSE: mark("Pause the canary of {service}"),
    Verb.ABORT: mark("Abort the canary of {service}"),
}
"""A button's name, its question, and what screen readers say."""


def steering_buttons(operation: Operation, rollout: Rollout) -> Iterator[Button]:
    """Yield a button for each word of a person that the rollout takes in its phase."""
    for action, verb in STEER.items():
        follows = after(rollout, Happening(str(verb)))
        if follows is not None:
            yield _button(action, operation, rollout, follows)


def _button(action: str, operation: Operation, rollout: Rollout, follows: Phase) -> Button:
    verb, service = STEER[action], operation.target.service
    name = tr(_NAMES[verb])
    said = " ".join((_CONSEQUENCES[verb](operation, rollout, follows), tr("The card names you.")))
    confirm = Confirm(tr(_ASKS[verb], service=shorten(service, 60)), said, name)
    # With the step: the question names a share, and by the time of the press the canary may stand elsewhere.
    value = f"{operation.id}/{rollout.at}"
    if verb is Verb.RESUME:
        # And with the stop: what was paused for lunch may be held for somebody else's weights by then.
        value = f"{value}/{rollout.stop}"
    return Button(name, action, value, tr(_SAYS[verb], service=service), _STYLES.get(verb, ""), confirm)


def _of(operation: Operation) -> str:
    target = operation.target
    place = shorten(f"{target.cluster} / {target.namespace}", 50)
    return tr("{what} in {place}", what=shorten(target.service, 40), place=place)


def _canary(operation: Operation) -> str:
    return short_name(canary_of(operation))


def _confirm(operation: Operation, rollout: Rollout, _follows: Phase) -> str:
    share = percent(rollout.upcoming.share) if rollout.upcoming else tr("more")
    return tr(
        "This gives {canary} {share} of {service}.", canary=_canary(operation), share=share, service=_of(operation)
    )


def _resume(operation: Operation, rollout: Rollout, follows: Phase) -> str:
    told = {"canary": _canary(operation), "share": percent(rollout.current.share), "service": _of(operation)}
    if follows is Phase.BAKING:
        return tr("The steps go on where they stopped, with {canary} at {share} of {service}.", **told)
    bake = span(rollout.current.bake_s)
    if not rollout.moves:
        return tr("This writes {share} of {service} for {canary}, and bakes it for {time}.", time=bake, **told)
    return tr("This writes {share} of {service} for {canary} again, and bakes it for {time} anew.", time=bake, **told)


def _skip(operation: Operation, rollout: Rollout, follows: Phase) -> str:
    share = percent(rollout.upcoming.share) if rollout.upcoming else ""
    baking = rollout.phase is Phase.BAKING
    rest = tr("The rest of this bake is left out") if baking else tr("The gates are not waited for")
    told = {"skipped": rest, "canary": _canary(operation), "share": share, "service": _of(operation)}
    if follows is Phase.COMPLETED:
        told["share"] = percent(share_of(rollout))
        return tr("{skipped}: the canary of {service} is complete, with {canary} at {share}.", **told)
    if follows is Phase.CONFIRMING:
        return tr("{skipped}; then somebody must confirm {share} for {canary} of {service}.", **told)
    return tr("{skipped}: {canary} gets {share} of {service} now.", **told)


def _pause(operation: Operation, rollout: Rollout, _follows: Phase) -> str:
    if not rollout.moves:
        # What the canary had before is not by this rollout, and is not watched for it.
        return tr("Nothing is written until somebody presses Resume, unless the first step is just being written.")
    told = {"canary": _canary(operation), "share": percent(share_of(rollout)), "service": _of(operation)}
    keeps = tr(
        "{canary} keeps {share} of {service} and is still watched. No step follows until somebody presses Resume.",
        **told,
    )
    if rollout.strategy.on_failure != "rollback":
        return keeps
    return " ".join((keeps, tr("If it is worse, all goes back to {stable}.", stable=short_name(stable_of(operation)))))


def _abort(operation: Operation, _rollout: Rollout, _follows: Phase) -> str:
    stable = short_name(stable_of(operation))
    return tr("All traffic of {service} goes back to {stable}, at once.", service=_of(operation), stable=stable)


_CONSEQUENCES: dict[Verb, Callable[[Operation, Rollout, Phase], str]] = {
    Verb.CONFIRM: _confirm,
    Verb.RESUME: _resume,
    Verb.SKIP: _skip,
    Verb.PAUSE: _pause,
    Verb.ABORT: _abort,
}
