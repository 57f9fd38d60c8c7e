"""What a backup holds of the foreign mesh, held against all that the API has."""

import asyncio
from typing import Any

import msgspec
import pytest

from resail.backup.clean import cleaned
from resail.backup.gathering import gather
from resail.checks.differences import changed_fields
from resail.kube import connect
from resail.models.backup import Backup
from resail.models.encoding import canonical_json
from resail.models.identity import ObjectRef
from resail.testbed.bed import Bed
from tests.acceptance.conftest import restore
from tests.acceptance.exemptions import KINDS
from tests.acceptance.world import World, world

pytestmark = pytest.mark.bed

MADE_IN_EVERY_NAMESPACE = ("kube-root-ca.crt", "istio-ca-root-cert")
OF_THE_CLUSTER = ("CustomResourceDefinition", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
ISTIO = "VirtualService"
_LONG = 12
"""Characters of a value that cannot be somewhere by chance."""


def test_all_of_the_mesh_is_in_it_and_no_secret_where_none_is_wanted(_foreign_saved: Bed) -> None:
    restore(_foreign_saved)
    entire, again, open_to_all = asyncio.run(gathered(_foreign_saved, True, True, False))
    there = world(_foreign_saved)
    secrets = _foreign_saved.api("GET", "/api/v1/secrets").json()["items"]

    assert canonical_json(entire) == canonical_json(again)
    assert missing(there, entire) == {}
    assert (entire.facts.lacks, entire.facts.left_out) == ((), ())

    of_the_mesh = [one for one in secrets if one["metadata"]["namespace"] in ("istio-system", "edge")]
    assert {(ref.namespace, ref.name) for ref in open_to_all.facts.left_out} == {
        (one["metadata"]["namespace"], one["metadata"]["name"]) for one in of_the_mesh
    }
    assert open_to_all.facts.lacks == ("CA", "Helm state")
    assert values_in(open_to_all, secrets) == []
    assert values_in(entire, of_the_mesh) != []
    assert [one for one in entire.objects if one["kind"] != "Secret"] == list(open_to_all.objects)


async def gathered(bed: Bed, *secrets: bool) -> list[Backup]:
    """With secrets and without, one after the other."""
    async with connect(bed.kubeconfig) as cluster:
        return [await gather(cluster, "istio-system", secrets=each, progress=print) for each in secrets]


def missing(there: World, backup: Backup) -> dict[str, list[str]]:
    """What should be in the backup as the API has it, and the fields in which it differs."""
    kept = {str(ref) if ref.namespace else f"/{ref}": one for one in backup.objects if (ref := ObjectRef.of(one))}
    wrong: dict[str, list[str]] = {}
    for name, item in there.items():
        kind = name.split("/")[1]
        if not _is_of_the_mesh(item, kind):
            continue
        found = kept.get(name)
        # Items of a list do not say what they are, and custom ones are kept in the version that is stored.
        wanted = cleaned({**item, "apiVersion": found["apiVersion"] if found else "", "kind": kind})
        if found != wanted:
            wrong[name] = list(changed_fields(wanted, found))
    return wrong


def _is_of_the_mesh(item: dict[str, Any], kind: str) -> bool:
    metadata = item["metadata"]
    if kind in OF_THE_CLUSTER or kind == ISTIO:
        return True
    return metadata.get("namespace") == "istio-system" and kind not in KINDS and metadata["name"] not in MADE_IN_EVERY_NAMESPACE


def values_in(backup: Backup, secrets: list[dict[str, Any]]) -> list[str]:
    """Keys of Secrets whose values stand in a backup; certificates are no secrets, and the root is in every webhook."""
    text = msgspec.json.encode(backup).decode()
    return [
        f"{one['metadata']['name']} {key}"
        for one in secrets
        for key, value in (one.get("data") or {}).items()
        if len(value) >= _LONG and not key.endswith("cert.pem") and value in text
    ]
