"""Objects as they will be once controllers, istiod and the Sail Operator have done their part: all goes well."""

from resail.checks.rollout import ROLLING_KINDS
from resail.models.identity import Manifest
from resail.snapshot.sail import SAIL_GROUP

__all__ = ["at_rest", "is_rolling"]

_HOOK = "MutatingWebhookConfiguration"


def at_rest(manifest: Manifest) -> Manifest:
    """The object when everything has followed it."""
    if manifest["kind"] in ROLLING_KINDS:
        return {**manifest, "status": _rolled_out(manifest)}
    if manifest["apiVersion"].startswith(f"{SAIL_GROUP}/"):
        done = [{"type": name, "status": "True"} for name in ("Reconciled", "Ready")]
        return {**manifest, "status": {"observedGeneration": manifest["metadata"].get("generation", 0), "conditions": done}}
    if manifest["kind"] == _HOOK:
        entries = [
            {**entry, "clientConfig": {"caBundle": "Cg==", **entry["clientConfig"]}} for entry in manifest.get("webhooks") or ()
        ]
        return {**manifest, "webhooks": entries}
    return manifest


def is_rolling(manifest: Manifest) -> bool:
    """Are pods of an older template still there?"""
    if manifest["kind"] not in ROLLING_KINDS:
        return False
    status = manifest.get("status") or {}
    if manifest["kind"] == "DaemonSet":
        return bool(status.get("updatedNumberScheduled", 0) < status.get("currentNumberScheduled", 0))
    return bool(status.get("updatedReplicas", 0) < status.get("replicas", 0))


def _rolled_out(manifest: Manifest) -> dict[str, object]:
    names: tuple[str, ...]
    if manifest["kind"] == "DaemonSet":
        wanted = (manifest.get("status") or {}).get("desiredNumberScheduled", 0)
        names = ("desiredNumberScheduled", "currentNumberScheduled", "updatedNumberScheduled", "numberAvailable")
    else:
        wanted = manifest["spec"].get("replicas", 1)
        names = ("replicas", "updatedReplicas", "availableReplicas")
    return {"observedGeneration": manifest["metadata"].get("generation", 0), **dict.fromkeys(names, wanted)}
