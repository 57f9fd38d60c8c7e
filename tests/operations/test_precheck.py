"""What a precheck tells of meshes that no plan can be made for, of releases that are not to be had, and when it blocks."""

from pathlib import Path

import pytest
from tests.acceptance.crashes import settle
from tests.checks.hazards.scenario import objects_of, raw_scenarios, read

from resail.errors import ArtifactError, BlockedError, UsageError
from resail.models.precheck import Precheck
from resail.operations.cluster_choice import ClusterChoice
from resail.operations.inspect import MeshChoice, inspect
from resail.operations.precheck import PrecheckRequest, precheck
from resail.snapshot.file import save_snapshot
from resail.twin.cluster import open_twin


@pytest.fixture
def plain(tmp_path: Path) -> MeshChoice:
    """The scenario of N10: an istiod that nobody installed, and a ServiceEntry that would change its meaning."""
    [raw] = [raw for name, _, raw in raw_scenarios() if name == "N10"]

    async def make() -> None:
        async with open_twin(tmp_path / "twin.db") as twin:
            for manifest in objects_of(read(raw)):
                if manifest["metadata"]["name"] not in ("kube-system", "sh.helm.release.v1.istiod.v1"):
                    await twin.create(manifest)

    settle(make())
    return MeshChoice(cluster=ClusterChoice(twin=tmp_path / "twin.db"))


def checked(mesh: MeshChoice, target: str, config: Path | None = None) -> Precheck:
    return settle(precheck(PrecheckRequest(mesh=mesh, target=target, config=config), print))


def test_hazards_are_found_where_no_plan_can_be_made(plain: MeshChoice) -> None:
    result = checked(plain, "1.22.4")
    assert (result.verdict, result.from_version, result.to_version, result.hops) == ("blocked", "1.21.6", "1.22.4", ())
    assert [finding.id for finding in result.findings if finding.severity == "blocker"] == ["cannot-be-planned"]
    assert "N10" in {finding.id for finding in result.findings}


def test_a_file_without_objects_leaves_hazards_unknown(plain: MeshChoice, tmp_path: Path) -> None:
    file = tmp_path / "mesh.json"
    save_snapshot(file, settle(inspect(plain)))
    result = checked(MeshChoice(snapshot=file), "1.22.4")
    assert "N10" in {one.id for one in result.not_evaluated}
    assert "N10" not in {finding.id for finding in result.findings}


def test_a_version_that_does_not_exist_is_refused(plain: MeshChoice) -> None:
    with pytest.raises(ArtifactError, match=r"no Istio 1\.99\.0"):
        checked(plain, "1.99.0")
    with pytest.raises(UsageError, match="not an Istio version"):
        checked(plain, "next")


def test_a_cluster_without_istiod_is_refused(tmp_path: Path) -> None:
    async def make() -> None:
        async with open_twin(tmp_path / "twin.db"):
            pass

    settle(make())
    with pytest.raises(BlockedError):
        checked(MeshChoice(cluster=ClusterChoice(twin=tmp_path / "twin.db")), "1.22.4")


def test_a_hazard_can_be_waived_and_a_plan_that_cannot_be_made_cannot(plain: MeshChoice, tmp_path: Path) -> None:
    settings = tmp_path / "resail.yaml"
    waivers = [f"  - {{id: {name}, reason: we know, expires: 2999-01-01}}" for name in ("N10", "cannot-be-planned")]
    settings.write_text("\n".join(["waivers:", *waivers]))
    result = checked(plain, "1.22.4", settings)
    assert [(one.finding.id, one.reason) for one in result.waived] == [("N10", "we know")]
    told = {finding.id for finding in result.findings}
    assert {"cannot-be-planned", "waiver-unused"} <= told
    assert "N10" not in told
    assert result.verdict == "blocked"
