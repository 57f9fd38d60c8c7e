"""Is the cluster's Kubernetes one that the target documents as supported, on its servers and on its nodes?"""

import re

from resail.models.finding import Finding, FindingObject
from resail.models.identity import IstioVersion
from resail.models.snapshot import MeshSnapshot

__all__ = ["kubernetes_findings", "kubernetes_minor"]

_SOURCE = "https://istio.io/latest/docs/releases/supported-releases/#support-status-of-istio-releases"
_VERSION = re.compile(r"v?1\.(\d+)")


def kubernetes_findings(snapshot: MeshSnapshot, target: IstioVersion, supported: tuple[str, ...]) -> list[Finding]:
    """One finding for the API server, and one for nodes that are older than any supported version.

    Args:
        snapshot: the mesh.
        target: of the upgrade.
        supported: minors that the target supports, ``1.31``; empty where that is not known.
    """
    if not supported:
        return []
    found = []
    if _line(snapshot.cluster.kubernetes_version) not in supported:
        running = _line(snapshot.cluster.kubernetes_version)
        found.append(
            Finding(
                id="kubernetes-version-unsupported",
                severity="warning",
                message=f"Istio {target.line} does not list Kubernetes {running} as supported",
                objects=(FindingObject("Cluster", "", snapshot.cluster.id, "version"),),
                evidence=f"the API server is {snapshot.cluster.kubernetes_version}; supported are {', '.join(supported)}",
                fix="upgrade Kubernetes first, or choose another Istio version",
                source=_SOURCE,
            )
        )
    oldest = min(map(kubernetes_minor, supported))
    behind = [node for node in snapshot.cluster.nodes if 0 <= kubernetes_minor(node.kubelet_version) < oldest]
    if behind:
        versions = sorted({node.kubelet_version for node in behind})
        found.append(
            Finding(
                id="kubelet-version-unsupported",
                severity="warning",
                message=f"{len(behind)} nodes are older than any Kubernetes that Istio {target.line} lists as supported",
                objects=tuple(FindingObject("Node", "", node.name, "status.nodeInfo.kubeletVersion") for node in behind[:5]),
                evidence=f"their kubelets are {', '.join(versions)}; supported are {', '.join(supported)}",
                fix="upgrade these nodes first, or choose another Istio version",
                source=_SOURCE,
            )
        )
    return found


def kubernetes_minor(version: str) -> int:
    """31 of ``v1.31.4-gke.100``; -1 where it cannot be told."""
    matched = _VERSION.match(version)
    return int(matched[1]) if matched else -1


def _line(version: str) -> str:
    return ".".join(version.split(".")[:2])
