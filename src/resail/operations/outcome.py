"""What a run leaves behind: its record, measured on the cluster, and the pages made of it."""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from resail.cluster import ClusterReader
from resail.errors import ResailError
from resail.journal.sqlite import SqliteJournal
from resail.models.encoding import pretty_json
from resail.models.identity import IstioVersion
from resail.models.journal import Entry
from resail.models.plan import PlanFiles
from resail.models.record import Record
from resail.models.snapshot import MeshSnapshot
from resail.operations.as_before import not_as_before
from resail.operations.runs import StateDirectory
from resail.report.html import render_html
from resail.report.markdown import render_markdown
from resail.report.record import record_of
from resail.snapshot import capture

__all__ = ["count_pods", "measure_pods", "read_record", "write_record"]


def count_pods(snapshot: MeshSnapshot, version: IstioVersion) -> int:
    """Pods whose proxy is of ``version``; those of CronJobs come and go by the clock, and are left out."""
    return sum(
        pod.proxy_version == str(version)
        for workload in snapshot.workloads
        if workload.ref.kind != "CronJob"
        for pod in workload.pods
    )


async def measure_pods(reader: ClusterReader, files: PlanFiles) -> int | None:
    """``count_pods`` of the mesh as it is now; None where the cluster does not answer."""
    with contextlib.suppress(ResailError):
        return count_pods(await capture(reader, files.plan.istio_namespace), files.plan.to_version)
    return None


def read_record(
    state: StateDirectory, journal: SqliteJournal, run: str, files: PlanFiles, pods_on_target: int | None, live: bool
) -> Record:
    """The record as the journal tells it."""
    return record_of(
        files,
        journal.run(run),
        journal.entries(run),
        pods_on_target=pods_on_target,
        plan_path=state.plan(files.id),
        journal_path=state.journal,
        report_path=state.report(run, "html"),
        backup_paths=state.backups(run),
        findings=not_as_before(state, journal.run(run), files),
        live=live,
    )


def write_record(state: StateDirectory, record: Record, files: PlanFiles, entries: Sequence[Entry]) -> None:
    """Write the record as JSON, Markdown and HTML, with plots of the journal's entries; each file appears whole or not at all."""
    _replace(state.report(record.run, "json"), pretty_json(record))
    _replace(state.report(record.run, "md"), render_markdown(record, files).encode())
    _replace(state.report(record.run, "html"), render_html(record, files, entries).encode())


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(content)
    partial.replace(path)
