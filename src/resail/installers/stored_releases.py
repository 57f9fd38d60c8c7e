"""What every installer of Helm releases does alike: it looks at the releases that are stored, and clears what a crash left."""

import asyncio
from collections.abc import Sequence

from resail.cluster import FIELD_MANAGER, ClusterReader, ClusterWriter
from resail.errors import ApiConflictError, FieldConflict, HaltedError, InstallerError, NotFoundError
from resail.installers.helm_records import restated
from resail.installers.helm_storage import StoredRelease, decode_release, release_secret
from resail.installers.interface import ReleaseState
from resail.models.identity import KindRef, Manifest, ObjectRef
from resail.models.plan import FieldOwnerConflict

__all__ = ["HISTORY", "MANAGER", "StoredReleases", "given_back", "patched_by_istiod", "refuse_others", "state_of"]

MANAGER = "helm"
"""Field manager of what a release applies."""

HISTORY = 50
"""Revisions kept: more than the helm command does, so that undoing many hops still finds the first."""

_SECRET = KindRef("v1", "Secret")
_DRY_RUNS = 8  # at the same time


def patched_by_istiod(conflict: FieldOwnerConflict) -> bool:
    """Is it istiod's own patch of a webhook, which it makes again after each upgrade?

    istiod turns ``failurePolicy`` from Ignore to Fail once its validation answers
    (``pkg/webhooks/validation/controller`` of Istio).
    """
    return conflict.manager == "pilot-discovery" and conflict.field.endswith(".failurePolicy")


def given_back(conflict: FieldOwnerConflict) -> bool:
    """Is it a field that undoing a later hop put back, which undoing this one may overwrite?"""
    return conflict.manager == FIELD_MANAGER


class StoredReleases:
    """The part of ``Installer`` that looks, and ``recover``; the docstrings are there."""

    def __init__(self, reader: ClusterReader, writer: ClusterWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def state(self, release: str) -> ReleaseState | None:
        history = await self._history(release)
        return state_of(history[-1]) if history else None

    async def manifest(self, release: str, revision: int = 0) -> tuple[Manifest, ...]:
        history = await self._history(release)
        found = [stored for stored in history if revision in (0, stored.revision)]
        if not found:
            raise InstallerError("there is no such revision", on=f"{release} v{revision}", next_step="see `helm history`")
        return found[-1].objects

    async def conflicts(self, release: str, objects: Sequence[Manifest]) -> tuple[FieldOwnerConflict, ...]:
        history = await self._history(release)
        if history and history[-1].apply_method != "ssa":
            return ()
        turn = asyncio.Semaphore(_DRY_RUNS)

        async def one(manifest: Manifest) -> list[FieldOwnerConflict]:
            ref = ObjectRef.of(manifest)
            try:
                async with turn:
                    await self._writer.apply(manifest, manager=MANAGER, dry_run=True)
            except ApiConflictError as error:
                return [FieldOwnerConflict(ref, conflict.field, conflict.manager) for conflict in error.conflicts]
            except NotFoundError:
                # Its namespace or its kind comes with the release itself.
                return []
            return []

        # A Secret's values are not in a plan, so applying what it shows of one would tell nothing.
        found = await asyncio.gather(*(one(manifest) for manifest in objects if manifest["kind"] != "Secret"))
        return tuple(sorted(conflict for conflicts in found for conflict in conflicts))

    async def recover(self, release: str, *, run: str, unfinished: bool) -> bool:
        history = await self._history(release)
        if not history:
            return False
        latest = history[-1]
        failed, pending = latest.status == "failed", latest.status.startswith("pending-")
        ours = unfinished and (latest.run == run or latest.by_rollback)
        if not pending and not (failed and (ours or len(history) == 1)):
            return False
        if not ours:
            raise HaltedError(
                f"revision {latest.revision} is {latest.status}, and this run did not leave it so",
                on=f"Helm release {release}",
                next_step="wait for whoever works on it, or clear it with `helm rollback`; then run `resail resume`",
            )
        await self._deploy_again(history[:-1])
        # Without its record the revision never was: Helm applies server-side, so doing it again converges.
        await self._writer.delete(_record(latest))
        return True

    async def _deploy_again(self, before: Sequence[StoredRelease]) -> None:
        """Helm supersedes the old revision just before it calls the new one deployed: killed in between, none is.

        Nor is one where what was uninstalled was about to come back.
        """
        if any(stored.status == "deployed" for stored in before) or (before and before[-1].status.startswith("uninstall")):
            return
        superseded = [stored for stored in before if stored.status == "superseded"]
        if superseded:
            ref = _record(superseded[-1])
            await self._writer.patch(ref, restated(await self._reader.get(ref), "deployed"))

    async def _secrets(self, release: str) -> list[Manifest]:
        namespace, _, name = release.partition("/")
        return await self._reader.list_objects(_SECRET, namespace=namespace, labels=f"owner=helm,name={name}")

    async def _history(self, release: str) -> list[StoredRelease]:
        """All revisions, oldest first."""
        return sorted(map(decode_release, await self._secrets(release)), key=lambda stored: stored.revision)


def state_of(stored: StoredRelease) -> ReleaseState:
    return ReleaseState(
        release=f"{stored.namespace}/{stored.name}",
        revision=stored.revision,
        status=stored.status,
        chart_version=stored.chart_version,
        manifest_digest=stored.digest,
        run=stored.run,
    )


def refuse_others(release: str, others: Sequence[FieldOwnerConflict]) -> None:
    """Refuse conflicts that nobody has agreed to.

    Raises:
        ApiConflictError: there are any.
    """
    if not others:
        return
    shown = "; ".join(f"{conflict.object} {conflict.field} (owned by {conflict.manager})" for conflict in others[:5])
    raise ApiConflictError(
        f"{len(others)} fields belong to others, which the plan does not say: {shown}",
        on=f"Helm release {release}",
        next_step="have their owners give them up, or plan again",
        conflicts=tuple(FieldConflict(conflict.manager, conflict.field) for conflict in others),
    )


def _record(stored: StoredRelease) -> ObjectRef:
    return ObjectRef("v1", "Secret", stored.namespace, release_secret(stored.name, stored.revision))
