"""Istio's archives from the web: whole, or a clear word of why not, and asked again only where that can help."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import stamina

from resail.errors import ArtifactError
from resail.models.identity import IstioVersion
from resail.models.release import Release
from resail.releases.directory import DirectorySource
from resail.releases.download import Downloader
from resail.releases.github import GitHubSource, github_address
from resail.releases.store import ReleaseStore
from tests.releases.release_archive import name_of, pack, write_archive
from tests.releases.web import Answer, Web, serve

VERSION = IstioVersion(1, 27, 9)
ARCHIVE = f"/istio/istio/releases/download/1.27.9/{name_of('1.27.9')}"
CHECKSUM = f"{ARCHIVE}.sha256"
ATTEMPTS = 4


@pytest.fixture(autouse=True)
def _no_waits_and_no_proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "RESAIL_GITHUB"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    # stamina's own switch: as many attempts, no waits between them.
    with stamina.set_testing(True, attempts=ATTEMPTS, cap=True):
        yield


@pytest.fixture
def github() -> Iterator[Web]:
    with serve() as web:
        yield web


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What Istio publishes: path → content."""
    folder = tmp_path_factory.mktemp("published")
    file = write_archive(folder, pack(folder))
    return {ARCHIVE: file.read_bytes(), CHECKSUM: Path(f"{file}.sha256").read_bytes()}


@pytest.fixture
def whole(github: Web, published: dict[str, bytes]) -> Web:
    for path, content in published.items():
        github.say(path, Answer(content))
    return github


def source_of(web: Web) -> GitHubSource:
    return GitHubSource(web.address, Downloader(silence_timeout=0.2))


class Outcome:
    """What became of getting the release into an empty cache."""

    def __init__(self, source: GitHubSource, cache: Path) -> None:
        self.told: list[str] = []
        self.release: Release | None = None
        self.error = ""
        try:
            self.release = ReleaseStore([source], cache).get(VERSION, self.told.append)
        except ArtifactError as error:
            self.error = str(error)
            assert not [path for path in cache.rglob("*") if path.is_file()], "nothing half fetched is left"


def test_an_archive_is_fetched_checked_and_kept(whole: Web, tmp_path: Path) -> None:
    outcome = Outcome(source_of(whole), tmp_path)
    assert outcome.release
    assert sorted(path.name for path in Path(outcome.release.directory).iterdir()) == ["DIGEST", "SOURCE", "charts"]
    assert whole.asked == [CHECKSUM, ARCHIVE]
    unpacked = tmp_path / "unpacked"
    pack(unpacked)
    assert ReleaseStore([DirectorySource(unpacked)], tmp_path / "other").get(VERSION, print).digest == outcome.release.digest


def test_there_is_no_such_release(github: Web, tmp_path: Path) -> None:
    assert "there is no such file (404 Not Found)" in Outcome(source_of(github), tmp_path).error
    assert github.asked == [CHECKSUM], "asked once, and not for the archive"


def test_a_server_that_fails_for_a_while_is_asked_again(whole: Web, published: dict[str, bytes], tmp_path: Path) -> None:
    whole.say(CHECKSUM, Answer(status=500), Answer(published[CHECKSUM]))
    whole.say(ARCHIVE, Answer(status=503), Answer(status=502), Answer(published[ARCHIVE]))
    assert Outcome(source_of(whole), tmp_path).release
    assert whole.asked == [CHECKSUM] * 2 + [ARCHIVE] * 3


@pytest.mark.parametrize(
    ("status", "asked", "said"),
    [(500, ATTEMPTS, "the server failed: 500"), (429, ATTEMPTS, "the server failed: 429"), (403, 1, "the server refuses: 403")],
)
def test_a_server_that_always_fails_is_given_up(whole: Web, tmp_path: Path, status: int, asked: int, said: str) -> None:
    whole.say(ARCHIVE, Answer(status=status))
    assert said in Outcome(source_of(whole), tmp_path).error
    assert whole.asked == [CHECKSUM] + [ARCHIVE] * asked


