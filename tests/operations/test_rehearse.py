"""What cannot be rehearsed on a control plane is refused before one is started."""

import asyncio
from pathlib import Path

import pytest
from tests.plan.meshes import mesh
from tests.plan.test_file import a_plan

from resail.errors import UsageError
from resail.operations.copies import copy_on_bed
from resail.operations.rehearse import RehearseRequest, rehearse
from resail.plan.file import write_plan


def refuse(text: str) -> None:
    raise AssertionError(f"something began: {text}")


def test_faults_are_the_twins_alone(tmp_path: Path) -> None:
    write_plan(tmp_path / "plan.zip", a_plan())
    request = RehearseRequest(plan=tmp_path / "plan.zip", on="control-plane", faults=("node-gone=worker-1@5",))
    with pytest.raises(UsageError, match="only a twin fails on order"):
        asyncio.run(rehearse(request, refuse))


@pytest.mark.parametrize(("version", "told"), [("1.26.3", "1.26.3"), ("", "a version that no image tells")])
def test_an_istio_that_the_bed_lacks_is_told(version: str, told: str) -> None:
    async def start() -> None:
        async with copy_on_bed(a_plan().plan, mesh(version=version), (), refuse):
            pass

    with pytest.raises(UsageError, match=f"no istiod of {told}, only of 1.24.0, 1.25.1, 1.26.0, 1.27.9"):
        asyncio.run(start())
