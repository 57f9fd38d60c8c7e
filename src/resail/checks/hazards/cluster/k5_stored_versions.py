"""K5: CRDs that lack a version in which objects are stored."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case, Unknown
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.models.field_path import find, first
from resail.models.identity import Manifest

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="K5",
    title="CRDs that lack a stored version are refused",
    proof="provable",
    severity="blocker",
    detection="A version in status.storedVersions of a CRD is none of those that the target's CRD has.",
    effect="The API server refuses the CRD, most of all on the way back.",
    fix="leave the newer CRDs where they are, also where istiod goes back",
    gates=("G2",),
    undo=("U11",),
    sources=(
        "https://github.com/istio/istio/issues/20861",
        "https://github.com/istio/istio/issues/55302",
        "https://github.com/istio-ecosystem/sail-operator/pull/2234",
    ),
)

_KIND = "CustomResourceDefinition"


def _find(case: Case) -> Iterator[Sign]:
    planned = _planned(case)
    for crd in case.all(f"{_KIND}.apiextensions.k8s.io"):
        name = first(crd, "metadata.name")
        if not isinstance(name, str) or name not in planned:
            continue
        for stored in find(crd, "status.storedVersions[*]"):
            if isinstance(stored.value, str) and stored.value not in planned[name]:
                message = f"objects of {name} may be stored as {stored.value}, which the CRD of {case.target} lacks"
                yield Sign((Seen(crd, stored.path),), message)


def _planned(case: Case) -> dict[str, list[str]]:
    """CRD → its versions, as the target has them."""
    parts = [part for part in case.parts if part.rendered is not None]
    rendered = [one for part in parts for one in part.target if one.get("kind") == _KIND]
    if rendered:
        return {str(first(one, "metadata.name")): _versions(one) for one in rendered}
    if case.target_facts is None:
        raise Unknown("the target's CRDs are not known")
    return {name: list(facts.served) for name, facts in case.target_facts.crds.items()}


def _versions(crd: Manifest) -> list[str]:
    return [field.value for field in find(crd, "spec.versions[*].name") if isinstance(field.value, str)]


RULE = Rule(_HAZARD, _find)
