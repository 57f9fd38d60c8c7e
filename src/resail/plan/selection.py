"""What of a mesh is upgraded: one control plane, and the parts that belong to it, each with the installer that owns it."""

from collections.abc import Iterable, Set

import msgspec

from resail.errors import BlockedError, UsageError
from resail.models.finding import Finding, FindingObject
from resail.models.identity import IstioVersion, Manifest, ObjectRef
from resail.models.istioctl_marks import COMPONENTS
from resail.models.snapshot import ControlPlane, HelmRelease, IstioctlComponent, MeshSnapshot
from resail.plan.foreign import refuse_foreign_mesh, refuse_foreign_objects, unread_findings
from resail.plan.sail import SailPart, sail_part, sail_plane

__all__ = ["Part", "Selection", "select"]

Part = HelmRelease | IstioctlComponent | SailPart
"""What an installer knows a part of the mesh as."""

_INSTALLER = {IstioctlComponent: "istioctl", SailPart: "the Sail Operator"}
_COMPONENT_OF = {"base": "Base", "cni": "Cni", "ztunnel": "Ztunnel"}
_GATEWAYS = ("IngressGateways", "EgressGateways")


class Selection(msgspec.Struct, frozen=True):
    """One control plane and its parts."""

    plane: ControlPlane
    installed: IstioVersion
    istiod: Part
    base: Part | None
    cni: Part | None
    ztunnel: Part | None
    gateways: tuple[Part, ...]
    findings: tuple[Finding, ...]

    @property
    def parts(self) -> tuple[Part, ...]:
        """All parts."""
        found = (self.base, self.istiod, self.cni, self.ztunnel, *self.gateways)
        return tuple(part for part in found if part is not None)

    @property
    def by_istioctl(self) -> tuple[IstioctlComponent, ...]:
        """The parts that istioctl owns, in the order in which they are brought on."""
        found = [part for part in self.parts if isinstance(part, IstioctlComponent)]
        return tuple(sorted(found, key=lambda part: COMPONENTS.index(part.component)))


def select(snapshot: MeshSnapshot, revision: str) -> Selection:
    """Choose what to upgrade.

    Args:
        snapshot: the mesh.
        revision: the wished one; empty: the only one.

    Raises:
        BlockedError: there is no istiod, or its installer is not one that this resail writes through, a part has two owners, or
            someone else manages the mesh or a part that would be written.
        UsageError: there are several istiods and none is wished, or no such revision.
    """
    refuse_foreign_mesh(snapshot)
    plane = _plane(snapshot, revision)
    refuse_foreign_objects(snapshot, [plane.deployment])
    selected = Selection(
        plane=plane,
        installed=_version(plane),
        istiod=_istiod(snapshot, plane),
        base=_only(snapshot, "base", plane.revision),
        cni=_only(snapshot, "cni", plane.revision),
        ztunnel=_only(snapshot, "ztunnel", plane.revision),
        gateways=_gateways(snapshot, plane.revision),
        findings=(),
    )
    releases = [part for part in selected.parts if isinstance(part, HelmRelease)]
    written = {ObjectRef.of(manifest) for part in selected.parts for manifest in part.objects}
    _refuse_mixed(snapshot, written)
    pointed = [hook.ref for hook in snapshot.webhooks if hook.revision == plane.revision]
    refuse_foreign_objects(snapshot, [*written, *pointed], [release.key for release in releases])
    findings = [_unfinished(release) for release in releases if release.status != "deployed"]
    findings += [*_without_installer(snapshot, selected), *unread_findings(snapshot)]
    return msgspec.structs.replace(selected, findings=tuple(findings))


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


def _istiod(snapshot: MeshSnapshot, plane: ControlPlane) -> Part:
    if plane.owner.method == "helm":
        for release in snapshot.helm_releases:
            if release.key == plane.owner.release:
                return release
    installed = _installed(snapshot, "Pilot", plane.revision)
    if plane.owner.method == "istioctl" and installed:
        return installed
    if plane.owner.method == "sail":
        return sail_plane(snapshot, plane)
    evidence = plane.owner.evidence
    if plane.owner.method == "mixed":
        raise _mixed(plane.deployment, evidence)
    raise BlockedError(
        f"it is none of Helm's, istioctl's or the Sail Operator's but {plane.owner.method!r} ({evidence})",
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


def _installed(snapshot: MeshSnapshot, component: str, revision: str) -> IstioctlComponent | None:
    """What istioctl installed of a component: of the revision, or else of another which took it over; the newest version.

    Only istiod is there once for each revision.
    """
    known = [one for one in snapshot.istioctl_components if one.component == component]
    own = [one for one in known if one.revision == revision]
    among = own if component == "Pilot" else own or known
    return max(among, key=lambda one: IstioVersion.parse(one.version), default=None)


def _version(plane: ControlPlane) -> IstioVersion:
    try:
        return IstioVersion.parse(plane.version)
    except UsageError as error:
        raise BlockedError(
            f"its image {plane.image} does not tell its version",
            on=str(plane.deployment),
            next_step="run an image whose tag is a version",
        ) from error


def _gateways(snapshot: MeshSnapshot, revision: str) -> tuple[Part, ...]:
    parts: list[Part] = _releases(snapshot, "gateway")
    parts += [one for component in _GATEWAYS if (one := _installed(snapshot, component, revision))]
    return tuple(part for part in parts if _serves(snapshot, part.objects, revision))


def _releases(snapshot: MeshSnapshot, chart: str) -> list[Part]:
    return [one for one in snapshot.helm_releases if one.chart == chart and one.installed and not one.is_sails]


def _serves(snapshot: MeshSnapshot, objects: Iterable[Manifest], revision: str) -> bool:
    """Are the gateway's pods injected by the revision?"""
    deployments = {ObjectRef.of(manifest) for manifest in objects if manifest["kind"] in ("Deployment", "DaemonSet")}
    pods = [pod for workload in snapshot.workloads if workload.ref in deployments for pod in workload.pods]
    return any(pod.revision == revision for pod in pods)


def _only(snapshot: MeshSnapshot, role: str, revision: str) -> Part | None:
    found: list[Part] = _releases(snapshot, role)
    installed = _installed(snapshot, _COMPONENT_OF[role], revision)
    found += [part for part in (installed, sail_part(snapshot, role)) if part is not None]
    if len(found) > 1:
        names = [f"Helm release {part.key}" if isinstance(part, HelmRelease) else _INSTALLER[type(part)] for part in found]
        raise BlockedError(
            f"{role} has more than one owner: {', '.join(names)}",
            next_step="let one of them have it: remove the others' marks and records, or what is not in use",
        )
    return found[0] if found else None


def _without_installer(snapshot: MeshSnapshot, selected: Selection) -> list[Finding]:
    """Parts that a hop must bring on, and that no installer we know has."""
    owned = {"cni": selected.cni, "ztunnel": selected.ztunnel}
    return [
        Finding(
            id="part-without-installer",
            severity="blocker",
            message=f"{part.workload} must come along, but neither Helm nor istioctl has it",
            objects=(FindingObject(part.workload.kind, part.workload.namespace, part.workload.name, "metadata"),),
            evidence=part.owner.evidence or f"its owner is {part.owner.method!r}",
            fix="install it by Helm or istioctl at its present version, and plan again",
            source="https://istio.io/latest/docs/setup/upgrade/",
        )
        for part in snapshot.components
        if part.role in owned and owned[part.role] is None
    ]


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
