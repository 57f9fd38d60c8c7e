"""What of a mesh is upgraded: one control plane, and the Helm releases that belong to it."""

from collections.abc import Set

import msgspec

from resail.errors import BlockedError, UsageError
from resail.models.finding import Finding, FindingObject
from resail.models.identity import IstioVersion, ObjectRef
from resail.models.snapshot import ControlPlane, HelmRelease, MeshSnapshot
from resail.plan.foreign import refuse_foreign_mesh, refuse_foreign_objects, unread_findings

__all__ = ["Selection", "select"]


class Selection(msgspec.Struct, frozen=True):
    """The releases of one control plane."""

    plane: ControlPlane
    installed: IstioVersion
    istiod: HelmRelease
    base: HelmRelease | None
    cni: HelmRelease | None
    ztunnel: HelmRelease | None
    gateways: tuple[HelmRelease, ...]
    findings: tuple[Finding, ...]


def select(snapshot: MeshSnapshot, revision: str) -> Selection:
    """Choose what to upgrade.

    Args:
        snapshot: the mesh.
        revision: the wished one; empty: the only one.

    Raises:
        BlockedError: there is no istiod, or it is not Helm's, or someone else manages the mesh or a part that would be written.
        UsageError: there are several istiods and none is wished, or no such revision.
    """
    refuse_foreign_mesh(snapshot)
    plane = _plane(snapshot, revision)
    refuse_foreign_objects(snapshot, [plane.deployment])
    istiod = _release_of(snapshot, plane)
    releases = [
        release for release in snapshot.helm_releases if release.chart != "istiod" and release.installed and not release.is_sails
    ]
    gateways = tuple(release for release in releases if release.chart == "gateway" and _serves(snapshot, release, plane.revision))
    selected = Selection(
        plane=plane,
        installed=_version(plane),
        istiod=istiod,
        base=_only(releases, "base"),
        cni=_only(releases, "cni"),
        ztunnel=_only(releases, "ztunnel"),
        gateways=gateways,
        findings=(),
    )
    involved = [istiod, selected.base, selected.cni, selected.ztunnel, *gateways]
    ours = [release for release in involved if release is not None]
    written = {ObjectRef.of(manifest) for release in ours for manifest in release.objects}
    _refuse_mixed(snapshot, written)
    pointed = [hook.ref for hook in snapshot.webhooks if hook.revision == plane.revision]
    refuse_foreign_objects(snapshot, [*written, *pointed], [release.key for release in ours])
    findings = [_unfinished(release) for release in ours if release.status != "deployed"]
    return msgspec.structs.replace(selected, findings=(*findings, *unread_findings(snapshot)))


def _plane(snapshot: MeshSnapshot, revision: str) -> ControlPlane:
    planes = snapshot.control_planes
    if not planes:
        raise BlockedError("there is no istiod in this cluster", next_step="see the context, or install Istio first")
    if revision:
        found = [plane for plane in planes if plane.revision == revision]
        if not found:
            known = ", ".join(plane.revision for plane in planes)
            raise UsageError(f"there is no revision {revision!r}", on="--from-revision", next_step=f"there are {known}")
        return found[0]
    if len(planes) > 1:
        known = ", ".join(f"{plane.revision} ({plane.version})" for plane in planes)
        raise UsageError("there are several revisions", on="--from-revision", next_step=f"name the one to upgrade: {known}")
    return planes[0]


def _release_of(snapshot: MeshSnapshot, plane: ControlPlane) -> HelmRelease:
    if plane.owner.method == "helm":
        for release in snapshot.helm_releases:
            if release.key == plane.owner.release:
                return release
    evidence = plane.owner.evidence
    if plane.owner.method == "mixed":
        raise _mixed(plane.deployment, evidence)
    raise BlockedError(
        f"it was not installed by Helm but by {plane.owner.method!r} ({evidence}), which this resail does not write to",
        on=str(plane.deployment),
        next_step="upgrade it with its own installer",
    )


def _refuse_mixed(snapshot: MeshSnapshot, written: Set[ObjectRef]) -> None:
    for part in snapshot.components:
        if part.owner.method == "mixed" and part.workload in written:
            raise _mixed(part.workload, part.owner.evidence)


def _mixed(part: ObjectRef, evidence: str) -> BlockedError:
    return BlockedError(
        f"it is not clear who owns it: {evidence}",
        on=str(part),
        next_step="let one installer have all of it: remove the other's marks, or upgrade it with the other",
    )


def _version(plane: ControlPlane) -> IstioVersion:
    try:
        return IstioVersion.parse(plane.version)
    except UsageError as error:
        raise BlockedError(
            f"its image {plane.image} does not tell its version",
            on=str(plane.deployment),
            next_step="run an image whose tag is a version",
        ) from error


def _serves(snapshot: MeshSnapshot, release: HelmRelease, revision: str) -> bool:
    """Are the gateway's pods injected by the revision?"""
    deployments = {ObjectRef.of(manifest) for manifest in release.objects if manifest["kind"] in ("Deployment", "DaemonSet")}
    pods = [pod for workload in snapshot.workloads if workload.ref in deployments for pod in workload.pods]
    return any(pod.revision == revision for pod in pods)


def _only(releases: list[HelmRelease], chart: str) -> HelmRelease | None:
    found = [release for release in releases if release.chart == chart]
    if len(found) > 1:
        raise BlockedError(
            f"chart {chart} is installed more than once: {', '.join(release.key for release in found)}",
            next_step="remove the one that is not in use",
        )
    return found[0] if found else None


def _unfinished(release: HelmRelease) -> Finding:
    return Finding(
        id="helm-release-unfinished",
        severity="blocker",
        message=f"Helm release {release.key} is {release.status}",
        objects=(FindingObject("HelmRelease", release.namespace, release.name, "info.status"),),
        evidence=f"revision {release.revision} is {release.status}",
        fix="wait for whoever works on it, or put it right with `helm rollback`",
        source="https://helm.sh/docs/helm/helm_rollback/",
    )
