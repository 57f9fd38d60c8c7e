"""The gate behind a change of CRDs: what fitted before still fits.

What is stored stays as it is whatever a new schema says of it, and its next change is refused (unchanged fields are let pass,
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-ratcheting): so
what is tried is a new object with the same contents, by a dry run.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import msgspec

from resail.cluster import get_if_there
from resail.engine.context import Context, Done, StepFailedError
from resail.errors import ApiInvalidError, ClusterApiError, ForbiddenError
from resail.models.essence import essence
from resail.models.identity import Manifest, ObjectRef
from resail.models.journal import CallIntent
from resail.models.plan import UpgradeCRDs
from resail.plan.resources import changed_crds
from resail.snapshot.stored_kinds import stored_kind

__all__ = ["change_crds"]

_AT_ONCE = 8
_NAMED = 5
_LONGEST_NAME = 253
_SUFFIX = "-resail-tries"
_WEBHOOK = "admission webhook"
"""Whose denials are answered as missing rights are."""


class _Trial(msgspec.Struct, frozen=True):
    """What the API server says to objects like those that are there."""

    refused: dict[str, str]
    """``virtualservices.networking.istio.io/namespace/name`` → its words."""
    untold: str = ""
    """Why that may not be all."""


async def change_crds(context: Context, step: UpgradeCRDs, change: Callable[[], Awaitable[Done]]) -> Done:
    """Make a change of CRDs, and try the custom resources of those that it changes before and after.

    What cannot be tried, for want of the rights or since the change had begun already, is told and stops nothing.

    Raises:
        StepFailedError: an object that fitted before does not any more.
    """
    changed = changed_crds(step.change)
    begun = any(isinstance(each.body, CallIntent) and each.body.step == step.id for each in context.journal.entries(context.run))
    before = _Trial({}, "the change had begun when they were tried first") if begun else await _try(context, changed)
    done = await change()
    after = await _try(context, changed)
    new = {name: words for name, words in after.refused.items() if name not in before.refused}
    untold = before.untold or after.untold
    if new and not untold:
        name, words = next(iter(new.items()))
        raise StepFailedError(
            f"{len(new)} objects fitted the CRDs before and do not fit the new ones: {_named(new)}; {words}",
            on=name,
            next_step="mend them, then `resail resume`; or `resail rollback`",
        )
    told = [f"{len(new)} objects do not fit the new CRDs, be it since before: {_named(new)}"] if new else []
    told += [f"whether all objects fit the new CRDs is not known: {after.untold}"] if after.untold else []
    return msgspec.structs.replace(done, detail="; ".join((done.detail, *told)))


async def _try(context: Context, crds: Iterable[ObjectRef]) -> _Trial:
    refused: dict[str, str] = {}
    turn = asyncio.Semaphore(_AT_ONCE)

    async def try_one(name: str, manifest: Manifest) -> None:
        async with turn:
            try:
                await context.writer.create(_namesake(manifest), dry_run=True)
            except (ApiInvalidError, ForbiddenError) as error:
                if isinstance(error, ForbiddenError) and _WEBHOOK not in error.what:
                    raise
                refused[name] = error.what

    try:
        for ref in crds:
            crd = await get_if_there(context.reader, ref)
            if crd is not None:
                kind = stored_kind(crd)
                found = await context.reader.list_objects(kind)
                await asyncio.gather(*(try_one(_name(ref, one), one) for one in found))
    except ClusterApiError as error:
        return _Trial(refused, str(error))
    return _Trial(dict(sorted(refused.items())))


def _namesake(manifest: Manifest) -> Manifest:
    """A new object with the same contents."""
    written = essence(manifest)
    name = written["metadata"]["name"][: _LONGEST_NAME - len(_SUFFIX)] + _SUFFIX
    return {**written, "metadata": {**written["metadata"], "name": name}}


def _name(crd: ObjectRef, manifest: Manifest) -> str:
    metadata = manifest["metadata"]
    return "/".join(filter(None, (crd.name, metadata.get("namespace"), metadata["name"])))


def _named(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - _NAMED} more" if len(every) > _NAMED else ""
    return ", ".join(every[:_NAMED]) + more
