"""Which jump is allowed in one hop.

A proxy may lag its control plane by one minor and never lead it, so in place goes one minor at a time. By revision two are
possible, since each revision serves its own proxies; but CNI and ztunnel have no canary, and work with an istiod of their own
minor or one later (https://istio.io/latest/docs/releases/supported-releases/#control-planedata-plane-skew).
"""

from collections.abc import Iterable

from resail.errors import BlockedError
from resail.models.finding import Finding, FindingObject
from resail.models.identity import IstioVersion
from resail.models.plan import Strategy
from resail.models.snapshot import Component, MeshSnapshot

__all__ = ["check_hop", "kubernetes_findings"]


def check_hop(installed: IstioVersion, target: IstioVersion, strategy: Strategy, components: Iterable[Component]) -> None:
    """See that the jump can be made in one hop.

    Raises:
        BlockedError: it cannot; the message says why and what to do instead.
    """
    jump = f"{installed} → {target}"
    if target == installed:
        raise BlockedError("the mesh is at that version already", on=jump, next_step="name another version by --to")
    if target < installed:
        raise BlockedError("Istio does not support downgrades", on=jump, next_step="`resail rollback` undoes a run")
    if target.major != installed.major:
        raise BlockedError("there is no supported way to another major version", on=jump)
    node_level = sorted({part.role for part in components if part.role in ("cni", "ztunnel")})
    most = 2 if strategy == "canary" and not node_level else 1
    minors = target.minor - installed.minor
    if minors <= most:
        return
    why = f", since {' and '.join(node_level)} cannot run two versions" if node_level and strategy == "canary" else ""
    raise BlockedError(
        f"{strategy} goes at most {most} minor{'s' if most > 1 else ''} in one hop{why}, and this is {minors}",
        on=jump,
        next_step=f"upgrade to {installed.major}.{installed.minor + most} first",
    )


def kubernetes_findings(snapshot: MeshSnapshot, target: IstioVersion, supported: tuple[str, ...]) -> list[Finding]:
    """Is the cluster's Kubernetes one that the target documents as supported?"""
    running = ".".join(snapshot.cluster.kubernetes_version.split(".")[:2])
    if not supported or running in supported:
        return []
    return [
        Finding(
            id="kubernetes-version-unsupported",
            severity="warning",
            message=f"Istio {target.line} does not list Kubernetes {running} as supported",
            objects=(FindingObject("APIServer", "", "kubernetes", "version"),),
            evidence=f"the API server is {snapshot.cluster.kubernetes_version}; supported are {', '.join(supported)}",
            fix="upgrade Kubernetes first, or choose another Istio version",
            source="https://istio.io/latest/docs/releases/supported-releases/#support-status-of-istio-releases",
        )
    ]
