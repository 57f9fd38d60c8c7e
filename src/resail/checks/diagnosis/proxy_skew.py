"""Proxies that their control plane does not support.

A proxy may lag its control plane by one minor, and never lead it.
"""

from collections import defaultdict
from collections.abc import Iterator

from resail.checks.diagnosis.sign import Rule, Sign, at
from resail.checks.diagnosis.situation import Situation
from resail.checks.skew import minors_behind
from resail.models.diagnosis import Diagnosis
from resail.models.snapshot import Pod, Workload

__all__ = ["RULE"]

_ID = "proxy-skew"
_ENDED = ("Succeeded", "Failed")


def _find(situation: Situation) -> Iterator[Sign]:
    planes = {plane.revision: plane for plane in reversed(situation.snapshot.control_planes)}
    found: dict[tuple[str, int], list[tuple[Workload, Pod]]] = defaultdict(list)
    for workload in situation.snapshot.workloads:
        for pod in workload.pods:
            behind = minors_behind(situation.snapshot, pod) if pod.proxy_version and pod.phase not in _ENDED else 0
            if behind and (behind > 1 or behind < 0):
                found[pod.revision, behind].append((workload, pod))
    for (revision, behind), members in sorted(found.items(), key=lambda one: -abs(one[0][1])):
        workloads = list({workload.ref: workload for workload, _ in members}.values())
        how = f"{behind} minors behind" if behind > 1 else f"{-behind} minor{'s' if behind < -1 else ''} ahead of"
        names = ", ".join(str(one.ref) for one in workloads[:3]) + (f" and {len(workloads) - 3} more" if workloads[3:] else "")
        plane = planes[revision]
        yield Sign(
            diagnosis=Diagnosis(
                id=_ID,
                certainty="certain",
                cause=f"the proxies of {names} are {how} their control plane {revision} ({plane.version})",
                objects=tuple(at(one.ref) for one in workloads),
                evidence=tuple(
                    f"{workload.ref.namespace}/Pod/{pod.name}: proxy {pod.proxy_version}, revision {pod.revision}"
                    for workload, pod in members[:5]
                ),
                effects=("istiod may send them configuration that they refuse or misread",),
                undo=(
                    *(f"restart {one.ref}" for one in workloads[:3]),
                    *(["and the others"] if workloads[3:] else []),
                    "or lead them back to a control plane of their own version until they can be restarted",
                ),
                source="https://istio.io/latest/docs/releases/supported-releases/#control-planedata-plane-skew",
            )
        )


RULE = Rule(_ID, _find)
