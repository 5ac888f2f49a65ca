"""What is asked of the clusters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from mesh.domain.commands import Target
from mesh.domain.plans import Plan
from mesh.domain.routes import Arm, Route, Weights


@dataclass(frozen=True)
class Ready:
    """How many ready endpoints serve an arm."""

    count: int
    why: str = ""
    """Where nobody does: what is missing, which field leads there, and what to do."""


@dataclass(frozen=True)
class Surveyed:
    """One service as a survey of its cluster found it: for people to see, never to plan with."""

    target: Target
    routes: tuple[Route, ...] = ()
    problem: str = ""
    """Why its routes cannot be read, in words; empty when they could."""


class Cluster(Protocol):
    """The meshes, each through its API server."""

    def routes(self, target: Target) -> list[Route]:
        """Return every route that names the service, weighted or not; raise Unavailable.

        Looked for in the service's namespace and the cluster's `route_namespaces`, and behind delegation.
        """

    def services(self, target: Target) -> list[str]:
        """Return the names of services that routes of the namespace name, for "did you mean"."""

    def survey(self, cluster: str, *, namespaces: Sequence[str] = (), also: Iterable[Target] = ()) -> list[Surveyed]:
        """Return every service of the cluster, or of the namespaces named, whose routes there are, with all of them.

        `also`: services to look up that no route of their own namespace names. A fixed number of lists, whatever the
        number of services. Raises Unavailable, Refused.
        """

    def reread(self, plan: Plan, target: Target) -> Route | None:
        """Read the planned route again; None when it is gone."""

    def glance(self, plans: Sequence[tuple[Plan, Target]]) -> list[Weights | None]:
        """Return the weights that each planned route seems to have, from memory where there is one: a hint, no proof.

        None where the route is not known. A fixed number of questions to the API server, whatever the number of plans.
        """

    def patch(self, plan: Plan, target: Target) -> Route:
        """Send the plan's patch and return the route as the server answered.

        Raises Conflict when a test failed or the object changed (nothing written), Unavailable when the answer is
        unknown or the server is away, Refused when the server does not accept the object.
        """

    def ready(self, arm: Arm, target: Target) -> Ready:
        """Count the ready endpoints that serve the arm.

        Raises Unavailable; Refused when there is no telling (no such Service, a subset that nothing defines).
        """
