"""A real mesh loses its control plane, its kinds and its webhooks, and is restored by a process that is killed on the way."""

import os
import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pyrage
import pytest

from resail.backup.file import read_backup
from resail.checks.differences import object_changes
from resail.models.identity import IstioVersion
from resail.releases.store import default_store
from resail.testbed.bed import Bed
from resail.testbed.binaries import ensure
from tests.acceptance.conftest import FROM, Resail, restore
from tests.acceptance.exemptions import ANOTHER_RUN
from tests.acceptance.world import World, differences, world
from tests.backup.many_objects import OBJECTS, make_many_objects
from tests.conftest import settle

pytestmark = pytest.mark.bed

KILLER = """
import asyncio, os, signal, sys
from pathlib import Path
from resail.operations.restore import RestoreRequest, restore

class Watcher:
    written = 0
    def compared(self, facts, restoration, *, overwrite): pass
    def agrees(self): return True
    def progress(self, text): pass
    def wrote(self, stage, done, of):
        self.written += done > 0
        if self.written >= int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(restore(RestoreRequest(file=Path(sys.argv[1]), identities=(Path(sys.argv[2]),)), Watcher()))
"""
"""The arguments: backup, key, and after how many objects to die, with others under way."""

SEED = int(os.environ.get("RESAIL_SEED") or 7)
BEFORE_THE_MANY, IN_ALL = 30, OBJECTS + 50
"""Objects that are written before the custom resources, and that are written."""

_SAVED = "lost-mesh"
_PATIENCE = 120.0  # seconds
_CA = "istio-system/Secret/istio-ca-secret"
_ROOT = "ConfigMap/istio-ca-root-cert"


class Lost(msgspec.Struct, frozen=True):
    """A mesh that is gone but for its workloads, and what is left of it."""

    resail: Resail
    backup: Path
    key: Path
    before: World


@pytest.fixture(scope="module")
def lost(_foreign_saved: Bed, tmp_path_factory: pytest.TempPathFactory) -> Lost:
    directory = tmp_path_factory.mktemp("lost")
    backup, key = directory / "mesh.tar.gz.age", directory / "key"
    identity = pyrage.x25519.Identity.generate()
    key.write_text(str(identity))
    restore(_foreign_saved)
    resail = Resail(_foreign_saved, directory)
    make_many_objects(resail.bed)
    resail("backup", "--out", backup, "--recipient", str(identity.to_public()))
    before = world(resail.bed)
    assert {_CA, f"bookshop/{_ROOT}", f"istio-system/{_ROOT}"} <= before.keys()
    delete(resail.bed)
    resail.bed.save(_SAVED)
    return Lost(resail, backup, key, before)


@pytest.mark.parametrize("moment", [random.Random(SEED).randrange(1, IN_ALL)])
def test_killed_on_the_way_and_run_again(lost: Lost, moment: int) -> None:
    resail, bed = lost.resail, lost.resail.bed
    walk(lost, moment)
    again = lost.backup.with_name("again.age")
    resail("backup", "--out", again, "--recipient", str(identity_of(lost).to_public()))
    old, new = (read_backup(path, [lost.key]) for path in (lost.backup, again))
    # Who owns which field is in them.
    assert object_changes(old.objects, new.objects) == ()
    assert old.marks == new.marks
    assert resail("verify", "-o", "json").json["verdict"] == "ready"
    # Nothing of resail's is in Helm's way; istiod's own patch of its webhook is, as on every mesh.
    helm, charts = ensure(("helm",), print)["helm"], default_store().get(IstioVersion.parse(FROM), print).directory
    upgrade: list[str | Path] = [
        helm,
        "--kubeconfig",
        bed.kubeconfig_of("deployer"),
        "upgrade",
        "--reuse-values",
        "--skip-schema-validation",
    ]
    for release, conflicts in (("cni", []), ("istiod", ["pilot-discovery"])):
        place: list[str | Path] = [release, Path(charts) / "charts" / release, "--namespace", "istio-system"]
        done = subprocess.run([*upgrade, *place], capture_output=True, text=True)
        named = {name for name in ("pilot-discovery", "resail") if f'conflict with "{name}"' in done.stderr.replace("\\", "")}
        assert sorted(named) == conflicts, done.stderr
        assert (done.returncode == 0) == (not conflicts), done.stderr


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(8))
def test_killed_at_more_moments(lost: Lost, seed: int) -> None:
    """Half of them before the many custom resources are written."""
    lost.resail.bed.reset(_SAVED)
    walk(lost, random.Random(seed).randrange(1, IN_ALL if seed % 2 else BEFORE_THE_MANY))


def walk(lost: Lost, moment: int) -> None:
    """Restore, with a kill after that many objects, until the mesh is as it was."""
    resail, bed = lost.resail, lost.resail.bed
    command = resail.command()
    command[2:] = [KILLER, *map(str, (lost.backup, lost.key, moment))]
    killed = subprocess.run(command, capture_output=True, text=True, env=resail.environment)
    assert killed.returncode == -9, killed.stderr[-2000:]

    report = resail("restore", lost.backup, "--identity", lost.key, "--yes", "-o", "json").json

    assert report["state"] == "restored"
    assert {result["outcome"] for result in report["results"]} <= {"created", "finished"}
    settle(bed)
    # istiod, which is the last to come, puts its root into each namespace.
    until(lambda: bed.api("GET", f"/api/v1/namespaces/istio-system/configmaps/{_ROOT.partition('/')[2]}").status_code == 200)
    assert differences(lost.before, world(bed), also_exempt=ANOTHER_RUN) == []
    lease = bed.api("GET", "/apis/coordination.k8s.io/v1/namespaces/istio-system/leases/resail").json()
    assert not lease["spec"].get("holderIdentity")


def identity_of(lost: Lost) -> pyrage.x25519.Identity:
    return pyrage.x25519.Identity.from_str(lost.key.read_text())


def delete(bed: Bed) -> None:
    """The control plane's namespace, the CRDs with all their objects, and the webhooks; none is there afterwards."""
    hooks = "/apis/admissionregistration.k8s.io/v1"
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    paths = [
        f"{path}/{item['metadata']['name']}"
        for path in (f"{hooks}/mutatingwebhookconfigurations", f"{hooks}/validatingwebhookconfigurations", definitions)
        for item in bed.api("GET", path).json()["items"]
        if "istio" in item["metadata"]["name"]
    ]
    paths.append("/api/v1/namespaces/istio-system")
    for path in paths:
        bed.api("DELETE", path).raise_for_status()
    until(lambda: all(bed.api("GET", path).status_code == 404 for path in paths))


def until(condition: Callable[[], bool]) -> None:
    """Wait for what controllers do."""
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.25)
