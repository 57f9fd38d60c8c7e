"""Where releases come from: in order, checked, and with a clear word for each failure."""

import shutil
from pathlib import Path

import pytest

from resail.errors import ArtifactError
from resail.models.identity import IstioVersion
from resail.releases.directory import DirectorySource
from resail.releases.store import ReleaseStore, directory_digest
from tests.releases.releases_on_disk import unpack

VERSION = IstioVersion(1, 27, 9)


def told(_: str) -> None:
    """Progress is not looked at here."""


class Broken:
    """A source that has nothing."""

    name = "somewhere else"
    asked = 0

    def fetch(self, version: IstioVersion, destination: Path, progress: object) -> None:
        self.asked += 1
        raise ArtifactError("it is on fire", next_step="put it out")


def test_the_first_source_that_has_it_is_used_and_kept(tmp_path: Path) -> None:
    unpack(tmp_path / "mirror")
    broken = Broken()
    store = ReleaseStore([broken, DirectorySource(tmp_path / "mirror")], tmp_path / "cache")
    release = store.get(VERSION, told)
    assert sorted(path.name for path in (Path(release.directory) / "charts").iterdir()) == [
        "base",
        "cni",
        "gateway",
        "istiod",
        "ztunnel",
    ]
    shutil.rmtree(tmp_path / "mirror")
    assert store.get(VERSION, told) == release
    assert broken.asked == 1


def test_a_damaged_cache_is_fetched_again(tmp_path: Path) -> None:
    unpack(tmp_path / "mirror")
    store = ReleaseStore([DirectorySource(tmp_path / "mirror")], tmp_path / "cache")
    release = store.get(VERSION, told)
    values = Path(release.directory) / "charts" / "istiod" / "values.yaml"
    values.write_text("greeting: tampered\n")
    assert store.get(VERSION, told) == release
    assert "tampered" not in values.read_text()


def test_each_source_and_its_reason_are_named(tmp_path: Path) -> None:
    store = ReleaseStore([Broken(), DirectorySource(tmp_path)], tmp_path / "cache")
    with pytest.raises(ArtifactError) as error:
        store.get(VERSION, told)
    assert "somewhere else: it is on fire" in str(error.value)
    assert f"directory {tmp_path}" in str(error.value)
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()], "nothing half fetched is left"


@pytest.mark.parametrize("missing", ["base/Chart.yaml", "istio-cni", "gateway/values.yaml"])
def test_a_truncated_release_is_refused(tmp_path: Path, missing: str) -> None:
    victim = unpack(tmp_path / "mirror") / missing
    if victim.is_dir():
        shutil.rmtree(victim)
    else:
        victim.unlink()
    with pytest.raises(ArtifactError):
        ReleaseStore([DirectorySource(tmp_path / "mirror")], tmp_path / "cache").get(VERSION, told)


def test_the_digest_is_of_names_and_contents_only(tmp_path: Path) -> None:
    charts = unpack(tmp_path / "a")
    before = directory_digest(charts)
    (charts / "base" / "Chart.yaml").touch()
    (charts / "base" / "Chart.yaml").chmod(0o600)
    assert directory_digest(charts) == before
    (charts / "base" / "Chart.yaml").rename(charts / "base" / "Chart.yml")
    assert directory_digest(charts) != before
