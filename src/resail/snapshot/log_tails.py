"""The ends of the logs of containers that are not well."""

import asyncio
from collections.abc import Iterator, Sequence

from resail.checks.diagnosis.pods import ContainerSeen, containers
from resail.checks.diagnosis.situation import LogTail
from resail.cluster import ClusterReader, LogReader
from resail.errors import ClusterApiError
from resail.models.identity import Manifest
from resail.models.redaction import redacted_text

__all__ = ["read_logs"]

_OF_THE_MESH = ("discovery", "istio-proxy", "istio-init", "istio-validation", "install-cni")
_LINES = 40
_MOST = 20
_AT_ONCE = 4
_PULLING = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ContainerCreating", "PodInitializing")
"""Reasons to wait for what never ran."""


async def read_logs(reader: ClusterReader, pods: Sequence[Manifest]) -> tuple[LogTail, ...]:
    """Of Istio's containers in these pods that are not ready or ended badly; nothing of a Secret's values is in them."""
    turn = asyncio.Semaphore(_AT_ONCE)

    async def one(seen: ContainerSeen, *, previous: bool) -> LogTail:
        pod = seen.ref
        if not isinstance(reader, LogReader):
            return LogTail(pod, seen.name, previous, "", "this cluster keeps no logs")
        async with turn:
            try:
                text = await reader.pod_log(pod, seen.name, lines=_LINES, previous=previous)
            except ClusterApiError as error:
                return LogTail(pod, seen.name, previous, "", error.what)
        return LogTail(pod, seen.name, previous, redacted_text(text))

    return tuple(await asyncio.gather(*(one(seen, previous=bool(seen.waiting)) for seen in list(_wanted(pods))[:_MOST])))


def _wanted(pods: Sequence[Manifest]) -> Iterator[ContainerSeen]:
    for pod in pods:
        for seen in containers(pod):
            if seen.name in _OF_THE_MESH and not seen.ready and seen.waiting not in _PULLING:
                yield seen
