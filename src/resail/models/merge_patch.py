"""JSON merge patch: RFC 7386."""

from typing import Any

__all__ = ["merge_patch", "patched"]


def merge_patch(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """The patch that makes ``after`` of ``before``; empty where nothing differs."""
    patch: dict[str, Any] = {}
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        if old != new:
            patch[key] = merge_patch(old, new) if isinstance(old, dict) and isinstance(new, dict) else new
    return patch


def patched(target: Any, patch: Any) -> Any:
    """``patch`` laid over ``target``, which is left as it is; ``None`` removes a field."""
    if not isinstance(patch, dict):
        return patch
    new = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            new.pop(name, None)
        else:
            new[name] = patched(new.get(name), value)
    return new
