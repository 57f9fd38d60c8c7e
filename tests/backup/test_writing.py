"""Restores on a twin: all comes back, whenever the restore was killed; nothing of others is touched."""

from pathlib import Path

import msgspec
import pytest

from resail.backup.live import read_live
from resail.backup.restoration import concerned, make_restoration
from resail.checks.differences import object_changes
from resail.errors import ClusterApiError, HaltedError
from resail.models.backup import Backup
from resail.models.identity import Manifest, ObjectRef
from resail.twin.loop import run
from tests.acceptance.small_mesh import small_object
from tests.backup.twin_restores import POLICY, Killed, KilledWriter, Lost, lose_mesh, restore_on, taken, twin_of

CONFIG = ObjectRef("v1", "ConfigMap", "istio-system", "istio-sidecar-injector-1-26-0")
INJECTOR = ObjectRef("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "", "istio-sidecar-injector-1-26-0")
VALIDATOR = ObjectRef("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "", "istiod-default-validator")
ISTIOD = ObjectRef("apps/v1", "Deployment", "istio-system", "istiod-1-26-0")


@pytest.fixture(scope="module")
def lost(tmp_path_factory: pytest.TempPathFactory) -> Lost:
    return lose_mesh(tmp_path_factory.mktemp("lost"))


def differences(before: Backup, after: Backup) -> list[str]:
    """By field, owners of fields among them; only what had none in the backup has whoever made it anew."""
    ownerless = {ObjectRef.of(one) for one in before.objects if "managedFields" not in one["metadata"]}
    changes = [
        f"{change.object}: {change.change} {field}"
        for change in object_changes(before.objects, after.objects)
        for field in change.fields or ("",)
        if not (change.object in ownerless and field == "metadata.managedFields")
    ]
    return changes if before.marks == after.marks else [*changes, "marks"]


def test_all_that_was_lost_comes_back_with_its_owners(lost: Lost, tmp_path: Path) -> None:
    async def story() -> None:
        async with twin_of(lost.twin, tmp_path) as twin:
            results = await restore_on(twin, lost.backup)
            assert {result.outcome for result in results.values()} == {"created", "marked"}
            assert len(results) == len(lost.backup.objects) + 1
            assert differences(lost.backup, await taken(twin)) == []
            assert await restore_on(twin, lost.backup) == {}

    run(story())


def test_a_mesh_that_is_whole_is_not_written_to(lost: Lost, tmp_path: Path) -> None:
    async def story() -> None:
        async with twin_of(lost.whole, tmp_path) as twin:
            writer = KilledWriter(twin)
            assert await restore_on(twin, lost.backup, writer, overwrite=True) == {}
            assert writer.writes == []

    run(story())


def writes_of(lost: Lost, directory: Path) -> int:
    async def count() -> int:
        async with twin_of(lost.twin, directory) as twin:
            writer = KilledWriter(twin)
            await restore_on(twin, lost.backup, writer)
            return len(writer.writes)

    return run(count())


def test_killed_after_any_write_and_run_again(lost: Lost, tmp_path: Path) -> None:
    async def story(after: int) -> None:
        async with twin_of(lost.twin, tmp_path) as twin:
            with pytest.raises(Killed):
                await restore_on(twin, lost.backup, KilledWriter(twin, after))
            results = await restore_on(twin, lost.backup, KilledWriter(twin))
            assert {result.outcome for result in results.values()} <= {"created", "finished", "marked"}, after
            assert differences(lost.backup, await taken(twin)) == [], after

    count = writes_of(lost, tmp_path)
    assert count > 2 * len(lost.backup.objects) - 5
    for after in range(1, count + 1):
        run(story(after))


def test_what_was_changed_since_is_left_and_overwritten_when_told(lost: Lost, tmp_path: Path) -> None:
    async def story() -> None:
        async with twin_of(lost.whole, tmp_path) as twin:
            await twin.patch(CONFIG, {"data": {"values": "{}", "more": "mine"}})
            changed = await twin.get(CONFIG)
            left = await restore_on(twin, lost.backup)
            assert [(result.outcome, result.why) for result in left.values()] == [("left", "it was changed since the backup")]
            assert await twin.get(CONFIG) == changed
            written = await restore_on(twin, lost.backup, overwrite=True)
            assert [result.outcome for result in written.values()] == ["overwritten"]
            assert differences(lost.backup, await taken(twin)) == []

    run(story())


def test_what_is_changed_after_it_was_compared_is_not_overwritten(lost: Lost, tmp_path: Path) -> None:
    async def story() -> None:
        async with twin_of(lost.whole, tmp_path) as twin:
            await twin.patch(CONFIG, {"data": {"more": "mine"}})
            compared = make_restoration(lost.backup, await read_live(twin, concerned(lost.backup)))

            class Late(KilledWriter):
                async def patch(self, ref: ObjectRef, patch: Manifest, **more: object) -> Manifest:
                    if not self.writes:
                        self.writes.append(("patch", "by another"))
                        await twin.patch(CONFIG, {"data": {"more": "newer"}})
                    return await super().patch(ref, patch, **more)

            results = await restore_on(twin, lost.backup, Late(twin), compared, overwrite=True)
            assert [result.outcome for result in results.values()] == ["failed"]
            assert (await twin.get(CONFIG))["data"]["more"] == "newer"

    run(story())


def test_who_only_tells_of_the_status_meanwhile_is_in_nobodys_way(lost: Lost, tmp_path: Path) -> None:
    async def story() -> None:
        async with twin_of(lost.whole, tmp_path) as twin:
            await twin.patch(ISTIOD, {"metadata": {"labels": {"mine": "yes"}}})
            compared = make_restoration(lost.backup, await read_live(twin, concerned(lost.backup)))

            class Busy(KilledWriter):
                async def patch(self, ref: ObjectRef, patch: Manifest, **more: object) -> Manifest:
                    if len(self.writes) < 3:
                        self.writes.append(("patch", "by a controller"))
                        key = twin.server.key(ref)
                        twin.store.edit(key, lambda new: new["status"].update({"collisionCount": len(self.writes)}))
                    return await super().patch(ref, patch, **more)

            results = await restore_on(twin, lost.backup, Busy(twin), compared, overwrite=True)
            assert [result.outcome for result in results.values()] == ["overwritten"]

    run(story())


@pytest.mark.parametrize(("data", "outcome"), [(None, "created"), ({"values": "mine"}, "left")])
def test_what_somebody_makes_meanwhile_is_looked_at(
    lost: Lost, tmp_path: Path, data: dict[str, str] | None, outcome: str
) -> None:
    async def story() -> None:
        async with twin_of(lost.twin, tmp_path) as twin:
            backup = next(one for one in lost.backup.objects if ObjectRef.of(one) == CONFIG)

            class Faster(KilledWriter):
                async def create(self, manifest: Manifest, **more: object) -> Manifest:
                    if ObjectRef.of(manifest) == CONFIG:
                        await twin.create({**manifest, "data": data or backup["data"]})
                    return await super().create(manifest, **more)

            results = await restore_on(twin, lost.backup, Faster(twin))
            assert results[str(CONFIG)].outcome == outcome
            assert (await twin.get(CONFIG))["data"] == (data or backup["data"])
            assert {result.outcome for name, result in results.items() if name != str(CONFIG)} == {"created", "marked"}

    run(story())


def test_an_api_that_fails_now_and_then_is_asked_again(lost: Lost, tmp_path: Path) -> None:
    """Whether what it failed at had been done or not."""

    async def story() -> None:
        async with twin_of(lost.twin, tmp_path) as twin:

            class Failing(KilledWriter):
                calls = 0

                async def create(self, manifest: Manifest, **more: object) -> Manifest:
                    self.calls += 1
                    failure = ClusterApiError("it fails (HTTP 503)", status=503)
                    if self.calls % 3 == 0:
                        raise failure
                    made = await super().create(manifest, **more)
                    if self.calls % 3 == 1:
                        raise failure
                    return made

            results = await restore_on(twin, lost.backup, Failing(twin))
            assert {result.outcome for result in results.values()} == {"created", "marked"}
            assert differences(lost.backup, await taken(twin)) == []

    run(story())


def test_a_webhook_that_outlived_its_istiod_is_waited_out(lost: Lost, tmp_path: Path) -> None:
    """It judges the custom resources, fails closed, and has nobody behind it before istiod is back."""

    async def story() -> None:
        async with twin_of(lost.twin, tmp_path) as twin:
            left = next(one for one in lost.backup.objects if ObjectRef.of(one) == VALIDATOR)
            await twin.create({**left, "webhooks": [{**one, "failurePolicy": "Fail"} for one in left["webhooks"]]})
            writer = KilledWriter(twin)
            results = await restore_on(twin, lost.backup, writer)
            order = [name for verb, name in writer.writes if verb == "create"]
            assert order.index(str(POLICY)) > order.index(str(ISTIOD))
            assert results[str(POLICY)].outcome == "created"
            assert {result.outcome for result in results.values()} <= {"created", "finished", "marked"}

    run(story())


def test_without_an_istiod_that_gets_ready_nothing_is_injected(lost: Lost, tmp_path: Path) -> None:
    async def story() -> None:
        async with twin_of(lost.twin, tmp_path) as twin:
            await twin.delete(ObjectRef("v1", "Node", "", "worker"))
            writer = KilledWriter(twin)
            with pytest.raises(HaltedError, match="0 of 1 pods are ready"):
                await restore_on(twin, lost.backup, writer)
            written = {name for _, name in writer.writes}
            assert str(ISTIOD) in written
            assert not written & {str(INJECTOR), str(VALIDATOR), "Namespace/front"}

    run(story())


def test_an_owner_that_is_gone_does_not_take_what_it_owned_with_it(lost: Lost, tmp_path: Path) -> None:
    async def story() -> None:
        async with twin_of(lost.twin, tmp_path) as twin:
            gone = {"apiVersion": "v1", "kind": "ConfigMap", "name": "sealed", "uid": "of old", "controller": True}
            there = {**gone, "name": "kept"}
            await twin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "istio-system"}})
            owner = await twin.create(small_object("v1", "ConfigMap", "kept", "istio-system"))
            objects = [
                {**one, "metadata": {**one["metadata"], "ownerReferences": [gone, there]}} if ObjectRef.of(one) == CONFIG else one
                for one in lost.backup.objects
            ]
            results = await restore_on(twin, msgspec.structs.replace(lost.backup, objects=tuple(objects)))
            assert results[str(CONFIG)].why == "without its owner, which is not there: ConfigMap sealed"
            await twin.clock.sleep(120)
            references = (await twin.get(CONFIG))["metadata"]["ownerReferences"]
            assert references == [{**there, "uid": owner["metadata"]["uid"]}]

    run(story())
