"""The file: written whole or not at all, encrypted or not, read or refused with a next step."""

import io
import shutil
import subprocess
import tarfile
from collections.abc import Iterable
from pathlib import Path

import pyrage
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from resail.backup.encryption import encrypted, read_recipients
from resail.backup.file import read_backup, write_backup
from resail.errors import ArtifactError, ResailError, UsageError
from tests.backup.backups import a_backup, a_secret

KEY = pyrage.x25519.Identity.generate()
OTHER = pyrage.x25519.Identity.generate()
RECIPIENT = str(KEY.to_public())
WHOLE = a_backup(a_secret(**{"ca-key.pem": "c2VjcmV0"}), has_secrets=True, lacks=())


def key_file(folder: Path, *keys: object) -> Path:
    """As ``age-keygen`` writes it."""
    path = folder / "key.txt"
    path.write_text("".join(f"# created: 2026-01-31T12:00:00Z\n# public key: age1…\n{key}\n" for key in keys))
    return path


def ssh_key(folder: Path, kind: str, passphrase: str = "") -> tuple[str, Path]:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("this machine has no ssh-keygen")
    private = folder / f"id_{kind}"
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", private, "-C", "a@b"], check=True)
    return private.with_suffix(".pub").read_text().strip(), private


def refused(path: Path, identities: Iterable[Path] = ()) -> ResailError:
    with pytest.raises((ArtifactError, UsageError)) as caught:
        read_backup(path, identities)
    assert caught.value.next_step
    return caught.value


def test_a_plain_one_is_read_back_and_is_only_its_owner_s(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    path.write_bytes(b"older")
    path.chmod(0o644)
    write_backup(path, a_backup())
    assert read_backup(path) == a_backup()
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["a.tar.gz"]


def test_what_a_killed_process_left_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / ".a.tar.gz.partial").write_bytes(b"half")
    write_backup(tmp_path / "a.tar.gz", a_backup())
    assert read_backup(tmp_path / "a.tar.gz") == a_backup()


def test_a_place_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="cannot be written"):
        write_backup(tmp_path / "none" / "a.tar.gz", a_backup())


def test_values_of_secrets_are_never_written_in_the_clear(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="encrypted only"):
        write_backup(tmp_path / "a.tar.gz", WHOLE)
    assert not list(tmp_path.iterdir())


