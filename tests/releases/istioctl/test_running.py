"""How an istioctl is run: what it is given, what is told of it, and what its failures say."""

import asyncio
import os
from pathlib import Path

import pytest

from resail.errors import ArtifactError, UsageError
from resail.models.access import KubeAccess
from resail.models.identity import IstioVersion
from resail.releases.istioctl.generating import IstioctlGenerator, generate
from resail.releases.istioctl.running import IstioctlError, run_istioctl
from resail.releases.istioctl.store import IstioctlStore
from tests.releases.istioctl.programs import put

RENDERED = """\
echo 'apiVersion: v1'
echo 'kind: ConfigMap'
echo 'metadata: {name: istio}'
echo '---'
echo 'apiVersion: v1'
echo 'kind: Secret'
echo 'metadata: {name: cacerts, namespace: other}'
echo 'stringData: {key: hidden}'
echo '---'
"""


def script(folder: Path, text: str) -> Path:
    return put(folder, f"#!/bin/sh\n{text}".encode())


def ran(folder: Path, text: str, *arguments: str, access: KubeAccess | None = None) -> tuple[str, list[str]]:
    told: list[str] = []
    return asyncio.run(run_istioctl(script(folder, text), arguments, access=access, tell=told.append)), told


def test_nothing_of_the_users_settings_reaches_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISTIOCTL_REVISION", "other")
    monkeypatch.setenv("ISTIOCONFIG", "/etc/passwd")
    monkeypatch.setenv("KUBECONFIG", "/etc/kube")
    said, _ = ran(tmp_path, 'echo "$ISTIOCTL_REVISION|$KUBECONFIG|$*|"; cat "$ISTIOCONFIG"\n', "version")
    assert said == f"|{os.devnull}|version|\n"
    said, _ = ran(tmp_path, 'echo "$KUBECONFIG|$*"\n', "version", access=KubeAccess())
    assert said == "/etc/kube|version\n"
    said, _ = ran(tmp_path, 'echo "$*"\n', "version", access=KubeAccess(Path("/k"), "c"))
    assert said == "version --kubeconfig=/k --context=c\n"


def test_it_is_called_istioctl_whatever_its_file_is_called(tmp_path: Path) -> None:
    link = tmp_path / "istioctl-1.26.0-abc"
    link.symlink_to("/bin/bash")
    said = asyncio.run(run_istioctl(link, ["-c", "echo $0"]))
    assert said == "istioctl\n"


def test_its_progress_is_told_and_its_art_is_not(tmp_path: Path) -> None:
    lines = (r"  |\\ ", "- Processing resources for Istiod.", r"\033[32m✔ Istiod installed\033[0m", "  Removed x.")
    for stream in ("", " >&2"):
        _, told = ran(tmp_path, "\n".join(f"printf '%b\\n' '{line}'{stream}" for line in lines))
        assert told == ["- Processing resources for Istiod.", "✔ Istiod installed", "Removed x."]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("echo 'error port forward failed: x' >&2; echo 'Error: it broke' >&2; exit 1", "it broke"),
        ("exit 3", "it ended with code 3 and said nothing"),
        ("for n in 1 2 3 4 5 6 7 8 9; do echo line $n >&2; done; exit 1", "line 4; line 5; line 6; line 7; line 8; line 9"),
    ],
)
def test_its_own_words_are_the_error(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(IstioctlError) as failed:
        ran(tmp_path, text)
    assert str(failed.value) == said


def test_what_it_renders_becomes_objects(tmp_path: Path) -> None:
    program = script(tmp_path, f'case "$*" in "manifest generate -f "*".json") {RENDERED};; *) exit 64;; esac\n')
    objects = asyncio.run(generate(program, {"spec": {"values": {"global": {"istioNamespace": "mesh"}}}}))
    assert [(one["kind"], one["metadata"]["namespace"]) for one in objects] == [("ConfigMap", "mesh"), ("Secret", "other")]
    assert objects[1]["stringData"] == {"key": "(not shown)"}
    assert asyncio.run(generate(program, {}))[0]["metadata"]["namespace"] == "istio-system"


def test_on_a_cluster_its_kind_is_minded(tmp_path: Path) -> None:
    program = script(tmp_path, f'case "$*" in *"--cluster-specific --kubeconfig=/k") {RENDERED};; *) exit 64;; esac\n')
    assert len(asyncio.run(generate(program, {}, KubeAccess(Path("/k"))))) == 2


def test_a_configuration_that_it_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = '{"clientVersion": {"version": "1.26.0"}}'
    script(tmp_path / "bin", f"[ $1 = version ] && echo '{answer}' && exit 0\necho 'Error: unknown field \"cnu\"' >&2; exit 1\n")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    generator = IstioctlGenerator(IstioctlStore([], tmp_path / "cache"))
    with pytest.raises(UsageError, match=r'istioctl 1\.26\.0: istioctl refuses the configuration: unknown field "cnu"'):
        asyncio.run(generator.generate(IstioVersion(1, 26, 0), {}, "1.31.0"))
    with pytest.raises(ArtifactError, match=r"istioctl 1\.27\.9"):
        asyncio.run(generator.generate(IstioVersion(1, 27, 9), {}, "1.31.0"))
