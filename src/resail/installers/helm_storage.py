"""How Helm's releases are read: Secrets of type helm.sh/release.v1 (Helm's ``pkg/storage/driver/secrets.go``)."""

import base64
import binascii
import functools
import gzip
from typing import Any, TypeVar

import msgspec

from resail.errors import InstallerError
from resail.models.encoding import manifest_digest
from resail.models.identity import Manifest, ObjectRef
from resail.releases.manifests import objects_of

__all__ = ["RUN_LABEL", "StoredRelease", "as_helm_applies", "decode_release", "latest_by_name", "record_of", "release_secret"]

T = TypeVar("T")

RUN_LABEL = "resail.dev/run"
"""Label of the revisions that a run of ours wrote."""


class _ChartMetadata(msgspec.Struct, rename="camel"):
    name: str = ""
    version: str = ""
    app_version: str = ""


class _Chart(msgspec.Struct):
    metadata: _ChartMetadata = msgspec.field(default_factory=_ChartMetadata)


class _Info(msgspec.Struct):
    status: str = ""
    description: str = ""


class _Stored(msgspec.Struct):
    name: str
    version: int
    namespace: str = ""
    manifest: str = ""
    config: dict[str, Any] | None = None
    info: _Info = msgspec.field(default_factory=_Info)
    chart: _Chart = msgspec.field(default_factory=_Chart)
    apply_method: str = ""


class StoredRelease(msgspec.Struct, frozen=True):
    """One revision of a release."""

    name: str
    namespace: str
    revision: int
    status: str
    chart: str
    chart_version: str
    app_version: str
    values: dict[str, Any]
    objects: tuple[Manifest, ...]
    apply_method: str
    """``ssa`` where Helm applies server-side; else it merges on the client, and field owners do not matter."""
    run: str
    by_rollback: bool = False
    """Helm made it to go back; it then has the labels, the run's too, of the revision that it goes back to."""

    @property
    def key(self) -> str:
        """``namespace/name``"""
        return f"{self.namespace}/{self.name}"

    @property
    def digest(self) -> str:
        return manifest_digest(self.objects)


def decode_release(secret: Manifest) -> StoredRelease:
    """Read a release Secret.

    Raises:
        InstallerError: it is not as Helm writes it.
    """
    metadata = secret["metadata"]
    stored = record_of(secret, _Stored)
    namespace = stored.namespace or metadata["namespace"]
    labels = metadata.get("labels") or {}
    return StoredRelease(
        name=stored.name,
        namespace=namespace,
        revision=stored.version,
        status=stored.info.status,
        chart=stored.chart.metadata.name,
        chart_version=stored.chart.metadata.version,
        app_version=stored.chart.metadata.app_version,
        values=stored.config or {},
        objects=msgspec.json.decode(_objects(stored.manifest, namespace, _place(secret)), type=tuple[Manifest, ...]),
        apply_method=stored.apply_method,
        run=labels.get(RUN_LABEL, ""),
        by_rollback=stored.info.description.startswith("Rollback "),
    )


@functools.lru_cache(maxsize=16)
def _objects(manifest: str, namespace: str, on: str) -> bytes:
    """As JSON: a run looks at its releases again and again, and YAML of CRDs takes long to read."""
    return msgspec.json.encode(objects_of([manifest], namespace, on=on))


def record_of(secret: Manifest, shape: type[T]) -> T:
    """What a release Secret holds, as far as ``shape`` tells.

    Raises:
        InstallerError: it is not as Helm writes it.
    """
    try:
        packed = base64.b64decode(base64.b64decode(secret["data"]["release"]))
        text = gzip.decompress(packed) if packed[:2] == b"\x1f\x8b" else packed
        return msgspec.json.decode(text, type=shape)
    except (KeyError, TypeError, binascii.Error, OSError, EOFError, msgspec.DecodeError) as error:
        raise InstallerError(
            f"the Helm release Secret cannot be read: {error}",
            on=_place(secret),
            next_step="see `helm history`; remove it if it is damaged",
        ) from error


def as_helm_applies(manifest: Manifest, name: str, namespace: str) -> Manifest:
    """The object with the marks of ownership that Helm adds when it applies it (``setMetadataVisitor`` in Helm)."""
    metadata = manifest["metadata"]
    labels = {**(metadata.get("labels") or {}), "app.kubernetes.io/managed-by": "Helm"}
    marks = {"meta.helm.sh/release-name": name, "meta.helm.sh/release-namespace": namespace}
    annotations = {**(metadata.get("annotations") or {}), **marks}
    return {**manifest, "metadata": {**metadata, "labels": labels, "annotations": annotations}}


def latest_by_name(secrets: list[Manifest]) -> list[Manifest]:
    """Of the release Secrets the newest revision of each release, told by their labels alone."""
    newest: dict[tuple[str, str], Manifest] = {}
    for secret in secrets:
        labels = secret["metadata"].get("labels") or {}
        key = (secret["metadata"]["namespace"], labels.get("name", ""))
        if key not in newest or _revision(secret) > _revision(newest[key]):
            newest[key] = secret
    return [newest[key] for key in sorted(newest)]


def release_secret(name: str, revision: int) -> str:
    """The name of a revision's Secret."""
    return f"sh.helm.release.v1.{name}.v{revision}"


def _place(secret: Manifest) -> str:
    return str(ObjectRef.of(secret))


def _revision(secret: Manifest) -> int:
    text = (secret["metadata"].get("labels") or {}).get("version", "0")
    return int(text) if text.isdecimal() else 0
