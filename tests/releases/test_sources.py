"""A release is the same from wherever it comes: the real one of 1.27.9, by each way."""

import shutil
from pathlib import Path

import pytest
import yaml

from resail.models.identity import IstioVersion
from resail.releases.archive import ArchiveSource
from resail.releases.bundle import BundleSource, write_bundle
from resail.releases.directory import DirectorySource
from resail.releases.github import GitHubSource
from resail.releases.go_module import GoModuleSource
from resail.releases.interface import ReleaseSource
from resail.releases.layout import CHARTS
from resail.releases.store import ReleaseStore
from tests.releases.release_archive import name_of, pack, write_archive
from tests.releases.web import Answer, serve

VERSION = IstioVersion(1, 27, 9)


@pytest.mark.bed
def test_the_digest_does_not_depend_on_the_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    module = ReleaseStore([GoModuleSource()], tmp_path / "module").get(VERSION, print)
    _publish(Path(module.directory) / "charts", tmp_path)
    file = write_archive(tmp_path, pack(tmp_path))
    write_bundle(tmp_path / "bundle.tar.gz", [module])
    with serve() as github:
        for one in (file, Path(f"{file}.sha256")):
            github.say(f"/istio/istio/releases/download/1.27.9/{one.name}", Answer(one.read_bytes()))
        sources: list[ReleaseSource] = [
            DirectorySource(tmp_path),
            ArchiveSource(tmp_path / name_of("1.27.9")),
            BundleSource(tmp_path / "bundle.tar.gz"),
            GitHubSource(github.address),
        ]
        for number, source in enumerate(sources):
            release = ReleaseStore([source], tmp_path / str(number)).get(VERSION, print)
            assert (release.digest, release.source) == (module.digest, source.name)


def _publish(charts: Path, folder: Path) -> None:
    """Lay the charts out as Istio's archive does, each Chart.yaml written anew as its release builder writes it."""
    for name, folders in CHARTS.items():
        there = folder / "istio-1.27.9" / "manifests" / "charts" / folders[0]
        shutil.copytree(charts / name, there)
        chart = there / "Chart.yaml"
        chart.write_text(yaml.safe_dump(yaml.safe_load(chart.read_text()), sort_keys=True))
