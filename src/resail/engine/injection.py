"""What would be injected now? Asked of the real webhooks by a dry run, before anything restarts."""

from typing import Any

import msgspec

from resail.cluster import Clock, ClusterWriter
from resail.errors import ApiInvalidError, ClusterApiError, ResailError
from resail.models.identity import Manifest
from resail.snapshot.shapes import PodShape
from resail.snapshot.workloads import pod_facts

__all__ = ["Injected", "injected_now", "wait_until_injected"]

_POLL = 1.0  # seconds
_PROBE = "resail-probe"


class Injected(msgspec.Struct, frozen=True):
    """The sidecar that a new pod would get; both empty: none."""

    version: str
    revision: str

    def __str__(self) -> str:
        return f"{self.version} of revision {self.revision}" if self.version else "no sidecar"


async def injected_now(writer: ClusterWriter, namespace: str, template: dict[str, Any]) -> Injected:
    """Create a pod of this template, as a dry run, and see what comes back.

    Raises:
        ClusterApiError: the API, or a webhook that fails closed, refuses it.
    """
    metadata = template.get("metadata") or {}
    pod: Manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": _PROBE,
            "namespace": namespace,
            "labels": metadata.get("labels") or {},
            "annotations": metadata.get("annotations") or {},
        },
        "spec": template["spec"],
    }
    answer = await writer.create(pod, dry_run=True)
    facts = pod_facts(msgspec.convert(answer, PodShape))
    return Injected(facts.proxy_version, facts.revision)


async def wait_until_injected(
    writer: ClusterWriter, clock: Clock, namespace: str, template: dict[str, Any], wanted: Injected, timeout: float
) -> str:
    """Wait until a new pod would get the wanted sidecar: webhooks take a moment to take effect.

    Returns:
        Empty, or what stands in the way after ``timeout`` seconds.
    """
    deadline = clock.monotonic() + timeout
    while True:
        try:
            found = await injected_now(writer, namespace, template)
        except ClusterApiError as error:
            problem = _explained(error)
        else:
            if found == wanted:
                return ""
            problem = f"a new pod would get {found} instead of {wanted}"
        if clock.monotonic() > deadline:
            return problem
        await clock.sleep(_POLL)


def _explained(error: ResailError) -> str:
    refused = "finds a new pod of it invalid" if isinstance(error, ApiInvalidError) else "does not take a new pod of it"
    return f"the API {refused}: {error.what}"
