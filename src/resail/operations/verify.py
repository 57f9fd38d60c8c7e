"""``resail verify``: is the mesh as it should be?"""

from pathlib import Path
from typing import Literal

import msgspec

from resail.checks.verification import verify_mesh
from resail.cluster import Cluster
from resail.models.finding import Finding
from resail.models.plan import Plan, PlanFiles
from resail.operations.cluster_choice import ClusterChoice, connect_to
from resail.plan.file import read_plan
from resail.snapshot import capture
from resail.snapshot.evidence import gather_evidence

__all__ = ["MeshVerifier", "VerifyReport", "VerifyRequest", "verify"]


class VerifyRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be verified."""

    cluster: ClusterChoice = ClusterChoice()
    istio_namespace: str = "istio-system"
    plan: Path | None = None
    """What the mesh should have come to; None: only what holds for every mesh is checked."""


class VerifyReport(msgspec.Struct, frozen=True):
    """The verdict and what it stands on."""

    verdict: Literal["ready", "blocked"]
    findings: tuple[Finding, ...]


async def verify(request: VerifyRequest) -> VerifyReport:
    """Verify the mesh; nothing is written.

    Raises:
        ArtifactError: the plan cannot be read.
        ClusterUnreachableError: the API does not answer.
    """
    plan = read_plan(request.plan).plan if request.plan else None
    async with connect_to(request.cluster) as connection:
        findings = await _findings(connection.cluster, request.istio_namespace, plan, None)
    blocked = any(finding.severity == "blocker" for finding in findings)
    return VerifyReport("blocked" if blocked else "ready", findings)


class MeshVerifier:
    """The engine's ``Verifier``."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def verify(self, files: PlanFiles, hop: int) -> tuple[Finding, ...]:
        """Verify the mesh against a plan that was run to the end of a hop."""
        return await _findings(self._cluster, files.plan.istio_namespace, files.plan, hop)


async def _findings(cluster: Cluster, istio_namespace: str, plan: Plan | None, hop: int | None) -> tuple[Finding, ...]:
    snapshot = await capture(cluster, istio_namespace)
    evidence = await gather_evidence(cluster, cluster, snapshot)
    return verify_mesh(snapshot, evidence, plan, hop)
