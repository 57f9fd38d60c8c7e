"""Pods, as the controllers of workloads see them."""

import hashlib
from typing import Any

from resail.models.encoding import canonical_json
from resail.models.identity import Manifest
from resail.twin.controllers.owners import reference_to
from resail.twin.readiness import is_active, is_ready, since_ready
from resail.twin.store import Store, copied

__all__ = ["active_pods", "is_available", "new_pod", "template_hash", "until_available"]

_SAFE = "bcdfghjklmnpqrstvwxz2456789"


def new_pod(owner: Manifest, template: dict[str, Any], labels: dict[str, str] | None = None, *, name: str = "") -> Manifest:
    """A pod of a template; named after its owner and five letters where no name is given."""
    pod = copied({"apiVersion": "v1", "kind": "Pod", "metadata": template.get("metadata") or {}, "spec": template["spec"]})
    metadata = pod["metadata"]
    metadata.update({"name": name} if name else {"generateName": f"{owner['metadata']['name']}-"})
    metadata["namespace"] = owner["metadata"]["namespace"]
    metadata["labels"] = {**(metadata.get("labels") or {}), **(labels or {})}
    metadata["ownerReferences"] = [reference_to(owner)]
    return pod


def active_pods(store: Store, owner: Manifest) -> list[Manifest]:
    """Those that have neither ended nor are ending, oldest first."""
    return [pod for pod in store.owned(owner["metadata"]["uid"], "Pod") if is_active(pod)]


def is_available(store: Store, pod: Manifest, min_ready: int) -> bool:
    """Ready, and for as long as its workload wants it."""
    return is_ready(pod) and (not min_ready or since_ready(pod, store.clock.now()) >= min_ready)


def until_available(store: Store, pods: list[Manifest], min_ready: int) -> float | None:
    """Seconds until the next of the ready ones counts as available."""
    waits = [min_ready - since_ready(pod, store.clock.now()) for pod in pods if min_ready and is_ready(pod)]
    return min((wait for wait in waits if wait > 0), default=None)


def template_hash(value: Any, length: int = 10) -> str:
    """Letters that tell templates apart; others than the real controllers give."""
    digest = hashlib.sha256(canonical_json(value)).digest()
    return "".join(_SAFE[byte % len(_SAFE)] for byte in digest[:length])
