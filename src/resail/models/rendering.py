"""What is asked of a template engine or of istioctl, and what the planner must know of a chart."""

from typing import Any

import msgspec

from resail.models.identity import IstioVersion

__all__ = ["ChartFacts", "IstioctlRequest", "RenderRequest"]


class ChartFacts(msgspec.Struct, frozen=True):
    """What the planner must know of a chart without rendering it."""

    name: str
    version: str
    values: dict[str, Any]
    """Its default values, as the chart merges them."""


class RenderRequest(msgspec.Struct, frozen=True):
    """One chart to render."""

    chart: str
    """Directory below the release's ``charts/``: ``base``, ``istiod``, ``cni``, ``ztunnel``, ``gateway``."""
    release: str
    namespace: str
    values: dict[str, Any]
    kubernetes_version: str


class IstioctlRequest(msgspec.Struct, frozen=True):
    """One ``istioctl manifest generate``."""

    version: IstioVersion
    """Of the istioctl."""
    configuration: dict[str, Any]
    """The whole IstioOperator."""
    kubernetes_version: str
