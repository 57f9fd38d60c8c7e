"""The search for planted values finds them wherever they are packed, and nothing where nothing was planted."""

import base64
import gzip
import io
import json
import shutil
import sqlite3
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyrage
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.acceptance.leaks import Search

MARKER = b"p1anted-9f8e7d6c5b4a39281706-value"
IDENTITY = pyrage.x25519.Identity.generate()
SEARCH = Search({"marker": MARKER}, [IDENTITY])


def in_zip(data: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("other", b"x")
        archive.writestr("it", data)
    return packed.getvalue()


def in_tar(data: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo("it")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return packed.getvalue()


def in_sqlite(data: bytes) -> bytes:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE entries (body BLOB)")
    connection.execute("INSERT INTO entries VALUES (?)", (data,))
    connection.commit()
    return connection.serialize()


def in_json(data: bytes) -> bytes:
    return json.dumps({"before": "a\nb", "log": "\n" + base64.b64encode(data).decode()}).encode()


def in_folded_base64(data: bytes) -> bytes:
    return b"release: >\n  " + base64.encodebytes(data).replace(b"\n", b"\n  ") + b"\n# the end\n"


def in_url(data: bytes) -> bytes:
    return b"GET /?q=" + base64.urlsafe_b64encode(data).rstrip(b"=") + b"&x=1"


def in_age(data: bytes) -> bytes:
    return bytes(pyrage.encrypt(data, [IDENTITY.to_public()]))


Packing = Callable[[bytes], bytes]
PACKINGS: list[Packing] = [
    *(in_zip, gzip.compress, in_tar, in_sqlite, in_json, in_folded_base64, in_url, in_age),
    lambda data: base64.b64encode(base64.b64encode(data)),
    lambda data: b"log of it: " + base64.b64encode(data) + b"\n",
]


@pytest.mark.parametrize("packing", PACKINGS)
def test_it_is_found_in_each_packing(packing: Packing) -> None:
    assert SEARCH.data(packing(MARKER), "file")
    assert SEARCH.data(packing(b"nothing of it"), "file") == []


@settings(max_examples=25)
@given(st.lists(st.sampled_from(PACKINGS), min_size=2, max_size=3))
def test_it_is_found_in_packings_of_packings(packings: list[Packing]) -> None:
    data, other = MARKER, b"nothing of it"
    for packing in packings:
        data, other = packing(data), packing(other)
    assert SEARCH.data(data, "file")
    assert SEARCH.data(other, "file") == []


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_base64_of_it_is_found_wherever_it_begins(before: bytes, after: bytes) -> None:
    assert SEARCH.data(b"x=" + base64.b64encode(before + MARKER + after), "file")
    assert SEARCH.data(b'"' + base64.b64encode(before + MARKER[:20] + after) + b'"', "file"), "half of it"


def test_a_line_of_a_key_is_found_in_json() -> None:
    lines = b"MIIEpAIBAAKCAQEAsecretsecretsecret\nb3RoZXIgbGluZSBvZiBpdA0K"
    key = b"-----BEGIN RSA PRIVATE KEY-----\n%s\n-----END RSA PRIVATE KEY-----\n" % lines
    search = Search({"key": key})
    assert search.data(json.dumps({"key": key.decode()}).encode(), "file") == ["file: key"]
    assert search.data(b"-----BEGIN RSA PRIVATE KEY-----", "file") == []


def test_what_is_only_in_the_log_of_a_database_is_found(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    connection = sqlite3.connect(tmp_path / "open" / "journal.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE entries (body BLOB)")
    connection.execute("INSERT INTO entries VALUES (?)", (gzip.compress(MARKER),))
    shutil.copytree(tmp_path / "open", tmp_path / "left")
    connection.close()
    assert SEARCH.directory(tmp_path / "left") == ["journal.db-wal > entries > gzip: marker"]


def test_of_a_directory_each_file_is_searched(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "r.html").write_bytes(b"<p>" + MARKER + b"</p>")
    (tmp_path / "plan.zip").write_bytes(in_zip(in_json(gzip.compress(MARKER))))
    found = SEARCH.directory(tmp_path)
    assert any(told.startswith("plan.zip > it > base64") for told in found)
    assert "reports/r.html: marker" in found


def test_without_the_identity_an_encrypted_one_is_left_alone() -> None:
    assert Search({"marker": MARKER}).data(in_age(MARKER), "file") == []
