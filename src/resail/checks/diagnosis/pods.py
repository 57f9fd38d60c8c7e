"""What pods say of their containers."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from resail.checks.diagnosis.situation import Situation
from resail.models.field_path import find, first
from resail.models.identity import Manifest, ObjectRef
from resail.models.snapshot import ControlPlane, Workload

__all__ = ["ContainerSeen", "containers", "events_of", "log_lines", "moment_of", "pods_of", "reference"]

_LINES = 8
"""Of a log that evidence shows."""


class ContainerSeen(msgspec.Struct, frozen=True):
    """A container and its status."""

    pod: Manifest
    path: str
    """Of its status in the pod."""
    name: str
    status: dict[str, Any]

    @property
    def ref(self) -> ObjectRef:
        """Of the pod."""
        return reference(self.pod)

    @property
    def waiting(self) -> str:
        """The reason for which it waits: ``CrashLoopBackOff``, ``ImagePullBackOff`` …; empty where it does not."""
        return str(first(self.status, "state.waiting.reason") or "")

    @property
    def words(self) -> str:
        """What the kubelet says to that."""
        return str(first(self.status, "state.waiting.message") or "")

    @property
    def ended(self) -> dict[str, Any]:
        """How it ended: just now, else the last time; empty where it never did."""
        for path in ("state.terminated", "lastState.terminated"):
            found = first(self.status, path)
            if isinstance(found, dict) and found:
                return found
        return {}

    @property
    def ready(self) -> bool:
        return first(self.status, "ready") is True

    @property
    def limit(self) -> str:
        """Its memory limit; empty where it has none."""
        for kind in ("containers", "initContainers"):
            found = first(self.pod, f"spec.{kind}[name={self.name}].resources.limits.memory")
            if found is not None:
                return str(found)
        return ""

    @property
    def image(self) -> str:
        """As the pod asks for it."""
        for kind in ("containers", "initContainers"):
            found = first(self.pod, f"spec.{kind}[name={self.name}].image")
            if found is not None:
                return str(found)
        return str(first(self.status, "image") or "")


def containers(pod: Manifest) -> Iterator[ContainerSeen]:
    """All that have a status, those that run before the others first."""
    for kind in ("initContainerStatuses", "containerStatuses"):
        for field in find(pod, f"status.{kind}[*]"):
            name = first(field.value, "name")
            if isinstance(name, str):
                yield ContainerSeen(pod, field.path, name, field.value)


def reference(pod: Manifest) -> ObjectRef:
    """The reference of a pod, whatever its object lacks."""
    namespace, name = (first(pod, f"metadata.{key}") for key in ("namespace", "name"))
    return ObjectRef("v1", "Pod", str(namespace or ""), str(name or ""))


def pods_of(situation: Situation, owner: ControlPlane | Workload) -> list[Manifest]:
    """The whole pods of an istiod or a workload, as far as they were read."""
    ref = owner.deployment if isinstance(owner, ControlPlane) else owner.ref
    names = {pod.name for one in situation.snapshot.workloads if one.ref == ref for pod in one.pods}
    refs = ((reference(pod), pod) for pod in situation.pods)
    return [pod for found, pod in refs if found.namespace == ref.namespace and found.name in names]


def log_lines(situation: Situation, pod: ObjectRef, container: str) -> list[str]:
    """The end of its log as evidence, or why there is none."""
    found = [one for one in situation.logs if one.pod == pod and one.container == container]
    for one in sorted(found, key=lambda one: not one.previous):
        if one.text.strip():
            of = "before its last restart" if one.previous else "now"
            return [f"log of {pod} {container} {of}:", *(f"  {line}" for line in one.text.rstrip().splitlines()[-_LINES:])]
    problems = sorted({one.problem for one in found if one.problem})
    return [f"the log of {pod} {container} was not to be had: {'; '.join(problems)}"] if problems else []


def events_of(situation: Situation, *refs: ObjectRef) -> list[str]:
    """What Events say of objects, the newest first, each only once."""
    wanted = {(ref.kind, ref.namespace, ref.name) for ref in refs}
    told: dict[str, None] = {}
    for event in reversed(situation.events):
        about = tuple(str(first(event, f"involvedObject.{key}") or "") for key in ("kind", "namespace", "name"))
        if about in wanted:
            told[f"event {first(event, 'reason')}: {first(event, 'message')}"] = None
    return list(told)[:3]


def moment_of(written: object) -> datetime | None:
    """When something was, as the API writes it; None where that cannot be read."""
    try:
        moment = datetime.fromisoformat(str(written))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