def test_an_archive_that_is_cut_short_once_is_fetched_again(whole: Web, published: dict[str, bytes], tmp_path: Path) -> None:
    content = published[ARCHIVE]
    whole.say(ARCHIVE, Answer(content, sent=len(content) // 2), Answer(content, sent=0), Answer(content))
    assert Outcome(source_of(whole), tmp_path).release


def test_an_archive_that_is_always_cut_short_is_refused(whole: Web, published: dict[str, bytes], tmp_path: Path) -> None:
    whole.say(ARCHIVE, Answer(published[ARCHIVE], sent=len(published[ARCHIVE]) - 1))
    assert "it was cut short" in Outcome(source_of(whole), tmp_path).error
    assert whole.asked == [CHECKSUM] + [ARCHIVE] * ATTEMPTS


def test_an_archive_with_another_checksum_is_refused(whole: Web, published: dict[str, bytes], tmp_path: Path) -> None:
    changed = bytearray(published[ARCHIVE])
    changed[4] ^= 1  # the time in gzip's header: it unpacks all the same
    whole.say(ARCHIVE, Answer(bytes(changed)))
    outcome = Outcome(source_of(whole), tmp_path)
    assert f"{whole.address}{ARCHIVE}: its SHA-256 is" in outcome.error
    assert whole.asked == [CHECKSUM, ARCHIVE]


def test_a_server_that_calls_the_archive_an_encoding_of_something_else(
    whole: Web, published: dict[str, bytes], tmp_path: Path
) -> None:
    # Some do so for every .gz; what is checked is the file as it was published.
    whole.say(ARCHIVE, Answer(published[ARCHIVE], headers={"Content-Encoding": "gzip"}))
    assert Outcome(source_of(whole), tmp_path).release


def test_a_checksum_that_is_none_is_refused(whole: Web, tmp_path: Path) -> None:
    whole.say(CHECKSUM, Answer(b"<html>please log in</html>"))
    assert "no SHA-256 checksum" in Outcome(source_of(whole), tmp_path).error


def test_a_redirect_to_another_host_is_followed(whole: Web, published: dict[str, bytes], tmp_path: Path) -> None:
    with serve() as files:
        for path in (CHECKSUM, ARCHIVE):
            whole.say(path, Answer(status=302, headers={"Location": f"{files.address}/blob?of={path}"}))
            files.say(f"/blob?of={path}", Answer(published[path]))
        assert Outcome(source_of(whole), tmp_path).release
        assert len(files.asked) == 2
        whole.say(ARCHIVE, Answer(status=302, headers={"Location": f"{whole.address}{ARCHIVE}"}))
        assert "redirect" in Outcome(source_of(whole), tmp_path / "new").error


def test_a_server_that_hangs_before_it_ever_answers_is_asked_once(whole: Web, tmp_path: Path) -> None:
    # Without even a status line: the connection is taken, and nothing comes.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        outcome = Outcome(GitHubSource(address, Downloader(silence_timeout=0.2)), tmp_path)
        assert "the host does not go on" in outcome.error
        silent.settimeout(0)
        silent.accept()
        with pytest.raises(BlockingIOError):
            silent.accept()


def test_a_server_that_hangs_in_the_middle_is_asked_again(whole: Web, published: dict[str, bytes], tmp_path: Path) -> None:
    content = published[ARCHIVE]
    whole.say(ARCHIVE, Answer(content, sent=100, hangs=True), Answer(content))
    assert Outcome(source_of(whole), tmp_path).release
    whole.say(ARCHIVE, Answer(content, sent=100, hangs=True))
    assert "the host does not go on" in Outcome(source_of(whole), tmp_path / "new").error


def test_a_host_that_is_not_there_is_asked_once_and_the_next_source_is_used(tmp_path: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{held.getsockname()[1]}"
        outcome = Outcome(GitHubSource(address, Downloader()), tmp_path / "cache")
        assert "the host cannot be reached" in outcome.error
        pack(tmp_path)
        store = ReleaseStore([GitHubSource(address), DirectorySource(tmp_path)], tmp_path / "cache")
        told: list[str] = []
        assert store.get(VERSION, told.append).source == f"directory {tmp_path}"
    assert [line for line in told if "cannot be reached" in line], "it is said why GitHub was not used"


@pytest.mark.parametrize("address", ["github.com", "ftp://github.com", "http://[", "https://exa mple"])
def test_an_address_that_is_none(address: str, tmp_path: Path) -> None:
    assert Outcome(GitHubSource(address), tmp_path).error


def test_progress_is_in_bytes_of_the_total(github: Web, tmp_path: Path) -> None:
    github.say("/big", Answer(b"\0" * 3_500_000))
    told: list[str] = []
    with Downloader().open() as web:
        web.save(f"{github.address}/big", tmp_path / "big", told.append)
    assert [line.split(": ")[0] for line in told] == ["big"] * len(told)
    have = [float(line.split(": ")[1].removesuffix(" of 3.5 MB")) for line in told]
    assert have == sorted(have)
    assert 2 <= len(have) <= 4


def test_the_proxy_of_the_environment_is_used(
    published: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve() as proxy:
        for path, content in published.items():
            proxy.say(f"http://github.example{path}", Answer(content))
        monkeypatch.setenv("HTTP_PROXY", proxy.address)
        assert Outcome(GitHubSource("http://github.example"), tmp_path).release
        assert len(proxy.asked) == 2


def test_a_mirror_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert github_address() == "https://github.com"
    monkeypatch.setenv("RESAIL_GITHUB", "https://mirror.example/github/")
    assert github_address() == "https://mirror.example/github"
