"""The archive: the same bytes for the same backup, read whole or refused."""

import gzip
import io
import json
import subprocess
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from resail.backup.archive import pack, unpack
from resail.errors import ArtifactError
from resail.models.backup import Backup
from resail.models.encoding import digest_bytes
from resail.models.identity import ObjectRef
from tests.backup.backups import a_backup, a_role, a_secret, a_service, backups

ON = "backup.tar.gz"


def refused(data: bytes) -> str:
    with pytest.raises(ArtifactError) as caught:
        unpack(data, ON)
    assert caught.value.on == ON
    assert caught.value.next_step
    return caught.value.what


def members_of(data: bytes) -> dict[str, bytes]:
    """By tarfile alone."""
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        return {entry.name: archive.extractfile(entry).read() for entry in archive}  # type: ignore[union-attr]


def in_gzip(tar: bytes, header: bytes = b"\x1f\x8b\x08\x10\x00\x00\x00\x00\x00\xff", more: bytes = b"") -> bytes:
    """As the program makes it, of whatever is in it."""
    deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
    body = deflate.compress(tar) + deflate.flush()
    body += zlib.crc32(tar).to_bytes(4, "little") + len(tar).to_bytes(4, "little") + more
    return header + digest_bytes(body).encode() + b"\0" + body


def forged(change: Callable[[dict[str, bytes]], Any] = lambda members: None, *more: tarfile.TarInfo, lie: bool = False) -> bytes:
    """An archive whose digests are all right, by hand: what somebody could make who knows the format."""
    members = members_of(pack(a_backup()))
    manifest = msgspec.json.decode(members.pop("backup.json"))
    change(members)
    if not lie:
        digests = {name: digest_bytes(content) for name, content in members.items()}
        digests |= {entry.name: digest_bytes(b"x" * entry.size) for entry in more}
        manifest["members"] = dict(sorted(digests.items()))
    members["backup.json"] = json.dumps(manifest, indent=2).encode() + b"\n"
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in sorted(members):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(members[name]), 0o600
            archive.addfile(entry, io.BytesIO(members[name]))
        for entry in more:
            archive.addfile(entry, io.BytesIO(b"x" * entry.size))
    return in_gzip(buffer.getvalue())


def entry(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.size, made.linkname, made.mode = kind, size, link, 0o600
    return made


@settings(max_examples=60)
@given(backups())
def test_what_is_packed_is_unpacked(backup: Backup) -> None:
    data = pack(backup)
    again = unpack(data, ON)
    assert msgspec.to_builtins(again) == msgspec.to_builtins(backup)
    assert pack(again) == data
    for name in members_of(data):
        assert all(part not in ("", ".", "..") and len(part) <= 255 for part in name.split("/"))


def test_the_same_backup_gives_the_same_bytes_in_whatever_order_it_was_read() -> None:
    backup = a_backup()
    turned = [{key: each[key] for key in reversed(each)} for each in reversed(backup.objects)]
    assert pack(msgspec.structs.replace(backup, objects=tuple(turned), marks=backup.marks[::-1])) == pack(backup)


def test_what_an_earlier_resail_wrote_is_read() -> None:
    """Of format 1: a change after which this fails needs another number, and reads both."""
    backup = unpack((Path(__file__).parent / "format-1.tar.gz").read_bytes(), ON)
    assert [ObjectRef.of(each).name for each in backup.objects] == ["istiod:istio-system", "istio", "istiod"]
    assert [str(each.ref) for each in backup.marks] == ["shop/Deployment/cart", "Namespace/shop"]
    assert backup.snapshot.workloads[0].ref.name == "cart"
    assert backup.evidence.by_kind["Service"] == (a_service(app="istiod"),)
    assert backup.facts.lacks == ("CA", "Helm state")


def test_it_can_be_read_without_resail(tmp_path: Path) -> None:
    backup = a_backup()
    (tmp_path / ON).write_bytes(pack(backup))
    subprocess.run(["tar", "xzf", ON], cwd=tmp_path, check=True)
    assert yaml.safe_load((tmp_path / "objects/istio-system/Service/istiod.yaml").read_text()) == a_service(app="istiod")
    role = tmp_path / "objects/_cluster/ClusterRole.rbac.authorization.k8s.io/istiod%3Aistio-system.yaml"
    assert yaml.safe_load(role.read_text()) == a_role("istiod:istio-system")
    assert yaml.safe_load((tmp_path / "marks/_cluster/Namespace/shop.yaml").read_text())["labels"] == {
        "istio-injection": "enabled"
    }
    assert msgspec.json.decode((tmp_path / "backup.json").read_bytes())["facts"]["lacks"] == ["CA", "Helm state"]
    assert role.stat().st_mode & 0o077 == 0


def test_a_flipped_byte_is_refused_wherever_it_is() -> None:
    """Also in headers that gzip itself does not look at, and in the bits that fill the last byte."""
    data = pack(a_backup())
    for at in range(len(data)):
        for mask in (0x01, 0x80, 0xFF):
            refused(data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :])


def test_whatever_is_cut_off_or_added_is_refused() -> None:
    data = pack(a_backup())
    for length in range(len(data)):
        refused(data[:length])
    for more in (b"\0", b"x", data, b"\0" * 1024):
        refused(data + more)


