"""A release from a directory of the user's: an unpacked Istio archive, or one that holds ``charts/``."""

from pathlib import Path

import yaml12

from resail.errors import ArtifactError
from resail.models.identity import IstioVersion
from resail.releases.interface import Progress
from resail.releases.layout import collect_charts

__all__ = ["DirectorySource"]


class DirectorySource:
    """Looks in the directory itself, and in its folders ``istio-VERSION`` and ``VERSION``."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @property
    def name(self) -> str:
        return f"directory {self._directory}"

    def fetch(self, version: IstioVersion, destination: Path, progress: Progress) -> None:
        """As ``ReleaseSource.fetch``."""
        tried = [self._directory / f"istio-{version}", self._directory / str(version), self._directory]
        for root in tried:
            charts = next((path for path in (root / "manifests" / "charts", root / "charts") if path.is_dir()), None)
            if charts is not None and _version_of(charts) == str(version):
                progress(f"copying Istio {version} from {root}")
                collect_charts(charts, destination / "charts")
                return
        raise ArtifactError(
            f"it has no charts of Istio {version}",
            on=str(self._directory),
            next_step=f"unpack istio-{version}.tar.gz there, so that istio-{version}/manifests/charts exists",
        )


def _version_of(charts: Path) -> str:
    file = charts / "base" / "Chart.yaml"
    if not file.is_file():
        raise ArtifactError("the chart is cut short: no Chart.yaml", on=str(file.parent), next_step="unpack it again")
    try:
        document = yaml12.parse_yaml(file.read_text())
    except (ValueError, OSError) as error:
        raise ArtifactError(f"Chart.yaml cannot be read: {error}", on=str(file), next_step="unpack it again") from error
    return str(document.get("version", "")) if isinstance(document, dict) else ""
