"""``resail plan``: a mesh and a release in, a plan out. Nothing is written but the plan's file."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from resail.errors import BlockedError
from resail.models.identity import IstioVersion
from resail.models.plan import PlanFiles, Strategy
from resail.operations.inspect import MeshChoice, inspect
from resail.operations.values import Values, for_charts
from resail.plan.builder import build
from resail.plan.drafting import choose, draft
from resail.plan.file import write_plan
from resail.plan.options import PlanOptions
from resail.releases.catalogue import find_line
from resail.releases.layout import CHARTS
from resail.releases.rendering import open_renderer
from resail.releases.store import default_store

__all__ = ["PlanRequest", "plan"]


class PlanRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be planned."""

    mesh: MeshChoice = MeshChoice()
    target: str
    strategy: Strategy = "canary"
    revision: str | None = None
    """Name of the new revision; None: the target's, ``1-27-9``."""
    from_revision: str | None = None
    """The installed revision to upgrade; None: the only one."""
    values: Values = {}
    on_failure: Literal["halt", "rollback"] = "halt"
    approve_restarts: bool = False
    max_parallel: int = 10
    ready_timeout: int = 600
    release_directories: tuple[Path, ...] = ()
    out: Path | None = None
    """Where to write the plan; None: nowhere."""


async def plan(request: PlanRequest, progress: Callable[[str], None]) -> PlanFiles:
    """Plan one hop.

    Raises:
        UsageError: the version, a wish or a value does not fit.
        BlockedError: the mesh cannot be upgraded so.
        ArtifactError: the release or the snapshot file is not to be had, or damaged.
        ClusterUnreachableError: the API does not answer.
    """
    target = IstioVersion.parse(request.target)
    progress("reading the mesh")
    snapshot = await inspect(request.mesh)
    line = find_line(target.line)
    options = PlanOptions(
        strategy=request.strategy,
        revision=request.from_revision or "",
        new_revision=request.revision or "",
        on_failure=request.on_failure,
        approve_restarts=request.approve_restarts,
        max_parallel=request.max_parallel,
        ready_timeout=request.ready_timeout,
        kubernetes=line.kubernetes if line else (),
    )
    hop = choose(snapshot, target, options)
    release = await asyncio.to_thread(default_store(request.release_directories).get, target, progress)
    directory = Path(release.directory)
    async with open_renderer() as renderer:
        facts = {chart: await renderer.facts(directory, chart) for chart in CHARTS}
        drafted = draft(hop, facts, for_charts(request.values, facts))
        progress("rendering the target's charts")
        rendered = [await renderer.render(directory, wanted) for wanted in drafted.requests]
    files = build(drafted, rendered, release)
    _refuse_blockers(files)
    if request.out is not None:
        write_plan(request.out, files)
    return files


def _refuse_blockers(files: PlanFiles) -> None:
    blockers = [finding for finding in files.plan.findings if finding.severity == "blocker"]
    if blockers:
        raise BlockedError(
            "; ".join(f"{finding.id}: {finding.message} ({finding.evidence})" for finding in blockers),
            on="the mesh",
            next_step=blockers[0].fix,
        )