def test_an_encrypted_one_is_read_by_each_recipient_and_by_nobody_else(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz.age"
    write_backup(path, WHOLE, [RECIPIENT, str(OTHER.to_public())])
    assert b"c2VjcmV0" not in path.read_bytes()
    for key in (KEY, OTHER):
        assert read_backup(path, [key_file(tmp_path, key)]) == WHOLE
    stranger = key_file(tmp_path, pyrage.x25519.Identity.generate())
    error = refused(path, [stranger])
    assert isinstance(error, UsageError)
    assert "none of the identities" in error.what
    assert "no identity is given" in refused(path).what
    assert read_backup(path, [stranger, _named(tmp_path, "second", KEY)]) == WHOLE


def _named(folder: Path, name: str, key: object) -> Path:
    (folder / name).write_text(f"{key}\n")
    return folder / name


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_keys_of_ssh_do_as_well(tmp_path: Path, kind: str) -> None:
    recipient, private = ssh_key(tmp_path, kind)
    write_backup(tmp_path / "a.age", WHOLE, [recipient])
    assert read_backup(tmp_path / "a.age", [private]) == WHOLE


def test_it_is_age_and_tar_and_yaml_without_any_code_of_resail(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz.age"
    write_backup(path, WHOLE, [RECIPIENT])
    with tarfile.open(fileobj=io.BytesIO(pyrage.decrypt(path.read_bytes(), [KEY])), mode="r:gz") as archive:
        member = archive.extractfile("objects/istio-system/Secret/istio-ca-secret.yaml")
        assert member is not None
        assert yaml.safe_load(member.read()) == WHOLE.objects[0]


def test_what_another_program_for_age_armored_is_read(tmp_path: Path) -> None:
    plain = tmp_path / "a.tar.gz"
    write_backup(plain, a_backup())
    armored = tmp_path / "a.age"
    armored.write_bytes(pyrage.encrypt(plain.read_bytes(), [KEY.to_public()], armored=True))
    assert armored.read_bytes().startswith(b"-----BEGIN AGE ENCRYPTED FILE-----")
    assert read_backup(armored, [key_file(tmp_path, KEY)]) == a_backup()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("backups")
    write_backup(folder / "whole", a_backup())
    write_backup(folder / "whole.age", WHOLE, [RECIPIENT])
    key_file(folder, KEY)
    return folder


@settings(max_examples=300)
@given(st.sampled_from(["whole", "whole.age"]), st.data())
def test_a_flipped_byte_or_a_cut_is_always_refused(place: Path, name: str, data: st.DataObject) -> None:
    content = (place / name).read_bytes()
    at = data.draw(st.integers(0, len(content) - 1))
    mask = data.draw(st.integers(0, 255))
    # Without a change it is cut there.
    spoiled = content[:at] + (bytes([content[at] ^ mask]) + content[at + 1 :] if mask else b"")
    (place / "spoiled").write_bytes(spoiled)
    refused(place / "spoiled", [place / "key.txt"])


@pytest.mark.parametrize("stride", [7, pytest.param(1, marks=pytest.mark.soak)])
def test_every_byte_of_an_encrypted_one_counts(place: Path, stride: int) -> None:
    content = (place / "whole.age").read_bytes()
    for at in range(0, len(content), stride):
        (place / "spoiled").write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        refused(place / "spoiled", [place / "key.txt"])
        (place / "spoiled").write_bytes(content[:at])
        refused(place / "spoiled", [place / "key.txt"])
    for more in (b"\0", b"\n", content):
        (place / "spoiled").write_bytes(content + more)
        refused(place / "spoiled", [place / "key.txt"])


def test_a_file_that_is_not_there_or_no_backup_is_told(tmp_path: Path) -> None:
    assert "cannot be read" in refused(tmp_path / "none").what
    assert "cannot be read" in refused(tmp_path).what
    (tmp_path / "a.age").write_bytes(encrypted(b"a letter", [RECIPIENT]))
    assert "not a backup" in refused(tmp_path / "a.age", [key_file(tmp_path, KEY)]).what


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"# only a comment\n",
        b"AGE-SECRET-KEY-1XXXX\n",
        b"age1xxx\n",
        b"\xff\xfe",
        b"-----BEGIN OPENSSH PRIVATE KEY-----\nx\n",
    ],
)
def test_a_file_without_an_identity_is_told_and_not_quoted(tmp_path: Path, place: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    error = refused(place / "whole.age", [tmp_path / "key"])
    assert isinstance(error, UsageError)
    assert error.on == str(tmp_path / "key")
    assert "AGE-SECRET" not in f"{error} {error.next_step}"


def test_an_identity_that_cannot_be_used_is_told(tmp_path: Path, place: Path) -> None:
    assert isinstance(refused(place / "whole.age", [tmp_path / "none"]), UsageError)
    _, private = ssh_key(tmp_path, "ed25519", passphrase="longer than five")
    assert isinstance(refused(place / "whole.age", [private]), UsageError)


@pytest.mark.parametrize(
    "recipient",
    ["", "age1", "age1xxx", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-dss AAAA", "bob", pytest.param(str(KEY), id="identity")],
)
def test_what_is_no_recipient_is_refused_before_anything_is_written(tmp_path: Path, recipient: str) -> None:
    with pytest.raises(UsageError) as caught:
        write_backup(tmp_path / "a", WHOLE, [RECIPIENT, recipient])
    assert caught.value.next_step
    assert str(KEY) not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_recipients_are_read_from_a_file(tmp_path: Path) -> None:
    ssh, _ = ssh_key(tmp_path, "ed25519")
    (tmp_path / "to").write_text(f"# the team\n\n  {RECIPIENT}\n{ssh}\n")
    assert read_recipients(tmp_path / "to") == (RECIPIENT, ssh)
    for text, says in (("# none\n", "no recipient"), ("age1xxx\n", "not a recipient")):
        (tmp_path / "to").write_text(text)
        with pytest.raises(UsageError, match=says) as caught:
            read_recipients(tmp_path / "to")
        assert caught.value.on == str(tmp_path / "to")
    with pytest.raises(UsageError, match="cannot be read"):
        read_recipients(tmp_path / "none")
