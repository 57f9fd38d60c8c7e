"""Proxies against their control planes.

A proxy may lag its control plane by one minor, and never lead it
(https://istio.io/latest/docs/releases/supported-releases/#control-planedata-plane-skew).
"""

from resail.models.finding import Finding, FindingObject
from resail.models.identity import IstioVersion
from resail.models.snapshot import MeshSnapshot, Pod

__all__ = ["minors_behind", "skew_findings"]

_SOURCE = "https://istio.io/latest/docs/releases/supported-releases/#control-planedata-plane-skew"


def minors_behind(snapshot: MeshSnapshot, pod: Pod) -> int | None:
    """Minors that a pod's proxy is behind its control plane; negative where it leads, None where either is not known."""
    planes = [plane for plane in snapshot.control_planes if plane.revision == pod.revision]
    if not planes:
        return None
    plane, proxy = IstioVersion.parse_if(planes[0].version), IstioVersion.parse_if(pod.proxy_version)
    if plane is None or proxy is None:
        return None
    return 100 * (plane.major - proxy.major) + plane.minor - proxy.minor


def skew_findings(snapshot: MeshSnapshot) -> list[Finding]:
    """Proxies outside the policy block; those one minor behind are worth knowing."""
    findings = []
    for workload in snapshot.workloads:
        for pod in workload.pods:
            behind = minors_behind(snapshot, pod) if pod.proxy_version else 0
            if not behind:
                continue
            allowed = behind == 1
            how = "leads" if behind < 0 else f"is {behind} minor{'s' if behind > 1 else ''} behind"
            findings.append(
                Finding(
                    id="proxy-one-minor-behind" if allowed else "proxy-skew",
                    severity="info" if allowed else "blocker",
                    message=f"the proxy of pod {workload.ref.namespace}/{pod.name} {how} its control plane",
                    objects=(FindingObject("Pod", workload.ref.namespace, pod.name, "spec.containers"),),
                    evidence=f"proxy {pod.proxy_version}, revision {pod.revision}",
                    fix=f"restart {workload.ref}",
                    source=_SOURCE,
                )
            )
    return findings
