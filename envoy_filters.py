"""What EnvoyFilters have in common: which proxies a patch is for, and which of them Istio's older charts made."""

import re
from collections.abc import Iterable

from resail.models.field_path import first
from resail.models.identity import IstioVersion, Manifest

__all__ = ["KIND", "is_of_telemetry", "takes"]

KIND = "EnvoyFilter.networking.istio.io"

_TELEMETRY = re.compile(r"(?:tcp-)?stats-filter-|stackdriver-filter-")
_MARKS = ("install.operator.istio.io/owning-resource", "operator.istio.io/component", "istio.io/rev")


def is_of_telemetry(manifest: Manifest) -> bool:
    """Did a chart before 1.21 make it for its metrics?"""
    name = manifest["metadata"].get("name", "")
    return bool(_TELEMETRY.match(name)) and any(first(manifest, f"metadata.labels.{mark}") for mark in _MARKS)


def takes(pattern: object, versions: Iterable[IstioVersion | str]) -> bool:
    """Does a ``proxyVersion`` match one of these versions? One that is no expression matches none."""
    if not isinstance(pattern, str):
        return False
    try:
        wanted = re.compile(pattern)
    except re.error:
        return False
    return any(wanted.search(str(version)) for version in versions)
