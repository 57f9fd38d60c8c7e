"""A backup stands in for its cluster: a mesh is told of, planned and rehearsed from it as from the cluster itself."""

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import pyrage
import pytest
from msgspec.structs import replace

from resail.backup.file import write_backup
from resail.backup.gathering import gather
from resail.errors import StalePlanError, UsageError
from resail.models.backup import Backup
from resail.models.finding import Finding
from resail.models.plan import PlanFiles, SkippedCheck, Strategy
from resail.models.rehearsal import Rehearsal
from resail.models.snapshot import MeshSnapshot
from resail.operations.cluster_choice import ClusterChoice, connect_to, open_cluster
from resail.operations.inspect import MeshChoice, inspect
from resail.operations.plan import PlanRequest, plan
from resail.operations.precheck import PrecheckRequest, precheck
from resail.operations.rehearse import RehearseRequest, rehearse
from resail.plan.assembly import with_findings
from resail.plan.file import write_plan
from resail.testbed.mesh.install import TO, install_mesh, render_mesh
from resail.twin.cluster import open_twin
from tests.acceptance.crashes import settle

UNTOLD = "obstacles-unknown"
"""Whether something is in the way only dry runs on the cluster can tell."""

PLUGIN = {
    "apiVersion": "extensions.istio.io/v1alpha1",
    "kind": "WasmPlugin",
    "metadata": {"name": "checker", "namespace": "checkout"},
    "spec": {"url": "oci://registry.example.com/checker:v2", "failStrategy": "FAIL_CLOSE"},
}
"""The hazard N14, which a snapshot alone does not tell of."""


class Stage:
    """The demo's mesh on a twin, and a backup of it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.live = MeshChoice(cluster=ClusterChoice(twin=directory / "twin.db"))
        self.file = directory / "mesh.tar.gz"
        self.saved = MeshChoice(cluster=ClusterChoice(kubeconfig=directory / "no-such-kubeconfig"), backup=self.file)
        settle(self._set())
        self.backup = self.back_up()
        write_backup(self.file, self.backup)

    async def _set(self) -> None:
        mesh = await render_mesh(print)
        async with open_twin(self.live.cluster.twin):
            pass
        async with connect_to(self.live.cluster) as connection, connection.open_installer() as installer:
            await install_mesh(connection.cluster, installer, mesh, print)
            await connection.cluster.create(PLUGIN)

    def back_up(self) -> Backup:
        async def take() -> Backup:
            async with open_cluster(self.live.cluster) as cluster:
                return await gather(cluster, "istio-system", secrets=False, progress=print)

        return settle(take())

    def plan(self, mesh: MeshChoice, out: Path | None = None) -> PlanFiles:
        skipped = (SkippedCheck("images", "nothing pulls images here"),)
        return settle(plan(PlanRequest(mesh=mesh, target=str(TO), max_parallel=5, skipped=skipped, out=out), print))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return Stage(tmp_path_factory.mktemp("mesh"))


def test_it_is_told_of_as_the_cluster(stage: Stage) -> None:
    assert settle(inspect(stage.saved)) == settle(inspect(stage.live))


def test_the_plan_is_the_same_to_the_last_byte_but_for_what_dry_runs_tell(stage: Stage, tmp_path: Path) -> None:
    live, saved = stage.plan(stage.live), stage.plan(stage.saved)
    assert {one.id for one in saved.plan.findings} - {one.id for one in live.plan.findings} == {UNTOLD}
    for name, files in (("live", live), ("saved", saved)):
        known = tuple(one for one in files.plan.findings if one.id != UNTOLD)
        write_plan(tmp_path / name, with_findings(files, known, files.plan.waived))
    assert (tmp_path / "saved").read_bytes() == (tmp_path / "live").read_bytes()


@pytest.mark.parametrize("strategy", get_args(Strategy))
def test_a_precheck_finds_the_same_in_it(stage: Stage, strategy: Strategy) -> None:
    def checked(mesh: MeshChoice) -> tuple[Sequence[Finding], object]:
        wish = PrecheckRequest(mesh=mesh, target=str(TO), strategy=strategy, schemas_only=True)
        told = settle(precheck(wish, print))
        findings = [one for one in told.findings if one.id not in (UNTOLD, "image-not-checked")]
        return findings, (told.not_evaluated, told.checklist, told.hops)

    saved = checked(stage.saved)
    assert "N14" in {one.id for one in saved[0]}
    assert saved == checked(stage.live)


def test_a_plan_is_rehearsed_on_it(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    stage.plan(stage.saved, tmp_path / "plan.zip")
    live, saved = (
        settle(rehearse(RehearseRequest(plan=tmp_path / "plan.zip", mesh=mesh), print)) for mesh in (stage.live, stage.saved)
    )
    assert saved.passed
    assert saved == live


def test_a_plan_is_not_rehearsed_on_another_mesh_or_state(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    stage.plan(stage.saved, tmp_path / "plan.zip")
    snapshot = stage.backup.snapshot

    def rehearsed(name: str, other: MeshSnapshot) -> Rehearsal:
        facts = replace(stage.backup.facts, cluster_id=other.cluster.id)
        write_backup(tmp_path / name, replace(stage.backup, facts=facts, snapshot=other))
        mesh = MeshChoice(backup=tmp_path / name)
        return settle(rehearse(RehearseRequest(plan=tmp_path / "plan.zip", mesh=mesh), print))

    with pytest.raises(StalePlanError, match="this mesh is of another"):
        rehearsed("other.tar.gz", replace(snapshot, cluster=replace(snapshot.cluster, id="another")))

    labelled = (replace(one, labels={**one.labels, "istio.io/rev": "next"}) for one in snapshot.namespaces)
    drifted = rehearsed("later.tar.gz", replace(snapshot, namespaces=tuple(labelled)))
    assert not drifted.passed
    assert "the mesh is not what it was planned for" in drifted.detail


def test_one_that_is_encrypted_takes_a_key(stage: Stage, tmp_path: Path) -> None:
    key = pyrage.x25519.Identity.generate()
    write_backup(tmp_path / "mesh.tar.gz.age", stage.backup, (str(key.to_public()),))
    (tmp_path / "key").write_text(f"{key}\n")
    shut = MeshChoice(backup=tmp_path / "mesh.tar.gz.age")
    with pytest.raises(UsageError, match="no identity"):
        settle(inspect(shut))
    assert settle(inspect(replace(shut, identities=(tmp_path / "key",)))) == stage.backup.snapshot


def test_a_mesh_is_read_from_one_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not from both"):
        MeshChoice(snapshot=tmp_path / "mesh.json", backup=tmp_path / "mesh.tar.gz")
