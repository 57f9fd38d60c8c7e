"""Who owns the fields of what a restore wrote: whoever did in the backup, so that nobody is in Helm's way afterwards.

An object that is created belongs to its creator. A patch may say otherwise: the API server takes ``managedFields`` as they are
given, as long as nothing else is changed with them
(https://kubernetes.io/docs/reference/using-api/server-side-apply/#clearing-managedfields; shown by ``tests/contract``).
"""

from typing import Any

from resail.cluster import FIELD_MANAGER
from resail.models.identity import Manifest

__all__ = ["owners_to_give_back", "without_owners"]

_Entry = dict[str, Any]


def owners_to_give_back(live: Manifest, wanted: Manifest) -> list[_Entry] | None:
    """The ``managedFields`` that ``live`` should have; None where no field is resail's that was not so in the backup.

    Those of others who wrote since, such as controllers that tell of the status, stay.
    """
    kept: list[_Entry] = wanted["metadata"].get("managedFields") or []
    found = [_timeless(entry) for entry in live["metadata"].get("managedFields") or []]
    if not kept or all(entry in kept for entry in found if _is_ours(entry)):
        return None
    known = {_key(entry) for entry in kept}
    return [*kept, *(entry for entry in found if _key(entry) not in known and not _is_ours(entry))]


def without_owners(manifest: Manifest) -> Manifest:
    """The object alone."""
    metadata = {name: value for name, value in manifest["metadata"].items() if name != "managedFields"}
    return {**manifest, "metadata": metadata}


def _is_ours(entry: _Entry) -> bool:
    return entry["manager"] == FIELD_MANAGER and entry["operation"] == "Update" and not entry.get("subresource")


def _timeless(entry: _Entry) -> _Entry:
    return {name: value for name, value in entry.items() if name != "time"}


def _key(entry: _Entry) -> tuple[str, ...]:
    return entry["manager"], entry["operation"], entry.get("apiVersion", ""), entry.get("subresource", "")
