"""Empty fields, as the API server's types leave them out."""

import base64
from typing import Any

from resail.models.identity import Manifest

__all__ = ["tidied"]

_MAPS = frozenset({"annotations", "binaryData", "data", "labels", "limits", "matchLabels", "nodeSelector", "requests"})
"""Maps that are left out where they are empty; other empty ones say something (``emptyDir: {}``)."""
_KEPT = frozenset({"endpoints", "ports", "rules"})
"""Lists that are not."""


def tidied(manifest: Manifest) -> Manifest:
    """An object of a built-in kind without what is empty; what a Secret has as text is where the rest of it is."""
    found: Manifest = _tidy(manifest)
    if manifest.get("kind") == "Secret" and "stringData" in found:
        texts = {name: base64.b64encode(text.encode()).decode() for name, text in found.pop("stringData").items()}
        found["data"] = {**found.get("data", {}), **texts}
    return found


def _tidy(value: Any) -> Any:
    if isinstance(value, list):
        return [_tidy(item) for item in value]
    if isinstance(value, dict):
        return {name: _tidy(one) for name, one in value.items() if not _says_nothing(name, one)}
    return value


def _says_nothing(name: str, value: Any) -> bool:
    if isinstance(value, list):
        return not value and name not in _KEPT
    return value is None or (value == {} and name in _MAPS)
