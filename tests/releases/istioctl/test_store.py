"""Each place that an istioctl comes from, and each way in which it can be the wrong one."""

import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import stamina

from resail.errors import ArtifactError
from resail.models.identity import IstioVersion
from resail.releases.download import Downloader
from resail.releases.istioctl.directory import DirectoryIstioctl
from resail.releases.istioctl.github import GitHubIstioctl
from resail.releases.istioctl.interface import Istioctl, IstioctlSource
from resail.releases.istioctl.platform import this_platform
from resail.releases.istioctl.store import IstioctlStore
from resail.testbed.istioctl import BuiltIstioctl
from tests.releases.istioctl.programs import archive, checksum, program, put
from tests.releases.web import Answer, Web, serve

VERSION = IstioVersion(1, 26, 0)
NAME = "istioctl-1.26.0-linux-amd64.tar.gz"
ARCHIVE = f"/istio/istio/releases/download/1.26.0/{NAME}"
CHECKSUM = f"{ARCHIVE}.sha256"


@pytest.fixture(autouse=True)
def _a_machine_without_istioctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "path").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:/usr/bin:/bin")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    # stamina's own switch: no waits between attempts.
    with stamina.set_testing(True, attempts=2, cap=True):
        yield


@pytest.fixture
def github() -> Iterator[Web]:
    with serve() as web:
        yield web


@pytest.fixture
def whole(github: Web) -> Web:
    content = archive(program("1.26.0"))
    github.say(ARCHIVE, Answer(content))
    github.say(CHECKSUM, Answer(checksum(content, NAME)))
    return github


def of(web: Web) -> GitHubIstioctl:
    return GitHubIstioctl(web.address, Downloader(silence_timeout=0.2), "linux-amd64")


def get(folder: Path, *sources: IstioctlSource) -> Istioctl:
    return IstioctlStore(sources, folder / "cache").get(VERSION, print)


def refusal(folder: Path, *sources: IstioctlSource) -> str:
    """Why it could not be had; nothing of it is left then."""
    with pytest.raises(ArtifactError) as refused:
        get(folder, *sources)
    assert not [path for path in (folder / "cache").rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert refused.value.exit_code == 9
    return str(refused.value)


def test_path_has_just_that_version(tmp_path: Path, whole: Web) -> None:
    path = put(tmp_path / "path", program("1.26.0"))
    found = get(tmp_path, of(whole))
    assert (found.path, found.source, found.version) == (str(path), "PATH", "1.26.0")
    assert whole.asked == []


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        (program("1.26.1"), 0o755, "is istioctl 1.26.1"),
        (program("11.26.0"), 0o755, "is istioctl 11.26.0"),
        (program("1.26.0"), 0o644, "it has no istioctl"),
        (b"\x7fELF", 0o755, "it cannot be run"),
        (b"#!/bin/sh\necho 1.26.0\n", 0o755, "it does not tell its version"),
        (program("1.26.0") + b"exit 3\n", 0o755, "it does not tell its version (exit 3"),
    ],
)
def test_path_has_something_else(tmp_path: Path, content: bytes, mode: int, said: str) -> None:
    put(tmp_path / "path", content, mode)
    assert said in refusal(tmp_path)


def test_an_archive_is_fetched_once_and_then_kept(tmp_path: Path, whole: Web) -> None:
    found = get(tmp_path, of(whole))
    assert whole.asked == [CHECKSUM, ARCHIVE]
    assert found.source == f"istioctl archive of {whole.address}"
    assert Path(found.path).name == "istioctl"
    assert Path(found.path).read_bytes() == program("1.26.0")
    assert os.access(found.path, os.X_OK)
    assert get(tmp_path) == found


@pytest.mark.parametrize("damage", ["changed", "not executable", "gone", "digest gone"])
def test_what_is_kept_is_checked(tmp_path: Path, whole: Web, damage: str) -> None:
    path = Path(get(tmp_path, of(whole)).path)
    match damage:
        case "changed":
            path.write_bytes(program("1.26.0") + b"# changed\n")
        case "not executable":
            path.chmod(0o644)
        case "gone":
            path.unlink()
        case _:
            (path.parent / "DIGEST").unlink()
    with pytest.raises(ArtifactError, match="it is damaged"):
        get(tmp_path)
    again = get(tmp_path, of(whole))
    assert Path(again.path).read_bytes() == program("1.26.0")
    assert len(whole.asked) == 4


def test_who_wants_it_at_the_same_time_waits(tmp_path: Path, whole: Web) -> None:
    store = IstioctlStore([of(whole)], tmp_path / "cache")
    with ThreadPoolExecutor() as threads:
        found = [each.result() for each in [threads.submit(store.get, VERSION, print) for _ in range(8)]]
    assert len(set(map(str, found))) == 1
    assert whole.asked == [CHECKSUM, ARCHIVE], "fetched once"


def test_there_is_no_such_release(tmp_path: Path, github: Web) -> None:
    assert "there is no such file (404 Not Found)" in refusal(tmp_path, of(github))
    assert github.asked == [CHECKSUM]


