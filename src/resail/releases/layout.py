"""Where a release's charts are: in Istio's source tree and archives, and in ours."""

import shutil
from pathlib import Path

from resail.errors import ArtifactError

__all__ = ["CHARTS", "collect_charts"]

CHARTS = {
    "base": ("base",),
    "istiod": ("istio-control/istio-discovery", "istiod"),
    "cni": ("istio-cni", "cni"),
    "ztunnel": ("ztunnel",),
    "gateway": ("gateway",),
}
"""Our name of a chart → its folder in Istio's archives, then in a directory laid out as ours."""


def collect_charts(source: Path, destination: Path) -> None:
    """Copy the five charts of ``source`` (a ``manifests/charts``) into ``destination`` under our names.

    Raises:
        ArtifactError: one is not there, or cut short.
    """
    for name, folders in CHARTS.items():
        found = next((source / folder for folder in folders if (source / folder).is_dir()), None)
        if found is None:
            raise ArtifactError(f"it has no chart {name}", on=str(source), next_step="get the whole release archive")
        for needed in ("Chart.yaml", "values.yaml"):
            if not (found / needed).is_file():
                raise ArtifactError(
                    f"the chart {name} is cut short: {needed} is missing", on=str(found), next_step="get it again"
                )
        shutil.copytree(found, destination / name)
