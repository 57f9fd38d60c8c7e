"""Bundles: what is put in comes out, and no byte can change on the way."""

import gzip
import io
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from resail.errors import ArtifactError
from resail.models.encoding import digest_bytes
from resail.models.identity import IstioVersion
from resail.models.release import Release
from resail.releases.bundle import BundleSource, is_bundle, write_bundle
from resail.releases.digest import directory_digest
from resail.releases.directory import DirectorySource
from resail.releases.seal import LONGEST_HEADER, open_seal, seal
from resail.releases.store import ReleaseStore
from tests.releases.releases_on_disk import unpack

VERSIONS = (IstioVersion(1, 26, 0), IstioVersion(1, 27, 9))


def told(_: str) -> None:
    """Progress is not looked at here."""


def stored(folder: Path, version: IstioVersion) -> Release:
    """A release in a cache below ``folder``."""
    mirror = folder / "mirror"
    unpack(mirror, str(version))
    return ReleaseStore([DirectorySource(mirror)], folder / "cache").get(version, told)


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> list[Release]:
    folder = tmp_path_factory.mktemp("releases")
    return [stored(folder, version) for version in VERSIONS]


@pytest.fixture(scope="module")
def bundle(releases: list[Release], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_bundle(tmp_path_factory.mktemp("bundle") / "b.tar.gz", releases)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "bundle.tar.gz"


names = st.text("abcé-_. ", min_size=1, max_size=120).map(lambda name: f"x{name}x")


@settings(max_examples=15)
@given(extra=st.dictionaries(names, st.binary(max_size=2000), max_size=4))
def test_what_is_put_in_comes_out(
    extra: dict[str, bytes], releases: list[Release], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("round")
    # More files than the small charts have, of whatever names and contents.
    shutil.copytree(releases[1].directory, folder / "more")
    for name, content in extra.items():
        (folder / "more" / "charts" / "base" / name).write_bytes(content)
    more = structs.replace(releases[1], directory=str(folder / "more"), digest=directory_digest(folder / "more" / "charts"))
    data = write_bundle(folder / "b.tar.gz", [releases[0], more])
    assert data == write_bundle(folder / "again.tar.gz", [more, releases[0]])
    assert (folder / "b.tar.gz").read_bytes() == data
    source = BundleSource(folder / "b.tar.gz")
    assert source.versions() == VERSIONS
    (folder / "out").mkdir()
    source.fetch(more.version, folder / "out", told)
    assert directory_digest(folder / "out" / "charts") == more.digest
    assert [path.name for path in (folder / "out").iterdir()] == ["charts"]
    shutil.rmtree(folder)


@given(data=st.data())
def test_a_flipped_bit_is_refused(data: st.DataObject, bundle: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    near = st.integers(0, LONGEST_HEADER + 4) | st.integers(len(bundle) - 12, len(bundle) - 1)
    at = data.draw(near | st.integers(0, len(bundle) - 1))
    flipped = bytearray(bundle)
    flipped[at] ^= 1 << data.draw(st.integers(0, 7))
    refuse(bytes(flipped), tmp_path_factory)


@given(data=st.data())
def test_a_bundle_cut_short_or_grown_is_refused(
    data: st.DataObject, bundle: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    refuse(bundle[: data.draw(st.integers(0, len(bundle) - 1))], tmp_path_factory)
    refuse(bundle + data.draw(st.binary(min_size=1, max_size=600)), tmp_path_factory)


def refuse(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("refused")
    (folder / "b.tar.gz").write_bytes(content)
    source = BundleSource(folder / "b.tar.gz")
    (folder / "there").mkdir()
    for use in (source.versions, lambda: source.fetch(VERSIONS[0], folder / "there", told)):
        with pytest.raises(ArtifactError) as error:
            use()
        assert error.value.next_step
    assert not list((folder / "there").iterdir())
    shutil.rmtree(folder)


def test_usual_tools_read_it(file: Path, bundle: bytes) -> None:
    file.write_bytes(bundle)
    assert is_bundle(file)
    listed = subprocess.run(["tar", "-tzf", file], capture_output=True, text=True, check=True).stdout.splitlines()
    assert listed[0] == "bundle.json"
    assert {name.split("/")[0] for name in listed[1:]} == {"1.26.0", "1.27.9"}
    subprocess.run(["gzip", "-t", file], check=True)
    with tarfile.open(file) as archive:
        assert {(member.mtime, member.uid, member.uname, member.mode) for member in archive} == {(0, 0, "", 0o644)}


def remade(bundle: bytes, change: Callable[[dict[str, bytes]], None]) -> bytes:
    """The bundle as someone would seal it who wants it to look right."""
    with tarfile.open(fileobj=io.BytesIO(bundle)) as archive:
        members = {one.name: stream.read() for one in archive if (stream := archive.extractfile(one))}
    change(members)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return seal(buffer.getvalue())


def contents_changed(*words: tuple[bytes, bytes]) -> Callable[[dict[str, bytes]], None]:
    def change(members: dict[str, bytes]) -> None:
        for before, after in words:
            assert before in members["bundle.json"]
            members["bundle.json"] = members["bundle.json"].replace(before, after)

    return change


def with_another_file(members: dict[str, bytes]) -> None:
    members["1.27.9/charts/base/more.yaml"] = b"more"


def with_a_changed_file(members: dict[str, bytes]) -> None:
    members["1.27.9/charts/base/values.yaml"] += b"more: true\n"


def with_a_changed_file_that_is_owned_up_to(members: dict[str, bytes]) -> None:
    path = "1.27.9/charts/base/templates/map.yaml"
    before = digest_bytes(members[path])
    members[path] += b"# more\n"
    after = digest_bytes(members[path])
    contents = msgspec.json.decode(members["bundle.json"])
    files = next(one["files"] for one in contents["releases"] if one["version"] == "1.27.9")
    assert files["charts/base/templates/map.yaml"] == before
    files["charts/base/templates/map.yaml"] = after
    members["bundle.json"] = msgspec.json.encode(contents)


def without_contents(members: dict[str, bytes]) -> None:
    del members["bundle.json"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (with_another_file, "its files are not those"),
        (with_a_changed_file, "its files are not those"),
        (with_a_changed_file_that_is_owned_up_to, r"Istio 1\.27\.9 in it is not what its digest says"),
        (without_contents, r"no bundle\.json"),
        (contents_changed((b'"format_version": 1', b'"format_version": 2')), "its format is 2"),
        (contents_changed((b'"releases"', b'"relieves"')), "cannot be read as"),
    ],
)
def test_a_sealed_bundle_is_still_not_believed(
    file: Path, bundle: bytes, change: Callable[[dict[str, bytes]], None], said: str
) -> None:
    file.write_bytes(remade(bundle, lambda _: None))
    assert BundleSource(file).versions() == VERSIONS
    file.write_bytes(remade(bundle, change))
    with pytest.raises(ArtifactError, match=said):
        BundleSource(file).versions()


@pytest.mark.parametrize("version", ["../../outside", "v1.27.9", "1.27", "1.27.9+../x"])
def test_a_version_that_is_none_is_no_folders_name(file: Path, version: str) -> None:
    contents = {"format_version": 1, "releases": [{"version": version, "digest": "sha256:0", "files": {}}]}
    member = tarfile.TarInfo("bundle.json")
    member.size = len(msgspec.json.encode(contents))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(member, io.BytesIO(msgspec.json.encode(contents)))
    file.write_bytes(seal(buffer.getvalue()))
    with pytest.raises(ArtifactError, match="version"):
        BundleSource(file).versions()


def test_a_seal_does_not_unpack_more_than_it_may() -> None:
    sealed = seal(b"\0" * 1_000_000)
    assert len(sealed) < 2000
    assert open_seal(sealed, 1_000_000) == gzip.decompress(sealed)
    with pytest.raises(ArtifactError, match="more than"):
        open_seal(sealed, 999_999)


def test_a_place_that_cannot_be_written_to_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="cannot be written"):
        write_bundle(tmp_path / "nowhere" / "b.tar.gz", [stored(tmp_path, VERSIONS[0])])
    (tmp_path / "taken.tar.gz").mkdir()
    with pytest.raises(ArtifactError, match="cannot be written"):
        write_bundle(tmp_path / "taken.tar.gz", [stored(tmp_path, VERSIONS[1])])
    assert not list(tmp_path.glob(".*"))


def test_what_is_no_bundle(tmp_path: Path) -> None:
    assert not is_bundle(tmp_path / "nowhere")
    (tmp_path / "other.gz").write_bytes(gzip.compress(b"hello"))
    assert not is_bundle(tmp_path / "other.gz")
    with pytest.raises(ArtifactError, match="cannot be read"):
        BundleSource(tmp_path / "nowhere").versions()
