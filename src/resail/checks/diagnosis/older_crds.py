"""CRDs that are older than the control plane that reads by them."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from resail.checks.diagnosis.sign import Rule, Sign
from resail.checks.diagnosis.situation import Situation
from resail.checks.hazards.case import Unknown
from resail.models.diagnosis import Diagnosis
from resail.models.field_path import find, first
from resail.models.finding import FindingObject
from resail.models.identity import IstioVersion, Manifest
from resail.models.release_facts import CrdFacts, ReleaseFacts
from resail.models.snapshot import ControlPlane

__all__ = ["RULE"]

_ID = "older-crd"
_KIND = "CustomResourceDefinition"
_MARKS = ("operator.istio.io/version", "app.kubernetes.io/version", "helm.sh/chart")
_EXCLUDED = "base.excludedCRDs"


class _Lack(msgspec.Struct, frozen=True):
    """What a CRD has not that its control plane's release ships."""

    name: str
    field: str
    what: str


def _find(situation: Situation) -> Iterator[Sign]:
    plane, version = _newest(situation)
    facts = next((one for one in situation.facts if plane and version and _is_of(one, version)), None)
    if plane is None or version is None:
        return
    if facts is None or not facts.crds or "crds" in facts.unknown:
        raise Unknown(f"which CRDs Istio {version} ships is not known")
    live = {str(first(one, "metadata.name")): one for one in situation.all(f"{_KIND}.apiextensions.k8s.io")}
    lacks = [lack for name, shipped in sorted(facts.crds.items()) for lack in _lacks(situation, name, shipped, live.get(name))]
    if lacks:
        names = list(dict.fromkeys(one.name for one in lacks))
        yield Sign(
            diagnosis=Diagnosis(
                id=_ID,
                certainty="certain",
                cause=f"{', '.join(names[:3])}{f' and {len(names) - 3} more CRDs' if names[3:] else ''} "
                f"{'is' if len(names) == 1 else 'are'} older than istiod {plane.version}: {lacks[0].what}",
                objects=tuple(FindingObject(_KIND, "", name, _field(lacks, name)) for name in names),
                evidence=(*(f"{one.name}: {one.what}" for one in lacks[:8]), *_marks(live, names)),
                effects=("the API server drops or refuses fields that this istiod knows",),
                undo=(
                    f"apply the CRDs of Istio {plane.version}: `helm upgrade` of chart base, or "
                    "`kubectl apply --server-side -f manifests/charts/base/files/crd-all.gen.yaml`",
                    "then apply again the objects whose fields were dropped",
                ),
                source="https://istio.io/latest/docs/setup/upgrade/helm/",
            )
        )


def _newest(situation: Situation) -> tuple[ControlPlane | None, IstioVersion | None]:
    planes = [
        (version, plane) for plane in situation.snapshot.control_planes if (version := IstioVersion.parse_if(plane.version))
    ]
    version, plane = max(planes, key=lambda one: one[0], default=(None, None))
    return plane, version


def _is_of(facts: ReleaseFacts, version: IstioVersion) -> bool:
    return facts.version.split(".")[:2] == version.line.split(".")


def _lacks(situation: Situation, name: str, shipped: CrdFacts, live: Manifest | None) -> Iterator[_Lack]:
    if live is None:
        if name not in _left_out(situation):
            yield _Lack(name, "", "it is missing")
        return
    served = [first(field.value, "name") for field in find(live, "spec.versions[*]") if first(field.value, "served") is True]
    for version in shipped.served:
        if version not in served:
            yield _Lack(name, "spec.versions", f"version {version} is not served")
    schemas = [field.value for field in find(live, "spec.versions[*].schema.openAPIV3Schema")]
    lacking = list(_lacking(shipped.fields, [_at(schema, "spec") for schema in schemas], ""))
    if lacking:
        more = f" and {len(lacking) - 3} more" if lacking[3:] else ""
        yield _Lack(name, "spec.versions", f"it has no field {', '.join(f'spec.{path}' for path in lacking[:3])}{more}")


_FREE: dict[str, Any] = {"x-kubernetes-preserve-unknown-fields": True}


def _at(schema: Any, name: str) -> Any:
    """The schema of a field below; None where there is none."""
    if not isinstance(schema, dict):
        return None
    if schema.get("x-kubernetes-preserve-unknown-fields") is True:
        return _FREE
    if name.endswith("[*]"):
        outer = _at(schema, name[:-3])
        return (outer if outer is _FREE else outer.get("items", _FREE)) if isinstance(outer, dict) else None
    if name == "*":
        return schema.get("additionalProperties")
    properties = schema.get("properties")
    return properties.get(name) if isinstance(properties, dict) else None


def _lacking(fields: Mapping[str, Any], schemas: list[Any], above: str) -> Iterator[str]:
    """Paths of fields that no version has; of what is missing the uppermost."""
    known = [schema for schema in schemas if schema is not None]
    for name, below in fields.items():
        found = [one for schema in known if (one := _at(schema, name)) is not None]
        if not found:
            yield f"{above}{name}"
        elif isinstance(below, Mapping) and _FREE not in found:
            yield from _lacking(below, found, f"{above}{name}.")


def _left_out(situation: Situation) -> frozenset[str]:
    """CRDs that the values of chart base tell it not to install."""
    releases = [one for one in situation.snapshot.helm_releases if one.chart == "base"]
    return frozenset(str(field.value) for one in releases for field in find(one.values, f"{_EXCLUDED}[*]"))


def _field(lacks: list[_Lack], name: str) -> str:
    return next((one.field for one in lacks if one.name == name), "")


def _marks(live: Mapping[str, Manifest], names: list[str]) -> list[str]:
    told = []
    for name in names[:3]:
        labels = first(live.get(name), "metadata.labels")
        marks = [f"{key}={labels[key]}" for key in _MARKS if isinstance(labels, dict) and key in labels]
        told += [f"labels of {name}: {', '.join(marks)}"] if marks else []
    return told


RULE = Rule(_ID, _find)
