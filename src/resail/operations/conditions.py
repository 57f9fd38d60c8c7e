"""What must hold before anything is written, beyond the plan itself: checked when it is planned, and in part again by a run."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from resail.checks.capacity import capacity_findings
from resail.checks.connected import still_asked_for
from resail.checks.requirements.calendar_findings import moment_findings
from resail.checks.trust import trust_findings
from resail.cluster import ClusterReader
from resail.models.finding import Finding, FindingObject
from resail.models.identity import KindRef
from resail.models.plan import Check, PlanFiles, RemoveRevision, SkippedCheck, TrustIs
from resail.operations.blockers import refuse_blockers
from resail.operations.cases import case_of_plan
from resail.operations.cluster_choice import Connection, connect_to
from resail.operations.images import check_images
from resail.operations.inspect import MeshChoice
from resail.operations.judging import judge, settled, stand_on
from resail.operations.survey import survey_of
from resail.plan.builder import BuiltHop
from resail.plan.images import images_of
from resail.registry.client import open_registries
from resail.snapshot.aftermath import aftermath
from resail.snapshot.shapes import NodeShape

__all__ = ["conditions_of_plan", "refuse_conditions"]

_NODE = KindRef("v1", "Node")


async def conditions_of_plan(
    files: PlanFiles, hops: Sequence[BuiltHop], choice: MeshChoice, skipped: Sequence[SkippedCheck]
) -> tuple[Finding, ...]:
    """Findings for the plan, those about what is skipped included.

    Raises:
        ClusterUnreachableError: the API does not answer.
    """
    checks: dict[Check, Callable[[], Awaitable[Sequence[Finding]]]] = {
        "images": lambda: _images_of_choice(files, choice),
        "ca-root": lambda: _trust(hops),
        "capacity": lambda: _capacity(hops),
    }
    reasons = {one.check: one.reason for one in skipped}
    found = [_skipped(check, reason) for check, reason in sorted(reasons.items())]
    for name, check in checks.items():
        if name not in reasons:
            found += await check()
    return (*found, *_removal(hops))


async def refuse_conditions(files: PlanFiles, connection: Connection, config: Path | None = None) -> None:
    """Before the first write of a run: what may have changed since the plan was made, and no step looks at.

    Raises:
        BlockedError: an image is gone, or a pull secret; a hazard is there that was not when the plan was made; or changes are
            frozen.
        UsageError, ArtifactError: the site's settings cannot be used.
        ClusterUnreachableError: the API does not answer.
    """
    await _refuse_new_hazards(files, connection, config)
    if connection.pulls_images and not any(one.check == "images" for one in files.plan.skipped):
        refuse_blockers(await _images(files, connection.cluster), "the images of the plan")


async def _refuse_new_hazards(files: PlanFiles, connection: Connection, config: Path | None) -> None:
    now = datetime.now(UTC)
    ground = stand_on(config, now.date())
    mesh = await survey_of(connection.cluster, files.plan.istio_namespace)
    found = judge([case_of_plan(files, mesh, ground.today)], ground).findings
    frozen = moment_findings(ground.site.calendar, now, ground.place)
    known = {(one.id, one.objects) for one in (*files.plan.findings, *(waived.finding for waived in files.plan.waived))}
    new = [one for one in (*found, *frozen) if (one.id, one.objects) not in known]
    refuse_blockers(settled(new, ground).findings, "the mesh, since it was planned")


async def _images_of_choice(files: PlanFiles, choice: MeshChoice) -> Sequence[Finding]:
    if choice.saved:
        return [_images_not_checked()]
    if choice.cluster.twin is not None:
        # Its nodes pull nothing.
        return []
    async with connect_to(choice.cluster) as connection:
        return await _images(files, connection.cluster)


async def _images(files: PlanFiles, reader: ClusterReader) -> tuple[Finding, ...]:
    nodes = await reader.list_shapes(_NODE, NodeShape)
    architectures = sorted({node.status.node_info.architecture for node in nodes})
    async with open_registries() as registries:
        return await check_images(images_of(files), architectures, reader, registries)


async def _trust(hops: Sequence[BuiltHop]) -> Sequence[Finding]:
    waves = [one for hop in hops for step in hop.steps for one in step.preconditions if isinstance(one, TrustIs)]
    return trust_findings(hops[0].chosen.snapshot.trust, waves, datetime.now(UTC))


async def _capacity(hops: Sequence[BuiltHop]) -> Sequence[Finding]:
    return [finding for hop in hops for finding in capacity_findings(hop.chosen.snapshot, hop.steps, hop.manifests)]


def _removal(hops: Sequence[BuiltHop]) -> list[Finding]:
    """What will hold up the removal of an old revision, as far as it can be foretold."""
    found = []
    for hop in hops:
        for number, step in enumerate(hop.steps):
            if isinstance(step, RemoveRevision):
                before = aftermath(hop.chosen.snapshot, hop.hop, hop.steps[:number], hop.manifests)
                reasons = still_asked_for(before, step.revision, hop.manifests[step.manifests])
                found += [_holds_up(step, reason) for reason in reasons]
    return found


def _holds_up(step: RemoveRevision, reason: str) -> Finding:
    namespace, _, name = step.release.partition("/")
    return Finding(
        id="old-revision-in-use",
        severity="warning",
        message=f"revision {step.revision} will not be removed while this is so: {reason}",
        objects=(FindingObject("HelmRelease", namespace, name),),
        evidence="no step before the removal changes it",
        fix="restart or repoint it before the removal's turn; the run halts there and can be resumed",
        source="https://istio.io/latest/docs/setup/upgrade/canary/#uninstall-old-control-plane",
    )


def _skipped(check: Check, reason: str) -> Finding:
    return Finding(
        id="check-skipped",
        severity="warning",
        message=f"the check {check} was left out",
        evidence=f"the reason given: {reason}",
        fix="plan without --skip-check to have it made",
    )


def _images_not_checked() -> Finding:
    return Finding(
        id="image-not-checked",
        severity="warning",
        message="whether the nodes can pull the images is not known",
        evidence="the mesh was read from a file, and its nodes and pull secrets are not at hand",
        fix="`resail apply` checks them before it writes anything",
    )
