"""Queries that administrators write."""

from __future__ import annotations

import pytest

from mesh.domain.errors import Refused
from mesh.domain.templates import PLACEHOLDERS, check_template, fill


def test_every_placeholder_may_be_named() -> None:
    """All of them, with and without spaces, once or often."""
    check_template(
        "sum(rate(x{ns={{namespace}}, s={{ service }}, a={{arm}}, v=~{{version}}}[{{window}}])) / {{window}}"
    )


@pytest.mark.parametrize(
    ("query", "message", "hint"),
    [
        ("", "is empty", "Write PromQL"),
        ("  \n", "is empty", "Write PromQL"),
        ("x{a={{servce}}}", "{{servce}}, which is no placeholder", "Did you mean {{service}}?"),
        ("x{a={{cluster}}}", "{{cluster}}", "namespace, service, arm, version, window"),
        ("x{a={{}}}", "{{}}", "There is"),
        ('x{a="{{service}}"}', 'inside quotes: "{{service}}"', "without them"),
        ("x{a='{{service}}-v2'}", "inside quotes", "without them"),
        ("x{a=`{{service}}`}", "inside quotes", "without them"),
        ("x{a={{service}", "do not close", "{{service}}"),
        ("x{a=service}}", "do not close", "{{service}}"),
    ],
)
def test_slips_are_told_when_it_is_configured(query: str, message: str, hint: str) -> None:
    """Each says what is wrong and what to write instead."""
    with pytest.raises(Refused) as refused:
        check_template(query)
    assert message in refused.value.message
    assert hint in refused.value.hint


def test_quotes_and_comments_are_no_placeholders() -> None:
    """Braces and apostrophes in comments, and quotes within quotes, change nothing."""
    query = 'x{a="it\'s \\" {2}"} # don\'t {{write}} "here\n + y{b={{arm}}}'
    check_template(query)
    assert fill(query, {"arm": '"v2"'}) == query.replace("{{arm}}", '"v2"')


def test_filling_replaces_all_and_nothing_else() -> None:
    """A literal that looks like a placeholder stays what it is."""
    literals = {name: f'"{{{{{name}}}}}"' for name in PLACEHOLDERS}
    assert fill("{{arm}} {{service}}", literals) == '"{{arm}}" "{{service}}"'


def test_an_unknown_name_is_not_left_in_the_query() -> None:
    """What nobody gave a value for is refused."""
    with pytest.raises(Refused, match="no placeholder"):
        fill("{{pod}}", {"arm": '"v2"'})
