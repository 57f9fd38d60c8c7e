"""The installer of rehearsals on the twin: killed at any write, refused, failed, and what stays."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Literal

import pytest

from resail.errors import ApiConflictError, HaltedError, InstallerError, NotFoundError
from resail.installers.helm_storage import decode_release
from resail.installers.rendered import RenderedInstaller
from resail.installers.stored_releases import HISTORY
from resail.models.identity import KindRef, Manifest, ObjectRef
from resail.models.plan import FieldOwnerConflict, HelmChange
from resail.twin.cluster import TwinCluster, open_twin
from resail.twin.loop import run

SYSTEM, NAME, RUN = "istio-system", "istiod", "0123456789ab"
RELEASE = f"{SYSTEM}/{NAME}"
VALIDATOR = ObjectRef("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "", "validator")
POLICY = '.webhooks[name="validation.istio.io"].failurePolicy'


def thing(kind: str, name: str, api_version: str = "v1", namespace: str = SYSTEM, **fields: Any) -> Manifest:
    where = {"namespace": namespace} if namespace else {}
    annotations = {"annotations": fields.pop("annotations")} if "annotations" in fields else {}
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, **where, **annotations}, **fields}


def objects(version: str) -> tuple[Manifest, ...]:
    """The old version has a map that the new one has not, and the new one an account that the old one has not."""
    client = {"service": {"name": "istiod", "namespace": SYSTEM}}
    entry = {"name": "validation.istio.io", "clientConfig": client, "failurePolicy": "Ignore"}
    hook = {**entry, "sideEffects": "None", "admissionReviewVersions": ["v1"]}
    found = [
        thing("ConfigMap", "values", data={"version": version}),
        thing("Secret", "keys", data={"key": "(not shown)"}),
        thing("ConfigMap", f"kept-{version}", annotations={"helm.sh/resource-policy": "keep"}),
        thing(VALIDATOR.kind, VALIDATOR.name, VALIDATOR.api_version, "", webhooks=[hook]),
        thing("ConfigMap", "only-old") if version == "1.26.0" else thing("ServiceAccount", "only-new"),
    ]
    return tuple(sorted(found, key=ObjectRef.of))


async def apply(installer: RenderedInstaller, version: str, *forced: FieldOwnerConflict, run: str = RUN) -> None:
    act: Literal["install", "upgrade"] = "install" if version == "1.26.0" else "upgrade"
    change = HelmChange(NAME, SYSTEM, "istiod", act, "", version, {"version": version}, "", (), forced=forced)
    await installer.apply(change, objects(version), Path("none"), run=run)


Story = Callable[[TwinCluster, RenderedInstaller], Awaitable[None]]


def on_twin(story: Story) -> None:
    async def whole() -> None:
        async with open_twin() as twin:
            await twin.create(thing("Namespace", SYSTEM, namespace=""))
            await story(twin, RenderedInstaller(twin, twin))

    run(whole())


class KilledError(BaseException):
    """Nothing catches it, as nothing catches SIGKILL."""


class DiesAfter:
    """A writer whose user dies when it has made so many writes."""

    def __init__(self, twin: TwinCluster, writes: int) -> None:
        self._twin = twin
        self._left = writes

    def __getattr__(self, name: str) -> Any:
        write = getattr(self._twin, name)

        async def act(*arguments: Any, **options: Any) -> Any:
            if not options.get("dry_run"):
                if self._left == 0:
                    raise KilledError
                self._left -= 1
            return await write(*arguments, **options)

        return act


async def installed(installer: RenderedInstaller) -> None:
    """By somebody else."""
    await apply(installer, "1.26.0", run="")


async def upgraded(installer: RenderedInstaller) -> None:
    await installed(installer)
    await apply(installer, "1.27.9")


async def nothing(installer: RenderedInstaller) -> None:
    pass


ACTS: dict[str, tuple[Callable[[RenderedInstaller], Awaitable[None]], Callable[[RenderedInstaller], Awaitable[Any]], int]] = {
    "install": (nothing, lambda installer: apply(installer, "1.26.0"), 1),
    "upgrade": (installed, lambda installer: apply(installer, "1.27.9"), 2),
    "rollback": (upgraded, lambda installer: installer.rollback(RELEASE, 1, run=RUN), 3),
    "uninstall": (upgraded, lambda installer: installer.uninstall(RELEASE), 0),
}
"""Action → what is there before, the action, and the revision that it ends with."""


@pytest.mark.parametrize("action", ACTS)
def test_killed_at_any_write(action: str) -> None:
    """The engine recovers and does it again; the end is that of a run that nobody killed."""
    before, act, revision = ACTS[action]
    ends: list[Any] = []

    async def story(twin: TwinCluster, installer: RenderedInstaller) -> None:
        await before(installer)
        mortal = RenderedInstaller(twin, DiesAfter(twin, len(ends)))
        try:
            await act(mortal)
        except KilledError:
            await installer.recover(RELEASE, run=RUN, unfinished=True)
            state = await installer.state(RELEASE)
            assert state is None or state.status in ("deployed", "uninstalling")
            assert action != "uninstall" or state is None or state.run == RUN, "the engine must know it for its own"
            if (state.revision if state else 0) != revision:
                await act(installer)
            ends.append(await everything(twin))
        else:
            ends.append(None)
            ends.append(await everything(twin))

    while None not in ends:
        on_twin(story)
    unbroken = ends.pop()
    assert len(ends) > 5
    assert [number for number, end in enumerate(ends[:-1]) if end != unbroken] == []


async def everything(twin: TwinCluster) -> Any:
    """Objects, who owns which field of them, and records; without what counts the writes."""
    kinds = [KindRef("v1", kind) for kind in ("ConfigMap", "ServiceAccount", "Secret")]
    found: dict[str, Any] = {}
    for kind in (*kinds, VALIDATOR.kind_ref):
        for manifest in await twin.list_objects(kind):
            metadata = manifest["metadata"]
            is_record = metadata["name"].startswith("sh.helm")
            owned = [(one["manager"], one["operation"], one["fieldsV1"]) for one in metadata.get("managedFields") or ()]
            found[f"{kind.kind}/{metadata['name']}"] = (
                (metadata.get("labels"), metadata.get("annotations")),
                decode_release(manifest) if is_record else manifest.get("data") or manifest.get("webhooks"),
                None if is_record else owned,
            )
    return found


def test_up_back_and_away() -> None:
    async def story(twin: TwinCluster, installer: RenderedInstaller) -> None:
        await installed(installer)
        assert {"ConfigMap/only-old", "ConfigMap/kept-1.26.0"} <= (await everything(twin)).keys()
        await apply(installer, "1.27.9")
        up = await everything(twin)
        assert "ServiceAccount/only-new" in up
        assert "ConfigMap/only-old" not in up
        assert {"ConfigMap/kept-1.26.0", "ConfigMap/kept-1.27.9"} <= up.keys(), "helm.sh/resource-policy: keep"
        assert (await twin.get(ObjectRef("v1", "Secret", SYSTEM, "keys")))["data"] == {"key": ""}
        assert [await status(twin, number) for number in (1, 2)] == ["superseded", "deployed"]
        state = await installer.rollback(RELEASE, 1, run=RUN)
        assert (state.revision, state.chart_version, state.run) == (3, "1.26.0", "")
        assert await installer.manifest(RELEASE) == objects("1.26.0")
        assert {"ServiceAccount/only-new"}.isdisjoint(await everything(twin))
        await installer.uninstall(RELEASE)
        assert await installer.state(RELEASE) is None
        left = {name for name in await everything(twin) if "kube-root" not in name and "default" not in name}
        assert left == {"ConfigMap/kept-1.26.0", "ConfigMap/kept-1.27.9"}

    on_twin(story)


async def status(twin: TwinCluster, revision: int) -> str:
    ref = ObjectRef("v1", "Secret", SYSTEM, f"sh.helm.release.v1.{NAME}.v{revision}")
    secret = await twin.get(ref)
    assert secret["metadata"]["labels"]["status"] == decode_release(secret).status
    return decode_release(secret).status


def test_only_what_the_plan_lists_is_forced() -> None:
    async def story(twin: TwinCluster, installer: RenderedInstaller) -> None:
        await installed(installer)
        live = await twin.get(VALIDATOR)
        bare = {**live, "metadata": {"name": VALIDATOR.name}, "webhooks": [{**live["webhooks"][0], "failurePolicy": "Fail"}]}
        await twin.apply(bare, manager="pilot-discovery", force=True)
        conflict = FieldOwnerConflict(VALIDATOR, POLICY, "pilot-discovery")
        assert await installer.conflicts(RELEASE, objects("1.27.9")) == (conflict,)
        with pytest.raises(ApiConflictError):
            await apply(installer, "1.27.9")
        assert await status(twin, 1) == "deployed", "nothing was written"
        await apply(installer, "1.27.9", conflict)
        assert (await twin.get(VALIDATOR))["webhooks"][0]["failurePolicy"] == "Ignore"
        values = thing("ConfigMap", "values", data={"version": "mine"})
        await twin.apply(values, manager="somebody", force=True)
        with pytest.raises(ApiConflictError):
            await installer.rollback(RELEASE, 1, run=RUN)

    on_twin(story)


def test_a_conflict_that_comes_later_is_not_forced() -> None:
    """Somebody takes a field after the dry run."""

    class Taking(DiesAfter):
        async def create(self, manifest: Manifest, **options: Any) -> Manifest:
            values = thing("ConfigMap", "values", data={"version": "mine"})
            await self._twin.apply(values, manager="somebody", force=True)
            return await self._twin.create(manifest, **options)

    async def story(twin: TwinCluster, installer: RenderedInstaller) -> None:
        await installed(installer)
        with pytest.raises(InstallerError):
            await apply(RenderedInstaller(twin, Taking(twin, 99)), "1.27.9")
        assert (await twin.get(ObjectRef("v1", "ConfigMap", SYSTEM, "values")))["data"] == {"version": "mine"}

    on_twin(story)


def test_an_object_of_somebody_else_is_not_taken() -> None:
    async def story(twin: TwinCluster, installer: RenderedInstaller) -> None:
        await twin.create(thing("ConfigMap", "values"))
        with pytest.raises(InstallerError, match="istio-system/ConfigMap/values"):
            await installed(installer)
        assert await installer.state(RELEASE) is None

    on_twin(story)


def test_a_failed_upgrade_is_told_and_can_be_done_again() -> None:
    async def story(twin: TwinCluster, installer: RenderedInstaller) -> None:
        await installed(installer)
        broken = (*objects("1.27.9"), thing("ConfigMap", "values", namespace="nowhere"))
        change = HelmChange(NAME, SYSTEM, "istiod", "upgrade", "", "1.27.9", {}, "", ())
        with pytest.raises(InstallerError):
            await installer.apply(change, broken, Path("none"), run=RUN)
        assert [await status(twin, number) for number in (1, 2)] == ["deployed", "failed"]
        assert not await installer.recover(RELEASE, run=RUN, unfinished=False)
        await apply(installer, "1.27.9")
        assert [await status(twin, number) for number in (1, 2, 3)] == ["superseded", "failed", "deployed"]
        with pytest.raises(NotFoundError):
            await twin.get(ObjectRef("v1", "ConfigMap", SYSTEM, "only-old"))

    on_twin(story)


def test_what_somebody_else_works_on_is_left_alone() -> None:
    async def story(twin: TwinCluster, installer: RenderedInstaller) -> None:
        with pytest.raises(KilledError):
            await apply(RenderedInstaller(twin, DiesAfter(twin, 1)), "1.26.0", run="another")
        with pytest.raises(HaltedError):
            await installer.recover(RELEASE, run=RUN, unfinished=True)
        with pytest.raises(InstallerError, match="pending-install"):
            await apply(installer, "1.27.9")

    on_twin(story)


def test_the_oldest_revisions_go_and_the_deployed_one_stays() -> None:
    async def story(twin: TwinCluster, installer: RenderedInstaller) -> None:
        await installed(installer)
        for _ in range(HISTORY + 2):
            await apply(installer, "1.27.9")
        numbers = [
            decode_release(secret).revision for secret in await twin.list_objects(KindRef("v1", "Secret"), labels="owner=helm")
        ]
        assert sorted(numbers) == list(range(4, HISTORY + 4))
        assert await status(twin, HISTORY + 3) == "deployed"

    on_twin(story)
