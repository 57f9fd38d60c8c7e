"""Which proxies are connected to an istiod, as it tells itself: also those that no pod of this cluster has."""

import re

import msgspec

from resail.cluster import Clock, ClusterReader, PodAsker
from resail.errors import ClusterApiError
from resail.models.identity import KindRef, ObjectRef
from resail.snapshot.shapes import PodShape

__all__ = ["Connected", "wait_until_left"]

_POD = KindRef("v1", "Pod")
_PORT = 15014
_METRIC = re.compile(r"^pilot_xds(?:\{[^}]*\})? +([0-9.e+]+)$", re.MULTILINE)
"""Proxies that are connected, by their version (https://istio.io/latest/docs/reference/commands/pilot-discovery/#metrics)."""
_DRAIN = 60.0  # seconds: proxies of pods that are ending stay connected until they have
_POLL = 2.0


class Connected(msgspec.Struct, frozen=True):
    """How many there are."""

    proxies: int
    """0 where it could not be asked."""
    told: str
    """How that is known, or why it is not."""


async def wait_until_left(reader: ClusterReader, clock: Clock, namespace: str, revision: str) -> Connected:
    """Ask the istiods of a revision, in its namespace, until nobody is connected to them any more, for a minute.

    Raises:
        ClusterUnreachableError: the API does not answer.
    """
    deadline = clock.monotonic() + _DRAIN
    while True:
        connected = await _connected(reader, namespace, revision)
        if not connected.proxies or clock.monotonic() > deadline:
            return connected
        await clock.sleep(_POLL)


async def _connected(reader: ClusterReader, namespace: str, revision: str) -> Connected:
    if not isinstance(reader, PodAsker):
        return Connected(0, "its istiod was not asked who is connected: pods of a twin do not answer")
    labels = f"app=istiod,istio.io/rev={revision}"
    found = await reader.list_shapes(_POD, PodShape, namespace=namespace, labels=labels)
    pods = [pod for pod in found if pod.ready]
    proxies = 0
    for pod in pods:
        ref = ObjectRef("v1", "Pod", pod.metadata.namespace, pod.metadata.name)
        try:
            answer = await reader.ask_pod(ref, _PORT, "metrics")
        except ClusterApiError as error:
            return Connected(0, f"its istiod could not be asked who is connected ({error.what})")
        proxies += sum(round(float(count)) for count in _METRIC.findall(answer.decode(errors="replace")))
    return Connected(proxies, f"{proxies} proxies by pilot_xds of its {len(pods)} istiod pods")
