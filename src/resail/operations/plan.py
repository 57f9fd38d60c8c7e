"""``resail plan``: a mesh and a release in, a plan out. Nothing is written but the plan's file."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path

from resail.models.finding import Finding
from resail.models.identity import IstioVersion
from resail.models.plan import PlanFiles
from resail.operations.blockers import refuse_blockers
from resail.operations.cases import cases_of_hops
from resail.operations.conditions import conditions_of_plan
from resail.operations.judging import Judgement, judge, settled, stand_on
from resail.operations.preparing import UpgradeWish, prepare
from resail.operations.rendering import open_rendering
from resail.operations.replaying import replayed
from resail.operations.survey import survey
from resail.plan.assembly import assemble, with_findings
from resail.plan.file import write_plan
from resail.releases.interface import IstioctlRenderer, Renderer
from resail.releases.rendering import open_renderer

__all__ = ["PlanRequest", "plan"]


class PlanRequest(UpgradeWish, frozen=True, kw_only=True):
    """What is to be planned."""

    out: Path | None = None
    """Where to write the plan; None: nowhere."""


async def plan(
    request: PlanRequest,
    progress: Callable[[str], None],
    renderer_of: Callable[[], AbstractAsyncContextManager[Renderer]] = open_renderer,
    istioctl: IstioctlRenderer | None = None,
) -> PlanFiles:
    """Plan all hops to the target.

    Args:
        request: what is to be planned.
        progress: is told what goes on.
        renderer_of: opens what renders the charts; Helm, unless charts need none.
        istioctl: renders IstioOperators; None: the istioctl of each version.

    Raises:
        UsageError: a version, a wish or a value does not fit.
        BlockedError: the mesh cannot be upgraded so.
        ArtifactError: a release, an istioctl or the snapshot file is not to be had, or damaged.
        ClusterUnreachableError: the API does not answer.
    """
    for version in (request.target, *request.via):
        IstioVersion.parse(version)
    ground = stand_on(request.config, datetime.now(UTC).date())
    progress("reading the mesh")
    mesh = await survey(request.mesh)
    async with open_rendering(request.release_directories, renderer_of, istioctl) as rendering:
        prepared = await prepare(request, mesh.snapshot, rendering, progress)
        hops = await cases_of_hops(request, mesh, prepared, rendering, ground.today, progress)
    files = assemble(prepared.built, prepared.findings, request.skipped)
    progress("checking images, roots and capacity")
    conditions = await conditions_of_plan(files, prepared.built, request.mesh, request.skipped)
    progress("looking for hazards")
    # A precheck has an API server decide, which takes its time.
    cases = [await replayed(case, progress, by_server=False) for case in hops]
    known = (*files.plan.findings, *conditions)
    result = settled((*known, *_findings(judge(cases, ground, known))), ground)
    files = with_findings(files, result.findings, result.waived)
    refuse_blockers(files.plan.findings, "the mesh")
    if request.out is not None:
        write_plan(request.out, files)
    return files


def _findings(judgement: Judgement) -> tuple[Finding, ...]:
    unknown = sorted({one.id for one in judgement.not_evaluated})
    if not unknown:
        return judgement.findings
    told = Finding(
        id="hazards-not-evaluated",
        severity="info",
        message=f"whether {len(unknown)} hazards are there is not known",
        evidence=", ".join(unknown),
        fix="`resail precheck` tells why",
    )
    return (*judgement.findings, told)
