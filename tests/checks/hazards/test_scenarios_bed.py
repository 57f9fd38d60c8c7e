"""The scenarios again, on a real API server: what it takes, defaults and gives back is what rules find their hazards in."""

import asyncio
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from resail.checks.hazards.assessment import assess
from resail.checks.hazards.case import Case
from resail.checks.hazards.catalogue import RULES
from resail.kube import connect
from resail.models.identity import IstioVersion, Manifest, ObjectRef
from resail.releases.store import default_store
from resail.snapshot.listing import Listing
from resail.testbed.bed import Bed
from tests.checks.hazards.loading import CRD, BareServer
from tests.checks.hazards.scenario import UID, NearMiss, Scenario, case_of, near_miss_of, objects_of, raw_scenarios, read
from tests.checks.hazards.test_scenarios import findings_of, named, stands_there

pytestmark = pytest.mark.bed

ISTIO = IstioVersion(1, 27, 9)
OF_OTHERS = {"O3", "O7"}
"""They are about who owns which field, which an API server writes itself, of whoever loads the objects."""

SCENARIOS = [pytest.param(name, raw, id=name) for name, number, raw in raw_scenarios() if number == 0 and name not in OF_OTHERS]
"""The first of each hazard: what more there is differs in what rules make of it, and not in what the API does."""


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
    real = {one["metadata"]["name"]: _versions(one) for one in there}
    own = {one["metadata"]["name"] for one in scenario.objects if one["kind"] == CRD.kind}

    def is_makeshift(one: Manifest) -> bool:
        name = one["metadata"]["name"]
        return one["kind"] == CRD.kind and name not in own and _versions(one) <= real.get(name, set())

    # Those of its own come last, and take the place of what it is based on.
    objects = {ObjectRef.of(one): one for one in objects_of(scenario)}
    return [one for one in objects.values() if not is_makeshift(one)]


def _versions(definition: Manifest) -> set[str]:
    return {version["name"] for version in definition["spec"]["versions"]}


def loadable_miss(raw: dict[str, Any]) -> Scenario:
    """The first near miss that an API server can be told of: it counts the times of changes itself."""
    misses = [NearMiss(**miss) for miss in raw["near_misses"]]
    return near_miss_of(raw, next(miss for miss in misses if "managedFields" not in miss.at))


async def loaded(server: tuple[Bed, BareServer], scenario: Scenario, *, judges_definitions: bool) -> Case:
    """The case as it is read from the API server, which is empty again then."""
    bed, bare = server
    async with connect(bed.kubeconfig) as cluster:
        try:
            if judges_definitions:
                bare.forget("apiextensions.k8s.io/customresourcedefinitions")
            await bare.load(cluster, needed(scenario, () if judges_definitions else istio_definitions()))
            return await case_of(scenario, ToldVersion(cluster, scenario.kubernetes))
        finally:
            bare.put_back()
            if judges_definitions:
                await bare.serves(cluster, istio_definitions())


@pytest.mark.parametrize(("name", "raw"), SCENARIOS)
async def test_a_hazard_is_found_and_its_near_miss_is_not(server: tuple[Bed, BareServer], name: str, raw: dict[str, Any]) -> None:
    [rule] = [rule for rule in RULES if rule.hazard.id == name]
    scenario = read(raw)
    judges_definitions = any(one.object.startswith(f"{CRD.kind}/") for one in scenario.found)

    case = await loaded(server, scenario, judges_definitions=judges_definitions)

    findings = findings_of(case, name)
    told = {
        (one.severity, named(where).replace(case.snapshot.cluster.id, UID), where.field)
        for one in findings
        for where in one.objects
    }
    for expected in scenario.found:
        assert (expected.severity, expected.object, expected.field) in told, f"{expected} is not among {told}"
    for finding in findings:
        assert all(stands_there(case, finding, where) for where in finding.objects), finding

    missed = await loaded(server, loadable_miss(raw), judges_definitions=judges_definitions)

    assert assess(missed, [rule]).findings == ()
