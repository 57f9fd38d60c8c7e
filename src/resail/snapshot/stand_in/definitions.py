"""CustomResourceDefinitions, and the custom resources: which there are is known, not what is in them."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from resail.models.identity import KindRef, Manifest, ObjectRef
from resail.models.snapshot import CustomResourceDefinition, MeshSnapshot
from resail.models.stand_in import StandIn
from resail.snapshot.stand_in.model import Released, custom_definition, marks_of

__all__ = ["definitions"]

_BUILT_IN = (".k8s.io", "apps", "batch", "policy", "autoscaling")


def definitions(snapshot: MeshSnapshot, of_releases: Mapping[ObjectRef, Released], since: datetime) -> Iterator[StandIn]:
    """Of Istio and Gateway API with their objects; and of whatever else owns pods, or these would be without an owner."""
    for crd in snapshot.crds:
        of_release = of_releases.get(ObjectRef("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", crd.name))
        made_up = _definition(crd, snapshot, since)
        if of_release is None:
            yield StandIn(made_up)
        else:
            yield of_release.with_facts({**of_release.manifest, "status": made_up["status"]})
    for kind in sorted({workload.ref.kind_ref for workload in snapshot.workloads}):
        if kind.group and not kind.group.endswith(_BUILT_IN):
            yield StandIn(_of_owner(kind, since))
    for ref in snapshot.istio_objects:
        metadata = {"name": ref.name, **({"namespace": ref.namespace} if ref.namespace else {})}
        yield StandIn({"apiVersion": ref.api_version, "kind": ref.kind, "metadata": metadata, "spec": {}})


def _definition(crd: CustomResourceDefinition, snapshot: MeshSnapshot, since: datetime) -> Manifest:
    plural, _, group = crd.name.partition(".")
    known = [ref for ref in snapshot.istio_objects if ref.kind_ref.group == group and _is_plural(plural, ref.kind)]
    kind = known[0].kind if known else plural.removesuffix("s").capitalize()
    stored = known[0].api_version.rpartition("/")[2] if known else (crd.stored_versions or crd.served_versions)[-1]
    versions = {name: name in crd.served_versions for name in sorted({*crd.served_versions, *crd.stored_versions})}
    namespaced = not known or bool(known[0].namespace)
    manifest = custom_definition(crd.name, kind, versions, stored=stored, namespaced=namespaced, since=since)
    manifest["metadata"] |= marks_of(crd.owner)
    manifest["status"]["storedVersions"] = list(crd.stored_versions)
    return manifest


def _of_owner(kind: KindRef, since: datetime) -> Manifest:
    version = kind.api_version.rpartition("/")[2]
    name = f"{kind.kind.lower()}s.{kind.group}"
    return custom_definition(name, kind.kind, {version: True}, stored=version, namespaced=True, since=since)


def _is_plural(plural: str, kind: str) -> bool:
    one = kind.lower()
    return plural in (f"{one}s", f"{one}es", f"{one.removesuffix('y')}ies")
