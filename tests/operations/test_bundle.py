"""`resail doctor --bundle`: all that helps, and no secret."""

import base64
import hashlib
import json
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.acceptance.crashes import settle
from tests.acceptance.leaks import Search
from tests.acceptance.small_mesh import make_mesh, workload

from resail.apps.cli.main import cli
from resail.errors import UsageError
from resail.journal.sqlite import open_journal
from resail.models.journal import RunStarted, StepIntent
from resail.operations.bundle import BundleReport, refuse_unusable, write_bundle
from resail.operations.cluster_choice import TWIN, ClusterChoice
from resail.operations.doctor import DoctorRequest, consult
from resail.snapshot.file import load_snapshot
from resail.twin.cluster import open_twin
from resail.twin.loop import run

PLAIN = "correct horse battery staple"
"""Does not look like a secret; a ConfigMap has it, too."""
TOKEN = "9f86d081884c7d659a2feaa0c55ad015"
LINE = "UGxhbnRlZEluQUtleVRoYXRJc05vbmU3NzY2NTU0NDMz"
KEY = f"-----BEGIN PRIVATE KEY-----\n{LINE}\n-----END PRIVATE KEY-----\n"


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state directory with a twin, and a run that died."""
    directory = tmp_path_factory.mktemp("mesh")
    make_mesh(directory / TWIN)

    async def plant() -> None:
        async with open_twin(directory / TWIN) as twin:
            for one in planted():
                await twin.apply(one, manager="kubectl")

    run(plant())
    journal = open_journal(directory / "journal.db")
    journal.append("r-1", RunStarted("sha256:0123", "/plans/0123.zip", "twin"))
    journal.append("r-1", StepIntent(f"hook {PLAIN}", "do"))
    return directory


def planted() -> list[dict[str, Any]]:
    named = {"name": "shop", "namespace": "istio-system"}
    held = {"words": PLAIN, "token": TOKEN, "key": KEY}
    data = {key: base64.b64encode(value.encode()).decode() for key, value in held.items()}
    again = {"note": f"ask for {PLAIN}", "encoded": data["words"], "config": f"apiToken: {TOKEN}\n"}
    queue = workload("front", "cache", {})
    queue["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "REDIS_PASSWORD", "value": "h0rse"}]
    return [
        {"apiVersion": "v1", "kind": "Secret", "metadata": named, "type": "Opaque", "data": data},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": named, "data": again},
        queue,
    ]


def bundle(directory: Path, *paths: Path, config: Path | None = None) -> list[BundleReport]:
    """Of one consultation: the clock of a twin goes on whenever it is opened."""
    request = DoctorRequest(cluster=ClusterChoice(twin=directory / TWIN), directory=directory)

    async def make() -> list[BundleReport]:
        found = await consult(request)
        return [await write_bundle(found, request, path, config) for path in paths]

    return settle(make())


@pytest.fixture(scope="module")
def made(mesh: Path) -> Path:
    site = mesh / "site.yaml"
    site.write_text(f"fail_on: blocker  # {PLAIN}\n")
    bundle(mesh, mesh / "bundle.zip", config=site)
    return mesh / "bundle.zip"


def test_it_has_what_helps(made: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(made) as archive:
        names = set(archive.namelist())
        archive.extractall(tmp_path)
    assert names >= {"README.txt", "SHA256SUMS", "examination.json", "examination.md", "versions.json", "resail.yaml"}
    assert names >= {"runs/r-1/journal.jsonl", "runs/r-1/run.json", "objects/ConfigMap.json", "pods.json", "events.json"}
    assert "run-died-half-way" in (tmp_path / "examination.json").read_text()
    assert load_snapshot(tmp_path / "snapshot.json").control_planes
    lines = (tmp_path / "runs" / "r-1" / "journal.jsonl").read_text().splitlines()
    assert [json.loads(line)["sequence"] for line in lines] == [1, 2]
    readme = (tmp_path / "README.txt").read_text()
    assert "The values of 1 Secrets were read" in readme and " 0 times" not in readme
    for line in (tmp_path / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == digest


def test_no_value_of_a_secret_is_in_it(made: Path) -> None:
    search = Search({"words": PLAIN.encode(), "token": TOKEN.encode(), "key": KEY.encode()})
    assert search.data(made.read_bytes(), "bundle") == []
    assert search.data(json.dumps(planted()).encode(), "what was planted") != []
    with zipfile.ZipFile(made) as archive:
        assert not any(b"h0rse" in archive.read(name) for name in archive.namelist())
        [told] = json.loads(archive.read("objects/ConfigMap.json"))[-1:]
    assert told["data"]["note"] == "ask for (redacted, 28 characters)"


def test_the_same_gives_the_same_bytes_for_its_owner_only(mesh: Path, tmp_path: Path) -> None:
    one, other = bundle(mesh, tmp_path / "one.zip", tmp_path / "other.zip")
    assert one.digest == other.digest
    assert stat.S_IMODE(one.path.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.zip", "other.zip"]


def test_a_place_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    (tmp_path / "there.zip").write_text("mine")
    with pytest.raises(UsageError, match="something already"):
        refuse_unusable(tmp_path / "there.zip")
    with pytest.raises(UsageError, match="no folder"):
        refuse_unusable(tmp_path / "none" / "bundle.zip")
    refuse_unusable(tmp_path / "bundle.zip")


def test_it_is_refused_before_the_cluster_is_asked(tmp_path: Path) -> None:
    (tmp_path / "there.zip").write_text("mine")
    told = CliRunner().invoke(cli, ["doctor", "--kubeconfig", str(tmp_path / "none"), "--bundle", str(tmp_path / "there.zip")])
    assert isinstance(told.exception, UsageError) and "something already" in told.exception.what
    assert (tmp_path / "there.zip").read_text() == "mine"
