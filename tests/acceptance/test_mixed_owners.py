"""Meshes whose parts have different owners, on a twin: each part goes with its own installer, there and back."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from resail.errors import BlockedError
from resail.installers.interface import Installation
from resail.installers.istioctl_rendered import RenderedIstioctl
from resail.journal.sqlite import open_journal
from resail.models.identity import Manifest, ObjectRef
from resail.models.journal import CallIntent
from resail.models.plan import Strategy
from resail.operations.apply import ApplyRequest, RollbackRequest, apply, rollback
from resail.operations.cluster_choice import TWIN, ClusterChoice
from resail.operations.inspect import MeshChoice
from resail.operations.plan import PlanRequest, plan
from resail.operations.values import GivenOperator
from resail.testbed.mesh.install import wait_until_ready
from resail.twin.cluster import open_twin
from resail.twin.loop import run
from tests.acceptance.crashes import settle
from tests.acceptance.small_istioctl import OPERATOR, SmallIstioctl, installed_by
from tests.acceptance.small_mesh import FROM, TO, make_mesh, open_small_charts
from tests.acceptance.twin_world import at_rest, pods_in, world_in
from tests.acceptance.world import differences
from tests.releases.releases_on_disk import unpack

_OFF = {"enabled": False}
CNI: dict[str, Any] = {**OPERATOR, "spec": {"components": {"base": _OFF, "pilot": _OFF, "cni": {"enabled": True}}}}
BOTH: dict[str, Any] = {**OPERATOR, "spec": {"components": {"base": {"enabled": True}, "pilot": _OFF, "cni": {"enabled": True}}}}


def mesh_with(configuration: dict[str, Any], path: Path) -> Path:
    """The small mesh of Helm, and beside it what istioctl installs of a configuration."""
    make_mesh(path)

    async def add() -> None:
        async with open_twin(path) as twin:
            installation = Installation(FROM, configuration, tuple(installed_by(FROM, configuration)), 60)
            await RenderedIstioctl(twin, twin).install(installation, lambda _: None)
            await wait_until_ready(twin)
            await twin.clock.sleep(60)

    run(add())
    return path


def wish(twin: Path, configuration: dict[str, Any], strategy: Strategy, place: Path) -> PlanRequest:
    unpack(place / "releases", TO)
    return PlanRequest(
        mesh=MeshChoice(cluster=ClusterChoice(twin=twin)),
        target=TO,
        strategy=strategy,
        operator=GivenOperator(configuration),
        release_directories=(place / "releases",),
        out=place / "plan.zip",
    )


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mesh_with(CNI, tmp_path_factory.mktemp("mesh") / TWIN)


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize("strategy", ["in-place", "canary"])
@pytest.mark.usefixtures("own_cache")
def test_istiod_by_helm_and_cni_by_istioctl(mesh: Path, tmp_path: Path, strategy: Strategy) -> None:
    directory = tmp_path / "state"
    directory.mkdir()
    twin = Path(shutil.copy(mesh, directory / TWIN))
    before = rested(twin, tmp_path / "before.db")
    request = wish(twin, CNI, strategy, tmp_path)
    settle(plan(request, lambda _: None, open_small_charts, SmallIstioctl()))
    releases = request.release_directories
    settle(apply(ApplyRequest(plan=tmp_path / "plan.zip", directory=directory, release_directories=releases)))
    istiod = "helm upgrade" if strategy == "in-place" else "helm install"
    moved = [("istioctl install", "revision default" if strategy == "in-place" else "revision 1-27-9")]
    calls = calls_of(directory)
    assert [call for call in calls if call[0].startswith("istioctl")] == moved
    assert istiod in {verb for verb, _ in calls[: calls.index(moved[0])]}, "istiod goes before CNI"
    after = {str(ObjectRef.of(one)): one for one in rested(twin, tmp_path / "after.db")}
    (agent,) = after["istio-system/DaemonSet/istio-cni-node"]["spec"]["template"]["spec"]["containers"]
    assert agent["image"] == f"install-cni:{TO}"
    settle(rollback(RollbackRequest(directory=directory)))
    end = rested(twin, tmp_path / "end.db")
    assert differences(world_in(before), world_in(end)) == []
    assert pods_in(before) == pods_in(end)


@pytest.mark.usefixtures("own_cache")
def test_one_part_with_two_owners_is_refused_with_both(tmp_path: Path) -> None:
    twin = mesh_with(BOTH, tmp_path / TWIN)
    with pytest.raises(BlockedError, match="base has more than one owner: Helm release istio-system/base, istioctl"):
        settle(plan(wish(twin, BOTH, "in-place", tmp_path), lambda _: None, open_small_charts, SmallIstioctl()))


def rested(twin: Path, copy: Path) -> list[Manifest]:
    return at_rest(Path(shutil.copy(twin, copy)))


def calls_of(directory: Path) -> list[tuple[str, str]]:
    journal = open_journal(directory / "journal.db")
    bodies = [entry.body for entry in journal.entries(journal.run(None).id)]
    return [(body.verb, body.object) for body in bodies if isinstance(body, CallIntent)]
