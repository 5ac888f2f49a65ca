"""The one grammar: text to `Command` and back, for slash command, mention, button and command line alike."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from mesh.domain.commands import CHANGING, Command, Verb
from mesh.domain.errors import Refused
from mesh.domain.matching import closest
from mesh.domain.quantities import Weight
from mesh.domain.spelling import words_of


@dataclass(frozen=True)
class VerbHelp:
    """What `help` says of one verb."""

    usage: str
    summary: str
    examples: tuple[str, ...]


VERBS: dict[Verb, VerbHelp] = {
    Verb.STATUS: VerbHelp("status [service]", "Weights, shares and ready pods now", ("status api", "status")),
    Verb.GATES: VerbHelp("gates <service>", "Judge the gates now and show the numbers", ("gates api",)),
    Verb.PLAN: VerbHelp("plan <changing command>", "Show what would change, change nothing", ("plan promote api 50",)),
    Verb.HISTORY: VerbHelp("history <service>", "The latest changes of a service", ("history api",)),
    Verb.WHOAMI: VerbHelp("whoami", "Your id, groups and rights", ("whoami",)),
    Verb.HELP: VerbHelp("help [verb]", "This text, or one verb in detail", ("help", "help promote")),
    Verb.PROMOTE: VerbHelp(
        "promote <service> [<version>] <weight>[%]",
        "Move the canary to this share, if the gates pass",
        ("promote api 50", "promote api v2 25%", 'promote api 100 --reason "hotfix 4412"'),
    ),
    Verb.SET: VerbHelp(
        "set <service> <version>=<weight> …",
        "Write these weights (parts, not per cent; others stay), if the gates pass",
        ("set api v1=70 v2=30",),
    ),
    Verb.ROLLBACK: VerbHelp("rollback <service>", "All traffic back to stable, at once, no gates", ("rollback api",)),
    Verb.UNDO: VerbHelp(
        "undo [operation|service]", "Restore the weights from before a change", ("undo", "undo op-k3v9x2m4ta")
    ),
    Verb.ADOPT: VerbHelp("adopt <service>", "Take weights that somebody else wrote for our own", ("adopt api",)),
    Verb.REAPPLY: VerbHelp(
        "reapply <service>", "Write our last weights again, over somebody else's, if the gates pass", ("reapply api",)
    ),
}
"""Every verb, in the order `help` shows them."""

OPTIONS: dict[str, str] = {
    "--namespace": "namespace",
    "-n": "namespace",
    "--cluster": "cluster",
    "-c": "cluster",
    "--route": "route",
    "-r": "route",
    "--reason": "reason",
    "--force": "force",
    "--dry-run": "dry_run",
}
FLAGS = frozenset({"force", "dry_run"})

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_ARM = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.:#/]{0,251}[A-Za-z0-9])?")
_SHARE = re.compile(r"(\d{1,3}(?:\.\d{1,4})?)%?")
_WEIGHT = re.compile(r"([^=]+)=(?:(\d{1,10})|(\d{1,10}m))")
_OPERATION = re.compile(r"op-[a-z0-9]{4,20}")


def parse(text: str) -> Command:
    """Parse one request, with or without a leading `/mesh` or mention; nothing at all means `help`.

    Raises Refused saying what was not understood and how it is written.
    """
    typed = words_of(text)
    words, options = _take_options(typed)
    if not words or words[0] in ("?", "hello", "hi"):
        return Command(verb=Verb.HELP)
    verb, rest = _verb(words[0], typed), words[1:]
    if verb is Verb.PLAN:
        verb, rest, options = _planned(rest, options, typed)
    return _checked(replace(_READERS[verb](rest), **options))  # type: ignore[arg-type]  # the keys come from OPTIONS


def format_command(command: Command) -> str:
    """Write the command as a person would type it, without `/mesh`; `parse` reads it back to the same value."""
    words: list[str] = [command.verb, command.topic, command.service, command.version]
    if command.verb is Verb.UNDO and command.operation:
        words = [command.verb, command.operation]
    if command.share is not None:
        words.append(f"{command.share:g}")
    words += [f"{arm}={weight}" for arm, weight in command.weights]
    for option in ("namespace", "cluster", "route", "reason"):
        value = getattr(command, option)
        if value:
            # In one word, so that a value that begins with a dash is not read as the next option.
            between = "=" if value.startswith("-") else " "
            words.append(f"--{option}{between}{shlex.quote(value)}")
    words += ["--force"] * command.force + ["--dry-run"] * command.dry_run
    return " ".join(filter(None, words))


def is_operation(word: str) -> bool:
    """Tell an operation id (`op-k3v9x2m4ta`) from a service name."""
    return bool(_OPERATION.fullmatch(word))


def usage(verb: Verb) -> str:
    """Return `Usage: /mesh …` for one verb."""
    return f"Usage: /mesh {VERBS[verb].usage}"


# --- options -----------------------------------------------------------------------------------------------------


def _take_options(words: list[str]) -> tuple[list[str], dict[str, str | bool]]:
    plain: list[str] = []
    options: dict[str, str | bool] = {}
    queue = list(words)
    while queue:
        word = queue.pop(0)
        if word == "--help":
            plain.insert(0, "help")
        elif word.startswith("-") and len(word) > 1:
            name, value = _option(word, queue)
            if name in options:
                raise Refused(f"--{name.replace('_', '-')} is given twice.", hint="Give it once.")
            options[name] = value
        else:
            plain.append(word)
    return plain, options


def _option(word: str, queue: list[str]) -> tuple[str, str | bool]:
    written, equals, value = word.partition("=")
    name = OPTIONS.get(written)
    if name is None:
        near = closest(written, [option for option in OPTIONS if option.startswith("--")])
        raise Refused(f"Unknown option {written}.", hint=f"Did you mean {near}?" if near else _option_hint())
    if name in FLAGS:
        if equals:
            raise Refused(f"{written} takes no value.", hint=f"Write just {written}.")
        return name, True
    if not equals:
        value = queue.pop(0) if queue and not queue[0].startswith("-") else ""
    if not value.strip():
        raise Refused(f"{written} needs a value.", hint=f"For example {written} {_EXAMPLE_VALUES[name]}.")
    if name == "reason":
        return name, " ".join(value.split())
    # A route as the object has it: a match may hold two spaces.
    return name, value.strip() if name == "route" else _name(value, name)


_EXAMPLE_VALUES = {
    "namespace": "mesh-demo",
    "cluster": "prod",
    "route": "'VirtualService/api-vs/http \"canary\"'",
    "reason": '"hotfix 4412"',
}


def _option_hint() -> str:
    return f"Options are {', '.join(option for option in OPTIONS if option.startswith('--'))}."


# --- verbs -------------------------------------------------------------------------------------------------------


def _verb(word: str, typed: Sequence[str]) -> Verb:
    """Read a verb; a slip is answered with the whole line `typed` as it was probably meant."""
    try:
        return Verb(word.lower())
    except ValueError:
        near = closest(word, [str(verb) for verb in Verb])
        hint = f"Did you mean {near}?" if near else "See /mesh help."
        meant = shlex.join(near if one == word else one for one in typed)
        choices = (f"/mesh {meant}",) if near else ()
        raise Refused(f"I do not know the command {word!r}.", hint=hint, choices=choices) from None


def _planned(
    rest: list[str], options: dict[str, str | bool], typed: Sequence[str]
) -> tuple[Verb, list[str], dict[str, str | bool]]:
    if not rest:
        raise Refused(
            "plan needs a changing command.", hint=usage(Verb.PLAN) + ", for example /mesh plan promote api 50."
        )
    verb = _verb(rest[0], typed)
    if verb not in CHANGING:
        raise Refused(f"{verb} changes nothing, so there is nothing to plan.", hint=f"Write /mesh {verb} …")
    return verb, rest[1:], {**options, "dry_run": True}


def _read_help(rest: list[str]) -> Command:
    _expect(Verb.HELP, rest, 0, 1)
    return Command(verb=Verb.HELP, topic=str(_verb(rest[0], ["help", *rest])) if rest else "")


def _read_whoami(rest: list[str]) -> Command:
    _expect(Verb.WHOAMI, rest, 0, 0)
    return Command(verb=Verb.WHOAMI)


def _read_status(rest: list[str]) -> Command:
    _expect(Verb.STATUS, rest, 0, 1)
    return Command(verb=Verb.STATUS, service=_name(rest[0], "service") if rest else "")


def _one_service(verb: Verb) -> Callable[[list[str]], Command]:
    def read(rest: list[str]) -> Command:
        _expect(verb, rest, 1, 1)
        return Command(verb=verb, service=_name(rest[0], "service"))

    return read


def _read_promote(rest: list[str]) -> Command:
    rest = [word for at, word in enumerate(rest) if at == 0 or word.lower() != "to"]  # as our own cards say it
    _expect(Verb.PROMOTE, rest, 2, 3)
    version = _arm(rest[1]) if len(rest) == 3 else ""
    return Command(verb=Verb.PROMOTE, service=_name(rest[0], "service"), version=version, share=_share(rest[-1]))


def _read_set(rest: list[str]) -> Command:
    _expect(Verb.SET, rest, 2, 50)
    weights = tuple(_weight(word) for word in rest[1:])
    if len({arm for arm, _ in weights}) < len(weights):
        raise Refused("One version is named twice.", hint="Name each version once.")
    return Command(verb=Verb.SET, service=_name(rest[0], "service"), weights=weights)


def _read_undo(rest: list[str]) -> Command:
    _expect(Verb.UNDO, rest, 0, 1)
    word = rest[0].lower() if rest else ""
    if is_operation(word):
        return Command(verb=Verb.UNDO, operation=word)
    return Command(verb=Verb.UNDO, service=_name(word, "service") if word else "")


_READERS: dict[Verb, Callable[[list[str]], Command]] = {
    Verb.HELP: _read_help,
    Verb.WHOAMI: _read_whoami,
    Verb.STATUS: _read_status,
    Verb.GATES: _one_service(Verb.GATES),
    Verb.HISTORY: _one_service(Verb.HISTORY),
    Verb.ROLLBACK: _one_service(Verb.ROLLBACK),
    Verb.ADOPT: _one_service(Verb.ADOPT),
    Verb.REAPPLY: _one_service(Verb.REAPPLY),
    Verb.PROMOTE: _read_promote,
    Verb.SET: _read_set,
    Verb.UNDO: _read_undo,
}


# --- single words ------------------------------------------------------------------------------------------------


def _expect(verb: Verb, rest: list[str], least: int, most: int) -> None:
    if least <= len(rest) <= most:
        return
    said = "needs more words" if len(rest) < least else f"does not understand {rest[most]!r}"
    raise Refused(f"{verb} {said}.", hint=f"{usage(verb)}, for example /mesh {VERBS[verb].examples[0]}.")


def _name(word: str, what: str) -> str:
    """Read a Kubernetes name (RFC 1123 label). They are all lower case, so case is no ambiguity."""
    name = word.lower()
    if not _NAME.fullmatch(name):
        hint = "Names have letters a-z, digits and dashes, at most 63."
        raise Refused(f"{word!r} is not a {what} name.", hint=hint)
    return name


def _arm(word: str) -> str:
    if "=" in word:
        raise Refused(f"promote does not understand {word!r}.", hint=f"{usage(Verb.SET)} writes weights by name.")
    if not _ARM.fullmatch(word):
        raise Refused(f"{word!r} is not a version.", hint="A version is a subset or a backend, like v2.")
    return word


def _share(word: str) -> float:
    match = _SHARE.fullmatch(word)
    if match is None or float(match[1]) > 100:
        raise Refused(f"{word!r} is not a share of traffic.", hint=f"Give 0 to 100 per cent. {usage(Verb.PROMOTE)}.")
    return float(match[1])


def _weight(word: str) -> tuple[str, Weight]:
    match = _WEIGHT.fullmatch(word.rstrip(","))
    if match is None:
        raise Refused(
            f"{word!r} is not <version>=<weight>.",
            hint=f"Weights are parts, not per cent. {usage(Verb.SET)}, for example v1=70 v2=30.",
        )
    arm, whole, quantity = match.groups()
    return _arm(arm), int(whole) if whole else quantity


def _checked(command: Command) -> Command:
    if command.force and not command.reason:
        raise Refused("--force needs a reason.", hint='Add --reason "why the gates may be ignored".')
    for option in ("dry_run", "force"):
        if getattr(command, option) and command.verb not in CHANGING:
            written = option.replace("_", "-")
            raise Refused(f"{command.verb} changes nothing, so --{written} means nothing.", hint="Leave it out.")
    if command.operation and (command.namespace or command.cluster or command.route):
        raise Refused("An operation knows its namespace, cluster and route.", hint="Leave -n, -c and -r out.")
    if command.route and not command.service:
        raise Refused("--route needs a service.", hint="Name the service whose route it is.")
    return command
