"""What an istiod that runs does to the webhook configurations of its revision.

``pkg/webhooks`` of Istio: it puts its CA bundle into them, and turns its validator fail-closed.
"""

import base64
from collections.abc import Iterable

from resail.models.identity import Manifest
from resail.twin.ownership import written
from resail.twin.readiness import is_ready
from resail.twin.server import Server
from resail.twin.store import Change, Key, copied

__all__ = ["IstiodController"]

_MANAGER = "pilot-discovery"
_REVISION = "istio.io/rev"
_KINDS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
_CA = base64.b64encode(b"the twin's certificate authority").decode()


class IstiodController:
    """Looks at configurations; any ready pod of an istiod of the revision does the work."""

    def __init__(self, server: Server) -> None:
        self._store = server.store

    def concerns(self, change: Change) -> Iterable[Key]:
        if change.key.kind in _KINDS:
            if change.after is not None:
                yield change.key
        elif change.key.kind == "Pod" and _has_come_up(change):
            for kind in _KINDS:
                yield from self._store.keys(kind)

    def reconcile(self, key: Key) -> float | None:
        live = self._store.get(key)
        revision = (live["metadata"].get("labels") or {}).get(_REVISION) if live else None
        if live is None or revision is None or not self._runs(revision):
            return None
        new = copied(live)
        for webhook in new.get("webhooks") or ():
            if "service" in webhook["clientConfig"]:
                webhook["clientConfig"]["caBundle"] = _CA
            if key.kind == "ValidatingWebhookConfiguration":
                webhook["failurePolicy"] = "Fail"
        if new != live:
            new["metadata"]["generation"] += 1
            self._store.replace(key, written(live, new, _MANAGER, self._store.clock.timestamp()))
        return None

    def _runs(self, revision: str) -> bool:
        pods = (pod for pod in self._store.all("Pod") if _is_istiod(pod) and is_ready(pod))
        return any((pod["metadata"]["labels"].get(_REVISION) or "default") == revision for pod in pods)


def _is_istiod(pod: Manifest) -> bool:
    return (pod["metadata"].get("labels") or {}).get("app") == "istiod"


def _has_come_up(change: Change) -> bool:
    if change.after is None or not _is_istiod(change.after):
        return False
    return is_ready(change.after) and not (change.before and is_ready(change.before))
