"""A plan's file: the same bytes for the same plan, and no changed byte is let through."""

import io
import zipfile
from pathlib import Path

import msgspec
import pytest

from resail.errors import ArtifactError
from resail.models.identity import IstioVersion, Manifest
from resail.models.plan import Hop, LabelNamespace, LabelsAre, MoveTag, NoUndo, Plan, PlanFiles, RelabelNamespace, TagBack, Verify
from resail.plan.file import plan_files, read_plan, write_plan


def a_plan() -> PlanFiles:
    label = LabelNamespace(
        id="01-label-namespace",
        title="t",
        reason="r",
        preconditions=(LabelsAre("shop", {"istio.io/rev": "old"}),),
        undo=RelabelNamespace("shop", {"istio.io/rev": "old"}),
        namespace="shop",
        labels={"istio.io/rev": "new", "istio-injection": None},
    )
    verify = Verify(id="02-verify", title="t", reason="r", undo=NoUndo("it only looks"))
    plan = Plan(
        from_version=IstioVersion(1, 26, 0),
        to_version=IstioVersion(1, 27, 9),
        strategy="canary",
        from_revision="old",
        to_revision="new",
        on_failure="halt",
        cluster_id="c",
        istio_namespace="istio-system",
        snapshot_digest="sha256:1",
        hops=(Hop(IstioVersion(1, 26, 0), IstioVersion(1, 27, 9), "old", "new", True, "sha256:2"),),
        steps=(label, verify),
        untouched=(),
        findings=(),
        resail_version="0",
    )
    manifest: Manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "c", "namespace": "n"},
        "data": {"k": "ü"},
    }
    return plan_files(plan, {"01-crds.json": (manifest,)})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_plan(tmp_path / "plan.zip", a_plan())
    return tmp_path / "plan.zip"


def test_what_is_read_is_what_was_written(path: Path) -> None:
    assert read_plan(path) == a_plan()
    before = path.read_bytes()
    write_plan(path, read_plan(path))
    assert path.read_bytes() == before


def test_every_flipped_byte_is_refused(path: Path) -> None:
    data = path.read_bytes()
    for position in range(len(data)):
        path.write_bytes(data[:position] + bytes([data[position] ^ 0x20]) + data[position + 1 :])
        with pytest.raises(ArtifactError):
            read_plan(path)


def test_every_shortened_file_is_refused(path: Path) -> None:
    data = path.read_bytes()
    for length in range(0, len(data), 7):
        path.write_bytes(data[:length])
        with pytest.raises(ArtifactError):
            read_plan(path)


def test_what_is_appended_or_added_is_refused(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data + b"\0")
    with pytest.raises(ArtifactError):
        read_plan(path)
    buffer = io.BytesIO(data)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("../escape", "x")
    path.write_bytes(buffer.getvalue())
    with pytest.raises(ArtifactError):
        read_plan(path)


def test_a_file_that_a_step_names_must_be_there(tmp_path: Path) -> None:
    whole = a_plan()
    tag = MoveTag(
        id="01-move-tag",
        title="t",
        reason="r",
        undo=TagBack("prod", "old", "01-move-tag-undo.json"),
        tag="prod",
        from_revision="old",
        to_revision="new",
        manifests="01-crds.json",
    )
    lacking = plan_files(msgspec.structs.replace(whole.plan, steps=(tag,)), whole.manifests)
    write_plan(tmp_path / "plan.zip", lacking)
    with pytest.raises(ArtifactError, match=r"it does not have: 01-move-tag-undo\.json"):
        read_plan(tmp_path / "plan.zip")


def test_a_directory_or_nothing_is_refused(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "missing"):
        with pytest.raises(ArtifactError):
            read_plan(place)
    with pytest.raises(ArtifactError):
        write_plan(tmp_path / "no" / "such" / "folder", a_plan())
