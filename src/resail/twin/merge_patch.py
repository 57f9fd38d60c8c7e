"""JSON merge patch: RFC 7386."""

from typing import Any

__all__ = ["patched"]


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
