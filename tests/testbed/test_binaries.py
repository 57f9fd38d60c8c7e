"""Which file is taken for a program of the bed, and how it is built."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from resail.errors import ArtifactError, UsageError
from resail.testbed.binaries import cached, ensure
from resail.testbed.tools import CONTROL_PLANE, ISTIO_VERSIONS, TOOLS

_ENVIRONMENT = dict(os.environ)
"""The machine as it really is."""


@pytest.fixture(autouse=True)
def empty_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing cached, nothing on PATH but the shell's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:/usr/bin:/bin")
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)


def _program(folder: Path, name: str, prints: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{prints}'\n")
    path.chmod(0o755)
    return path


def test_what_the_bed_runs_is_known() -> None:
    assert set(CONTROL_PLANE) | {f"pilot-discovery-{version}" for version in ISTIO_VERSIONS} <= set(TOOLS)


def test_unknown_programs_are_a_users_mistake() -> None:
    with pytest.raises(UsageError, match="no program 'kubelet'"):
        ensure(["kubelet"], print)


def test_assets_come_before_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_path = _program(tmp_path / "path", "kube-apiserver", "Kubernetes v1.31.4")
    assert cached("kube-apiserver") == on_path
    asset = _program(tmp_path / "assets", "kube-apiserver", "Kubernetes v1.31.2")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path / "assets"))
    assert ensure(["kube-apiserver"], print) == {"kube-apiserver": asset}


@pytest.mark.parametrize(
    ("tool", "command", "prints"),
    [
        ("kube-apiserver", "kube-apiserver", "Kubernetes v1.30.2"),
        ("etcd", "etcd", "etcd Version: 3.5.17"),
        ("helm", "helm", "v3.16.1+g5a5449d"),
        ("pilot-discovery-1.26.0", "pilot-discovery", "1.27.9"),
        ("pilot-discovery-1.25.1", "pilot-discovery", "1.25.10"),
        ("kwok", "kwok", "kwok version v0.6.1"),
    ],
)
def test_a_program_of_another_version_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool: str, command: str, prints: str
) -> None:
    _program(tmp_path / "path", command, prints)
    _program(tmp_path / "assets", command, prints)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path / "assets"))
    assert cached(tool) is None


def test_a_program_that_does_not_start_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "etcd").write_bytes(b"\x7fELF, but broken")
    (tmp_path / "path" / "etcd").chmod(0o755)
    assert cached("etcd") is None


def test_a_module_that_cannot_be_fetched_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", os.environ["PATH"] + ":" + _folder_of_go())
    monkeypatch.setenv("GOPROXY", "off")
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "modules"))
    told: list[str] = []
    with pytest.raises(ArtifactError, match="helm: the build failed") as caught:
        ensure(["helm"], told.append)
    assert "disabled by GOPROXY=off" in str(caught.value)
    assert "resail testbed build" in caught.value.next_step
    assert told == ["[1/1] helm: fetching modules"]
    assert cached("helm") is None


@pytest.mark.bed
def test_two_that_want_the_same_build_it_once(tmp_path: Path) -> None:
    """From a warm Go cache this takes seconds; ``-mod=readonly`` shows that the committed go.sum is whole."""
    go = f"{_folder_of_go()}/go"
    cache = subprocess.run([go, "env", "GOCACHE"], capture_output=True, text=True, check=True, env=_ENVIRONMENT).stdout.strip()
    environment = {**os.environ, "PATH": os.environ["PATH"] + ":" + _folder_of_go(), "GOCACHE": cache}
    program = "from resail.testbed.binaries import ensure; print(ensure(['etcdutl'], print)['etcdutl'])"
    both = [
        subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    outputs = [one.communicate()[0].splitlines() for one in both]
    assert outputs[0][-1] == outputs[1][-1]
    assert sum("built in" in line for lines in outputs for line in lines) == 1
    version = subprocess.run([outputs[0][-1], "version"], capture_output=True, text=True, check=True)
    assert "etcdutl version: 3.6" in version.stdout
    kept = [path.name for path in (tmp_path / "cache" / "resail" / "testbed").iterdir() if not path.name.endswith(".lock")]
    assert kept == [Path(outputs[0][-1]).name]


def _folder_of_go() -> str:
    found = shutil.which("go", path=_ENVIRONMENT["PATH"])
    if found is None:
        pytest.skip("no go on PATH")
    return str(Path(found).parent)
