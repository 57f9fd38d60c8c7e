"""A release from the Go module istio.io/istio, by the ``go`` command.

The module embeds the charts as they are in the source tree. Istio's release builder stamps them when it makes an archive
(istio/release-builder, ``pkg/build/helm.go`` and ``sanitizeChart``): the chart's version and appVersion, and hub and tag of
the images. The same is done here, so that a release from here equals one from an archive in what it renders.
"""

import stat
import subprocess
import tempfile
from pathlib import Path

import msgspec

from resail.errors import ArtifactError
from resail.models.identity import IstioVersion
from resail.releases.catalogue import find_patch
from resail.releases.golang import go_command, go_environment
from resail.releases.interface import Progress
from resail.releases.layout import collect_charts

__all__ = ["GoModuleSource", "module_directory"]

_MODULE = "istio.io/istio"
_RAW_HUB = "gcr.io/istio-testing"
_RAW_TAG = "tag: latest"
_HUB = "docker.io/istio"


class _Download(msgspec.Struct):
    directory: str = msgspec.field(default="", name="Dir")
    error: str = msgspec.field(default="", name="Error")


class GoModuleSource:
    """Maps a version to its commit's pseudo-version by the catalogue: the module has no semver tags of today."""

    @property
    def name(self) -> str:
        return f"Go module {_MODULE}"

    def fetch(self, version: IstioVersion, destination: Path, progress: Progress) -> None:
        """As ``ReleaseSource.fetch``."""
        manifests = module_directory(version, progress) / "manifests" / "charts"
        collect_charts(manifests, destination / "charts")
        _stamp(destination / "charts", version)


def module_directory(version: IstioVersion, progress: Progress) -> Path:
    """The module's source tree, in Go's cache, with its charts not stamped.

    Raises:
        ArtifactError: the catalogue has no module version for it, or go cannot download it.
    """
    pseudo_version = find_patch(version).go_pseudo_version
    if not pseudo_version:
        raise ArtifactError("the catalogue has no module version for it", on=str(version), next_step="use an archive")
    go = go_command(progress)
    progress(f"fetching {_MODULE}@{pseudo_version}")
    return _download(go, pseudo_version)


def _download(go: Path, version: str) -> Path:
    with tempfile.TemporaryDirectory() as outside_any_module:
        done = subprocess.run(
            [go, "mod", "download", "-json", f"{_MODULE}@{version}"],
            capture_output=True,
            env=go_environment(),
            cwd=outside_any_module,
        )
    try:
        download = msgspec.json.decode(done.stdout, type=_Download)
    except msgspec.DecodeError:
        download = _Download(error=done.stderr.decode(errors="replace").strip()[-300:])
    if download.error or not download.directory:
        reason = download.error or "go says nothing"
        raise ArtifactError(f"go cannot download it: {reason}", on=f"{_MODULE}@{version}", next_step="see the Go proxy")
    return Path(download.directory)


def _stamp(charts: Path, version: IstioVersion) -> None:
    for path in sorted(charts.rglob("*")):
        # Go's module cache is read-only, and so is a copy of it.
        path.chmod(path.stat().st_mode | stat.S_IWUSR)
        if path.name == "Chart.yaml":
            _replace(path, {"version: 1.0.0": f"version: {version}", "appVersion: 1.0.0": f"appVersion: {version}"})
        elif path.name == "values.yaml":
            _replace(path, {_RAW_HUB: _HUB, _RAW_TAG: f"tag: {version}"})


def _replace(path: Path, words: dict[str, str]) -> None:
    text = path.read_text()
    for raw, stamped in words.items():
        text = text.replace(raw, stamped)
    path.write_text(text)
