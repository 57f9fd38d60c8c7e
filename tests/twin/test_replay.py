"""CRDs change: an object that fitted before, and does not any more, stops the run."""

from pathlib import Path
from typing import Any

import pytest

from resail.engine.calls import Calls, NumberedInstaller, NumberedWriter
from resail.engine.context import Context, Done, StepFailedError
from resail.engine.istioctl_calls import NumberedIstioctl
from resail.engine.replay import change_crds
from resail.journal.sqlite import SqliteJournal, open_journal
from resail.models.identity import KindRef, Manifest, ObjectRef
from resail.models.journal import CallIntent
from resail.models.plan import HelmChange, NoUndo, ObjectChange, UpgradeCRDs
from resail.twin.cluster import TwinCluster, open_twin
from tests.engine.doubles import NoFindings, NoReleases
from tests.engine.test_loop import RUN, a_plan

BOAT = KindRef("sea.example.org/v1", "Boat")
CRD = ObjectRef("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "boats.sea.example.org")
NAMESPACE: Manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "harbour"}}


def definition(**size: Any) -> Manifest:
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer", **size}}}}}
    return {
        "apiVersion": CRD.api_version,
        "kind": CRD.kind,
        "metadata": {"name": CRD.name},
        "spec": {
            "group": "sea.example.org",
            "names": {"kind": "Boat", "listKind": "BoatList", "plural": "boats", "singular": "boat"},
            "scope": "Namespaced",
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }


def boat(name: str, size: int) -> Manifest:
    metadata = {"name": name, "namespace": "harbour"}
    return {"apiVersion": BOAT.api_version, "kind": BOAT.kind, "metadata": metadata, "spec": {"size": size}}


def step_of(change: HelmChange) -> UpgradeCRDs:
    return UpgradeCRDs(id="01-upgrade-crds", title="", reason="", undo=NoUndo(""), change=change)


STEP = step_of(
    HelmChange("base", "istio-system", "base", "upgrade", "1.26.0", "1.27.9", {}, "", objects=(ObjectChange(CRD, "change"),))
)


def context_of(twin: TwinCluster, journal: SqliteJournal) -> Context:
    calls = Calls(journal, RUN, None)
    return Context(
        reader=twin,
        writer=NumberedWriter(twin, calls),
        installer=NumberedInstaller(NoReleases(), calls),
        istioctl=NumberedIstioctl(None, calls),
        journal=journal,
        clock=twin.clock,
        verifier=NoFindings(),
        files=a_plan(),
        releases=(),
        run=RUN,
    )


async def put_to_sea(tmp_path: Path, before: Manifest, after: Manifest, *, begun: bool = False) -> Done:
    """A boat of size 1 and one of size 9, whose definition changes."""
    async with open_twin() as twin:
        for manifest in (NAMESPACE, definition()):
            await twin.create(manifest)
        await twin.clock.sleep(1)
        for manifest in (boat("dinghy", 1), boat("liner", 9)):
            await twin.create(manifest)
        await twin.apply(before, force=True)
        journal = open_journal(tmp_path / "journal.db", twin.clock.now)
        if begun:
            journal.append(RUN, CallIntent(1, STEP.id, "helm upgrade", "istio-system/base"))

        async def change() -> Done:
            await twin.apply(after, force=True)
            return Done("it is at 1.27.9")

        done = await change_crds(context_of(twin, journal), STEP, change)
        assert [one["metadata"]["name"] for one in await twin.list_objects(BOAT)] == ["dinghy", "liner"], "a dry run only"
        return done


async def test_an_object_that_the_new_schema_refuses_is_named(tmp_path: Path) -> None:
    with pytest.raises(StepFailedError, match=r"1 objects fitted .* do not fit") as failed:
        await put_to_sea(tmp_path, definition(), definition(maximum=5))
    assert failed.value.on == "boats.sea.example.org/harbour/liner"


async def test_what_did_not_fit_before_either_is_not_told(tmp_path: Path) -> None:
    done = await put_to_sea(tmp_path, definition(maximum=5), definition(maximum=5, minimum=0))
    assert done.detail == "it is at 1.27.9"


async def test_where_the_change_had_begun_it_is_told_and_stops_nothing(tmp_path: Path) -> None:
    done = await put_to_sea(tmp_path, definition(), definition(maximum=5), begun=True)
    assert "1 objects do not fit the new CRDs, be it since before: boats.sea.example.org/harbour/liner" in done.detail


async def test_all_fit(tmp_path: Path) -> None:
    done = await put_to_sea(tmp_path, definition(), definition(minimum=1))
    assert done.detail == "it is at 1.27.9"
