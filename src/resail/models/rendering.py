"""What is asked of a template engine, and what the planner must know of a chart."""

from typing import Any

import msgspec

__all__ = ["ChartFacts", "RenderRequest"]


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
