"""The cases that rules are given: one for each hop, or one for the whole way where no hop could be built."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import msgspec

from resail.checks.hazards.case import Case, Part
from resail.checks.hazards.parts import parts_of
from resail.checks.hazards.values.idle import rendered_alike, unread_candidates, without
from resail.errors import ArtifactError, ValuesRefusedError
from resail.models.identity import IstioVersion, Manifest, ObjectRef
from resail.models.plan import Change, InstallerStep, IstioctlChange, PlanFiles, SailChange
from resail.models.rendering import ChartFacts, IstioctlRequest
from resail.models.snapshot import ControlPlane
from resail.operations.preparing import Prepared, PreparedHop, UpgradeWish
from resail.operations.rendering import Rendering
from resail.operations.survey import Survey
from resail.plan.target_parts import TargetPart, target_parts
from resail.releases.facts import load_facts
from resail.releases.layout import CHARTS
from resail.releases.store import default_store

__all__ = ["case_of_plan", "cases_of_hops", "only_case", "upgraded_plane"]

_OPERATOR = "IstioOperator.install.istio.io"


async def cases_of_hops(
    wish: UpgradeWish, mesh: Survey, prepared: Prepared, rendering: Rendering, today: date, progress: Callable[[str], None]
) -> tuple[Case, ...]:
    """One for each hop, with what its target makes of the values."""
    defaults = await _running_defaults(wish, prepared.hops[0].built.hop.from_version, rendering, progress)
    cases = []
    for hop in prepared.hops:
        cases.append(await _case_of(wish, mesh, hop, rendering, today, defaults))
        # The next one starts from it.
        defaults = hop.facts
    return tuple(cases)


def only_case(wish: UpgradeWish, mesh: Survey, today: date, refusal: str = "", refused: str = "") -> Case | None:
    """From what is installed straight to the target, with nothing rendered; None where no istiod has a version.

    Args:
        wish: what is to be upgraded.
        mesh: as it is.
        today: the day.
        refusal: the words with which values were refused.
        refused: the chart that refused them; ``istioctl …``.
    """
    plane = upgraded_plane(wish, mesh)
    if plane is None:
        return None
    parts = parts_of(mesh.snapshot, _operators(wish, mesh))
    return Case(
        installed=IstioVersion.parse(plane.version),
        target=IstioVersion.parse(wish.target),
        strategy=wish.strategy,
        snapshot=mesh.snapshot,
        objects=mesh.objects,
        today=today,
        parts=tuple(_refused(part, refusal, refused) for part in parts),
        revision=plane.revision,
        new_revision=_new_revision(wish, plane),
        running_facts=load_facts(plane.version),
        target_facts=load_facts(wish.target),
    )


def case_of_plan(files: PlanFiles, mesh: Survey, today: date) -> Case:
    """The first hop of a plan, on the mesh as it is now, with what the plan renders."""
    hop = files.plan.hops[0]
    changes = [step.change for step in files.plan.steps if step.hop == 0 and isinstance(step, InstallerStep)]
    operators = [change.configuration for change in changes if isinstance(change, IstioctlChange)]
    parts = [_planned(part, changes, files) for part in parts_of(mesh.snapshot, operators)]
    return Case(
        installed=hop.from_version,
        target=hop.to_version,
        strategy=files.plan.strategy,
        snapshot=mesh.snapshot,
        objects=mesh.objects,
        today=today,
        parts=tuple(part for part in parts if part is not None),
        revision=hop.from_revision,
        new_revision=hop.to_revision,
        steps=tuple(step for step in files.plan.steps if step.hop == 0),
        running_facts=load_facts(hop.from_version),
        target_facts=load_facts(hop.to_version),
    )


def _planned(part: Part, changes: Sequence[Change], files: PlanFiles) -> Part | None:
    """A part with what the plan renders of it; None where the hop leaves it alone."""
    own = [change for change in changes if _brings_on(change, part)]
    if not own:
        return None
    # istioctl's stages are cumulative; base may have its validator moved by a second change.
    change = own[-1] if part.method == "istioctl" else own[0]
    return msgspec.structs.replace(part, rendered=files.manifests[change.manifests])


def _brings_on(change: Change, part: Part) -> bool:
    if isinstance(change, IstioctlChange):
        return part.method == "istioctl"
    if isinstance(change, SailChange):
        return change.resource == ObjectRef.of(part.source)
    if part.method != "helm":
        return False
    metadata = part.source["metadata"]
    new_revision = change.action == "install" and part.chart == change.chart == "istiod"
    return new_revision or (change.namespace, change.release) == (metadata["namespace"], metadata["name"])


def upgraded_plane(wish: UpgradeWish, mesh: Survey) -> ControlPlane | None:
    """The istiod that is meant, else the oldest; None where none has a version."""
    planes = [plane for plane in mesh.snapshot.control_planes if IstioVersion.parse_if(plane.version)]
    named = [plane for plane in planes if plane.revision == wish.from_revision]
    return min(named or planes, key=lambda plane: IstioVersion.parse(plane.version), default=None)


async def _case_of(
    wish: UpgradeWish,
    mesh: Survey,
    hop: PreparedHop,
    rendering: Rendering,
    today: date,
    defaults: dict[str, ChartFacts],
) -> Case:
    built = hop.built
    parts = target_parts(hop.drafted, hop.rendered, hop.facts, _operators(wish, mesh))
    return Case(
        installed=built.hop.from_version,
        target=built.hop.to_version,
        strategy=wish.strategy,
        snapshot=built.chosen.snapshot,
        objects=mesh.objects,
        today=today,
        parts=tuple([await _completed(one, defaults, hop, rendering) for one in parts]),
        revision=built.hop.from_revision,
        new_revision=built.hop.to_revision,
        steps=built.steps,
        running_facts=load_facts(built.hop.from_version),
        target_facts=load_facts(built.hop.to_version),
    )


async def _running_defaults(
    wish: UpgradeWish, version: IstioVersion, rendering: Rendering, progress: Callable[[str], None]
) -> dict[str, ChartFacts]:
    """Of the installed release's charts; empty where its files are not to be had."""
    try:
        release = await asyncio.to_thread(default_store(wish.release_directories).get, version, progress)
        return {chart: await rendering.charts.facts(Path(release.directory), chart) for chart in CHARTS}
    except ArtifactError as error:
        progress(f"what {version} has by default is not known: {error}")
        return {}


