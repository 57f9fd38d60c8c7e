"""What the conditions of a pod say."""

from datetime import datetime
from typing import Any

from resail.models.identity import Manifest

__all__ = ["condition", "is_active", "is_ready", "set_condition", "since_ready"]


def condition(manifest: Manifest, name: str) -> dict[str, Any] | None:
    conditions = (manifest.get("status") or {}).get("conditions") or ()
    return next((one for one in conditions if one["type"] == name), None)


def set_condition(status: dict[str, Any], name: str, value: bool, now: str, **more: str) -> None:
    """``lastTransitionTime`` stays where the value does."""
    conditions: list[dict[str, Any]] = status.setdefault("conditions", [])
    said = "True" if value else "False"
    before = next((one for one in conditions if one["type"] == name), None)
    new = {"type": name, "status": said, **more, "lastTransitionTime": now}
    if before is None:
        conditions.append(new)
        return
    if before["status"] == said:
        new["lastTransitionTime"] = before["lastTransitionTime"]
    conditions[conditions.index(before)] = new


def is_ready(pod: Manifest) -> bool:
    ready = condition(pod, "Ready")
    return ready is not None and ready["status"] == "True"


def is_active(pod: Manifest) -> bool:
    """Neither ended nor ending."""
    ended = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
    return not ended and "deletionTimestamp" not in pod["metadata"]


def since_ready(pod: Manifest, now: datetime) -> float:
    """Seconds for which a ready pod has been so, by its condition, which knows whole seconds only."""
    ready = condition(pod, "Ready")
    assert ready is not None
    return (now - datetime.fromisoformat(ready["lastTransitionTime"])).total_seconds()
