"""Istio's own archives: the charts are taken, and nothing that an archive says is believed."""

import gzip
import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resail.errors import ArtifactError
from resail.models.identity import IstioVersion
from resail.releases.archive import ArchiveSource, unpack
from resail.releases.digest import directory_digest
from resail.releases.directory import DirectorySource
from tests.releases.release_archive import pack, pack_members, write_archive

VERSION = IstioVersion(1, 27, 9)
CHARTS = "istio-1.27.9/manifests/charts"


def told(_: str) -> None:
    """Progress is not looked at here."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return pack(tmp_path_factory.mktemp("istio"))


def fetched(source: ArchiveSource | DirectorySource, destination: Path) -> str:
    destination.mkdir()
    source.fetch(VERSION, destination, told)
    return directory_digest(destination)


@pytest.mark.parametrize("checksum", [True, False])
def test_the_charts_of_an_archive_are_those_of_its_directory(tmp_path: Path, checksum: bool) -> None:
    content = pack(tmp_path)
    source = ArchiveSource(write_archive(tmp_path, content, checksum=checksum))
    assert source.versions() == (VERSION,)
    assert fetched(source, tmp_path / "a") == fetched(DirectorySource(tmp_path), tmp_path / "b")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["charts"]


def test_another_version_than_the_archives_is_not_in_it(tmp_path: Path, whole: bytes) -> None:
    with pytest.raises(ArtifactError, match=r"no charts of Istio 1\.27\.8"):
        ArchiveSource(write_archive(tmp_path, whole)).fetch(IstioVersion(1, 27, 8), tmp_path, told)


@pytest.mark.parametrize("checksum", [True, False])
@pytest.mark.parametrize("kept", [0, 1, 5, 100, 0.5, 0.9, -1])
def test_an_archive_that_is_cut_short_is_refused(tmp_path: Path, whole: bytes, kept: float, checksum: bool) -> None:
    length = int(len(whole) * kept) if isinstance(kept, float) else kept
    file = write_archive(tmp_path, whole, checksum=checksum)
    file.write_bytes(whole[:length])
    with pytest.raises(ArtifactError):
        ArchiveSource(file).versions()


def test_the_checksum_beside_an_archive_is_compared(tmp_path: Path, whole: bytes) -> None:
    file = write_archive(tmp_path, whole)
    # The time in gzip's header, which no checksum of gzip's own covers.
    file.write_bytes(whole[:4] + bytes([whole[4] ^ 1]) + whole[5:])
    with pytest.raises(ArtifactError, match="SHA-256"):
        ArchiveSource(file).versions()
    (tmp_path / f"{file.name}.sha256").write_text("<html>not here</html>")
    with pytest.raises(ArtifactError, match="no SHA-256 checksum"):
        ArchiveSource(file).versions()


def regular(name: str, content: bytes = b"x") -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    return member, content


def special(kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(f"{CHARTS}/base/values.yaml")
    member.type = kind
    member.linkname = target
    return member, b""


@pytest.mark.parametrize(
    ("member", "said"),
    [
        (regular("../outside"), "leads out"),
        (regular(f"{CHARTS}/../../../../outside"), "leads out"),
        (regular("/outside"), "leads out"),
        (regular(f"{CHARTS}\\..\\outside"), "leads out"),
        (regular("c:/outside"), "leads out"),
        (special(tarfile.SYMTYPE, "/etc/passwd"), "link or a device"),
        (special(tarfile.SYMTYPE, "Chart.yaml"), "link or a device"),
        (special(tarfile.LNKTYPE, f"{CHARTS}/base/Chart.yaml"), "link or a device"),
        (special(tarfile.CHRTYPE), "link or a device"),
        (special(tarfile.BLKTYPE), "link or a device"),
        (special(tarfile.FIFOTYPE), "link or a device"),
    ],
)
def test_members_that_no_release_has_are_refused(tmp_path: Path, member: tuple[tarfile.TarInfo, bytes], said: str) -> None:
    content = pack_members([regular(f"{CHARTS}/base/Chart.yaml"), member])
    inside = tmp_path / "a" / "b" / "c" / "d" / "e"
    inside.mkdir(parents=True)
    with pytest.raises(ArtifactError, match=said):
        ArchiveSource(write_archive(tmp_path, content)).versions()
    with pytest.raises(ArtifactError, match=said), gzip.open(io.BytesIO(content)) as stream:
        unpack(stream, inside, lambda _: True, 10**6, "it")
    assert not list(tmp_path.rglob("outside"))


def test_a_name_twice_or_as_file_and_folder_is_refused(tmp_path: Path) -> None:
    for second in ("a", "a/b"):
        (tmp_path / second[-1]).mkdir()
        with (
            pytest.raises(ArtifactError, match="twice"),
            gzip.open(io.BytesIO(pack_members([regular("a"), regular(second)]))) as stream,
        ):
            unpack(stream, tmp_path / second[-1], lambda _: True, 10**6, "it")


@pytest.mark.parametrize("keep", [True, False])
def test_what_unpacks_to_too_much_is_refused_before_it_is_written(tmp_path: Path, keep: bool) -> None:
    bomb = pack_members([regular("zeros", b"\0" * 5_000_000)])
    with pytest.raises(ArtifactError, match="more than a release"), gzip.open(io.BytesIO(bomb)) as stream:
        unpack(stream, tmp_path, lambda _: keep, 1_000_000, "it")
    assert not list(tmp_path.iterdir())


def test_a_member_that_says_it_is_huge_is_refused(tmp_path: Path) -> None:
    member = tarfile.TarInfo(f"{CHARTS}/base/values.yaml")
    member.size = 2**40
    with pytest.raises(ArtifactError, match="more than a release"):
        ArchiveSource(write_archive(tmp_path, gzip.compress(member.tobuf()))).versions()


@given(data=st.data())
def test_no_bytes_bring_it_down(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory, whole: bytes) -> None:
    tar = bytearray(gzip.decompress(whole))
    for _ in range(data.draw(st.integers(1, 8))):
        # Headers are where the meaning is: most of the archive is zeros.
        block = data.draw(st.integers(0, len(tar) // 512 - 1))
        tar[block * 512 + data.draw(st.integers(0, 300))] = data.draw(st.integers(0, 255))
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "in").mkdir()
    try:
        unpack(io.BytesIO(bytes(tar)), folder / "in", lambda _: True, 10**6, "it")
    except ArtifactError as error:
        assert error.next_step
    assert [path.name for path in folder.iterdir()] == ["in"]
