"""Writes the reference of the configuration from the schema, so that the two cannot disagree.

`python -m settings.reference docs/configuration.md` renews the part between the markers; a test compares them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from settings.environment import VARIABLES
from settings.forms import Section
from settings.schema import section_at

BEGIN = "<!-- made by `python -m settings.reference`; edit the schema instead -->"
END = "<!-- end -->"

BOUNDS = {"ge": "≥ {}", "gt": "> {}", "le": "≤ {}", "lt": "< {}"}
TYPES = {
    "duration": "duration",
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "array": "list",
    "object": "keys and values",
}


def renew(page: str) -> str:
    """Return `page` with what stands between the markers made anew."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{reference()}\n{END}{after}"


def reference() -> str:
    """Return the tables of every variable and every key, in Markdown."""
    return "\n".join([*_variables(), *_sections()])


def _variables() -> Iterator[str]:
    yield from ("## Environment", "", "| variable | default | meaning |", "|---|---|---|")
    for variable in VARIABLES:
        name = f"`{variable.name}`" + (f" or `{variable.name}_FILE`" if variable.may_be_file else "")
        yield f"| {name} | {f'`{variable.default}`' if variable.default else ''} | {variable.meaning} |"
    yield ""


def _sections() -> Iterator[str]:
    for path, title in _paths((), ""):
        section = section_at(path)
        if section is not None:
            yield from (f"## {f'`{title}`' if title else 'The file'}", "", f"{section.__doc__}", "")
            yield from ("| key | type | range | default | meaning |", "|---|---|---|---|---|")
            yield from _rows(section)
            yield ""


def _paths(path: tuple[str, ...], title: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield every place of the file that has keys; `<name>` stands for a name of the writer's choice, `[]` for each."""
    yield path, title
    section = section_at(path)
    for name in section.model_fields if section else ():
        below = (*path, name)
        shown = f"{title}.{name}" if title else name
        if section_at(below):
            yield from _paths(below, shown)
        elif section and section_at((*below, "<name>")):
            yield from _paths((*below, "<name>"), shown + ("[]" if _is_list(section.model_fields[name]) else ".<name>"))


def _is_list(field: FieldInfo) -> bool:
    return getattr(field.annotation, "__origin__", None) is list


def _rows(section: type[Section]) -> Iterator[str]:
    schema = section.model_json_schema()
    required = schema.get("required", ())
    # What a section has in common with others comes after what is its own.
    for name in sorted(schema["properties"], key=lambda name: name not in section.__annotations__):
        about = schema["properties"][name]
        field = section.model_fields[name]
        default = "**required**" if name in required else _default(about)
        yield f"| `{name}` | {_type(about)} | {_range(about, field)} | {default} | {field.description} |"


def _type(about: dict[str, Any]) -> str:
    about = about.get("anyOf", [about])[0]
    if "enum" in about:
        return "one word"
    return TYPES.get(about.get("type", "object"), "")


def _range(about: dict[str, Any], field: FieldInfo) -> str:
    about = about.get("anyOf", [about])[0]
    if "enum" in about:
        return ", ".join(f"`{word}`" for word in about["enum"])
    bounds = [(form, getattr(rule, bound, None)) for rule in field.metadata for bound, form in BOUNDS.items()]
    return ", ".join(form.format(value) for form, value in bounds if value is not None)


def _default(about: dict[str, Any]) -> str:
    value = about.get("default")
    if value in (None, "", [], {}) or isinstance(value, dict):
        return ""
    if isinstance(value, list):
        return f'`["{value[0]}"]`'
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


if __name__ == "__main__":
    place = Path(sys.argv[1])
    place.write_text(renew(place.read_text(encoding="utf-8")), encoding="utf-8")
