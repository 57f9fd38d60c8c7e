"""The operation, on a twin: what it refuses, what it shows, and that nothing is written before it may be."""

import asyncio
import shutil
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
import pyrage
import pytest

from resail.backup.file import write_backup
from resail.backup.restoration import Restoration
from resail.errors import BlockedError, StalePlanError
from resail.models.backup import Backup, BackupFacts
from resail.models.encoding import pretty_json
from resail.models.identity import ObjectRef
from resail.operations.cluster_choice import ClusterChoice
from resail.operations.restore import RestoreReport, RestoreRequest, restore
from resail.twin.cluster import open_twin
from resail.twin.loop import SimulatedLoop, run
from tests.backup.twin_restores import POLICY, Lost, lose_mesh

KEY = pyrage.x25519.Identity.generate()
CA = ObjectRef("v1", "Secret", "istio-system", "istio-ca-secret")
CONFIG = ObjectRef("v1", "ConfigMap", "istio-system", "istio-sidecar-injector-1-26-0")
SYSTEM = ObjectRef("v1", "Namespace", "", "istio-system")


@pytest.fixture(scope="module")
def lost(tmp_path_factory: pytest.TempPathFactory) -> Lost:
    return lose_mesh(tmp_path_factory.mktemp("lost"))


class Seen:
    """A watcher that remembers, and agrees or not."""

    def __init__(self, *, agrees: bool = True) -> None:
        self.restoration: Restoration | None = None
        self.asked = 0
        self.stages: list[str] = []
        self._agrees = agrees

    def compared(self, facts: BackupFacts, restoration: Restoration, *, overwrite: bool) -> None:
        self.restoration = restoration

    def agrees(self) -> bool:
        self.asked += 1
        return self._agrees

    def wrote(self, stage: str, done: int, of: int) -> None:
        if done == of:
            self.stages.append(stage)

    def progress(self, text: str) -> None: ...


class Place:
    """A backup file beside a twin."""

    def __init__(self, lost: Lost, directory: Path, twin: Path | None = None) -> None:
        self.twin = directory / "twin.db"
        self._directory = directory
        shutil.copy(twin or lost.twin, self.twin)
        (directory / "key").write_text(str(KEY))
        self.keep(lost.backup)

    def keep(self, backup: Backup) -> None:
        write_backup(self._directory / "backup", backup, [str(KEY.to_public())] if backup.facts.has_secrets else [])

    def restore(self, watcher: Seen | None = None, **more: Any) -> RestoreReport:
        cluster = ClusterChoice(twin=self.twin)
        request = RestoreRequest(file=self._directory / "backup", identities=(self._directory / "key",), cluster=cluster, **more)
        with asyncio.Runner(loop_factory=lambda: SimulatedLoop(real=True)) as runner:
            return runner.run(restore(request, watcher or Seen()))

    def on_twin(self, work: Callable[[Any], Coroutine[Any, Any, Any]]) -> Any:
        async def open_and_work() -> Any:
            async with open_twin(self.twin) as twin:
                return await work(twin)

        return run(open_and_work())


@pytest.fixture
def place(lost: Lost, tmp_path: Path) -> Place:
    return Place(lost, tmp_path)


def test_it_is_shown_asked_and_written(place: Place, lost: Lost) -> None:
    watcher = Seen()
    report = place.restore(watcher)
    assert (report.state, watcher.asked) == ("restored", 1)
    assert watcher.restoration is not None
    assert {action.ref for action in watcher.restoration.having("create")} >= set(map(ObjectRef.of, lost.backup.objects))
    assert watcher.stages[:3] == ["namespaces", "definitions", "accounts and roles"]
    assert watcher.stages[-1] == "guards"
    again = Seen()
    assert place.restore(again).unchanged == len(lost.backup.objects) + len(lost.backup.marks)
    assert again.asked == 0


def test_a_report_is_a_document_without_values(place: Place, lost: Lost) -> None:
    document = msgspec.json.decode(pretty_json(place.restore()))
    assert {each["outcome"] for each in document["results"]} == {"created", "marked"}
    assert document["actions"][0]["stage"] == "namespaces"
    secrets = [value for one in lost.backup.objects if one["kind"] == "Secret" for value in one["data"].values()]
    assert secrets
    assert not any(value in str(document) for value in secrets)


def test_what_is_left_is_told_though_nothing_is_written(lost: Lost, tmp_path: Path) -> None:
    place = Place(lost, tmp_path, lost.whole)

    async def change(twin: Any) -> None:
        await twin.patch(CONFIG, {"data": {"values": "{}"}})

    place.on_twin(change)
    watcher = Seen()
    report = place.restore(watcher)
    assert (report.state, watcher.asked) == ("restored", 0)
    assert [(result.object, result.outcome) for result in report.results] == [(CONFIG, "left")]
    assert place.restore(overwrite=True).results[0].outcome == "overwritten"


