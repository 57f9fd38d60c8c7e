"""The foreign mesh, installed once, and the program as its user starts it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from resail.models.identity import IstioVersion
from resail.models.undoing import Undoing
from resail.operations.cluster_choice import TWIN
from resail.operations.istioctl import get_istioctl
from resail.releases.store import default_store
from resail.testbed import audit
from resail.testbed.bed import Bed
from resail.testbed.binaries import ensure
from tests.acceptance.foreseen import contents, entries_of, otherwise
from tests.acceptance.small_mesh import TO as SMALL_MESH_GOES_TO
from tests.acceptance.small_mesh import make_mesh
from tests.acceptance.world import World, world
from tests.conftest import EMPTY, settle
from tests.releases.releases_on_disk import unpack

FROM = "1.25.1"
TO = "1.26.0"
OPERATOR = Path(__file__).with_name("operator.yaml")
_SAVED = "foreign-mesh"


class Done(msgspec.Struct, frozen=True):
    """A command that ended."""

    code: int
    output: str
    errors: str

    @property
    def json(self) -> Any:
        return json.loads(self.output)


class Resail:
    """``resail`` against a bed."""

    def __init__(self, bed: Bed, directory: Path) -> None:
        self.bed = bed
        self.state = directory / "state"
        self.plan = directory / "plan.zip"
        self.asks_registries = False
        """No test goes to the registries of Istio's own images."""
        self._directory = directory

    def command(self, *arguments: str | Path) -> list[str]:
        return [sys.executable, "-c", "from resail.apps.cli.main import main; main()", *map(str, arguments)]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "KUBECONFIG": str(self.bed.kubeconfig)}

    def __call__(self, *arguments: str | Path, code: int = 0) -> Done:
        if arguments[0] in ("plan", "precheck") and not self.asks_registries:
            arguments = (*arguments, "--skip-check", "images=nothing pulls images on a test bed")
        done = subprocess.run(self.command(*arguments), capture_output=True, text=True, env=self.environment, cwd=self._directory)
        told = f"{done.stderr[-3000:]}\n{done.stdout[-1500:]}"
        assert "Traceback" not in done.stderr, told
        assert done.returncode == code, f"exit {done.returncode} instead of {code}: {told}"
        return Done(done.returncode, done.stdout, done.stderr)

    def make_plan(self, *options: str, to: str = TO) -> None:
        self("plan", "--to", to, "--out", self.plan, *options)

    def apply(self, code: int = 0) -> Any:
        return self("apply", self.plan, "--dir", self.state, "-o", "json", code=code).json

    def resume(self, *options: str, code: int = 0) -> Any:
        return self("resume", "--dir", self.state, "-o", "json", *options, code=code).json

    def rollback(self) -> Any:
        return self("rollback", "--dir", self.state, "-o", "json").json

    def rollback_as_foreseen(self) -> Any:
        """As ``rollback``, once a dry run has told of it, which writes nothing here or there, and told the truth."""
        begun, kept, known = len(self.bed.audit()), contents(self.state), len(entries_of(self.state))
        told = self("rollback", "--dry-run", "--dir", self.state, "-o", "json").json
        assert audit.writes(self.bed.audit()[begun:], "resail") == []
        assert contents(self.state) == kept
        record = self.rollback()
        assert otherwise(msgspec.convert(told, Undoing), entries_of(self.state)[known:]) == []
        return record


@pytest.fixture(scope="session")
def _foreign_saved(session_bed: Bed) -> Bed:
    session_bed.reset(EMPTY)
    programs = ensure(("helm", "kubectl"), print)
    charts = Path(default_store().get(IstioVersion.parse(FROM), print).directory) / "charts"
    script = Path(__file__).with_name("foreign_mesh.py")
    arguments: Sequence[str | Path] = (programs["helm"], programs["kubectl"], session_bed.kubeconfig_of("deployer"), charts, FROM)
    subprocess.run([sys.executable, script, *arguments], check=True)
    session_bed.save(_SAVED)
    return session_bed


def restore(bed: Bed) -> None:
    """Put the bed back to the foreign mesh at Istio 1.25.1."""
    bed.reset(_SAVED)
    settle(bed)


@pytest.fixture(scope="session")
def _small_mesh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("small-mesh") / TWIN
    make_mesh(path)
    return path


@pytest.fixture
def small_place(_small_mesh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the small mesh in ``state/`` and the release that it goes to in ``releases/``; nothing is kept elsewhere."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "user-state"))
    unpack(tmp_path / "releases", SMALL_MESH_GOES_TO)
    (tmp_path / "state").mkdir()
    shutil.copy(_small_mesh, tmp_path / "state" / TWIN)
    return tmp_path


class IstioctlMeshes:
    """Meshes that istioctl installed, each version's once."""

    def __init__(self, bed: Bed) -> None:
        self.bed = bed
        self._saved: set[str] = set()

    def restore(self, version: str) -> None:
        """Put the bed to the mesh of that version."""
        name = f"istioctl-mesh-{version}"
        if name not in self._saved:
            self.bed.reset(EMPTY)
            kubectl, istioctl = ensure(("kubectl",), print)["kubectl"], get_istioctl(version).path
            script, kubeconfig = Path(__file__).with_name("istioctl_mesh.py"), self.bed.kubeconfig_of("deployer")
            subprocess.run([sys.executable, script, istioctl, kubectl, kubeconfig, OPERATOR], check=True)
            self.bed.save(name)
            self._saved.add(name)
        self.bed.reset(name)
        settle(self.bed)


@pytest.fixture(scope="session")
def istioctl_meshes(session_bed: Bed) -> IstioctlMeshes:
    return IstioctlMeshes(session_bed)


class Unbroken(msgspec.Struct, frozen=True):
    """What a canary that nobody interrupted, and no fault met, comes to."""

    record: Any
    end: World


@pytest.fixture(scope="session")
def unbroken(_foreign_saved: Bed, tmp_path_factory: pytest.TempPathFactory) -> Unbroken:
    restore(_foreign_saved)
    resail = Resail(_foreign_saved, tmp_path_factory.mktemp("unbroken"))
    resail.make_plan("--max-parallel", "3")
    record = resail.apply()
    return Unbroken(record, world(_foreign_saved))


@pytest.fixture
def resail(_foreign_saved: Bed, tmp_path: Path) -> Resail:
    """``resail`` against a bed with the foreign mesh."""
    restore(_foreign_saved)
    return Resail(_foreign_saved, tmp_path)
