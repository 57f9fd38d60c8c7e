"""A mesh and a wish in, the hops to the target out: what ``plan`` writes down, and what ``precheck`` judges."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from resail.models.finding import Finding
from resail.models.identity import IstioVersion, Manifest
from resail.models.plan import SkippedCheck, Strategy
from resail.models.release import Release
from resail.models.rendering import ChartFacts
from resail.models.snapshot import MeshSnapshot
from resail.operations.inspect import MeshChoice
from resail.operations.istioctl_configuration import proven_configurations
from resail.operations.obstacles import find_obstacles
from resail.operations.rendering import Rendering
from resail.operations.stops import find_stops
from resail.operations.values import GivenOperator, Values, for_charts
from resail.plan.builder import BuiltHop, build_hop
from resail.plan.drafting import Draft, choose, draft
from resail.plan.hops import node_level, standing_of
from resail.plan.options import PlanOptions
from resail.plan.path import Journey, Leg
from resail.plan.selection import select
from resail.plan.stages import Configurations
from resail.releases.catalogue import find_line
from resail.releases.layout import CHARTS
from resail.releases.store import default_store
from resail.snapshot.aftermath import aftermath

__all__ = ["Prepared", "PreparedHop", "UpgradeWish", "prepare"]


class UpgradeWish(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be upgraded, to what, and how."""

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
    config: Path | None = None
    """The site's settings; None: ``resail.yaml``, where there is one."""


class PreparedHop(msgspec.Struct, frozen=True):
    """One hop, with what it was made of."""

    built: BuiltHop
    drafted: Draft
    rendered: tuple[tuple[Manifest, ...], ...]
    """The objects of ``drafted.requests``, in their order."""
    facts: dict[str, ChartFacts]
    """Of the target's charts, by name."""
    release: Release


class Prepared(msgspec.Struct, frozen=True):
    """All hops."""

    hops: tuple[PreparedHop, ...]
    findings: tuple[Finding, ...]
    """Beside the hops' own."""

    @property
    def built(self) -> tuple[BuiltHop, ...]:
        """The hops alone."""
        return tuple(one.built for one in self.hops)


async def prepare(wish: UpgradeWish, snapshot: MeshSnapshot, rendering: Rendering, progress: Callable[[str], None]) -> Prepared:
    """Find the way to the target, and build each hop on what the one before leaves.

    Raises:
        UsageError: a version, a wish or a value does not fit.
        BlockedError: the mesh cannot be upgraded so.
        ArtifactError: a release or an istioctl is not to be had, or damaged.
        ClusterUnreachableError: the API does not answer.
    """
    target, via = IstioVersion.parse(wish.target), tuple(map(IstioVersion.parse, wish.via))
    selection = select(snapshot, wish.from_revision or "")
    journey = Journey(standing_of(snapshot, selection), target, wish.strategy, node_level(snapshot), via)
    stops = await find_stops(journey, default_store(wish.release_directories), progress)
    configurations, findings = await proven_configurations(snapshot, selection, wish.operator, rendering.generated)
    hops: list[PreparedHop] = []
    for leg, release in stops.legs:
        if hops:
            done = hops[-1].built
            snapshot = aftermath(snapshot, done.hop, done.steps, done.manifests)
            configurations = done.configurations
        progress(f"rendering {leg.end}")
        hops.append(await _hop(wish, snapshot, leg, release, [one.built for one in hops], rendering, configurations))
    return Prepared(tuple(hops), (*stops.findings, *findings))


async def _hop(
    wish: UpgradeWish,
    snapshot: MeshSnapshot,
    leg: Leg,
    release: Release,
    before: Sequence[BuiltHop],
    rendering: Rendering,
    configurations: Configurations,
) -> PreparedHop:
    chosen = choose(snapshot, leg, _options(wish, leg, before))
    directory = Path(release.directory)
    facts = {chart: await rendering.charts.facts(directory, chart) for chart in CHARTS}
    drafted = draft(chosen, facts, for_charts(wish.values, facts), configurations)
    rendered = await rendering.all(drafted.requests, directory)
    built = build_hop(drafted, rendered, release, before, await find_obstacles(wish.mesh, drafted, rendered))
    return PreparedHop(built, drafted, tuple(rendered), facts, release)


def _options(wish: UpgradeWish, leg: Leg, before: Sequence[BuiltHop]) -> PlanOptions:
    line = find_line(leg.end.line)
    return PlanOptions(
        strategy=wish.strategy,
        revision=before[-1].hop.to_revision if before else wish.from_revision or "",
        new_revision=(wish.revision or "") if leg.end == IstioVersion.parse(wish.target) else "",
        on_failure=wish.on_failure,
        approve_restarts=wish.approve_restarts,
        max_parallel=wish.max_parallel,
        ready_timeout=wish.ready_timeout,
        remove_old=wish.remove_old,
        soak=wish.soak,
        check_trust=all(one.check != "ca-root" for one in wish.skipped),
        kubernetes=line.kubernetes if line else (),
    )
