"""Backups that were damaged or forged."""

import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import msgspec
import pyrage
import pytest
import yaml
from hypothesis import strategies as st

from resail.backup.archive import pack
from resail.backup.file import write_backup
from resail.models.encoding import digest_bytes
from tests.backup.backups import a_backup, a_service
from tests.backup.test_archive import in_gzip
from tests.fuzz.mutations import spoiled_bytes, spoiled_tree
from tests.fuzz.verdict import ends_well, few_and_many, files_below

BROKEN = 9
USAGE = 2
KEY = pyrage.x25519.Identity.generate()
VALID = pack(a_backup())
SERVICE = "objects/istio-system/Service/istiod.yaml"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("backups")
    write_backup(folder / "valid", a_backup())
    (folder / "key").write_text(f"{KEY}\n")
    return folder


def read(place: Path, data: bytes, codes: set[int]) -> None:
    """Every command that reads a backup and asks no cluster."""
    (place / "spoiled").write_bytes(data)
    before = files_below(place)
    code = ends_well(codes, "backup", "show", place / "spoiled", "--identity", place / "key")
    ends_well({code}, "backup", "diff", place / "valid", place / "spoiled", "--identity", place / "key")
    assert files_below(place) == before


def members() -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(VALID))) as archive:
        return {entry.name: archive.extractfile(entry).read() for entry in archive}  # type: ignore[union-attr]


def archived(content: dict[str, bytes]) -> bytes:
    """With digests that are right, where there is room for them."""
    manifest = msgspec.json.decode(content["backup.json"])
    if isinstance(manifest, dict) and isinstance(manifest.get("members"), dict):
        for name in manifest["members"].keys() & content.keys():
            manifest["members"][name] = digest_bytes(content[name])
        content = {**content, "backup.json": json.dumps(manifest, indent=2).encode()}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in sorted(content):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content[name]), 0o600
            archive.addfile(entry, io.BytesIO(content[name]))
    return in_gzip(buffer.getvalue())


def damaged(place: Path, data: bytes) -> None:
    if data != VALID:
        read(place, data, {BROKEN})


def damaged_encrypted(place: Path, data: bytes) -> None:
    if data != ENCRYPTED:
        # What names the recipients may be what was hit.
        read(place, data, {BROKEN, USAGE})


def damaged_inside(place: Path, tar: bytes) -> None:
    read(place, in_gzip(tar), {0, BROKEN})


def forged_facts(place: Path, manifest: Any) -> None:
    try:
        content = msgspec.json.encode(manifest)
    except (OverflowError, msgspec.MsgspecError):
        return
    read(place, archived({**members(), "backup.json": content}), {0, BROKEN})


def forged_object(place: Path, value: Any) -> None:
    read(place, archived({**members(), SERVICE: yaml.safe_dump(value).encode()}), {0, BROKEN})


def damaged_object(place: Path, text: bytes) -> None:
    read(place, archived({**members(), SERVICE: text}), {0, BROKEN})


ENCRYPTED = bytes(pyrage.encrypt(VALID, [KEY.to_public()]))
MANIFEST: Any = msgspec.json.decode(members()["backup.json"])

test_a_damaged_backup, test_many_damaged_backups = few_and_many(spoiled_bytes(VALID), few=40)(damaged)
test_a_damaged_encrypted_one, test_many_damaged_encrypted_ones = few_and_many(spoiled_bytes(ENCRYPTED), few=30)(damaged_encrypted)
test_a_damaged_tar, test_many_damaged_tars = few_and_many(spoiled_bytes(gzip.decompress(VALID)), few=40)(damaged_inside)
test_forged_facts, test_many_forged_facts = few_and_many(spoiled_tree(MANIFEST), few=40)(forged_facts)
test_a_forged_object, test_many_forged_objects = few_and_many(spoiled_tree(a_service(app="istiod")), few=60)(forged_object)
test_damaged_yaml, test_much_damaged_yaml = few_and_many(spoiled_bytes(members()[SERVICE]), few=40)(damaged_object)
test_no_backup_at_all, test_many_no_backups_at_all = few_and_many(st.binary(max_size=64), few=10)(damaged)
