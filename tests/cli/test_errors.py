"""What a person can get wrong: one clear error, the documented exit code, never a traceback."""

import json
import os
import re
import socket
import zipfile
from pathlib import Path

import pytest
from tests.cli.program import Program

KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{{name: c, cluster: {{server: "https://127.0.0.1:{port}"}}}}]
users: [{{name: u, user: {{token: t}}}}]
contexts: [{{name: here, context: {{cluster: c, user: u}}}}]
current-context: here
"""


def closed_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def assert_fails(resail: Program, code: int, *arguments: str | Path) -> str:
    """Fails with that code and an error with a next step, the same for people and programs; returns it."""
    plain = resail(*arguments)
    assert plain.returncode == code, plain.stderr
    assert plain.stdout == ""
    assert "Traceback" not in plain.stderr
    assert re.search("^Error: ", plain.stderr, re.MULTILINE)
    assert "\n  next: " in plain.stderr
    machine = resail(*arguments, "-o", "json")
    assert machine.returncode == code
    assert json.loads(machine.stdout)["error"]["exit_code"] == code
    assert "Traceback" not in machine.stderr
    return plain.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["nix"],
        ["plan"],
        ["plan", "--to"],
        ["plan", "--to", "1.27.9", "--strategy", "hope"],
        ["plan", "--to", "1.27.9", "--max-parallel", "0"],
        ["apply"],
        ["apply", "a", "b"],
        ["status", "--no-such-option"],
        ["releases", "show"],
        ["releases", "show", "latest"],
        ["completion", "csh"],
        ["rbac", "plan.zip", "--serviceaccount", "resail"],
    ],
)
def test_words_that_are_not_understood(resail: Program, arguments: list[str]) -> None:
    assert_fails(resail, 2, *arguments)


def test_a_format_that_a_command_cannot_print(resail: Program) -> None:
    done = resail("-o", "html", "releases", "list")
    assert done.returncode == 2
    assert "html" in done.stderr


def test_global_options_stand_on_either_side_and_the_later_one_wins(resail: Program) -> None:
    before = resail("-o", "json", "releases", "list")
    after = resail("releases", "list", "-o", "json")
    assert json.loads(before.stdout) == json.loads(after.stdout)
    assert resail("-o", "yaml", "releases", "list", "-o", "json").stdout == after.stdout


def test_no_kubeconfig(resail: Program) -> None:
    assert_fails(resail, 8, "inspect")


def test_a_kubeconfig_that_is_not_there(resail: Program) -> None:
    assert "nowhere" in assert_fails(resail, 8, "--kubeconfig", "nowhere", "inspect")


@pytest.mark.parametrize("text", ["", "{", "a: b", "kind: Config\n", "- 1\n", "\x00", "a:\n\tb: c\n"])
def test_a_broken_kubeconfig(resail: Program, text: str) -> None:
    (resail.home / "config").write_text(text)
    assert_fails(resail, 8, "inspect", "--kubeconfig", resail.home / "config")


def test_a_context_that_is_not_there(resail: Program) -> None:
    (resail.home / "config").write_text(KUBECONFIG.format(port=1))
    assert "there" in assert_fails(resail, 8, "inspect", "--kubeconfig", "config", "--context", "there")


@pytest.mark.parametrize("arguments", [["inspect"], ["plan", "--to", "1.27.9"], ["status"], ["verify"]])
def test_an_api_that_does_not_answer(resail: Program, arguments: list[str]) -> None:
    (resail.home / "config").write_text(KUBECONFIG.format(port=closed_port()))
    assert_fails(resail, 8, *arguments, "--kubeconfig", "config")


def test_a_version_that_does_not_exist(resail: Program) -> None:
    assert "1.99.0" in assert_fails(resail, 9, "releases", "show", "1.99.0")


def test_a_values_file_with_a_tab(resail: Program) -> None:
    (resail.home / "values.yaml").write_text("pilot:\n  cni:\n\tenabled: true\n")
    error = assert_fails(resail, 2, "plan", "--to", "1.27.9", "-f", "values.yaml")
    assert "values.yaml, line 3, column 1" in error
    assert "tab" in error


def test_a_values_file_that_is_not_there(resail: Program) -> None:
    assert_fails(resail, 9, "plan", "--to", "1.27.9", "-f", "values.yaml")


@pytest.mark.parametrize("verb", ["show", "apply", "diff", "rbac"])
@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04", b"no zip at all", b"PK\x05\x06" + bytes(18)])
def test_a_plan_file_that_is_none(resail: Program, verb: str, content: bytes | None) -> None:
    if content is not None:
        (resail.home / "plan.zip").write_bytes(content)
    assert "plan.zip" in assert_fails(resail, 9, verb, "plan.zip")


def test_a_zip_archive_that_is_no_plan(resail: Program) -> None:
    with zipfile.ZipFile(resail.home / "plan.zip", "w") as archive:
        archive.writestr("plan.json", "{}")
    assert_fails(resail, 9, "show", "plan.zip")


@pytest.mark.parametrize("verb", ["status", "report", "pause", "abort"])
def test_a_directory_where_nothing_was_run(resail: Program, verb: str) -> None:
    assert "--dir" in assert_fails(resail, 2, verb, "--dir", resail.home / "empty")
    assert not (resail.home / "empty").exists()


def test_a_snapshot_that_is_none(resail: Program) -> None:
    (resail.home / "mesh.json").write_text("{}")
    assert_fails(resail, 9, "inspect", "--snapshot", "mesh.json")
    assert_fails(resail, 9, "plan", "--to", "1.27.9", "--snapshot", "nowhere.json")


def test_a_reader_that_goes_away_is_no_error_to_shout_about(resail: Program) -> None:
    import subprocess
    import sys

    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        done = subprocess.run(
            [sys.executable, "-c", "from resail.apps.cli.main import main; main()", "releases", "list"],
            stdout=pipe,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.stderr == ""
