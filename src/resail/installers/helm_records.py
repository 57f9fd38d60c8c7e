"""How Helm's releases are written without Helm: the Secret of a revision, for rehearsals and for what a crash left.

The form is that of Helm's ``pkg/storage/driver`` and ``pkg/release``. Times are left out: Helm can do without them, and a record
that does not hold any is the same bytes each time.
"""

import base64
import gzip
from collections.abc import Mapping
from typing import Any

import msgspec

from resail.installers.helm_storage import RUN_LABEL, StoredRelease, record_of, release_secret
from resail.models.encoding import canonical_json
from resail.models.identity import Manifest

__all__ = ["copied", "encode_release", "own_labels", "restated"]

_TYPE = "helm.sh/release.v1"
_OF_HELM = frozenset({"name", "owner", "status", "version", "createdAt", "modifiedAt"})
"""Labels that Helm itself gives a record; all others came with the release."""


def encode_release(release: StoredRelease, labels: Mapping[str, str] | None = None) -> Manifest:
    """The Secret of a revision, which ``decode_release`` and Helm read back; ``labels`` besides those of Helm and the run."""
    record = {
        "name": release.name,
        "namespace": release.namespace,
        "version": release.revision,
        "info": {"status": release.status, "description": f"resail {release.run}".rstrip()},
        "chart": {
            "metadata": {
                "apiVersion": "v2",
                "name": release.chart,
                "version": release.chart_version,
                "appVersion": release.app_version,
            }
        },
        "config": release.values,
        # JSON is YAML.
        "manifest": "".join(f"---\n{msgspec.json.encode(manifest).decode()}\n" for manifest in release.objects),
        "apply_method": release.apply_method,
    }
    return _secret(record, {**(labels or {}), RUN_LABEL: release.run})


def restated(secret: Manifest, status: str) -> Manifest:
    """The merge patch that gives a record another status, and leaves all else in it as Helm wrote it."""
    record = record_of(secret, dict[str, Any])
    told = {"description": "Uninstallation complete"} if status == "uninstalled" else {}
    record["info"] = {**(record.get("info") or {}), "status": status, **told}
    return {"metadata": {"labels": {"status": status}}, "data": {"release": _packed(record)}}


def copied(secret: Manifest, revision: int, status: str) -> Manifest:
    """The record of a new revision with the content and the labels of this one: what a rollback writes."""
    record = record_of(secret, dict[str, Any])
    description = f"Rollback to {record['version']}"
    record["info"] = {**(record.get("info") or {}), "status": status, "description": description}
    record["version"] = revision
    record.setdefault("namespace", secret["metadata"]["namespace"])
    return _secret(record, own_labels(secret))


def own_labels(secret: Manifest) -> dict[str, str]:
    """The labels of a release, which its revisions hand on: those of its Secret that Helm did not give."""
    labels: dict[str, str] = secret["metadata"].get("labels") or {}
    return {key: value for key, value in labels.items() if key not in _OF_HELM}


def _secret(record: dict[str, Any], labels: dict[str, str]) -> Manifest:
    name, revision = record["name"], record["version"]
    of_helm = {"name": name, "owner": "helm", "status": record["info"]["status"], "version": str(revision)}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": release_secret(name, revision),
            "namespace": record["namespace"],
            "labels": {**labels, **of_helm},
        },
        "type": _TYPE,
        "data": {"release": _packed(record)},
    }


def _packed(record: dict[str, Any]) -> str:
    """As Helm packs it: zipped and base64, which a Secret's data is once more."""
    zipped = gzip.compress(canonical_json(record), compresslevel=9, mtime=0)
    return base64.b64encode(base64.b64encode(zipped)).decode()
