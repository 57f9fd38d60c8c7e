"""``resail plan``: a mesh and a release in, a plan out. Nothing is written but the plan's file."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Literal

import msgspec

from resail.models.encoding import digest_of
from resail.models.identity import IstioVersion, Manifest
from resail.models.plan import PlanFiles, SkippedCheck, Strategy
from resail.models.release import Release
from resail.models.rendering import IstioctlRequest, RenderRequest
from resail.models.snapshot import MeshSnapshot
from resail.operations.blockers import refuse_blockers
from resail.operations.conditions import conditions_of_plan
from resail.operations.inspect import MeshChoice, inspect
from resail.operations.istioctl import istioctl_store
from resail.operations.istioctl_configuration import proven_configurations
from resail.operations.obstacles import find_obstacles
from resail.operations.stops import find_stops
from resail.operations.values import GivenOperator, Values, for_charts
from resail.plan.assembly import assemble, with_findings
from resail.plan.builder import BuiltHop, build_hop
from resail.plan.drafting import choose, draft
from resail.plan.file import write_plan
from resail.plan.hops import node_level, standing_of
from resail.plan.options import PlanOptions
from resail.plan.path import Journey, Leg
from resail.plan.selection import select
from resail.plan.stages import Configurations
from resail.releases.catalogue import find_line
from resail.releases.interface import IstioctlRenderer, Renderer
from resail.releases.istioctl.generating import IstioctlGenerator
from resail.releases.layout import CHARTS
from resail.releases.rendering import open_renderer
from resail.releases.store import default_store
from resail.snapshot.aftermath import aftermath

__all__ = ["PlanRequest", "plan"]

_AT_ONCE = 2  # istioctls


class PlanRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be planned."""

    mesh: MeshChoice = MeshChoice()
    target: str
    via: tuple[str, ...] = ()
    """Versions to stop at on the way, in any order."""
    strategy: Strategy = "canary"
    revision: str | None = None
    """Name of the new revision; None: the target's, ``1-27-9``. Those of stops on the way have their version's."""
    from_revision: str | None = None
    """The installed revision to upgrade; None: the only one."""
    values: Values = {}
    operator: GivenOperator = GivenOperator()
    """For parts that istioctl installed."""
    on_failure: Literal["halt", "rollback"] = "halt"
    approve_restarts: bool = False
    max_parallel: int = 10
    remove_old: bool = False
    """Canary: uninstall the revision that it takes the place of, at the end."""
    soak: int = 0
    """Seconds before that."""
    skipped: tuple[SkippedCheck, ...] = ()
    """Checks to leave out."""
    ready_timeout: int = 600
    release_directories: tuple[Path, ...] = ()
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
    target, via = IstioVersion.parse(request.target), tuple(map(IstioVersion.parse, request.via))
    progress("reading the mesh")
    snapshot = await inspect(request.mesh)
    selection = select(snapshot, request.from_revision or "")
    journey = Journey(standing_of(snapshot, selection), target, request.strategy, node_level(snapshot), via)
    stops = await find_stops(journey, default_store(request.release_directories), progress)
    async with renderer_of() as renderer:
        rendering = _Rendering(renderer, istioctl or IstioctlGenerator(istioctl_store(request.release_directories)))
        configurations, findings = await proven_configurations(snapshot, selection, request.operator, rendering.generated)
        hops: list[BuiltHop] = []
        for leg, release in stops.legs:
            if hops:
                done = hops[-1]
                snapshot = aftermath(snapshot, done.hop, done.steps, done.manifests)
                configurations = done.configurations
            progress(f"rendering {leg.end}")
            hops.append(await _hop(request, snapshot, leg, release, hops, rendering, configurations))
    files = assemble(hops, (*stops.findings, *findings), request.skipped)
    progress("checking images, roots and capacity")
    files = with_findings(files, await conditions_of_plan(files, hops, request.mesh, request.skipped))
    refuse_blockers(files.plan.findings, "the mesh")
    if request.out is not None:
        write_plan(request.out, files)
    return files


class _Rendering:
    """Helm for charts, istioctl for IstioOperators; the same is rendered once."""

    def __init__(self, charts: Renderer, istioctl: IstioctlRenderer) -> None:
        self.charts = charts
        self._istioctl = istioctl
        self._known: dict[str, tuple[Manifest, ...]] = {}
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def all(self, requests: Sequence[RenderRequest | IstioctlRequest], release: Path) -> list[tuple[Manifest, ...]]:
        """In the order of the requests."""
        return await asyncio.gather(*(self._one(request, release) for request in requests))

    async def _one(self, request: RenderRequest | IstioctlRequest, release: Path) -> tuple[Manifest, ...]:
        if isinstance(request, IstioctlRequest):
            return await self.generated(request)
        return await self.charts.render(release, request)

    async def generated(self, request: IstioctlRequest) -> tuple[Manifest, ...]:
        """By istioctl."""
        key = digest_of(request)
        async with self._turn:
            if key not in self._known:
                self._known[key] = await self._istioctl.generate(
                    request.version, request.configuration, request.kubernetes_version
                )
        return self._known[key]


async def _hop(
    request: PlanRequest,
    snapshot: MeshSnapshot,
    leg: Leg,
    release: Release,
    before: list[BuiltHop],
    rendering: _Rendering,
    configurations: Configurations,
) -> BuiltHop:
    chosen = choose(snapshot, leg, _options(request, leg, before))
    directory = Path(release.directory)
    facts = {chart: await rendering.charts.facts(directory, chart) for chart in CHARTS}
    drafted = draft(chosen, facts, for_charts(request.values, facts), configurations)
    rendered = await rendering.all(drafted.requests, directory)
    return build_hop(drafted, rendered, release, before, await find_obstacles(request.mesh, drafted, rendered))


def _options(request: PlanRequest, leg: Leg, before: list[BuiltHop]) -> PlanOptions:
    line = find_line(leg.end.line)
    return PlanOptions(
        strategy=request.strategy,
        revision=before[-1].hop.to_revision if before else request.from_revision or "",
        new_revision=(request.revision or "") if leg.end == IstioVersion.parse(request.target) else "",
        on_failure=request.on_failure,
        approve_restarts=request.approve_restarts,
        max_parallel=request.max_parallel,
        ready_timeout=request.ready_timeout,
        remove_old=request.remove_old,
        soak=request.soak,
        check_trust=all(one.check != "ca-root" for one in request.skipped),
        kubernetes=line.kubernetes if line else (),
    )
