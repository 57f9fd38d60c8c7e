"""CronJobs: a Job at each time that is due."""

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from resail.errors import ClusterApiError
from resail.models.identity import Manifest
from resail.twin.controllers.owners import key_of, owner_key, reference_to
from resail.twin.schedule import next_time
from resail.twin.server import Server
from resail.twin.store import Change, Key, copied

__all__ = ["CronJobController"]


class CronJobController:
    """``pkg/controller/cronjob``, without deadlines for what was missed: the twin misses nothing."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._store = server.store

    def concerns(self, change: Change) -> Iterable[Key]:
        if change.key.kind == "CronJob" and change.after:
            yield change.key
        elif change.key.kind == "Job":
            yield from owner_key(change.after or change.before or {}, "CronJob")

    def reconcile(self, key: Key) -> float | None:
        cron = self._store.get(key)
        if cron is None or "deletionTimestamp" in cron["metadata"]:
            return None
        jobs = self._store.owned(cron["metadata"]["uid"], "Job")
        self._set_active(key, jobs)
        self._clean_up(cron, jobs)
        if cron["spec"]["suspend"]:
            return None
        now = self._store.clock.now()
        last = cron["status"].get("lastScheduleTime") or cron["metadata"]["creationTimestamp"]
        due = self._next(cron, datetime.fromisoformat(last))
        while due is not None and due <= now and (later := self._next(cron, due)) is not None and later <= now:
            due = later
        if due is None:
            return None
        if due > now:
            return (due - now).total_seconds()
        self._start(key, cron, [job for job in jobs if _ending(job) is None], due)
        return 0.0

    def _next(self, cron: Manifest, after: datetime) -> datetime | None:
        zone = cron["spec"].get("timeZone")
        return next_time(cron["spec"]["schedule"], after.astimezone(ZoneInfo(zone)) if zone else after)

    def _start(self, key: Key, cron: Manifest, running: list[Manifest], due: datetime) -> None:
        policy = cron["spec"]["concurrencyPolicy"]
        told = due.strftime("%Y-%m-%dT%H:%M:%SZ")
        self._store.edit(key, lambda new: new["status"].update(lastScheduleTime=told))
        if policy == "Forbid" and running:
            return
        for job in running if policy == "Replace" else ():
            self._server.delete(key_of("Job", job))
        template = copied(cron["spec"]["jobTemplate"])
        metadata = template.get("metadata") or {}
        name = f"{key.name}-{int(due.timestamp()) // 60}"
        made = {**metadata, "name": name, "namespace": key.namespace, "ownerReferences": [reference_to(cron)]}
        try:
            self._server.create({"apiVersion": "batch/v1", "kind": "Job", "metadata": made, "spec": template["spec"]})
        except ClusterApiError:
            # Told as an event; the next time comes all the same.
            return

    def _set_active(self, key: Key, jobs: list[Manifest]) -> None:
        active = [
            {
                "apiVersion": "batch/v1",
                "kind": "Job",
                "namespace": key.namespace,
                "name": job["metadata"]["name"],
                "uid": job["metadata"]["uid"],
            }
            for job in jobs
            if _ending(job) is None
        ]
        succeeded = [job["status"]["completionTime"] for job in jobs if _ending(job) == "Complete"]

        def change(new: Manifest) -> None:
            new["status"].pop("active", None)
            if active:
                new["status"]["active"] = active
            if succeeded:
                new["status"]["lastSuccessfulTime"] = max(succeeded)

        self._store.edit(key, change)

    def _clean_up(self, cron: Manifest, jobs: list[Manifest]) -> None:
        for ending, limit in (("Complete", "successfulJobsHistoryLimit"), ("Failed", "failedJobsHistoryLimit")):
            ended = sorted((job for job in jobs if _ending(job) == ending), key=lambda job: job["metadata"]["name"])
            for job in ended[: max(0, len(ended) - cron["spec"][limit])]:
                self._server.delete(key_of("Job", job))


def _ending(job: Manifest) -> str | None:
    """``Complete`` or ``Failed``; None while it runs."""
    conditions = (job.get("status") or {}).get("conditions") or ()
    return next((one["type"] for one in conditions if one["type"] in ("Complete", "Failed")), None)
