"""The kubelet of every node: pods run at once, and are ready after a time."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from resail.models.identity import Manifest, ObjectRef
from resail.twin.controllers.owners import controller_of
from resail.twin.faults import Faults
from resail.twin.readiness import set_condition
from resail.twin.server import Server
from resail.twin.store import Change, Key

__all__ = ["Kubelet", "give_address"]

_READY_AFTER = "testbed.resail.dev/ready-after"
_NEVER = "testbed.resail.dev/never-ready"
"""Annotations of pods, which the test bed's nodes honour too."""

_COMPLETED = 0.5  # seconds until a Job's pod has done its work: as on the test bed
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


class Kubelet:
    def __init__(self, server: Server, faults: Faults, ready_seconds: Mapping[str, float]) -> None:
        self._store = server.store
        self._faults = faults
        self._ready_seconds = ready_seconds

    def concerns(self, change: Change) -> Iterable[Key]:
        if change.key.kind == "Pod":
            if change.after is None and change.before is not None:
                timer = _timer(change.before)
                if timer in self._store.timers:
                    self._store.set_timer(timer, None)
            elif change.after is not None and change.after["spec"].get("nodeName"):
                yield change.key

    def reconcile(self, key: Key) -> float | None:
        pod = self._store.get(key)
        if pod is None or not pod["spec"].get("nodeName"):
            return None
        if "deletionTimestamp" in pod["metadata"]:
            if not pod["metadata"].get("finalizers"):
                self._store.remove(key)
            return None
        if pod["status"]["phase"] == "Pending":
            self._start(key, pod)
        return self._go_on(key)

    def _start(self, key: Key, pod: Manifest) -> None:
        after = self._seconds(pod)
        if after is not None:
            self._store.set_timer(_timer(pod), self._store.clock.monotonic() + after)
        now = self._store.clock.timestamp()

        def run(new: Manifest) -> None:
            status = new["status"]
            status |= {"phase": "Running", "startTime": now}
            give_address(new)
            for name, value in (("PodScheduled", True), ("Initialized", True), ("ContainersReady", False), ("Ready", False)):
                more = {} if value else {"reason": "ContainersNotReady"}
                set_condition(status, name, value, now, **more)
            status["containerStatuses"] = [_running(one, now, ready=False) for one in new["spec"]["containers"]]
            starters = new["spec"].get("initContainers")
            if starters:
                status["initContainerStatuses"] = [_started(one, now) for one in starters]

        self._store.edit_status(key, run)

    def _go_on(self, key: Key) -> float | None:
        pod = self._store.get(key)
        assert pod is not None
        due = self._store.timers.get(_timer(pod))
        if due is None:
            return None
        left = due - self._store.clock.monotonic()
        if left > 0:
            return left
        self._store.set_timer(_timer(pod), None)
        self._store.edit_status(key, self._complete if _of_job(pod) else self._get_ready)
        return None

    def _get_ready(self, pod: Manifest) -> None:
        now = self._store.clock.timestamp()
        for name in ("ContainersReady", "Ready"):
            set_condition(pod["status"], name, True, now)
        pod["status"]["containerStatuses"] = [_running(one, now, ready=True) for one in pod["spec"]["containers"]]

    def _complete(self, pod: Manifest) -> None:
        now = self._store.clock.timestamp()
        pod["status"]["phase"] = "Succeeded"
        ended = {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": now, "finishedAt": now}}
        pod["status"]["containerStatuses"] = [
            {**_running(one, now, ready=False), "started": False, "state": ended} for one in pod["spec"]["containers"]
        ]

    def _seconds(self, pod: Manifest) -> float | None:
        """Until it is ready, or has done its work; None: never."""
        if _of_job(pod):
            return _COMPLETED
        annotations = pod["metadata"].get("annotations") or {}
        workload = self._workload(pod)
        if _NEVER in annotations or self._faults.never_ready(workload):
            return None
        if _READY_AFTER in annotations:
            return _duration(annotations[_READY_AFTER])
        return self._ready_seconds.get(str(workload), 0.0)

    def _workload(self, pod: Manifest) -> ObjectRef:
        namespace = pod["metadata"]["namespace"]
        owner = controller_of(pod)
        if owner is None:
            return ObjectRef.of(pod)
        made_by = self._store.get(Key(owner["kind"], namespace, owner["name"]))
        owner = (controller_of(made_by) if made_by else None) or owner
        return ObjectRef(owner["apiVersion"], owner["kind"], namespace, owner["name"])


def _timer(pod: Manifest) -> str:
    return f"pod/{pod['metadata']['uid']}"


def _of_job(pod: Manifest) -> bool:
    owner = controller_of(pod)
    return owner is not None and owner["kind"] == "Job"


def _duration(text: str) -> float:
    """A duration as Go writes it: ``1m30s``."""
    return sum(float(number) * _UNITS[unit] for number, unit in re.findall(r"([0-9.]+)(ms|h|m|s)", text))


def give_address(pod: Manifest) -> None:
    """One of its own, told from its uid; and that of the one host that all nodes are."""
    number = int(pod["metadata"]["uid"][:6], 16)
    address = f"10.{244 + number % 4}.{number // 256 % 256}.{number % 256}"
    pod["status"] |= {"podIP": address, "podIPs": [{"ip": address}], "hostIP": "10.0.0.1"}


def _running(container: dict[str, Any], now: str, *, ready: bool) -> dict[str, Any]:
    return {
        "name": container["name"],
        "image": container.get("image", ""),
        "ready": ready,
        "started": True,
        "restartCount": 0,
        "state": {"running": {"startedAt": now}},
    }


def _started(container: dict[str, Any], now: str) -> dict[str, Any]:
    if container.get("restartPolicy") == "Always":
        return _running(container, now, ready=True)
    ended = {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": now, "finishedAt": now}}
    return {**_running(container, now, ready=True), "started": False, "state": ended}