async def _completed(one: TargetPart, defaults: dict[str, ChartFacts], hop: PreparedHop, rendering: Rendering) -> Part:
    facts = defaults.get(one.part.chart)
    part = msgspec.structs.replace(one.part, running_defaults=facts.values if facts else None)
    idle = [path for path in unread_candidates(part) if await _is_idle(one, path, hop, rendering)]
    return msgspec.structs.replace(part, idle=tuple(idle))


async def _is_idle(one: TargetPart, path: str, hop: PreparedHop, rendering: Rendering) -> bool:
    """Does the target render the same without this value?"""
    request = one.request
    if isinstance(request, IstioctlRequest) or without(request.values, path) == request.values:
        return False
    spared = msgspec.structs.replace(request, values=without(request.values, path))
    try:
        [objects] = await rendering.all([spared], Path(hop.release.directory))
    except ValuesRefusedError:
        return False
    return rendered_alike(objects, one.part.target)


def _refused(part: Part, refusal: str, refused: str) -> Part:
    is_it = refused == part.chart or (refused.startswith("istioctl") and part.method == "istioctl")
    return msgspec.structs.replace(part, refusal=refusal) if refusal and is_it else part


def _operators(wish: UpgradeWish, mesh: Survey) -> Sequence[Manifest]:
    given = wish.operator.files
    there = mesh.objects.by_kind.get(_OPERATOR, ())
    return [given] if given else there


def _new_revision(wish: UpgradeWish, plane: ControlPlane) -> str:
    if wish.strategy == "in-place":
        return plane.revision
    return wish.revision or IstioVersion.parse(wish.target).revision
