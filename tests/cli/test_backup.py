"""``resail backup``: what it prints of files, and what it refuses before any cluster is asked."""

import json

import pyrage
import pytest
from tests.backup.backups import a_backup, a_config_map, a_role, a_secret, a_service
from tests.cli.program import Program

from resail.backup.file import write_backup
from resail.errors import ExitCode

KEY = pyrage.x25519.Identity.generate()
BEFORE, AFTER, WHOLE = "before.tar.gz", "after.tar.gz", "whole.tar.gz.age"


@pytest.fixture
def files(resail: Program) -> Program:
    """A home with backups."""
    write_backup(resail.home / BEFORE, a_backup(a_service(app="istiod"), a_role("a"), unread={"Lease": "forbidden [x]"}))
    write_backup(resail.home / AFTER, a_backup(a_service(app="pilot"), a_config_map(mesh="a")))
    write_backup(
        resail.home / WHOLE,
        a_backup(a_secret(**{"ca-key.pem": "dmVyeSBzZWNyZXQ="}), has_secrets=True, lacks=()),
        [str(KEY.to_public())],
    )
    (resail.home / "key").write_text(f"{KEY}\n")
    return resail


def test_show_tells_what_is_in_it_and_what_it_lacks(files: Program) -> None:
    table = files("backup", "show", BEFORE)
    assert table.returncode == 0
    assert "not sufficient to restore: CA, Helm state" in table.stdout
    assert "forbidden [x]" in table.stdout
    document = json.loads(files("backup", "show", BEFORE, "-o", "json").stdout)
    assert document["objects"] == {"ClusterRole.rbac.authorization.k8s.io": 1, "Service": 1}
    assert document["facts"]["lacks"] == ["CA", "Helm state"]
    assert document["bytes"] == (files.home / BEFORE).stat().st_size
    assert "**not sufficient to restore: CA, Helm state**" in files("backup", "show", BEFORE, "-o", "md").stdout


def test_show_opens_an_encrypted_one_with_its_key_only(files: Program) -> None:
    shut = files("backup", "show", WHOLE)
    assert shut.returncode == ExitCode.USAGE
    assert "--identity" in shut.stderr
    told = files("backup", "show", WHOLE, "--identity", "key")
    assert told.returncode == 0
    assert "not sufficient" not in told.stdout
    assert "dmVyeSBzZWNyZXQ=" not in told.stdout


def test_diff_tells_objects_and_fields(files: Program) -> None:
    table = files("backup", "diff", BEFORE, AFTER)
    assert table.returncode == 0
    assert "~ istio-system/Service/istiod\n    metadata.labels.app\n" in table.stdout
    assert "1 added, 1 changed, 1 removed" in table.stdout
    assert "Lease: forbidden [x]" in table.stdout
    document = json.loads(files("backup", "diff", BEFORE, AFTER, "-o", "json").stdout)
    assert [(each["change"], each["object"]["name"]) for each in document["changes"]] == [
        ("remove", "a"),
        ("add", "istio"),
        ("change", "istiod"),
    ]
    assert "| remove | ClusterRole/a |" in files("backup", "diff", BEFORE, AFTER, "-o", "md").stdout


def test_diff_tells_by_its_code_only_where_that_was_asked_for(files: Program) -> None:
    assert files("backup", "diff", BEFORE, AFTER, "--exit-code").returncode == ExitCode.DIFFERENCES
    same = files("backup", "diff", BEFORE, BEFORE, "--exit-code")
    assert same.returncode == 0
    assert "Nothing differs." in same.stdout


def test_a_damaged_one_is_refused(files: Program) -> None:
    data = (files.home / BEFORE).read_bytes()
    (files.home / "half").write_bytes(data[: len(data) // 2])
    for arguments in (("show", "half"), ("diff", BEFORE, "half"), ("show", "none")):
        ended = files("backup", *arguments, "-o", "json")
        assert ended.returncode == ExitCode.ARTIFACT
        assert json.loads(ended.stdout)["error"]["exit_code"] == ExitCode.ARTIFACT


def test_what_cannot_be_is_refused_before_a_cluster_is_asked(files: Program) -> None:
    for code, arguments in (
        (ExitCode.USAGE, ("--recipient", "bob")),
        (ExitCode.USAGE, ("--recipients-file", "none")),
        (ExitCode.ARTIFACT, ("--out", BEFORE)),
        (ExitCode.USAGE, ("-o", "html")),
        (ExitCode.USAGE, ("--out", "x", "show", BEFORE)),
        (ExitCode.UNREACHABLE, ("--kubeconfig", "nowhere")),
    ):
        ended = files("backup", *arguments)
        assert (ended.returncode, arguments) == (code, arguments), ended.stderr
        assert "next: " in ended.stderr


def test_it_has_a_page_of_help_with_its_commands(resail: Program) -> None:
    told = resail("backup", "--help").stdout
    assert "--recipient KEY" in told
    assert "diff" in told
