"""Where releases come from: in order, checked, and with a clear word for each failure."""

import os
import shutil
from pathlib import Path

import pytest

from resail.errors import ArtifactError
from resail.models.identity import IstioVersion
from resail.releases.digest import directory_digest
from resail.releases.directory import DirectorySource
from resail.releases.store import ReleaseStore
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


def test_the_users_directories_come_before_the_cache_and_are_read_anew(tmp_path: Path) -> None:
    charts = unpack(tmp_path / "mine")
    unpack(tmp_path / "published")
    plain = ReleaseStore([DirectorySource(tmp_path / "published")], tmp_path / "cache")
    published = plain.get(VERSION, told)
    (charts / "base" / "values.yaml").write_text("greeting: mine\n")
    store = ReleaseStore([Broken()], tmp_path / "cache", [tmp_path / "none", tmp_path / "mine"])
    mine = store.get(VERSION, told)
    assert mine.source == f"directory {tmp_path / 'mine'}"
    assert mine.digest != published.digest
    (charts / "base" / "values.yaml").write_text("greeting: mine again\n")
    assert store.get(VERSION, told).digest not in (mine.digest, published.digest)
    assert plain.get(VERSION, told) == published, "what a user's own directory has is kept apart"
    shutil.rmtree(tmp_path / "mine")
    assert store.get(VERSION, told) == published


def test_all_that_was_tried_is_named_in_order(tmp_path: Path) -> None:
    (tmp_path / "mirror").mkdir()
    release = ReleaseStore([DirectorySource(unpack(tmp_path / "first").parents[2])], tmp_path / "cache").get(VERSION, told)
    (Path(release.directory) / "charts" / "base" / "values.yaml").write_text("tampered: true\n")
    store = ReleaseStore([Broken(), DirectorySource(tmp_path / "mirror")], tmp_path / "cache", [tmp_path / "mine"])
    with pytest.raises(ArtifactError) as error:
        store.get(VERSION, told)
    words = str(error.value)
    places = [
        words.index(name)
        for name in (
            f"directory {tmp_path / 'mine'}:",
            "cache ",
            "somewhere else: it is on fire",
            f"directory {tmp_path / 'mirror'}:",
        )
    ]
    assert places == sorted(places)


def test_what_is_added_takes_the_place_of_what_was_kept(tmp_path: Path) -> None:
    store = ReleaseStore([], tmp_path / "cache")
    charts = unpack(tmp_path / "one")
    first = store.add(DirectorySource(tmp_path / "one"), VERSION, told)
    assert store.get(VERSION, told) == first
    (charts / "base" / "values.yaml").write_text("greeting: anew\n")
    second = store.add(DirectorySource(tmp_path / "one"), VERSION, told)
    assert store.get(VERSION, told) == second
    assert second.digest != first.digest
    (charts / "base" / "values.yaml").unlink()
    with pytest.raises(ArtifactError):
        store.add(DirectorySource(tmp_path / "one"), VERSION, told)
    assert store.get(VERSION, told) == second


def test_files_that_a_run_may_be_reading_stay_where_the_same_is_added(tmp_path: Path) -> None:
    store = ReleaseStore([], tmp_path / "cache")
    unpack(tmp_path / "one")
    unpack(tmp_path / "two")
    first = store.add(DirectorySource(tmp_path / "one"), VERSION, told)
    with (Path(first.directory) / "charts" / "base" / "values.yaml").open() as read_by_a_run:
        second = store.add(DirectorySource(tmp_path / "two"), VERSION, told)
        assert os.fstat(read_by_a_run.fileno()).st_nlink == 1, "it was not deleted"
    assert (second.digest, second.source) == (first.digest, f"directory {tmp_path / 'two'}")


def test_a_chart_counts_by_what_its_description_says(tmp_path: Path) -> None:
    # As Istio's release builder writes it anew: keys sorted, comments gone.
    charts = unpack(tmp_path / "a")
    before = directory_digest(charts)
    chart = charts / "base" / "Chart.yaml"
    chart.write_text('appVersion: "1.27.9"\napiVersion: v2\n# a comment\nversion: 1.27.9\nname: base\n')
    assert directory_digest(charts) == before
    chart.write_text("appVersion: 1.27.9\napiVersion: v2\nversion: 1.27.8\nname: base\n")
    assert directory_digest(charts) != before
    chart.write_bytes(b"\xff: [")
    assert directory_digest(charts) != before


def test_a_directory_tells_which_releases_it_has(tmp_path: Path) -> None:
    unpack(tmp_path, "1.27.9")
    charts = unpack(tmp_path, "1.26.0")
    (tmp_path / "notes").mkdir()
    assert DirectorySource(tmp_path).versions() == (IstioVersion(1, 26, 0), VERSION)
    assert DirectorySource(tmp_path / "istio-1.27.9").versions() == (VERSION,)
    for nothing in (tmp_path / "notes", tmp_path / "nowhere"):
        with pytest.raises(ArtifactError, match="no release"):
            DirectorySource(nothing).versions()
    (charts / "base" / "Chart.yaml").write_text("version: latest\n")
    with pytest.raises(ArtifactError, match="no version"):
        DirectorySource(tmp_path).versions()
