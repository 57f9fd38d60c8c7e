"""Jobs: as many pods as are to complete."""

from collections.abc import Iterable
from typing import Any

from resail.errors import ClusterApiError
from resail.models.identity import Manifest
from resail.twin.controllers.owners import key_of, owner_key
from resail.twin.controllers.pods import new_pod
from resail.twin.readiness import is_active, is_ready
from resail.twin.server import Server
from resail.twin.store import Change, Key

__all__ = ["JobController"]

_AGAIN = 1.0  # seconds after which a pod that was refused is tried again


class JobController:
    """``pkg/controller/job``. Pods of the twin do not fail."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._store = server.store

    def concerns(self, change: Change) -> Iterable[Key]:
        if change.key.kind == "Job" and change.after:
            yield change.key
        elif change.key.kind == "Pod":
            yield from owner_key(change.after or change.before or {}, "Job")

    def reconcile(self, key: Key) -> float | None:
        job = self._store.get(key)
        if job is None or "deletionTimestamp" in job["metadata"] or _has_ended(job):
            return self._expire(key, job) if job else None
        again = None
        try:
            self._act(job)
        except ClusterApiError:
            again = _AGAIN
        status = self._status(job)
        self._store.set_status(key, status)
        return again

    def _pods(self, job: Manifest) -> list[Manifest]:
        return self._store.owned(job["metadata"]["uid"], "Pod")

    def _act(self, job: Manifest) -> None:
        spec = job["spec"]
        active = [pod for pod in self._pods(job) if is_active(pod)]
        done = sum(pod["status"]["phase"] == "Succeeded" for pod in self._pods(job))
        left = spec["completions"] - done if spec.get("completions") is not None else (0 if done else spec["parallelism"])
        wanted = 0 if spec["suspend"] else min(spec["parallelism"], max(0, left))
        for pod in active[wanted:]:
            self._server.delete(key_of("Pod", pod))
        for _ in range(wanted - len(active)):
            self._server.create(new_pod(job, spec["template"]))

    def _status(self, job: Manifest) -> dict[str, Any]:
        now, spec = self._store.clock.timestamp(), job["spec"]
        pods = self._pods(job)
        active = [pod for pod in pods if is_active(pod)]
        done = sum(pod["status"]["phase"] == "Succeeded" for pod in pods)
        status = {"active": len(active), "ready": sum(map(is_ready, active)), "succeeded": done}
        found: dict[str, Any] = {name: count for name, count in status.items() if count or name == "ready"}
        if spec["suspend"]:
            return {**found, "conditions": [_condition("Suspended", now, "JobSuspended", "Job suspended")]}
        found["startTime"] = job["status"].get("startTime", now)
        wanted = spec["completions"] if spec.get("completions") is not None else min(1, done)
        if done and done >= wanted and not active:
            found["completionTime"] = now
            found["conditions"] = [
                _condition("SuccessCriteriaMet", now, "CompletionsReached", "Reached expected number of succeeded pods"),
                _condition("Complete", now, "CompletionsReached", "Reached expected number of succeeded pods"),
            ]
        return found

    def _expire(self, key: Key, job: Manifest) -> float | None:
        """``ttlSecondsAfterFinished``"""
        keep = job["spec"].get("ttlSecondsAfterFinished")
        if keep is None or "deletionTimestamp" in job["metadata"]:
            return None
        timer = f"job-expires/{job['metadata']['uid']}"
        now = self._store.clock.monotonic()
        if timer not in self._store.timers:
            self._store.set_timer(timer, now + keep)
        left = self._store.timers[timer] - now
        if left > 0:
            return float(left)
        self._store.set_timer(timer, None)
        self._server.delete(key)
        return None


def _has_ended(job: Manifest) -> bool:
    return any(one["type"] in ("Complete", "Failed") for one in job["status"].get("conditions") or ())


def _condition(name: str, now: str, reason: str, message: str) -> dict[str, str]:
    return {"type": name, "status": "True", "lastProbeTime": now, "lastTransitionTime": now, "reason": reason, "message": message}
