"""A release from a directory of the user's: an unpacked Istio archive, or one that holds ``charts/``."""

from pathlib import Path

import yaml12

from resail.errors import ArtifactError, UsageError
from resail.models.identity import IstioVersion
from resail.releases.interface import Progress
from resail.releases.layout import collect_charts

__all__ = ["DirectorySource"]


class DirectorySource:
    """Looks in the directory itself, and in its folders ``istio-VERSION`` and ``VERSION``."""

    def __init__(self, directory: Path, name: str = "") -> None:
        """``name`` is the source's, where it is not just a directory of the user's."""
        self._directory = directory
        self._name = name or f"directory {directory}"

    @property
    def name(self) -> str:
        return self._name

    def versions(self) -> tuple[IstioVersion, ...]:
        """What is there, oldest first.

        Raises:
            ArtifactError: nothing is, or what is there is damaged.
        """
        below = sorted(self._directory.iterdir()) if self._directory.is_dir() else []
        found = [_parsed(charts) for root in (self._directory, *below) if (charts := _charts_of(root))]
        if not found:
            raise ArtifactError(
                "there is no release in it",
                on=self._name,
                next_step="give a bundle, or a release archive of Istio",
            )
        return tuple(sorted(set(found)))

    def fetch(self, version: IstioVersion, destination: Path, progress: Progress) -> None:
        """As ``ReleaseSource.fetch``."""
        tried = [self._directory / f"istio-{version}", self._directory / str(version), self._directory]
        for root in tried:
            charts = _charts_of(root)
            if charts is not None and _version_of(charts) == str(version):
                progress(f"copying Istio {version} from {self._name}")
                collect_charts(charts, destination / "charts")
                return
        raise ArtifactError(
            f"it has no charts of Istio {version}",
            on=self._name,
            next_step=f"unpack istio-{version}.tar.gz there, so that istio-{version}/manifests/charts exists",
        )


def _charts_of(root: Path) -> Path | None:
    return next((path for path in (root / "manifests" / "charts", root / "charts") if path.is_dir()), None)


def _parsed(charts: Path) -> IstioVersion:
    try:
        return IstioVersion.parse(_version_of(charts))
    except UsageError as error:
        raise ArtifactError(f"its charts have no version: {error}", on=str(charts), next_step="get it again") from error


def _version_of(charts: Path) -> str:
    file = charts / "base" / "Chart.yaml"
    if not file.is_file():
        raise ArtifactError("the chart is cut short: no Chart.yaml", on=str(file.parent), next_step="unpack it again")
    try:
        document = yaml12.parse_yaml(file.read_text())
    except (ValueError, OSError) as error:
        raise ArtifactError(f"Chart.yaml cannot be read: {error}", on=str(file), next_step="unpack it again") from error
    return str(document.get("version", "")) if isinstance(document, dict) else ""
