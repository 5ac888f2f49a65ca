"""The one grammar: text to `Command` and back, for slash command, mention, button and command line alike."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace

from mesh.domain.commands import APPROVABLE, CHANGING, FREEZING, STEERING, VOTING, Command, Verb
from mesh.domain.errors import Refused
from mesh.domain.grammar_freezes import check_freeze, read_freeze, read_unfreeze, write_freeze
from mesh.domain.grammar_rollouts import read_canary, write_canary
from mesh.domain.matching import closest
from mesh.domain.spelling import words_of
from mesh.domain.terms import expect, is_operation, read_name, read_share, read_version, read_weight
from mesh.domain.verbs import MEANT, VERBS, usage

OPTIONS: dict[str, str] = {
    "--namespace": "namespace",
    "-n": "namespace",
    "--cluster": "cluster",
    "-c": "cluster",
    "--route": "route",
    "-r": "route",
    "--reason": "reason",
    "--strategy": "strategy",
    "--version": "version",
    "--force": "force",
    "--break-glass": "break_glass",
    "--dry-run": "dry_run",
}
FLAGS = frozenset({"force", "break_glass", "dry_run"})
MEANT_FOR: dict[str, frozenset[Verb]] = {
    "strategy": frozenset({Verb.CANARY}),
    "version": frozenset({Verb.CANARY, Verb.PROMOTE}),
    "dry_run": CHANGING - STEERING - FREEZING,
    "force": CHANGING - STEERING - FREEZING - {Verb.CANARY},
    "break_glass": CHANGING & APPROVABLE,
}
"""Options that some verbs have no use for; the others are for all."""


def parse(text: str) -> Command:
    """Parse one request, with or without a leading `/mesh` or mention; nothing at all means `help`.

    Raises Refused saying what was not understood and how it is written.
    """
    typed = words_of(text)
    words, options = _take_options(typed)
    if not words or words[0] in ("?", "hello", "hi"):
        return Command(verb=Verb.HELP)
    verb, rest = _verb(words[0], typed), words[1:]
    if verb is Verb.CAN:
        expect(Verb.CAN, rest, 1, len(rest))
        return Command(verb=verb, topic=format_command(_command(_asked(rest[0], typed), rest[1:], options, typed)))
    return _command(verb, rest, options, typed)


def _asked(word: str, typed: Sequence[str]) -> Verb:
    verb = _verb(word, typed)
    if verb is Verb.CAN:
        raise Refused(
            "can asks about another command.", hint=f"{usage(Verb.CAN)}, for example /mesh can promote api 50."
        )
    return verb


def _command(verb: Verb, rest: list[str], options: dict[str, str | bool], typed: Sequence[str]) -> Command:
    if verb is Verb.PLAN:
        verb, rest, options = _planned(rest, options, typed)
    for option in options:
        _check_meant(option, verb)
    command = _READERS[verb](rest)
    if command.version and "version" in options:
        raise Refused("The version is given twice.", hint=f"Write {command.version} or --version, not both.")
    return _checked(replace(command, **options))  # type: ignore[arg-type]  # the keys come from OPTIONS


def format_command(command: Command) -> str:
    """Write the command as a person would type it, without `/mesh`; `parse` reads it back to the same value."""
    words: list[str] = [command.verb, command.topic, command.service]
    if command.verb is Verb.CANARY:
        words += write_canary(command)
    elif command.freezes:
        words = [command.verb, *write_freeze(command)]
    elif command.operation and (command.verb is Verb.UNDO or command.votes):
        words = [command.verb, command.operation]
    else:
        words += [
            command.hook,
            command.checksum,
            *(["to"] if command.verb is Verb.ROLLBACK and command.version else []),
            command.version,
            *([] if command.share is None else [f"{command.share:g}"]),
        ]
    words += [f"{arm}={weight}" for arm, weight in command.weights]
    # An operation knows its place, and a command that names both would not be read.
    places = () if command.operation else ("namespace", "cluster", "route")
    for option in ("strategy", *places, "reason"):
        value = getattr(command, option)
        if value:
            # In one word, so that a value that begins with a dash is not read as the next option.
            between = "=" if value.startswith("-") else " "
            words.append(f"--{option}{between}{shlex.quote(value)}")
    words += ["--force"] * command.force + ["--break-glass"] * command.break_glass + ["--dry-run"] * command.dry_run
    return " ".join(filter(None, words))


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
        raise Refused(f"Unknown option {written}.", hint=_option_hint(written))
    if name in FLAGS:
        if equals:
            raise Refused(f"{written} takes no value.", hint=f"Write just {written}.")
        return name, True
    if not equals:
        value = queue.pop(0) if queue and not queue[0].startswith("-") else ""
    if not value.strip():
        raise Refused(f"{written} needs a value.", hint=f"For example {written} {_EXAMPLE_VALUES[name]}.")
    return name, _value(name, value)


def _value(name: str, value: str) -> str:
    if name == "reason":
        return " ".join(value.split())
    if name == "route":
        return value.strip()  # as the object has it: a match may hold two spaces
    return read_version(value) if name == "version" else read_name(value, name)


_EXAMPLE_VALUES = {
    "namespace": "mesh-demo",
    "cluster": "prod",
    "route": "'VirtualService/api-vs/http \"canary\"'",
    "reason": '"hotfix 4412"',
    "strategy": "careful",
    "version": "v2",
}


def _option_hint(written: str) -> str:
    if written in ("--every", "--on-failure"):
        return f"It is a word of canary, without dashes: {written[2:]} {'5m' if written == '--every' else 'hold'}."
    long = [option for option in OPTIONS if option.startswith("--")]
    near = closest(written, long)
    return f"Did you mean {near}?" if near else f"Options are {', '.join(long)}."


# --- verbs -------------------------------------------------------------------------------------------------------


def _verb(word: str, typed: Sequence[str]) -> Verb:
    """Read a verb; a slip is answered with the whole line `typed` as it was probably meant."""
    if word.lower() == Verb.FLAGGER:
        raise Refused("flagger is no command: Flagger itself asks, its card says what.", hint="See /mesh approvals.")
    try:
        return Verb(word.lower())
    except ValueError:
        near = MEANT.get(word.lower()) or closest(word, [str(verb) for verb in VERBS])
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
    if verb not in MEANT_FOR["dry_run"]:
        freezing = "moves no traffic" if verb in FREEZING else "changes nothing"
        why = "speaks to a rollout that is under way" if verb in STEERING else freezing
        raise Refused(f"{verb} {why}, so there is nothing to plan.", hint=f"Write /mesh {verb} …")
    return verb, rest[1:], {**options, "dry_run": True}


def _read_help(rest: list[str]) -> Command:
    expect(Verb.HELP, rest, 0, 1)
    return Command(verb=Verb.HELP, topic=str(_verb(rest[0], ["help", *rest])) if rest else "")


def _alone(verb: Verb) -> Callable[[list[str]], Command]:
    def read(rest: list[str]) -> Command:
        expect(verb, rest, 0, 0)
        return Command(verb=verb)

    return read


def _read_digest(rest: list[str]) -> Command:
    expect(Verb.DIGEST, rest, 0, 1)
    word = rest[0].lower() if rest else "now"
    if word not in ("now", "list"):
        raise Refused(
            f"digest knows no {rest[0]!r}.", hint=usage(Verb.DIGEST), choices=("/mesh digest now", "/mesh digest list")
        )
    return Command(verb=Verb.DIGEST, topic=word)


def _read_status(rest: list[str]) -> Command:
    expect(Verb.STATUS, rest, 0, 1)
    return Command(verb=Verb.STATUS, service=read_name(rest[0], "service") if rest else "")


def _read_incidents(rest: list[str]) -> Command:
    expect(Verb.INCIDENTS, rest, 0, 1)
    return Command(verb=Verb.INCIDENTS, service=read_name(rest[0], "service") if rest else "")


def _one_service(verb: Verb) -> Callable[[list[str]], Command]:
    def read(rest: list[str]) -> Command:
        expect(verb, rest, 1, 1)
        return Command(verb=verb, service=read_name(rest[0], "service"))

    return read


def _read_rollback(rest: list[str]) -> Command:
    expect(Verb.ROLLBACK, rest, 1, 3)
    service, version = read_name(rest[0], "service"), ""
    if len(rest) > 1:
        # Only with `to`: `rollback api v2` may mean away from v2 as well.
        if rest[1].lower() != "to":
            expect(Verb.ROLLBACK, rest, 1, 1)
        expect(Verb.ROLLBACK, rest, 3, 3)
        version = read_version(rest[2])
    return Command(verb=Verb.ROLLBACK, service=service, version=version)


def _read_promote(rest: list[str]) -> Command:
    rest = [word for at, word in enumerate(rest) if at == 0 or word.lower() != "to"]  # as our own cards say it
    expect(Verb.PROMOTE, rest, 2, 3)
    version, share = read_version(rest[1]) if len(rest) == 3 else "", read_share(rest[-1])
    return Command(verb=Verb.PROMOTE, service=read_name(rest[0], "service"), version=version, share=share)


def _read_set(rest: list[str]) -> Command:
    expect(Verb.SET, rest, 2, 50)
    weights = tuple(read_weight(word) for word in rest[1:])
    if len({arm for arm, _ in weights}) < len(weights):
        raise Refused("One version is named twice.", hint="Name each version once.")
    return Command(verb=Verb.SET, service=read_name(rest[0], "service"), weights=weights)


def _read_undo(rest: list[str]) -> Command:
    expect(Verb.UNDO, rest, 0, 1)
    word = rest[0].lower() if rest else ""
    if is_operation(word):
        return Command(verb=Verb.UNDO, operation=word)
    return Command(verb=Verb.UNDO, service=read_name(word, "service") if word else "")


def _one_operation(verb: Verb) -> Callable[[list[str]], Command]:
    def read(rest: list[str]) -> Command:
        expect(verb, rest, 1, 1)
        if not is_operation(rest[0].lower()):
            raise Refused(f"{rest[0]!r} is not the id of an operation.", hint="See /mesh approvals.")
        return Command(verb=verb, operation=rest[0].lower())

    return read


def _read_approvals(rest: list[str]) -> Command:
    expect(Verb.APPROVALS, rest, 0, 0)
    return Command(verb=Verb.APPROVALS)


_READERS: dict[Verb, Callable[[list[str]], Command]] = {
    Verb.HELP: _read_help,
    Verb.WHOAMI: _alone(Verb.WHOAMI),
    Verb.FREEZES: _alone(Verb.FREEZES),
    Verb.FREEZE: read_freeze,
    Verb.UNFREEZE: read_unfreeze,
    Verb.STATUS: _read_status,
    Verb.DIGEST: _read_digest,
    Verb.INCIDENTS: _read_incidents,
    Verb.GATES: _one_service(Verb.GATES),
    Verb.HISTORY: _one_service(Verb.HISTORY),
    Verb.ROLLBACK: _read_rollback,
    Verb.ADOPT: _one_service(Verb.ADOPT),
    Verb.REAPPLY: _one_service(Verb.REAPPLY),
    Verb.PROMOTE: _read_promote,
    Verb.SET: _read_set,
    Verb.UNDO: _read_undo,
    Verb.CANARY: read_canary,
    **{verb: _one_service(verb) for verb in STEERING},
    Verb.APPROVALS: _read_approvals,
    **{verb: _one_operation(verb) for verb in VOTING},
}


# --- what does not go together ------------------------------------------------------------------------------------


def _check_meant(option: str, verb: Verb) -> None:
    if option not in MEANT_FOR or verb in MEANT_FOR[option]:
        return
    written = f"--{option.replace('_', '-')}"
    if verb not in CHANGING:
        raise Refused(f"{verb} changes nothing, so {written} means nothing.", hint="Leave it out.")
    raise Refused(f"{verb} takes no {written}: {_why_not(option, verb)}.", hint="Leave it out.")


def _why_not(option: str, verb: Verb) -> str:
    if verb in FREEZING and option in ("force", "dry_run"):
        return "it moves no traffic"
    if option == "force":
        canary = "a rollout is judged all the time, and nothing makes it go on against its gates"
        return canary if verb is Verb.CANARY else "no gate is asked"
    if option == "break_glass":
        return "it waits for nobody"
    if option == "dry_run":
        return "it plans nothing, it speaks to a rollout that is under way"
    return f"it is for {' and '.join(sorted(MEANT_FOR[option]))}"


def _checked(command: Command) -> Command:
    if command.force and not command.reason:
        raise Refused("--force needs a reason.", hint='Add --reason "why the gates may be ignored".')
    if command.break_glass and not command.reason:
        raise Refused("--break-glass needs a reason.", hint='Add --reason "why this cannot wait".')
    if command.operation and (command.namespace or command.cluster or command.route):
        raise Refused("An operation knows its namespace, cluster and route.", hint="Leave -n, -c and -r out.")
    if command.route and not command.service:
        raise Refused("--route needs a service.", hint="Name the service whose route it is.")
    if command.route and command.steers:
        raise Refused(f"{command.verb} takes no --route: a service has one rollout.", hint="Leave it out.")
    return check_freeze(command) if command.freezes else command
