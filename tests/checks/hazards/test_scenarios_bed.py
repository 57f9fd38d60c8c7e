"""The scenarios again, on a real API server: what it takes, defaults and gives back is what rules find their hazards in."""

import asyncio
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from resail.checks.hazards.assessment import assess
from resail.checks.hazards.catalogue import RULES
from resail.kube import connect
from resail.models.identity import IstioVersion, Manifest
from resail.releases.store import default_store
from resail.snapshot.listing import Listing
from resail.testbed.bed import Bed
from tests.checks.hazards.loading import CRD, BareServer
from tests.checks.hazards.scenario import NearMiss, Scenario, case_of, near_miss_of, objects_of, raw_scenarios, read
from tests.checks.hazards.test_scenarios import findings_of, named, stands_there

pytestmark = pytest.mark.bed

ISTIO = IstioVersion(1, 27, 9)
SCENARIOS = [pytest.param(name, raw, id=f"{name}-{number}") for name, number, raw in raw_scenarios()]


class ToldVersion(Listing):
    """A cluster of the scenario's version of Kubernetes."""

    def __init__(self, reader: Any, version: str) -> None:
        super().__init__(reader)
        self._version = version

    async def server_version(self) -> str:
        await self._reader.server_version()
        return self._version


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Bed, BareServer]]:
    bed = Bed.start(tmp_path_factory.mktemp("bed"), print, istio=())
    try:
        bare = BareServer(bed)
        asyncio.run(_load_definitions(bed, bare))
        bare.keep()
        yield bed, bare
        bare.close()
    finally:
        bed.stop()


async def _load_definitions(bed: Bed, bare: BareServer) -> None:
    async with connect(bed.kubeconfig) as cluster:
        await bare.load(cluster, istio_definitions())


@lru_cache(maxsize=1)
def istio_definitions() -> tuple[Manifest, ...]:
    release = default_store().get(ISTIO, print)
    file = Path(release.directory) / "charts" / "base" / "files" / "crd-all.gen.yaml"
    return tuple(one for one in yaml.load_all(file.read_text(), yaml.CSafeLoader) if one)


def needed(scenario: Scenario, there: Sequence[Manifest]) -> list[Manifest]:
    """Its objects, without the makeshift definitions of kinds that are served in its version already."""
    real = {one["metadata"]["name"]: {version["name"] for version in one["spec"]["versions"]} for one in there}
    own = {one["metadata"]["name"] for one in scenario.objects if one["kind"] == CRD.kind}

    def is_makeshift(one: Manifest) -> bool:
        name = one["metadata"]["name"]
        return (
            one["kind"] == CRD.kind
            and name not in own
            and {version["name"] for version in one["spec"]["versions"]} <= real.get(name, set())
        )

    return [one for one in objects_of(scenario) if not is_makeshift(one)]


@pytest.mark.parametrize(("name", "raw"), SCENARIOS)
async def test_a_hazard_is_found_and_its_near_miss_is_not(server: tuple[Bed, BareServer], name: str, raw: dict[str, Any]) -> None:
    bed, bare = server
    real = istio_definitions()
    [rule] = [rule for rule in RULES if rule.hazard.id == name]
    scenarios = [read(raw), near_miss_of(raw, NearMiss(**raw["near_misses"][0]))]
    for is_near_miss, scenario in enumerate(scenarios):
        try:
            async with connect(bed.kubeconfig) as cluster:
                await bare.load(cluster, needed(scenario, real))
                case = await case_of(scenario, ToldVersion(cluster, scenario.kubernetes))
        finally:
            bare.put_back()
        if is_near_miss:
            assert assess(case, [rule]).findings == ()
            continue
        findings = findings_of(case, name)
        told = {(one.severity, named(where), where.field) for one in findings for where in one.objects}
        for expected in scenario.found:
            assert (expected.severity, expected.object, expected.field) in told, f"{expected} is not among {told}"
        for finding in findings:
            assert all(stands_there(case, finding, where) for where in finding.objects), finding
