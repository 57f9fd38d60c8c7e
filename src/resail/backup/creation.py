"""Create an object that a backup holds, and know whether it is ours."""

import contextlib

from resail.cluster import Clock, ClusterReader, ClusterWriter
from resail.errors import ApiConflictError, ClusterApiError, ClusterUnreachableError
from resail.models.identity import Manifest, ObjectRef

__all__ = ["API_FAILS", "create", "with_owners_of_now"]

API_FAILS = 500
"""HTTP answers from here on are about the API, not the object."""

_WAITS = (0.5, 1.0, 2.0, 4.0)
"""Seconds before a creation that the API failed is tried again."""


async def create(writer: ClusterWriter, clock: Clock, manifest: Manifest) -> Manifest | None:
    """The object as it was created; None where there is one of this name.

    Raises:
        ClusterApiError: the API refuses it, or goes on failing.
    """
    for wait in (*_WAITS, None):
        try:
            return await writer.create(manifest)
        except ApiConflictError:
            return None
        except (ClusterApiError, ClusterUnreachableError) as error:
            # One that failed may have taken effect; if so, the next attempt finds it there.
            if wait is None or (isinstance(error, ClusterApiError) and error.status < API_FAILS):
                raise
            await clock.sleep(wait)
    raise AssertionError("the last attempt returns or raises")


async def with_owners_of_now(reader: ClusterReader, manifest: Manifest) -> tuple[Manifest, str]:
    """With the identities that its owners have now; one that is not there would have it collected as garbage, and is told."""
    metadata = manifest["metadata"]
    kept, gone = [], []
    for owner in metadata.get("ownerReferences") or ():
        live = await _owner(reader, owner, metadata.get("namespace", ""))
        if live is None:
            gone.append(f"{owner['kind']} {owner['name']}")
        else:
            kept.append({**owner, "uid": live["metadata"]["uid"]})
    if not kept and not gone:
        return manifest, ""
    others = {name: value for name, value in metadata.items() if name != "ownerReferences"}
    owned = {**manifest, "metadata": {**others, **({"ownerReferences": kept} if kept else {})}}
    return owned, f"without its owner, which is not there: {', '.join(gone)}" if gone else ""


async def _owner(reader: ClusterReader, owner: Manifest, namespace: str) -> Manifest | None:
    """In the namespace of what it owns, or in none."""
    for home in dict.fromkeys((namespace, "")):
        with contextlib.suppress(ClusterApiError):
            return await reader.get(ObjectRef(owner["apiVersion"], owner["kind"], home, owner["name"]))
    return None
