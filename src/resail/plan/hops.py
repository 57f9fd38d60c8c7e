"""What of the mesh itself speaks for or against a hop."""

from collections.abc import Iterable, Iterator

from resail.checks.rollout import ROLLING_KINDS
from resail.models.finding import Finding, FindingObject
from resail.models.identity import IstioVersion
from resail.models.snapshot import MeshSnapshot
from resail.plan.path import Standing
from resail.plan.selection import Selection

__all__ = ["left_behind", "node_level", "standing_of"]

_NODE_LEVEL = ("cni", "ztunnel")
_OURS = ("helm", "istioctl")
_SKEW = "https://istio.io/latest/docs/releases/supported-releases/#control-planedata-plane-skew"


def standing_of(snapshot: MeshSnapshot, selection: Selection) -> Standing:
    """Where the mesh is: its istiod, and the oldest of what a hop brings along (proxies that can restart, CNI, ztunnel)."""
    pods = [pod for workload in snapshot.workloads if workload.ref.kind in ROLLING_KINDS for pod in workload.pods]
    tags = [pod.proxy_version for pod in pods if pod.revision == selection.plane.revision]
    tags += [
        part.version for part in snapshot.components if part.role in _NODE_LEVEL and part.owner.method in ("helm", "istioctl")
    ]
    return Standing(selection.installed, min((selection.installed, *_versions(tags))))


def node_level(snapshot: MeshSnapshot) -> tuple[str, ...]:
    """What has no canary and is in use."""
    return tuple(sorted({part.role for part in snapshot.components if part.role in _NODE_LEVEL}))


def left_behind(snapshot: MeshSnapshot, revision: str, target: IstioVersion) -> list[Finding]:
    """Proxies that would lag an istiod of the target by more than one minor, once it is upgraded in place."""
    findings = []
    for workload in snapshot.workloads:
        versions = _versions(pod.proxy_version for pod in workload.pods if pod.revision == revision)
        behind = sorted(version for version in versions if target.minor - version.minor > 1)
        if not behind:
            continue
        ref = workload.ref
        ends = ref.kind in ("Job", "CronJob")
        findings.append(
            Finding(
                id="proxy-left-behind",
                severity="warning" if ends else "blocker",
                message=f"the proxies of {ref} would be more than one minor behind istiod {target}",
                objects=(FindingObject(ref.kind, ref.namespace, ref.name, "spec.template"),),
                evidence=f"some are at {behind[0]}, and no step before restarts them",
                fix="wait until it has ended" if ends else f"restart {ref} before, or upgrade by fewer minors at first",
                source=_SKEW,
            )
        )
    return findings


def _versions(tags: Iterable[str]) -> Iterator[IstioVersion]:
    """Those image tags that are versions."""
    return (version for tag in tags if (version := IstioVersion.parse_if(tag)) is not None)