@pytest.mark.parametrize(
    ("more", "agrees", "state"), [({"dry_run": True}, True, "compared"), ({}, False, "refused")], ids=["dry run", "not agreed"]
)
def test_nothing_is_written_unless_it_is_wanted(place: Place, more: dict[str, Any], agrees: bool, state: str) -> None:
    report = place.restore(Seen(agrees=agrees), **more)
    assert (report.state, report.results) == (state, ())
    assert len(report.actions) > 10

    async def is_there(twin: Any) -> bool:
        return any(one["metadata"]["name"] == "istio-system" for one in await twin.list_objects(SYSTEM.kind_ref))

    assert not place.on_twin(is_there)


def test_only_what_is_named_with_the_namespaces_that_it_needs(place: Place) -> None:
    report = place.restore(only=("ClusterRole/*", "ConfigMap/istio-system/*"))
    kinds = {result.object.kind for result in report.results}
    assert kinds == {"ClusterRole", "ConfigMap", "Namespace"}


def test_without_the_namespace_of_the_lease_it_is_refused(place: Place) -> None:
    with pytest.raises(BlockedError, match="it is not there") as caught:
        place.restore(only=("ClusterRole/*",))
    assert "--only Namespace/istio-system" in caught.value.next_step


def test_the_backup_of_another_cluster_is_refused_unless_told(place: Place, lost: Lost) -> None:
    facts = msgspec.structs.replace(lost.backup.facts, cluster_id="another")
    place.keep(msgspec.structs.replace(lost.backup, facts=facts))
    watcher = Seen()
    with pytest.raises(StalePlanError, match="of the cluster another"):
        place.restore(watcher)
    assert watcher.restoration is None
    assert place.restore(other_cluster=True).state == "restored"


class TestSecretsThatAreNowhere:
    """Neither in the backup nor in the cluster."""

    @pytest.fixture
    def without(self, place: Place, lost: Lost) -> Place:
        facts = msgspec.structs.replace(lost.backup.facts, has_secrets=False, left_out=(CA,), lacks=("CA",))
        kept = tuple(one for one in lost.backup.objects if one["kind"] != "Secret")
        place.keep(msgspec.structs.replace(lost.backup, facts=facts, objects=kept))
        return place

    def test_are_in_the_way_by_name(self, without: Place) -> None:
        watcher = Seen()
        with pytest.raises(BlockedError, match="istio-system/Secret/istio-ca-secret") as caught:
            without.restore(watcher)
        assert watcher.asked == 0
        assert "--allow-missing-secrets" in caught.value.next_step

    def test_are_in_the_way_of_istiod_alone_too(self, without: Place) -> None:
        with pytest.raises(BlockedError):
            without.restore(only=("Deployment/istio-system/*",))

    def test_are_in_nobodys_way_where_no_istiod_starts(self, without: Place) -> None:
        assert without.restore(only=("ClusterRole/*", "Namespace/istio-system")).state == "restored"

    def test_may_be_done_without(self, without: Place) -> None:
        assert without.restore(allow_missing_secrets=True).state == "restored"

    def test_of_helms_records_only_the_latest_counts(self, lost: Lost, tmp_path: Path) -> None:
        records = tuple(
            ObjectRef("v1", "Secret", "istio-system", f"sh.helm.release.v1.istiod.v{number}") for number in (9, 10, 1)
        )
        facts = msgspec.structs.replace(lost.backup.facts, has_secrets=False, left_out=records, lacks=("Helm state",))
        kept = tuple(one for one in lost.backup.objects if one["kind"] != "Secret")
        place = Place(lost, tmp_path, lost.whole)
        place.keep(msgspec.structs.replace(lost.backup, facts=facts, objects=kept))
        # v1 is there, and of the others only the latest is missed.
        with pytest.raises(BlockedError, match=r"cluster either: istio-system/Secret/sh\.helm\.release\.v1\.istiod\.v10;"):
            place.restore()

    def test_may_have_been_put_there(self, without: Place) -> None:
        async def put(twin: Any) -> None:
            await twin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "istio-system"}})
            await twin.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": CA.name, "namespace": CA.namespace}})

        without.on_twin(put)
        assert without.restore().state == "restored"


def test_a_namespace_that_is_going_is_waited_for_by_its_user(lost: Lost, tmp_path: Path) -> None:
    place = Place(lost, tmp_path, lost.whole)

    async def begin_to_delete(twin: Any) -> None:
        await twin.patch(CONFIG, {"metadata": {"finalizers": ["example.org/slow"]}})
        await twin.delete(SYSTEM)
        await twin.clock.sleep(60)

    place.on_twin(begin_to_delete)
    with pytest.raises(BlockedError, match="being deleted: Namespace/istio-system"):
        place.restore()


def test_what_cannot_be_written_is_told_and_the_others_go_on(place: Place, lost: Lost) -> None:
    policy = next(one for one in lost.backup.objects if ObjectRef.of(one) == POLICY)
    odd = {**policy, "metadata": {**policy["metadata"], "name": "Not A Name"}}
    place.keep(msgspec.structs.replace(lost.backup, objects=(*lost.backup.objects, odd)))
    report = place.restore()
    assert report.state == "incomplete"
    assert [str(result.object) for result in report.failed] == ["front/AuthorizationPolicy/Not A Name"]
    assert report.failed[0].why
    assert len([one for one in report.results if one.outcome == "created"]) == len(lost.backup.objects)
