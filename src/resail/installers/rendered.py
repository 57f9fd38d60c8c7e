"""Rehearsals: what Helm would do to a cluster, done with the plan's rendered manifests; neither Helm nor charts are needed.

The records lack the chart itself, and a Secret of a manifest gets its keys but no values, since a plan does not have them. So it
is for copies of a mesh, never for the mesh. ``tests/installers`` compares what it leaves with what Helm leaves.
"""

import contextlib
from collections.abc import Sequence, Set
from pathlib import Path
from typing import Any

import msgspec

from resail.errors import InstallerError, NotFoundError, ResailError
from resail.installers.helm_records import copied, encode_release, own_labels, restated
from resail.installers.helm_storage import StoredRelease, as_helm_applies, decode_release, release_secret
from resail.installers.interface import ReleaseState
from resail.installers.kind_order import in_install_order
from resail.installers.stored_releases import (
    HISTORY,
    MANAGER,
    StoredReleases,
    given_back,
    patched_by_istiod,
    refuse_others,
    state_of,
)
from resail.models.identity import Manifest, ObjectRef
from resail.models.plan import FieldOwnerConflict, HelmChange

__all__ = ["RenderedInstaller", "without_values"]

_POLICY = "helm.sh/resource-policy"
_NAME = "meta.helm.sh/release-name"
_NAMESPACE = "meta.helm.sh/release-namespace"


class _Revision(msgspec.Struct, frozen=True):
    secret: Manifest
    stored: StoredRelease

    @property
    def number(self) -> int:
        return self.stored.revision

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("v1", "Secret", self.stored.namespace, release_secret(self.stored.name, self.number))


