"""``resail precheck``: what would go wrong on this mesh, before anything is planned or written."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, date, datetime

import msgspec

from resail.checks.hazards.case import Case
from resail.checks.notes import relevant_notes
from resail.checks.requirements.calendar_findings import moment_findings
from resail.checks.requirements.kubernetes import kubernetes_findings
from resail.checks.verdict import verdict
from resail.errors import ArtifactError, BlockedError, ResailError, ValuesRefusedError
from resail.models.finding import Finding, FindingObject, Severity, worst_first
from resail.models.identity import IstioVersion
from resail.models.precheck import Precheck
from resail.operations.access import rights_findings
from resail.operations.cases import cases_of_hops, only_case
from resail.operations.conditions import conditions_of_plan
from resail.operations.istioctl_words import IstioctlWords, istioctl_words
from resail.operations.judging import NO_PLAN, judge, settled, stand_on
from resail.operations.preparing import Prepared, UpgradeWish, prepare
from resail.operations.rendering import Rendering, open_rendering
from resail.operations.replaying import replayed
from resail.operations.survey import Survey, survey
from resail.plan.assembly import assemble
from resail.releases.catalogue import find_line, find_patch
from resail.releases.facts import facts_on_the_way
from resail.releases.interface import IstioctlRenderer, Renderer
from resail.releases.rendering import open_renderer
from resail.releases.store import default_store

__all__ = ["PrecheckRequest", "precheck"]


class PrecheckRequest(UpgradeWish, frozen=True, kw_only=True):
    """What is to be looked at."""

    fail_on: Severity | None = None
    """From which severity on the verdict is ``blocked``; None: as the site's settings say."""
    ask_istioctl: bool = True
    schemas_only: bool = False
    """Leave the bed's API server alone, which would evaluate the rules in CEL of the target's CRDs."""
    show_all: bool = False
    """Release notes that do not concern the mesh, too."""


async def precheck(
    request: PrecheckRequest,
    progress: Callable[[str], None],
    renderer_of: Callable[[], AbstractAsyncContextManager[Renderer]] = open_renderer,
    istioctl: IstioctlRenderer | None = None,
) -> Precheck:
    """Look for every hazard that applies to this mesh on its way to the target.

    What forbids a plan is a finding here; so is a release whose files are not to be had, without which less can be told.

    Raises:
        UsageError: a version or a wish does not fit.
        BlockedError: there is no istiod whose version is known.
        ArtifactError: there is no such version, or the snapshot file is damaged.
        ClusterUnreachableError: the API does not answer.
    """
    for version in (request.target, *request.via):
        IstioVersion.parse(version)
    now = datetime.now(UTC)
    ground = stand_on(request.config, now.date())
    progress("reading the mesh")
    mesh = await survey(request.mesh)
    async with open_rendering(request.release_directories, renderer_of, istioctl) as rendering:
        looked = await _look(request, mesh, rendering, ground.today, progress)
    by_server = not request.schemas_only and request.mesh.cluster.twin is None
    cases = [await replayed(case, progress, by_server=by_server) for case in looked.cases]
    words = await _words(request, looked.cases[0], progress) if request.ask_istioctl else IstioctlWords()
    progress("looking for hazards")
    notes = [_notes(case) for case in looked.cases]
    known = (*looked.findings, *words.findings, *moment_findings(ground.site.calendar, now, ground.place))
    judgement = judge(cases, ground, known)
    shown = {one for relevant, others in notes for one in (*relevant, *(others if request.show_all else ()))}
    result = settled((*known, *judgement.findings, *shown), ground)
    return Precheck(
        verdict=verdict(result.findings, request.fail_on or ground.site.fail_on),
        from_version=str(looked.cases[0].installed),
        to_version=str(looked.cases[-1].target),
        strategy=request.strategy,
        hops=looked.hops,
        findings=tuple(worst_first(result.findings)),
        waived=result.waived,
        not_evaluated=(*judgement.not_evaluated, *words.not_evaluated),
        checklist=judgement.checklist,
        more_notes=0 if request.show_all else len({one for _, others in notes for one in others}),
    )


class _Looked(msgspec.Struct, frozen=True):
    """The way, as far as it could be built."""

    cases: tuple[Case, ...]
    hops: tuple[str, ...]
    findings: tuple[Finding, ...]


async def _look(
    request: PrecheckRequest, mesh: Survey, rendering: Rendering, today: date, progress: Callable[[str], None]
) -> _Looked:
    try:
        prepared = await prepare(request, mesh.snapshot, rendering, progress)
    except (BlockedError, ValuesRefusedError, ArtifactError) as error:
        _refuse_no_version(request, progress)
        case = only_case(request, mesh, today, _refusal(error), error.on)
        if case is None:
            raise
        return _Looked((case,), (), (_no_plan(error, request.target), *_kubernetes(case)))
    return _Looked(
        await cases_of_hops(request, mesh, prepared, rendering, today, progress),
        tuple(str(hop.built.hop.to_version) for hop in prepared.hops),
        await _of_the_plan(request, prepared, progress),
    )


def _notes(case: Case) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    return relevant_notes(case, facts_on_the_way(case.installed, case.target))


def _kubernetes(case: Case) -> list[Finding]:
    line = find_line(case.target.line)
    return kubernetes_findings(case.snapshot, case.target, line.kubernetes if line else ())


def _refuse_no_version(request: PrecheckRequest, progress: Callable[[str], None]) -> None:
    """A version that the catalogue does not know may be newer than it; its files show that there is one."""
    target = IstioVersion.parse(request.target)
    try:
        find_patch(target)
    except ArtifactError as unknown:
        try:
            default_store(request.release_directories).get(target, progress)
        except ArtifactError:
            raise unknown from None


async def _of_the_plan(request: PrecheckRequest, prepared: Prepared, progress: Callable[[str], None]) -> tuple[Finding, ...]:
    """What the planner itself found, what must hold before something is written, and the rights that it takes."""
    progress("checking images, roots, capacity and rights")
    files = assemble(prepared.built, prepared.findings, request.skipped)
    conditions = await conditions_of_plan(files, prepared.built, request.mesh, request.skipped)
    return (*files.plan.findings, *conditions, *await rights_findings(request.mesh, files))


async def _words(request: PrecheckRequest, case: Case, progress: Callable[[str], None]) -> IstioctlWords:
    target = IstioVersion.parse(request.target)
    return await istioctl_words(request.mesh, target, case.installed, case.revision, request.release_directories, progress)


def _refusal(error: ResailError) -> str:
    return error.what if isinstance(error, ValuesRefusedError) else ""


def _no_plan(error: ResailError, target: str) -> Finding:
    if isinstance(error, ArtifactError):
        return Finding(
            id="release-not-available",
            severity="warning",
            message=f"the files of Istio {target} could not be had, so what a plan would write is not known",
            objects=(FindingObject("Release", "", error.on.removeprefix("Istio ")),),
            evidence=error.what,
            fix=error.next_step,
        )
    return Finding(
        id=NO_PLAN,
        severity="blocker",
        message=f"no plan can be made: {error.what}",
        objects=(FindingObject("Mesh", "", error.on),) if error.on else (),
        evidence=f"the planner refuses {error.on or 'it'}",
        fix=error.next_step,
    )
