"""Has a plan come to where it should, by the end of a hop?"""

from collections.abc import Iterable

from resail.models.finding import Finding, FindingObject
from resail.models.identity import ObjectRef
from resail.models.plan import Hop, InstallerStep, IstioctlChange, Plan, RestartWave
from resail.models.snapshot import MeshSnapshot

__all__ = ["restarted_by", "unmet"]


def restarted_by(plan: Plan, hop: int) -> dict[ObjectRef, Hop]:
    """Each workload that was restarted by the end of a hop, and the hop that did it last."""
    waves = [step for step in plan.steps if isinstance(step, RestartWave) and step.hop <= hop]
    return {restart.workload: plan.hop_of(wave) for wave in waves for restart in wave.restarts}


def unmet(snapshot: MeshSnapshot, plan: Plan, hop: int) -> Iterable[Finding]:
    """Where the mesh is not what the plan makes of it by the end of a hop: control plane, istioctl's components, proxies."""
    reached = plan.hops[hop]
    planes = [plane for plane in snapshot.control_planes if plane.revision == reached.to_revision]
    if not planes or planes[0].version != str(reached.to_version):
        yield Finding(
            id="control-plane-not-on-target",
            severity="blocker",
            message=f"revision {reached.to_revision} is not on {reached.to_version}",
            evidence=planes[0].version if planes else "it is not installed",
            fix="`resail status` tells which step is missing",
        )
    yield from _components(snapshot, plan, hop)
    restarted = restarted_by(plan, hop)
    for workload in snapshot.workloads:
        ref = workload.ref
        if ref not in restarted:
            continue
        target, revision = str(restarted[ref].to_version), restarted[ref].to_revision
        wrong = [pod for pod in workload.pods if pod.proxy_version and (pod.proxy_version, pod.revision) != (target, revision)]
        if wrong:
            yield Finding(
                id="workload-not-on-target",
                severity="blocker",
                message=f"{len(wrong)} pods of {ref} are not on {target}",
                objects=(FindingObject(ref.kind, ref.namespace, ref.name, "spec.template"),),
                evidence=f"{wrong[0].name}: {wrong[0].proxy_version} of revision {wrong[0].revision}",
                fix="restart it",
            )


def _components(snapshot: MeshSnapshot, plan: Plan, hop: int) -> Iterable[Finding]:
    """What istioctl brought on by the end of a hop."""
    steps = [step for step in plan.steps if isinstance(step, InstallerStep) and step.hop <= hop]
    changes = [step.change for step in steps if isinstance(step.change, IstioctlChange)]
    wanted = {component: (change.revision, change.to_version) for change in changes for component in change.components}
    there = {(one.component, one.revision, one.version) for one in snapshot.istioctl_components}
    for component, (revision, version) in sorted(wanted.items()):
        if (component, revision, version) in there:
            continue
        found = sorted(f"{one[2]} of revision {one[1]}" for one in there if one[0] == component)
        yield Finding(
            id="component-not-on-target",
            severity="blocker",
            message=f"{component} of istioctl, revision {revision}, is not on {version}",
            evidence=", ".join(found) or "it is not installed",
            fix="`resail status` tells which step is missing",
        )