class RenderedInstaller(StoredReleases):
    """Implements ``Installer``; the docstrings are there."""

    async def apply(self, change: HelmChange, objects: Sequence[Manifest], charts: Path, *, run: str) -> ReleaseState:
        release = f"{change.namespace}/{change.release}"
        found = await self.conflicts(release, objects)
        refuse_others(release, [conflict for conflict in found if conflict not in change.forced])
        history = await self._revisions(release)
        _refuse_action(release, change.action, history)
        latest = history[-1] if history else None
        written = StoredRelease(
            name=change.release,
            namespace=change.namespace,
            revision=latest.number + 1 if latest else 1,
            status=f"pending-{change.action}",
            chart=change.chart,
            chart_version=change.to_version,
            app_version=change.to_version,
            values=change.values,
            objects=tuple(objects),
            apply_method=latest.stored.apply_method if latest else "ssa",
            run=run,
        )
        labels = own_labels(latest.secret) if latest else {}
        return await self._write(release, history, encode_release(written, labels), found)

    async def rollback(
        self, release: str, to_revision: int, *, run: str, forced: Sequence[FieldOwnerConflict] = ()
    ) -> ReleaseState:
        found = await self.conflicts(release, await self.manifest(release, to_revision))
        refuse_others(release, [one for one in found if not (one in forced or patched_by_istiod(one) or given_back(one))])
        history = await self._revisions(release)
        _refuse_action(release, "rollback", history)
        goal = next(revision for revision in history if revision.number == to_revision)
        return await self._write(release, history, copied(goal.secret, history[-1].number + 1, "pending-rollback"), found)

    async def uninstall(self, release: str, *, keep_history: bool = False) -> None:
        history = await self._revisions(release)
        if not history:
            return
        latest = history[-1]
        await self._writer.patch(latest.ref, restated(latest.secret, "uninstalling"))
        await self._remove([manifest for manifest in latest.stored.objects if not _stays(manifest)])
        if keep_history:
            await self._writer.patch(latest.ref, restated(latest.secret, "uninstalled"))
            return
        # The one that tells what is to be removed goes last: killed before, this can be done again.
        for revision in history:
            await self._delete(revision.ref)

    async def _write(
        self, release: str, history: Sequence[_Revision], secret: Manifest, found: Sequence[FieldOwnerConflict]
    ) -> ReleaseState:
        """A new revision: pending, applied, and deployed in place of what was; or failed."""
        goal = decode_release(secret)
        before = _stands(history)
        await self._refuse_foreign(goal, before)
        await self._cut(history)
        await self._writer.create(secret)
        try:
            await self._apply_all(goal, {conflict.object for conflict in found})
            await self._remove_old(goal, before)
        except ResailError as error:
            await self._writer.patch(ObjectRef.of(secret), restated(secret, "failed"))
            raise InstallerError(
                f"it failed: {error}", on=f"Helm release {release}", next_step="mend the cause, then run `resail resume`"
            ) from error
        for revision in history:
            if revision.stored.status == "deployed":
                await self._writer.patch(revision.ref, restated(revision.secret, "superseded"))
        return state_of(decode_release(await self._writer.patch(ObjectRef.of(secret), restated(secret, "deployed"))))

    async def _apply_all(self, goal: StoredRelease, contested: Set[ObjectRef]) -> None:
        for manifest in in_install_order(goal.objects):
            # A release that Helm merges on the client overrides whoever owns a field.
            force = ObjectRef.of(manifest) in contested or goal.apply_method != "ssa"
            marked = as_helm_applies(without_values(manifest), goal.name, goal.namespace)
            await self._writer.apply(marked, manager=MANAGER, force=force)

    async def _remove_old(self, goal: StoredRelease, before: Sequence[Manifest]) -> None:
        kept = {_identity(manifest) for manifest in goal.objects}
        gone = [manifest for manifest in before if _identity(manifest) not in kept]
        await self._remove([manifest for manifest in gone if not await self._is_to_stay(manifest)])

    async def _cut(self, history: Sequence[_Revision]) -> None:
        """Drop the oldest revisions but the one that is deployed, so that a new one fits."""
        deployed = next((revision for revision in reversed(history) if revision.stored.status == "deployed"), None)
        droppable = [revision for revision in history if revision is not deployed]
        for revision in droppable[: max(len(history) - HISTORY + 1, 0)]:
            await self._delete(revision.ref)

    async def _refuse_foreign(self, goal: StoredRelease, before: Sequence[Manifest]) -> None:
        """Helm takes over no object that is there already but bears no mark of the release."""
        known = {_identity(manifest) for manifest in before}
        for manifest in goal.objects:
            if _identity(manifest) in known:
                continue
            ref = ObjectRef.of(manifest)
            with contextlib.suppress(NotFoundError):
                marks = (await self._reader.get(ref))["metadata"].get("annotations") or {}
                if (marks.get(_NAME), marks.get(_NAMESPACE)) != (goal.name, goal.namespace):
                    raise InstallerError(
                        f"{ref} is there already, and not of this release",
                        on=f"Helm release {goal.namespace}/{goal.name}",
                        next_step="remove it or give it to the release; then run `resail resume`",
                    )

    async def _is_to_stay(self, manifest: Manifest) -> bool:
        """Does the object's owner want it kept? The live object tells."""
        try:
            return _stays(await self._reader.get(ObjectRef.of(manifest)))
        except NotFoundError:
            return True

    async def _remove(self, manifests: Sequence[Manifest]) -> None:
        for manifest in reversed(in_install_order(manifests)):
            await self._delete(ObjectRef.of(manifest))

    async def _delete(self, ref: ObjectRef) -> None:
        with contextlib.suppress(NotFoundError):
            await self._writer.delete(ref)

    async def _revisions(self, release: str) -> list[_Revision]:
        """All revisions with their Secrets, oldest first."""
        found = [_Revision(secret, decode_release(secret)) for secret in await self._secrets(release)]
        return sorted(found, key=lambda revision: revision.number)


def without_values(manifest: Manifest) -> Manifest:
    """A Secret with its keys and no values; anything else as it is."""
    if manifest["kind"] != "Secret":
        return manifest
    emptied: dict[str, Any] = {
        field: dict.fromkeys(manifest[field], "") for field in ("data", "stringData") if manifest.get(field)
    }
    return {**manifest, **emptied}


def _refuse_action(release: str, action: str, history: Sequence[_Revision]) -> None:
    """What Helm refuses to begin."""
    status = history[-1].stored.status if history else ""
    if action == "install" and history:
        complaint = "there is a release of this name already"
    elif action != "install" and not history:
        complaint = "there is no such release"
    elif status.startswith("pending-"):
        complaint = f"another action is in progress: its last revision is {status}"
    else:
        return
    raise InstallerError(complaint, on=f"Helm release {release}", next_step="see `helm history`; then run `resail resume`")


def _stands(history: Sequence[_Revision]) -> tuple[Manifest, ...]:
    """The objects that a new revision takes the place of: of the one that is deployed, else of the last."""
    deployed = [revision for revision in history if revision.stored.status == "deployed"]
    return (deployed or [*history])[-1].stored.objects if history else ()


def _stays(manifest: Manifest) -> bool:
    return (manifest["metadata"].get("annotations") or {}).get(_POLICY) == "keep"


def _identity(manifest: Manifest) -> tuple[str, str, str, str]:
    """One object, in whichever version of its group."""
    ref = ObjectRef.of(manifest)
    return (ref.kind_ref.group, ref.kind, ref.namespace, ref.name)
