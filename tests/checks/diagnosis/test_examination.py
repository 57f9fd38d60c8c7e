"""Each way to break a mesh is named first, any two are the first two, and a healthy mesh is left in peace."""

import asyncio
from collections.abc import Callable
from itertools import combinations

import pytest

from resail.checks.diagnosis.examination import examine
from resail.checks.diagnosis.situation import Situation
from resail.models.diagnosis import Examination
from resail.snapshot.situation import gather_situation
from tests.checks.diagnosis.breakages import BREAKAGES, DIAGNOSES
from tests.checks.diagnosis.mesh import NOW, Mesh, canary, plain


def situation_of(mesh: Mesh) -> Situation:
    found: list[Situation] = []

    async def gather() -> None:
        # A result that the task itself had would be written out whole when the runner ends.
        found.append(await gather_situation(mesh.reader(), "istio-system", NOW, lambda _: None))

    asyncio.run(gather())
    return found[0]


def examined(mesh: Mesh) -> Examination:
    return examine(situation_of(mesh))


def ids(examination: Examination) -> list[str]:
    return [one.id for one in examination.diagnoses]


@pytest.mark.parametrize("mesh", [plain, canary])
def test_a_healthy_mesh_is_left_in_peace(mesh: Callable[[], Mesh]) -> None:
    found = examined(mesh())

    assert found.diagnoses == ()
    assert found.verdict == "healthy"
    assert found.not_examined == ()


@pytest.mark.parametrize("name", BREAKAGES)
def test_a_breakage_is_named_first(name: str) -> None:
    mesh = canary()
    BREAKAGES[name](mesh)

    found = examined(mesh)

    assert ids(found)[:1] == [DIAGNOSES[name]]
    # What comes of it is told with it.
    assert len(found.diagnoses) == 1
    [one] = found.diagnoses
    assert one.evidence
    assert one.undo


@pytest.mark.parametrize("pair", [*combinations(BREAKAGES, 2)], ids=" and ".join)
def test_two_breakages_are_the_first_two(pair: tuple[str, str]) -> None:
    mesh = canary()
    for name in pair:
        BREAKAGES[name](mesh)

    found = examined(mesh)

    assert sorted(ids(found)[:2]) == sorted(DIAGNOSES[name] for name in pair)
    assert len(found.diagnoses) == 2
