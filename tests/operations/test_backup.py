"""``take_backup``: what is refused before the cluster is asked, and that what is written is what is there."""

import asyncio
import os
import re
import stat
from datetime import UTC, datetime
from pathlib import Path

import pyrage
import pytest

from resail.backup.file import read_backup
from resail.errors import ArtifactError, ResailError, UsageError
from resail.models.encoding import digest_bytes
from resail.models.identity import ObjectRef
from resail.operations.backup import BackupReport, BackupRequest, take_backup
from resail.operations.cluster_choice import ClusterChoice
from resail.twin.cluster import open_twin
from resail.twin.loop import run

NOWHERE = ClusterChoice(kubeconfig=Path("/nonexistent/kubeconfig"))
"""What asks it fails otherwise than what these tests expect."""

CACERTS = ObjectRef("v1", "Secret", "istio-system", "cacerts")
VALUE = "dmVyeSBzZWNyZXQ="


@pytest.fixture
def twin(tmp_path: Path) -> ClusterChoice:
    """Not much of a mesh: a namespace and a CA."""

    async def make() -> None:
        async with open_twin(tmp_path / "twin.db", start=datetime(2026, 11, 1, tzinfo=UTC)) as cluster:
            await cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "istio-system"}})
            metadata = {"name": CACERTS.name, "namespace": CACERTS.namespace}
            await cluster.create({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"ca-key.pem": VALUE}})
            # Until its controllers have made what they make.
            await cluster.clock.sleep(5)

    run(make())
    return ClusterChoice(twin=tmp_path / "twin.db")


def taken(cluster: ClusterChoice, out: Path, *recipients: str) -> BackupReport:
    told: list[str] = []
    report = asyncio.run(take_backup(BackupRequest(cluster=cluster, out=out, recipients=recipients), told.append))
    assert told
    return report


def test_without_recipients_no_value_is_in_it(twin: ClusterChoice, tmp_path: Path) -> None:
    out = tmp_path / "mesh.tar.gz"

    report = taken(twin, out)

    assert (report.path, report.digest, report.bytes) == (str(out), digest_bytes(out.read_bytes()), out.stat().st_size)
    assert report.facts.left_out == (CACERTS,)
    assert report.facts.lacks == ("CA",)
    assert "Secret" not in report.objects
    backup = read_backup(out)
    assert backup.facts == report.facts
    assert sum(report.objects.values()) == len(backup.objects) > 0


def test_with_recipients_it_is_encrypted_and_whole(twin: ClusterChoice, tmp_path: Path) -> None:
    out, identity = tmp_path / "mesh.tar.gz.age", pyrage.x25519.Identity.generate()
    key = tmp_path / "key"
    key.write_text(str(identity))

    report = taken(twin, out, str(identity.to_public()))

    assert (report.facts.lacks, report.objects["Secret"]) == ((), 1)
    [secret] = [one for one in read_backup(out, (key,)).objects if one["kind"] == "Secret"]
    assert secret["data"] == {"ca-key.pem": VALUE}
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_without_a_name_it_is_named_by_the_cluster_and_the_time(
    twin: ClusterChoice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    report = asyncio.run(take_backup(BackupRequest(cluster=twin), print))
    [path] = tmp_path.glob("resail-backup-*")
    assert report.path == str(path)
    assert re.fullmatch(rf"resail-backup-{report.facts.cluster_id[:8]}-\d{{8}}T\d{{6}}Z\.tar\.gz", path.name)


def test_the_same_mesh_gives_the_same_file(twin: ClusterChoice, tmp_path: Path) -> None:
    assert taken(twin, tmp_path / "a").digest == taken(twin, tmp_path / "b").digest


def test_what_is_there_is_not_replaced(tmp_path: Path) -> None:
    out = tmp_path / "mesh.tar.gz"
    out.write_text("of a better day")

    with pytest.raises(ArtifactError, match="already"):
        taken(NOWHERE, out)
    assert out.read_text() == "of a better day"


@pytest.mark.parametrize("place", [".", "missing/mesh.tar.gz"])
def test_a_place_that_cannot_be_is_told_at_once(tmp_path: Path, place: str) -> None:
    with pytest.raises(ArtifactError):
        taken(NOWHERE, tmp_path / place)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_that_may_not_be_written_to_is_told_at_once(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ArtifactError, match="may not be written to"):
        taken(NOWHERE, tmp_path / "mesh.tar.gz")


def test_a_recipient_that_is_none_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a recipient"):
        taken(NOWHERE, tmp_path / "mesh.tar.gz", "age1nobody")


def test_a_cluster_that_does_not_answer_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ResailError):
        taken(NOWHERE, tmp_path / "mesh.tar.gz")
    assert list(tmp_path.iterdir()) == []