@settings(max_examples=200)
@given(st.data())
def test_a_flipped_bit_in_the_tar_is_refused_though_all_that_surrounds_it_is_right(data: st.DataObject) -> None:
    """But for the facts in ``backup.json``: nothing in the archive vouches for who wrote it."""
    tar = bytearray(gzip.decompress(pack(a_backup())))
    size = int(tar[124:135], 8)
    tar[data.draw(st.integers(0, 511) | st.integers(512 + size, len(tar) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    refused(in_gzip(bytes(tar)))


def test_what_was_not_forged_is_read() -> None:
    """The forger's own hand is not what is refused below."""
    assert forged() == pack(a_backup())


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (entry("../x", size=1), "leaves the archive"),
        (entry("objects/../../x", size=1), "leaves the archive"),
        (entry("/etc/cron.d/x", size=1), "leaves the archive"),
        (entry("objects//x", size=1), "leaves the archive"),
        (entry("./backup", size=1), "leaves the archive"),
        (entry("objects/a", tarfile.SYMTYPE, link="/etc/passwd"), "not a plain file"),
        (entry("objects/a", tarfile.LNKTYPE, link="backup.json"), "not a plain file"),
        (entry("objects/a", tarfile.CHRTYPE), "not a plain file"),
        (entry("objects/a", tarfile.BLKTYPE), "not a plain file"),
        (entry("objects/a", tarfile.FIFOTYPE), "not a plain file"),
        (entry("objects", tarfile.DIRTYPE), "not a plain file"),
        (entry("objects/a", tarfile.GNUTYPE_SPARSE), "not a plain file"),
        (entry("objects/a", tarfile.AREGTYPE, size=1), "not a plain file"),
        (entry("mesh/snapshot.json", size=1), "twice"),
        (entry("backup.json", size=1), "twice"),
        (entry("mesh/more.json", size=1), "no backup has mesh/more.json"),
        (entry("objects/a/ConfigMap/a.yaml", size=1), "not those that were written"),
    ],
    ids=lambda each: f"{each.name} {each.type.decode()}" if isinstance(each, tarfile.TarInfo) else "",
)
def test_a_member_that_no_backup_has_is_refused(more: tarfile.TarInfo, says: str) -> None:
    assert says in refused(forged(lambda members: None, more))


def test_members_and_manifest_are_held_together() -> None:
    def without_snapshot(members: dict[str, bytes]) -> None:
        del members["mesh/snapshot.json"]

    def with_more(members: dict[str, bytes]) -> None:
        members["objects/a/ConfigMap/a.yaml"] = b"a: 1\n"

    def with_other_words(members: dict[str, bytes]) -> None:
        members["mesh/evidence.json"] = members["mesh/evidence.json"].replace(b"istiod", b"istioD")

    assert "it lacks mesh/snapshot.json" in refused(forged(without_snapshot))
    assert "it lacks mesh/snapshot.json" in refused(forged(without_snapshot, lie=True))
    assert "does not list objects/a/ConfigMap/a.yaml" in refused(forged(with_more, lie=True))
    assert "mesh/evidence.json" in refused(forged(with_other_words, lie=True))


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\n",
        "- 1\n",
        "apiVersion: v1\nkind: Service\nmetadata: []\n",
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: 1\n",
        "apiVersion: 1\nkind: Service\nmetadata:\n  name: istiod\n",
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: 2020-01-01\n",
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: other\n  namespace: istio-system\n",
        "apiVersion: v1\nkind: Service\nmetadata: &a\n  name: istiod\n  namespace: istio-system\n  more: *a\n",
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: istiod\n  namespace: istio-system\nspec: " + "[" * 50_000,
        "1: a\napiVersion: v1\nkind: Service\nmetadata:\n  name: istiod\n  namespace: istio-system\n",
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: istiod\n  namespace: istio-system\nspec: 18446744073709551616\n",
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: istiod\n  namespace: istio-system\nspec: .inf\n",
        "\x00",
        "",
    ],
)
def test_what_is_no_such_object_is_refused(text: str) -> None:
    def change(members: dict[str, bytes]) -> None:
        members["objects/istio-system/Service/istiod.yaml"] = text.encode()

    assert "objects/istio-system/Service/istiod.yaml" in refused(forged(change))


def test_what_unpacks_to_far_too_much_is_refused_before_it_is_read() -> None:
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    many = deflate.compress(b"\0" * 2**24) + deflate.flush(zlib.Z_FULL_FLUSH)
    body = many * 64 + zlib.compressobj(9, zlib.DEFLATED, -15).flush()
    header = b"\x1f\x8b\x08\x10\x00\x00\x00\x00\x00\xff"
    assert len(body) < 2**21
    assert "more than a backup can have" in refused(header + digest_bytes(body).encode() + b"\0" + body)


def test_another_format_is_told_and_not_called_damaged() -> None:
    members = members_of(pack(a_backup()))
    members["backup.json"] = members["backup.json"].replace(b'"format": 1', b'"format": 2')
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in members.items():
            archive.addfile(entry(name, size=len(content)), io.BytesIO(content))
    assert "its format is 2" in refused(in_gzip(buffer.getvalue()))


def test_what_is_no_backup_is_told_so() -> None:
    tar = gzip.decompress(pack(a_backup()))
    for data in (b"", b"x", b"PK\x03\x04", b"\x1f\x8b", gzip.compress(tar), tar):
        assert "not a backup" in refused(data)
    assert "no backup.json" in refused(in_gzip(b"\0" * 10240))
    assert refused(in_gzip(b""))
    assert refused(in_gzip(b"x" * 512))
    assert refused(in_gzip(tar, more=b"\0"))


def test_two_objects_of_one_name_are_never_packed() -> None:
    with pytest.raises(ArtifactError, match="one name"):
        pack(a_backup(a_role("a"), {**a_role("a"), "apiVersion": "rbac.authorization.k8s.io/v1beta1"}))


def test_names_too_long_for_a_file_system_stay_apart() -> None:
    one, other = "a" * 252 + "b", "a" * 252 + "c"
    backup = a_backup(a_role(one), a_role(other), a_secret())
    assert [ObjectRef.of(each).name for each in unpack(pack(backup), ON).objects] == [one, other, "istio-ca-secret"]
