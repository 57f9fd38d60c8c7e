"""May the user do what a plan takes? Asked of the API before anything is written."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Protocol

import msgspec

from resail.cluster import AccessReviewer, ResourceKind
from resail.errors import BlockedError, ClusterApiError
from resail.models.access import Permission
from resail.models.finding import Finding
from resail.models.plan import PlanFiles
from resail.operations.cluster_choice import connect_to
from resail.operations.inspect import MeshChoice
from resail.plan.rights import rights_to_run
from resail.plan.roles import in_words

__all__ = ["Asked", "Review", "refuse_missing_rights", "review", "rights_findings"]

_AT_ONCE = 16
_NEXT_STEP = "have them granted: `resail rbac PLAN` prints the roles that the plan takes"


class Asked(AccessReviewer, Protocol):
    """What is asked of a cluster here."""

    async def resource_kinds(self) -> tuple[ResourceKind, ...]:
        """As ``ClusterReader``."""
        ...


class Review(msgspec.Struct, frozen=True):
    """What the API says of one's rights."""

    missing: tuple[Permission, ...] = ()
    untold: str = ""
    """Why it does not tell of some; empty where it told of all."""


async def review(cluster: Asked, wanted: Iterable[Permission]) -> Review:
    """Which of the permissions are missing?

    What several of them are part of is asked first, and once: one yes to all of a resource, or to everything, answers for all of
    it. Where every resource of a group is wanted, those that the API serves now are.

    Raises:
        ClusterUnreachableError: the API is not there.
    """
    questions = _Questions(cluster, await _served(cluster, wanted))
    held = await asyncio.gather(*map(questions.hold, questions.wanted))
    missing = [permission for permission, holds in zip(questions.wanted, held, strict=True) if holds is False]
    return Review(tuple(missing), questions.untold if None in held else "")


async def refuse_missing_rights(cluster: Asked, wanted: Iterable[Permission], on: str) -> str:
    """Go on only where no permission is missing.

    Returns:
        Empty, or why the API does not tell.

    Raises:
        BlockedError: some are missing; all of them are named.
    """
    found = await review(cluster, wanted)
    if found.missing:
        raise BlockedError(f"rights are missing:\n{_listed(found.missing)}\n", on=on, next_step=_NEXT_STEP)
    return found.untold


async def rights_findings(mesh: MeshChoice, files: PlanFiles) -> tuple[Finding, ...]:
    """What a plan takes and its planner has not, as a finding; it is of the planner, and so no part of the plan.

    A warning, since who plans need not be who applies. Nothing where the mesh is a file.

    Raises:
        ClusterUnreachableError: the API does not answer.
    """
    if mesh.saved:
        return ()
    async with connect_to(mesh.cluster) as connection:
        found = await review(connection.cluster, rights_to_run(files))
    told: list[Finding] = []
    if found.missing:
        told.append(
            Finding(
                id="rights-missing",
                severity="warning",
                message=f"you may not apply it yourself, rights are missing:\n{_listed(found.missing)}",
                evidence="the API's answer to a SelfSubjectAccessReview",
                fix=_NEXT_STEP,
            )
        )
    if found.untold:
        told.append(
            Finding(
                id="rights-unknown",
                severity="warning",
                message=f"whether you may apply it is not known: {found.untold}",
                evidence="no answer to a SelfSubjectAccessReview",
                fix="`resail rbac PLAN` prints the roles that the plan takes; see that you have them",
            )
        )
    return tuple(told)


class _Questions:
    """Each is asked once."""

    def __init__(self, reviewer: AccessReviewer, wanted: Sequence[Permission]) -> None:
        self.wanted = wanted
        self.untold = ""
        self._reviewer = reviewer
        self._shared = Counter(wider for permission in wanted for wider in permission.wider())
        self._answers: dict[Permission, asyncio.Future[bool | None]] = {}
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def hold(self, permission: Permission) -> bool | None:
        """None where it is not told."""
        for wider in permission.wider():
            if self._shared[wider] > 1 and await self._answer(wider):
                return True
        return await self._answer(permission)

    def _answer(self, permission: Permission) -> asyncio.Future[bool | None]:
        if permission not in self._answers:
            self._answers[permission] = asyncio.ensure_future(self._ask(permission))
        return self._answers[permission]

    async def _ask(self, permission: Permission) -> bool | None:
        try:
            async with self._turn:
                # What failed once, for a minute of retries, need not be tried with each of the others.
                return None if self.untold else await self._reviewer.allows(permission)
        except ClusterApiError as error:
            self.untold = str(error)
            return None


async def _served(cluster: Asked, wanted: Iterable[Permission]) -> list[Permission]:
    """In place of every resource of a group, each that there is."""
    kinds = await cluster.resource_kinds()
    found: set[Permission] = set()
    for permission in wanted:
        if permission.resource == "*":
            resources = {one.plural for one in kinds if one.kind.group == permission.group}
            found |= {msgspec.structs.replace(permission, resource=resource) for resource in resources}
        else:
            found.add(permission)
    return sorted(found)


def _listed(permissions: Iterable[Permission]) -> str:
    return "\n".join(f"  {line}" for line in in_words(permissions))
