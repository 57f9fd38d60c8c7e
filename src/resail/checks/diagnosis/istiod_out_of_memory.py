"""istiod takes more memory than it may."""

from collections.abc import Iterator
from datetime import timedelta

from resail.checks.diagnosis.control_planes import hangs_on, named
from resail.checks.diagnosis.pods import ContainerSeen, containers, events_of, moment_of, pods_of
from resail.checks.diagnosis.sign import Rule, Sign, at
from resail.checks.diagnosis.situation import Situation
from resail.models.diagnosis import Diagnosis
from resail.models.field_path import first

__all__ = ["RULE"]

_ID = "istiod-out-of-memory"
_LATELY = timedelta(days=1)


def _find(situation: Situation) -> Iterator[Sign]:
    for plane in situation.snapshot.control_planes:
        killed = [one for pod in pods_of(situation, plane) for one in containers(pod) if _was_killed(situation, one)]
        if killed:
            limit = f"its limit of {killed[0].limit}" if killed[0].limit else "what its node had left, as it has no limit"
            yield Sign(
                diagnosis=Diagnosis(
                    id=_ID,
                    certainty="certain",
                    cause=f"{named(plane)} was killed for its memory: it took more than {limit}",
                    objects=(at(plane.deployment), *(at(one.ref, one.path) for one in killed)),
                    evidence=tuple(
                        line
                        for one in killed
                        for line in (
                            f"{one.ref} {one.path}: terminated, OOMKilled, exit code {first(one.ended, 'exitCode')}, "
                            f"{first(one.status, 'restartCount') or 0} restarts, limit {one.limit or 'none'}",
                            *events_of(situation, one.ref),
                        )
                    ),
                    undo=(
                        "raise resources.limits.memory of istiod (value `pilot.resources`, since 1.24 also `resources`)",
                        "let it see less: `discoverySelectors` and Sidecar objects",
                        "or give it more replicas, and each one fewer proxies",
                    ),
                    source="https://istio.io/latest/docs/ops/deployment/performance-and-scalability/",
                ),
                explains=hangs_on(situation, plane),
            )


def _was_killed(situation: Situation, one: ContainerSeen) -> bool:
    """Lately, where it is well again."""
    if str(first(one.ended, "reason")) != "OOMKilled":
        return False
    ended = moment_of(first(one.ended, "finishedAt"))
    return not one.ready or ended is None or situation.now - ended < _LATELY


RULE = Rule(_ID, _find)
