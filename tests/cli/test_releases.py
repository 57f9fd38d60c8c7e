"""``resail releases add`` and ``bundle``, and the page on sites without a network."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.program import Program
from tests.cli.test_errors import assert_fails, closed_port
from tests.releases.release_archive import name_of, pack, write_archive
from tests.releases.releases_on_disk import unpack
from tests.releases.web import Answer, Web, serve

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "air-gapped.md"
VERSIONS = ("1.26.8", "1.27.9")


@pytest.fixture
def github() -> Iterator[Web]:
    with serve() as web:
        yield web


@pytest.fixture
def no_network() -> dict[str, str]:
    return {
        "RESAIL_GITHUB": f"http://127.0.0.1:{closed_port()}",
        "NO_PROXY": "127.0.0.1",
        "PATH": "/nowhere",
        "PIP_NO_INDEX": "1",
    }


def test_a_bundle_goes_from_one_machine_to_another(resail: Program, no_network: dict[str, str]) -> None:
    for version in VERSIONS:
        unpack(resail.home / "mirror", version)
    written = resail(
        "releases", "bundle", *VERSIONS, "v1.27.9", "--out", "b.tar.gz", "--release-dir", "mirror", "-o", "json", **no_network
    )
    assert written.returncode == 0, written.stderr
    facts = json.loads(written.stdout)
    assert facts["size"] == (resail.home / "b.tar.gz").stat().st_size
    assert "`resail releases add b.tar.gz`" in written.stderr
    (resail.home / "there").mkdir()
    there = Program(resail.home / "there")
    added = there("releases", "add", resail.home / "b.tar.gz", "-o", "json", **no_network)
    assert added.returncode == 0, added.stderr
    assert [one["digest"] for one in json.loads(added.stdout)] == [one["digest"] for one in facts["releases"]]
    shown = there("releases", "show", "1.27.9", "-o", "json", **no_network)
    assert json.loads(shown.stdout)["release"] == json.loads(added.stdout)[1]
    assert "bundle" in there("releases", "add", resail.home / "b.tar.gz", "-q").stdout


@pytest.mark.parametrize("form", ["archive", "directory", "directory above"])
def test_istios_own_archive_is_added(resail: Program, form: str, no_network: dict[str, str]) -> None:
    file = write_archive(resail.home, pack(resail.home))
    path = {"archive": file, "directory": resail.home / "istio-1.27.9", "directory above": resail.home}[form]
    done = resail("releases", "add", path, **no_network)
    assert done.returncode == 0, done.stderr
    assert "1.27.9" in done.stdout
    shutil.rmtree(resail.home / "istio-1.27.9")
    assert resail("releases", "show", "1.27.9", **no_network).returncode == 0


@pytest.mark.parametrize("at", [0, 4, 20, 60, 500, -1])
def test_a_damaged_bundle_is_not_added(resail: Program, at: int) -> None:
    unpack(resail.home / "mirror")
    assert resail("releases", "bundle", "1.27.9", "--out", "b.tar.gz", "--release-dir", "mirror").returncode == 0
    data = bytearray((resail.home / "b.tar.gz").read_bytes())
    data[at] ^= 1
    (resail.home / "b.tar.gz").write_bytes(data)
    shutil.rmtree(resail.home / "cache")
    assert "b.tar.gz" in assert_fails(resail, 9, "releases", "add", "b.tar.gz")
    assert not (resail.home / "cache").exists()


def test_what_cannot_be_added_or_bundled(resail: Program) -> None:
    assert_fails(resail, 9, "releases", "add", "nowhere.tar.gz")
    assert_fails(resail, 9, "releases", "add", resail.home)
    (resail.home / "empty").touch()
    assert_fails(resail, 9, "releases", "add", "empty")
    assert_fails(resail, 2, "releases", "bundle", "--out", "b.tar.gz")
    assert_fails(resail, 2, "releases", "bundle", "1.27.9")
    assert_fails(resail, 2, "releases", "bundle", "1.27.9", "latest", "--out", "b.tar.gz")
    unpack(resail.home / "mirror")
    assert_fails(resail, 9, "releases", "bundle", "1.27.9", "--out", "no/b.tar.gz", "--release-dir", "mirror")


def test_each_source_that_was_tried_is_named_in_order(resail: Program, no_network: dict[str, str]) -> None:
    done = resail("releases", "bundle", "1.27.9", "--out", "b.tar.gz", "--release-dir", "mirror", **no_network)
    assert done.returncode == 9
    last = next(line for line in done.stderr.splitlines() if line.startswith("Error: "))
    reasons = ("directory mirror", "the host cannot be reached", "Go could not be installed")
    assert sorted(last.index(reason) for reason in reasons) == [last.index(reason) for reason in reasons]
    assert not (resail.home / "b.tar.gz").exists()


def sections() -> dict[str, list[str]]:
    """Heading of the page → the lines of its shell blocks."""
    parts = re.split(r"^## (.+)$", PAGE.read_text(), flags=re.MULTILINE)
    return {
        heading: "\n".join(re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)).splitlines()
        for heading, text in zip(parts[1::2], parts[2::2], strict=True)
    }


def shell(home: Path, lines: list[str], **environment: str) -> str:
    home.mkdir(exist_ok=True)
    own = {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "NO_PROXY": "127.0.0.1",
    }
    done = subprocess.run(
        ["bash", "-e", "-c", "\n".join(lines)],
        cwd=home,
        env=own | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_page_on_sites_without_a_network(tmp_path: Path, github: Web, no_network: dict[str, str]) -> None:
    folder = tmp_path / "published"
    folder.mkdir()
    for version in VERSIONS:
        file = write_archive(folder, pack(folder, version), version)
        for one in (file, Path(f"{file}.sha256")):
            github.say(f"/istio/istio/releases/download/{version}/{one.name}", Answer(one.read_bytes()))
    dark = {"RESAIL_GITHUB": no_network["RESAIL_GITHUB"]}
    page = sections()
    shell(tmp_path / "here", page["On a machine with a network"], RESAIL_GITHUB=github.address)
    (tmp_path / "there").mkdir()
    for one in (tmp_path / "here").glob("istio-releases*"):
        shutil.copy(one, tmp_path / "there")
    assert "bundle istio-releases.tar.gz" in shell(tmp_path / "there", page["On the machine without one"], **dark)
    (tmp_path / "archive").mkdir()
    for one in folder.glob(f"{name_of('1.27.9')}*"):
        shutil.copy(one, tmp_path / "archive")
    assert "1.27.9" in shell(tmp_path / "archive", page["From Istio's own archive"], **dark)
    mirrored = [line.replace("https://mirror.example/github", github.address) for line in page["From a mirror"]]
    assert github.address in shell(tmp_path / "mirrored", mirrored)
    assert [heading for heading, lines in page.items() if not lines] == ["Where resail looks"]
