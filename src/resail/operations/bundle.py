"""``resail doctor --bundle``: what was read of a mesh, in an archive for whoever helps, without secrets."""

import asyncio
import base64
import binascii
import contextlib
import os
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from resail.backup.private_file import write_private
from resail.cluster import ClusterReader
from resail.errors import ArtifactError, ClusterApiError, UsageError
from resail.journal.copy_format import read_copies
from resail.journal.fold import fold_run
from resail.journal.sqlite import open_journal
from resail.models.encoding import canonical_json, digest_bytes, pretty_json
from resail.models.identity import KindRef
from resail.models.journal import Entry
from resail.models.redaction import Redactor
from resail.models.snapshot import MeshSnapshot
from resail.operations.cluster_choice import connect_to
from resail.operations.doctor import Consultation, DoctorRequest
from resail.operations.runs import StateDirectory, state_directory
from resail.operations.site import DEFAULT_SITE
from resail.plan.file import read_plan
from resail.report.examination import render_examination
from resail.report.support_bundle import About, pack_bundle

__all__ = ["BundleReport", "refuse_unusable", "write_bundle"]

_SECRET = KindRef("v1", "Secret")
_NO_HELM = "type!=helm.sh/release.v1"
"""What Helm keeps of releases is not among the objects that are read."""
_AT_ONCE = 8
_RUNS = 5


class BundleReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was written."""

    path: Path
    digest: str
    files: int
    about: str
    """How secrets were looked for."""


def refuse_unusable(path: Path) -> None:
    """See that a bundle can be written there, before anything is read.

    Raises:
        UsageError: there is something already, or the folder is not there or may not be written to.
    """
    if path.exists():
        raise UsageError("there is something already", on=str(path), next_step="name a new file with --bundle")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK | os.X_OK):
        raise UsageError("is no folder that can be written to", on=str(path.parent), next_step="name another file with --bundle")


async def write_bundle(
    found: Consultation,
    request: DoctorRequest,
    path: Path,
    config: Path | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> BundleReport:
    """Write the bundle of a consultation, whole or not at all, for its owner only.

    Raises:
        ClusterUnreachableError: the API does not answer.
        ArtifactError: the file, or ``config``, cannot be read or written.
    """
    site = _site(config)
    progress("reading journals, and the values of Secrets to take them out")
    async with connect_to(request.cluster, request.directory) as connection:
        cluster = connection.cluster
        state = state_directory(request.directory, await cluster.cluster_id())
        copies = {}
        with contextlib.suppress(ArtifactError, ClusterApiError):
            copies = {copy.head.run: copy.entries for copy in await read_copies(cluster, request.istio_namespace)}
        values, about = await _values(cluster, found.situation.snapshot)
    redactor = Redactor(values)
    journals = {**copies, **_own_journals(state)}
    members = dict(_members(found, journals, state, redactor))
    if site:
        members[DEFAULT_SITE.name] = redactor.text(site)
    data = await asyncio.to_thread(pack_bundle, members, about)
    write_private(path, data)
    return BundleReport(path=path, digest=digest_bytes(data), files=len(members) + 2, about=str(about))


def _members(
    found: Consultation, journals: dict[str, Sequence[Entry]], state: StateDirectory, redactor: Redactor
) -> Iterator[tuple[str, str]]:
    def pretty(value: Any) -> str:
        return pretty_json(redactor.data(msgspec.to_builtins(value))).decode()

    situation = found.situation
    yield "examination.json", pretty(found.examination)
    yield "examination.md", redactor.text(render_examination(found.examination))
    yield "versions.json", pretty(_versions(situation.snapshot))
    yield "snapshot.json", pretty(situation.snapshot)
    yield "pods.json", pretty(situation.pods)
    yield "events.json", pretty(situation.events)
    for kind, objects in situation.objects.by_kind.items():
        if objects:
            yield f"objects/{kind}.json", pretty(objects)
    for tail in situation.logs:
        name = f"{tail.pod.namespace}_{tail.pod.name}_{tail.container}{'_previous' if tail.previous else ''}"
        yield f"logs/{name}.txt", redactor.text(tail.text or f"not to be had: {tail.problem}\n")
    for run, entries in _last(journals):
        lines = [canonical_json(redactor.data(msgspec.to_builtins(entry))).decode() for entry in entries]
        yield f"runs/{run}/journal.jsonl", "".join(f"{line}\n" for line in lines)
        yield f"runs/{run}/run.json", pretty(fold_run(entries))
        plan = state.plan_of(fold_run(entries))
        with contextlib.suppress(ArtifactError):
            yield f"runs/{run}/steps.json", pretty(read_plan(plan).plan.steps)


def _versions(snapshot: MeshSnapshot) -> dict[str, Any]:
    return {
        "resail": version("resail"),
        "python": platform.python_version(),
        "kubernetes": snapshot.cluster.kubernetes_version,
        "istio": sorted({plane.version for plane in snapshot.control_planes}),
    }


def _last(journals: dict[str, Sequence[Entry]]) -> list[tuple[str, Sequence[Entry]]]:
    """The latest runs, the oldest of them first."""
    return sorted(((run, entries) for run, entries in journals.items() if entries), key=lambda one: one[1][0].time)[-_RUNS:]


def _own_journals(state: StateDirectory) -> dict[str, Sequence[Entry]]:
    """What can be read of those on this machine."""
    if not state.journal.exists():
        return {}
    with contextlib.suppress(ArtifactError), contextlib.closing(open_journal(state.journal)) as journal:
        return {run.id: journal.entries(run.id) for run in journal.runs()[-_RUNS:]}
    return {}


async def _values(cluster: ClusterReader, snapshot: MeshSnapshot) -> tuple[list[bytes], About]:
    """All that the Secrets in the mesh's namespaces hold, as far as we may read them."""
    turn = asyncio.Semaphore(_AT_ONCE)
    values: list[bytes] = []
    unread: list[str] = []
    compared = 0

    async def one(namespace: str) -> None:
        nonlocal compared
        async with turn:
            try:
                secrets = await cluster.list_objects(_SECRET, namespace=namespace, fields=_NO_HELM)
            except ClusterApiError:
                unread.append(namespace)
                return
        compared += len(secrets)
        values.extend(value for secret in secrets for value in _held(secret.get("data") or {}))

    await asyncio.gather(*map(one, _namespaces(snapshot)))
    return values, About(compared=compared, unread=sorted(unread))


def _namespaces(snapshot: MeshSnapshot) -> list[str]:
    """Of the mesh's own parts and of what has a proxy."""
    planes = {plane.deployment.namespace for plane in snapshot.control_planes}
    parts = {part.workload.namespace for part in snapshot.components}
    proxied = {one.ref.namespace for one in snapshot.workloads if any(pod.proxy_image for pod in one.pods)}
    return sorted({snapshot.istio_namespace, *planes, *parts, *proxied})


def _held(data: dict[str, Any]) -> Iterable[bytes]:
    for value in data.values():
        with contextlib.suppress(binascii.Error, TypeError):
            yield base64.b64decode(value)


def _site(config: Path | None) -> str:
    path = config or DEFAULT_SITE
    if config is None and not path.exists():
        return ""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ArtifactError("cannot be read", on=str(path), next_step="name a readable file with --config") from error
