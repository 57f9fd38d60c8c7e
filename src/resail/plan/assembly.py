"""The hops, put together to one plan."""

from collections.abc import Sequence

import msgspec

from resail import __version__
from resail.models.encoding import digest_of
from resail.models.finding import Finding
from resail.models.identity import ObjectRef
from resail.models.plan import Approve, Plan, PlanFiles, RestartWave, SkippedCheck, Step, Untouched, Verify
from resail.models.waiver import Waived
from resail.plan.builder import BuiltHop
from resail.plan.file import plan_files

__all__ = ["assemble", "with_findings"]


def assemble(hops: Sequence[BuiltHop], findings: Sequence[Finding] = (), skipped: Sequence[SkippedCheck] = ()) -> PlanFiles:
    """The plan of hops that follow each other.

    Args:
        hops: at least one.
        findings: what is known beside the hops' own.
        skipped: checks that a person leaves out.
    """
    first, last = hops[0], hops[-1]
    chosen = first.chosen
    plan = Plan(
        from_version=first.hop.from_version,
        to_version=last.hop.to_version,
        strategy=chosen.options.strategy,
        from_revision=first.hop.from_revision,
        to_revision=last.hop.to_revision,
        on_failure=chosen.options.on_failure,
        cluster_id=chosen.snapshot.cluster.id,
        istio_namespace=chosen.snapshot.istio_namespace,
        snapshot_digest=digest_of(chosen.snapshot.planned_from()),
        hops=tuple(one.hop for one in hops),
        steps=_steps(hops),
        untouched=_untouched(hops),
        findings=tuple(sorted({*findings, *(finding for one in hops for finding in one.findings)})),
        resail_version=__version__,
        skipped=tuple(sorted(skipped)),
    )
    return plan_files(plan, {name: objects for one in hops for name, objects in one.manifests.items()})


def with_findings(files: PlanFiles, findings: Sequence[Finding], waived: Sequence[Waived] = ()) -> PlanFiles:
    """The plan with these findings instead of its own."""
    told = msgspec.structs.replace(files.plan, findings=tuple(findings), waived=tuple(waived))
    return plan_files(told, files.manifests)


def _steps(hops: Sequence[BuiltHop]) -> tuple[Step, ...]:
    """All steps; where there are several hops, each title tells its own."""
    if len(hops) == 1:
        return hops[0].steps
    return tuple(
        msgspec.structs.replace(step, title=f"{step.title} at {one.hop.to_version}")
        if isinstance(step, Approve | RestartWave | Verify)
        else step
        for one in hops
        for step in one.steps
    )


def _untouched(hops: Sequence[BuiltHop]) -> tuple[Untouched, ...]:
    """What no hop restarts, each for the reason of the first hop that tells one."""
    alone: dict[ObjectRef, Untouched] = {}
    for one in hops:
        for each in one.restarts.untouched if one.hop.restarts else ():
            alone.setdefault(each.workload, each)
    return tuple(sorted(alone.values()))
