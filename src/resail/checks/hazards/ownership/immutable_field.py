"""immutable-field: the target sets a field otherwise that no update may change."""

from collections.abc import Iterator
from typing import Any

from resail.checks.hazards.case import Case, Part
from resail.checks.hazards.hazard import Hazard, Rule, Sign
from resail.checks.hazards.ownership.rendered import live, rendered_parts
from resail.models.field_path import find, first
from resail.models.identity import Manifest, ObjectRef

__all__ = ["RULE"]

_WHOLE = {
    "Deployment": ("spec.selector",),
    "DaemonSet": ("spec.selector",),
    "StatefulSet": ("spec.selector", "spec.serviceName", "spec.podManagementPolicy"),
    "ClusterRoleBinding": ("roleRef",),
    "RoleBinding": ("roleRef",),
}
"""What the target sets, or leaves out, as a whole."""
_WHERE_SET = {
    "StatefulSet": ("spec.volumeClaimTemplates",),
    "Service": ("spec.clusterIP", "spec.ipFamilies[0]"),
}
"""What the API server fills in, so that only what the target sets counts."""
_LOAD_BALANCER_CLASS = "spec.loadBalancerClass"

_HAZARD = Hazard(
    id="immutable-field",
    title="The target changes a field that may not change",
    proof="provable",
    severity="blocker",
    detection=(
        "A live object has another selector, roleRef, volumeClaimTemplates, clusterIP, address family or load balancer class "
        "than the target renders."
    ),
    effect="The API server refuses the object, and the upgrade stops there.",
    fix="set the values so that the field stays as it is; else remove the object in a window, and have it made anew",
    gates=("G1", "G2"),
    undo=("U1", "U8"),
    sources=(
        "https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#selector",
        "https://kubernetes.io/docs/reference/access-authn-authz/rbac/#clusterrolebinding-example",
        "https://kubernetes.io/docs/concepts/services-networking/service/",
    ),
)


def _find(case: Case) -> Iterator[Sign]:
    for part in rendered_parts(case):
        for rendered in part.target:
            kind = rendered["kind"]
            if kind not in {*_WHOLE, *_WHERE_SET} or _is_of_o6(part, kind):
                continue
            there = live(case, rendered)
            if there is not None:
                for path in _changed(rendered, there):
                    told = f"{path} of {ObjectRef.of(there)} would change, which the API server refuses"
                    yield Sign.at(there, path if any(find(there, path)) else "spec.type", told)


def _is_of_o6(part: Part, kind: str) -> bool:
    return part.chart == "gateway" and part.method == "helm" and kind in ("Deployment", "DaemonSet")


def _changed(rendered: Manifest, there: Manifest) -> Iterator[str]:
    kind = rendered["kind"]
    for path in _WHOLE.get(kind, ()):
        if _differs(first(there, path), first(rendered, path), exact=True):
            yield path
    for path in _WHERE_SET.get(kind, ()):
        for field in find(there, path):
            wanted = first(rendered, path)
            if wanted not in (None, "") and _differs(field.value, wanted, exact=False):
                yield path
    if kind == "Service" and first(there, "spec.type") == first(rendered, "spec.type") == "LoadBalancer":
        wanted = first(rendered, _LOAD_BALANCER_CLASS)
        if wanted is not None and first(there, _LOAD_BALANCER_CLASS) != wanted:
            yield _LOAD_BALANCER_CLASS


def _differs(old: Any, new: Any, *, exact: bool) -> bool:
    """``exact``: a key that only the old one has counts; else the API server may have filled it in. No field at all is none."""
    if old is None or (new is None and not exact):
        return False
    if isinstance(old, dict) and isinstance(new, dict):
        keys = {*new, *(old if exact else ())}
        return any(_differs_at(old, new, key, exact=exact) for key in keys)
    if isinstance(old, list) and isinstance(new, list) and not exact:
        pairs = zip(old, new, strict=False)
        return len(old) != len(new) or any(_differs(one, other, exact=False) for one, other in pairs)
    return bool(old != new)


def _differs_at(old: dict[str, Any], new: dict[str, Any], key: str, *, exact: bool) -> bool:
    return key not in old or key not in new or _differs(old[key], new[key], exact=exact)


RULE = Rule(_HAZARD, _find)
