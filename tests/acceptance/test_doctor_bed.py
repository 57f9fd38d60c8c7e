"""`resail doctor` on a mesh with real istiods that is broken in twelve ways, and in two of them at once."""

import asyncio
import os
import random
import subprocess
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest

from resail.models.diagnosis import Examination
from resail.operations.cluster_choice import ClusterChoice
from resail.operations.doctor import DoctorRequest, consult
from resail.testbed.bed import Bed
from tests.acceptance.broken_meshes import BREAKAGES
from tests.acceptance.conftest import Resail, restore
from tests.acceptance.test_kill import KILLER

pytestmark = pytest.mark.bed

SAME_POD = {"istiod-crash-loops", "istiod-out-of-memory"}
PAIRS = [pair for pair in combinations(BREAKAGES, 2) if set(pair) != SAME_POD]
SEED = int(os.environ.get("RESAIL_SEED") or 7)
PICKED = random.Random(SEED).sample(PAIRS, 2)


class Ward:
    """The mesh of this module, and what doctor says of it."""

    def __init__(self, resail: Resail) -> None:
        self.resail = resail
        self.bed = resail.bed

    def examine(self) -> Examination:
        request = DoctorRequest(cluster=ClusterChoice(kubeconfig=self.bed.kubeconfig), directory=self.resail.state)
        return asyncio.run(consult(request)).examination

    def named(self, count: int) -> list[str]:
        """The causes that come first."""
        return [one.id for one in self.examine().diagnoses[:count]]

    def is_silent(self) -> bool:
        return self.examine().diagnoses == ()


@pytest.fixture(scope="module")
def ward(_foreign_saved: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    restore(_foreign_saved)
    yield Ward(Resail(_foreign_saved, tmp_path_factory.mktemp("ward")))


def test_a_healthy_mesh_is_told_to_be_so(ward: Ward) -> None:
    told = ward.resail("doctor", "--dir", ward.resail.state, "-o", "json").json
    assert (told["verdict"], told["diagnoses"], told["not_examined"]) == ("healthy", [], [])


@pytest.mark.parametrize("cause", BREAKAGES)
def test_the_cause_is_named_first_and_no_more_once_it_is_gone(ward: Ward, cause: str) -> None:
    with BREAKAGES[cause](ward.bed):
        assert cause in ward.named(2)
    assert ward.is_silent(), ward.examine()


@pytest.mark.parametrize(
    "pair", [pytest.param(pair, marks=() if pair in PICKED else pytest.mark.soak, id=" and ".join(pair)) for pair in PAIRS]
)
def test_of_two_causes_each_is_named_first_or_second(ward: Ward, pair: tuple[str, str]) -> None:
    with BREAKAGES[pair[0]](ward.bed), BREAKAGES[pair[1]](ward.bed):
        assert set(ward.named(2)) == set(pair), f"seed {SEED}"
    assert ward.is_silent(), f"seed {SEED}"


def test_a_run_that_died_half_way_is_named(ward: Ward, tmp_path: Path) -> None:
    """The last one of the module: it leaves its run behind. It is made of the mesh as Helm left it."""
    restore(ward.bed)
    resail = Resail(ward.bed, tmp_path)
    resail.make_plan("--max-parallel", "3")
    command = [*resail.command()[:1], "-c", KILLER, str(resail.plan), str(resail.state), "2", "after"]
    assert subprocess.run(command, env=resail.environment, cwd=tmp_path, capture_output=True).returncode == -9
    told = resail("doctor", "--dir", resail.state, "-o", "json", code=3).json
    assert "run-died-half-way" in [one["id"] for one in told["diagnoses"][:2]]
