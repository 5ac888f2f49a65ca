"""The reference in docs/ is made from the schema."""

from __future__ import annotations

from pathlib import Path

from settings.approvals import ApprovalSection, BreakGlassSection, EscalationSection
from settings.clusters import ClusterSection, PrometheusSection
from settings.digests import DigestSection
from settings.environment import VARIABLES
from settings.gates import CustomGateSection, GatesSection
from settings.reference import renew
from settings.rollouts import RolloutsSection, StepSection, StrategySection
from settings.schema import ConfigFile, RoleSection, ServiceChannelsSection, ServiceSection

SECTIONS = (
    *(ConfigFile, ServiceSection, RoleSection, ClusterSection, PrometheusSection, GatesSection, CustomGateSection),
    *(RolloutsSection, StrategySection, StepSection, DigestSection),
    *(RolloutsSection, StrategySection, StepSection),
    *(ApprovalSection, BreakGlassSection, EscalationSection, ServiceChannelsSection),
)
PAGE = (Path(__file__).parents[2] / "docs/configuration.md").read_text()


def test_the_reference_is_up_to_date() -> None:
    """Whoever changes the schema runs `python -m settings.reference docs/configuration.md`."""
    assert renew(PAGE) == PAGE


def test_every_key_and_variable_is_in_the_reference() -> None:
    """The reference leaves nothing out."""
    keys = [key for section in SECTIONS for key in section.model_fields]
    assert [key for key in keys if f"| `{key}` |" not in PAGE] == []
    titles = ("clusters.<name>.prometheus", "services.<name>.gates.custom.<name>", "rollouts.strategies.<name>.steps[]")
    assert [title for title in titles if f"## `{title}`" not in PAGE] == []
    assert [variable.name for variable in VARIABLES if f"`{variable.name}`" not in PAGE] == []


def test_every_key_says_what_it_means() -> None:
    """A key without a description would be an empty cell in the reference and a silent error message."""
    for section in SECTIONS:
        assert all(field.description for field in section.model_fields.values())
