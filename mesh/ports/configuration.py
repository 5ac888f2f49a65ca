"""What is in force of the configuration: asked by the signs of every process."""

from __future__ import annotations

from typing import Protocol

from mesh.domain.catalog import Catalog


class InForce(Protocol):
    """What configuration is in force, and what is wrong with the file; see `settings.reloading.Standing`."""

    @property
    def catalog(self) -> Catalog:
        """The one in force."""

    @property
    def trouble(self) -> str:
        """What is wrong with the file; empty for nothing."""

    @property
    def good(self) -> bool:
        """False while no file was ever read."""
