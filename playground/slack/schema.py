"""A small language to say what JSON must look like; each check yields problems in Slack's words with a JSON pointer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

Check: TypeAlias = Callable[[Any, str], Iterator[str]]
Checks: TypeAlias = Mapping[str, Check]


def problem(text: str, at: str) -> str:
    """Return one line of `response_metadata.messages`."""
    return f"[ERROR] {text} [json-pointer:{at or '/'}]"


def string(most: int, *, least: int = 1) -> Check:
    """Check a string of `least` to `most` characters."""

    def check(value: Any, at: str) -> Iterator[str]:
        if not isinstance(value, str):
            yield problem("must be a string", at)
        elif len(value) > most:
            yield problem(f"must be less than {most + 1} characters", at)
        elif len(value) < least:
            yield problem(f"must be more than {least - 1} characters", at)

    return check


def matching(pattern: str) -> Check:
    """Check a string that matches the whole of a pattern."""

    def check(value: Any, at: str) -> Iterator[str]:
        if not isinstance(value, str):
            yield problem("must be a string", at)
        elif not re.fullmatch(pattern, value):
            yield problem(f"input must match regex pattern: ^{pattern}$", at)

    return check


def boolean(value: Any, at: str) -> Iterator[str]:
    """Check true or false."""
    if not isinstance(value, bool):
        yield problem("must be a boolean", at)


def number(least: float, most: float) -> Check:
    """Check a number of `least` to `most`, both allowed."""

    def check(value: Any, at: str) -> Iterator[str]:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            yield problem("must be a number", at)
        elif not least <= value <= most:
            yield problem(f"must be between {least} and {most}", at)

    return check


def choice(*allowed: str) -> Check:
    """Check one of the given words."""

    def check(value: Any, at: str) -> Iterator[str]:
        if value not in allowed:
            yield problem(f"must be one of {', '.join(allowed)}", at)

    return check


def anything(value: Any, at: str) -> Iterator[str]:
    """Accept whatever is there: a part this stand-in does not judge."""
    del value, at
    return iter(())


def array(item: Check, *, most: int, least: int = 1) -> Check:
    """Check a list of `least` to `most` items."""

    def check(value: Any, at: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield problem("must be an array", at)
            return
        if len(value) > most:
            yield problem(f"no more than {most} items allowed", at)
        if len(value) < least:
            yield problem(f"no less than {least} items allowed", at)
        for index, entry in enumerate(value):
            yield from item(entry, f"{at}/{index}")

    return check


def shape(required: Checks, optional: Checks | None = None) -> Check:
    """Check an object: every required key present, no key beyond the required and optional ones."""
    known = {**required, **(optional or {})}

    def check(value: Any, at: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield problem("must be an object", at)
            return
        for key in required:
            if key not in value:
                yield problem(f"missing required field: {key}", at)
        for key, entry in value.items():
            if key in known:
                yield from known[key](entry, f"{at}/{key}")
            else:
                yield problem(f"invalid additional property: {key}", at)

    return check


def by_type(table: Checks) -> Check:
    """Check an object by the check its `type` names."""

    def check(value: Any, at: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield problem("must be an object", at)
        elif not isinstance(value.get("type"), str):
            yield problem("missing required field: type", at)
        elif value["type"] not in table:
            yield problem(f"unsupported type: {value['type']}", f"{at}/type")
        else:
            yield from table[value["type"]](value, at)

    return check


def one_of_keys(inner: Check, *keys: str) -> Check:
    """Check `inner`, and that at least one of `keys` is there."""

    def check(value: Any, at: str) -> Iterator[str]:
        yield from inner(value, at)
        if isinstance(value, dict) and not any(key in value for key in keys):
            yield problem(f"must have at least one of: {', '.join(keys)}", at)

    return check


def only_one_of_keys(inner: Check, *keys: str) -> Check:
    """Check `inner`, and that exactly one of `keys` is there."""

    def check(value: Any, at: str) -> Iterator[str]:
        yield from one_of_keys(inner, *keys)(value, at)
        if isinstance(value, dict) and sum(key in value for key in keys) > 1:
            yield problem(f"must have only one of: {', '.join(keys)}", at)

    return check