def test_an_archive_that_is_cut_short(tmp_path: Path, whole: Web) -> None:
    content = archive(program("1.26.0"))
    whole.say(ARCHIVE, Answer(content, sent=len(content) // 2))
    assert "it was cut short" in refusal(tmp_path, of(whole))
    whole.say(ARCHIVE, Answer(content[:-4]))
    whole.say(CHECKSUM, Answer(checksum(content[:-4], NAME)))
    assert "it is damaged or cut short" in refusal(tmp_path, of(whole))


def test_an_archive_with_another_checksum(tmp_path: Path, whole: Web) -> None:
    whole.say(ARCHIVE, Answer(archive(program("1.26.0") + b"# changed\n")))
    assert f"{whole.address}{ARCHIVE}: its SHA-256 is" in refusal(tmp_path, of(whole))


@pytest.mark.parametrize(
    ("content", "member", "said"),
    [
        (program("1.25.1"), "istioctl", "it says that it is istioctl 1.25.1, not 1.26.0"),
        (program("1.26.0"), "other/place/istioctl", "the archive has no istioctl"),
        (program("1.26.0"), "../istioctl", "leads out of it"),
        (b"not a program", "istioctl", "it cannot be run"),
    ],
)
def test_an_archive_of_something_else(tmp_path: Path, github: Web, content: bytes, member: str, said: str) -> None:
    packed = archive(content, member)
    github.say(ARCHIVE, Answer(packed))
    github.say(CHECKSUM, Answer(checksum(packed, NAME)))
    assert said in refusal(tmp_path, of(github))


@pytest.mark.parametrize(
    ("file", "member"),
    [(NAME, "istioctl"), ("istio-1.26.0-linux-amd64.tar.gz", "istio-1.26.0/bin/istioctl")],
)
def test_a_directory_with_an_archive(tmp_path: Path, file: str, member: str) -> None:
    content = archive(program("1.26.0"), member)
    (tmp_path / file).write_bytes(content)
    source = DirectoryIstioctl(tmp_path, "linux-amd64")
    assert f"{file}.sha256 is not beside it" in refusal(tmp_path, source)
    (tmp_path / f"{file}.sha256").write_bytes(checksum(b"another", file))
    assert "its SHA-256 is" in refusal(tmp_path, source)
    (tmp_path / f"{file}.sha256").write_bytes(checksum(content, file))
    assert get(tmp_path, source).source == f"directory {tmp_path}"


@pytest.mark.parametrize("below", ["istio-1.26.0/bin", "1.26.0", "bin", "."])
def test_a_directory_with_an_unpacked_release(tmp_path: Path, below: str) -> None:
    put(tmp_path / "mirror" / below, program("1.26.0"), 0o644)
    assert Path(get(tmp_path, DirectoryIstioctl(tmp_path / "mirror", "linux-amd64")).path).parent.name == "1.26.0"


def test_a_directory_of_another_version(tmp_path: Path) -> None:
    put(tmp_path / "mirror" / "bin", program("1.27.9"))
    source = DirectoryIstioctl(tmp_path / "mirror", "linux-amd64")
    assert "it says that it is istioctl 1.27.9" in refusal(tmp_path, source)
    assert "it has no istioctl 1.26.0" in refusal(tmp_path, DirectoryIstioctl(tmp_path / "empty", "linux-amd64"))


def test_only_pinned_versions_are_built(tmp_path: Path) -> None:
    destination = tmp_path / "istioctl"
    with pytest.raises(ArtifactError, match=r"only 1\.24\.0, 1\.25\.1, 1\.26\.0, 1\.27\.9 can be built"):
        BuiltIstioctl().fetch(IstioVersion(1, 26, 8), destination, print)
    assert not destination.exists()


def test_every_source_that_was_tried_is_named_in_order(tmp_path: Path, github: Web) -> None:
    put(tmp_path / "path", program("1.27.9"))
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        away = GitHubIstioctl(f"http://127.0.0.1:{held.getsockname()[1]}", platform="linux-amd64")
        said = refusal(tmp_path, DirectoryIstioctl(tmp_path, "linux-amd64"), of(github), away)
    told = ["PATH: ", "cache ", "directory ", f"istioctl archive of {github.address}", "the host cannot be reached"]
    places = [said.index(word) for word in told]
    assert places == sorted(places)


def test_a_cache_that_cannot_be_written(tmp_path: Path, whole: Web) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(ArtifactError, match="it cannot be kept"):
        get(tmp_path, of(whole))


@pytest.mark.parametrize(
    ("system", "machine", "named"),
    [
        ("linux", "x86_64", "linux-amd64"),
        ("linux", "aarch64", "linux-arm64"),
        ("darwin", "x86_64", "osx-amd64"),
        ("darwin", "arm64", "osx-arm64"),
    ],
)
def test_platforms_are_named_as_istio_names_its_files(system: str, machine: str, named: str) -> None:
    assert this_platform(system, machine) == named


def test_a_machine_that_istio_publishes_nothing_for() -> None:
    with pytest.raises(ArtifactError, match="win32 on AMD64"):
        this_platform("win32", "AMD64")
