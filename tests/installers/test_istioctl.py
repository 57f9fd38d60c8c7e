"""istioctl as an installer: nothing is written that the plan does not show, and what it says is what is said."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from resail.errors import InstallerError, StalePlanError
from resail.installers.interface import Installation
from resail.installers.istioctl import IstioctlCommand
from resail.models.access import KubeAccess
from resail.models.identity import Manifest
from resail.models.istioctl_marks import as_istioctl_applies
from resail.releases.istioctl.store import IstioctlStore
from tests.releases.istioctl.programs import put

KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{name: nowhere, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: nobody, user: {}}]
contexts: [{name: nowhere, context: {cluster: nowhere, user: nobody}}]
current-context: nowhere
"""
CONFIGURATION: dict[str, Any] = {"metadata": {"name": "shop", "namespace": "istio-system"}, "spec": {}}
SELECTOR = {"matchLabels": {"team": "a"}}
NO_REACH = {"matchLabels": {"istio.io/deactivated": "never-match"}}


class Fake:
    """An istioctl that renders what it is told, and notes what it was asked to do."""

    def __init__(self, folder: Path, rendered: str, *, then: str = "") -> None:
        self._noted = folder / "noted"
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(KUBECONFIG)
        (folder / "rendered").write_text(rendered)
        put(
            folder / "bin",
            f"""#!/bin/sh
case "$1" in
version) echo '{{"clientVersion": {{"version": "1.26.0"}}}}' ;;
manifest) cat {folder / "rendered"} ;;
*) echo "$*" >> {self._noted}; {then or "true"} ;;
esac
""".encode(),
        )
        self.installer = IstioctlCommand(lambda _: IstioctlStore([], folder / "cache"), KubeAccess(kubeconfig))
        asyncio.run(self.installer.prepare(["1.26.0"], (), print))

    @property
    def noted(self) -> list[str]:
        lines = self._noted.read_text().splitlines() if self._noted.exists() else []
        return [line.rpartition(" --kubeconfig=")[0] for line in lines]

    def install(self, *objects: Manifest) -> None:
        wanted = Installation("1.26.0", CONFIGURATION, objects, 90)
        asyncio.run(self.installer.install(wanted, print))


@pytest.fixture(autouse=True)
def _on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")


def config_map(value: str = "1") -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "istio", "namespace": "istio-system", "labels": {"app": "istiod"}},
        "data": {"key": value},
    }


def webhook(selector: dict[str, Any]) -> Manifest:
    entry = {"name": "namespace.sidecar-injector.istio.io", "namespaceSelector": selector, "objectSelector": selector}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "istio-sidecar-injector"},
        "webhooks": [entry],
    }


def marked(manifest: Manifest) -> Manifest:
    return as_istioctl_applies(manifest, "Pilot", "default", "1.26.0", CONFIGURATION)


def yaml_of(*manifests: Manifest) -> str:
    return "\n---\n".join(msgspec.json.encode(manifest).decode() for manifest in manifests)


def test_what_the_plan_shows_is_installed(tmp_path: Path) -> None:
    istioctl = Fake(tmp_path, yaml_of(config_map(), webhook(SELECTOR)))
    # Setting the tag ``default`` takes the webhook's reach away, and the plan shows that.
    istioctl.install(marked(config_map()), marked(webhook(NO_REACH)))
    (noted,) = istioctl.noted
    assert noted.startswith("install -f ")
    assert noted.endswith(".json --skip-confirmation --readiness-timeout=90s")


@pytest.mark.parametrize(
    ("rendered", "planned", "said"),
    [
        ([config_map("2")], [config_map()], "v1 ConfigMap istio-system/istio data.key"),
        ([config_map()], [], "is not in it"),
        ([], [config_map()], "is not rendered"),
        ([webhook(SELECTOR)], [webhook({"matchLabels": {"team": "b"}})], "namespaceSelector"),
    ],
)
def test_what_the_plan_does_not_show_is_not(tmp_path: Path, rendered: list[Manifest], planned: list[Manifest], said: str) -> None:
    istioctl = Fake(tmp_path, yaml_of(*rendered))
    with pytest.raises(StalePlanError, match="renders something else") as refused:
        istioctl.install(*map(marked, planned))
    assert said.split(" ")[-1] in str(refused.value)
    assert istioctl.noted == []


def test_its_failure_is_told_in_its_words(tmp_path: Path) -> None:
    istioctl = Fake(tmp_path, yaml_of(config_map()), then="echo 'Error: failed to install manifests: no' >&2; exit 1")
    with pytest.raises(InstallerError, match=r"istioctl 1\.26\.0 install: it failed: failed to install manifests: no"):
        istioctl.install(marked(config_map()))
    with pytest.raises(InstallerError, match=r"istioctl 1\.26\.0 uninstall --revision 1-26-0: it failed"):
        asyncio.run(istioctl.installer.uninstall("1.26.0", "1-26-0", print))


def test_a_revision_that_it_no_longer_knows_is_gone(tmp_path: Path) -> None:
    istioctl = Fake(tmp_path, "", then="echo 'Error: could not find target revision' >&2; exit 1")
    asyncio.run(istioctl.installer.uninstall("1.26.0", "1-26-0", print))
    assert istioctl.noted == ["uninstall --revision 1-26-0 --skip-confirmation"]
