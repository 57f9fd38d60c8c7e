"""istiod starts, ends, and is started again."""

from collections.abc import Iterator
from typing import Any

from resail.checks.diagnosis.control_planes import hangs_on, named
from resail.checks.diagnosis.pods import ContainerSeen, containers, events_of, log_lines, pods_of
from resail.checks.diagnosis.sign import Rule, Sign, at
from resail.checks.diagnosis.situation import Situation
from resail.models.diagnosis import Diagnosis
from resail.models.field_path import first

__all__ = ["RULE"]

_ID = "istiod-crash-loops"
_OUT_OF_MEMORY = "OOMKilled"
_OFTEN = 3  # restarts


def _find(situation: Situation) -> Iterator[Sign]:
    for plane in situation.snapshot.control_planes:
        looping = [one for pod in pods_of(situation, plane) for one in containers(pod) if _loops(one)]
        if looping:
            ended = _ended(looping[0].ended)
            yield Sign(
                diagnosis=Diagnosis(
                    id=_ID,
                    certainty="certain",
                    cause=f"{named(plane)} crash-loops: {ended}",
                    objects=(at(plane.deployment), *(at(one.ref, one.path) for one in looping)),
                    evidence=tuple(
                        line
                        for one in looping
                        for line in (
                            f"{one.ref} {one.path}: waiting, CrashLoopBackOff, {_restarts(one)}, {_ended(one.ended)}",
                            *events_of(situation, one.ref),
                            *log_lines(situation, one.ref, one.name),
                        )
                    ),
                    undo=(
                        "read the end of its log: it says what istiod stumbles over, mostly a value, a Secret or an object",
                        "set that back: `resail rollback` where a run changed it, else `helm rollback` of its release",
                        f"`kubectl -n {plane.deployment.namespace} rollout restart deployment/{plane.deployment.name}`",
                    ),
                    source="https://istio.io/latest/docs/ops/common-problems/",
                ),
                explains=hangs_on(situation, plane),
            )


def _loops(one: ContainerSeen) -> bool:
    """It waits for the next start; or it ended badly again and again, and has just been started or ended once more."""
    if str(first(one.ended, "reason")) == _OUT_OF_MEMORY:
        return False
    restarts, code = first(one.status, "restartCount"), first(one.ended, "exitCode")
    again = isinstance(restarts, int) and restarts >= _OFTEN and code not in (None, 0)
    return one.waiting == "CrashLoopBackOff" or (again and not one.ready)


def _restarts(one: ContainerSeen) -> str:
    return f"{first(one.status, 'restartCount') or 0} restarts"


def _ended(ended: dict[str, Any]) -> str:
    if not ended:
        return "how it ended the last time is not told"
    words = first(ended, "message")
    code = f"it ended with exit code {first(ended, 'exitCode')}, {first(ended, 'reason') or 'without a reason'}"
    return f"{code}: {words}" if words else code


RULE = Rule(_ID, _find)
