"""O4: chart base drops the RBAC objects and the account that 1.18 and older had."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.hazards.ownership.account_users import bindings, users_of_account
from resail.models.field_path import find, first
from resail.models.identity import ObjectRef

__all__ = ["RULE"]

_ACCOUNT = "istiod-service-account"

_HAZARD = Hazard(
    id="O4",
    title="Chart base drops old RBAC objects and an account that are in use",
    proof="provable",
    severity="warning",
    installed="<1.19.0",
    target=">=1.19.0",
    methods=("helm", "istioctl"),
    detection=f"A workload runs as {_ACCOUNT}, or a binding that is not Istio's names it or an old ClusterRole of base.",
    effect="The workload or binding loses its rights as soon as base is upgraded.",
    fix="point it to ServiceAccount istiod, or to ClusterRole istio-reader-clusterrole, first",
    gates=("G12", "G10"),
    undo=("U1", "U4"),
    sources=(
        "https://github.com/istio/istio/blob/1.19.0/releasenotes/notes/manifest-base-cleanup.yaml",
        "https://github.com/istio/istio/blob/1.18.0/manifests/charts/base/templates/serviceaccount.yaml",
    ),
)


def _find(case: Case) -> Iterator[Sign]:
    root = case.snapshot.istio_namespace
    # As the templates of 1.18 have them; the upgrade note calls the second one istiod-reader.
    old = (f"istiod-{root}", f"istio-reader-{root}")
    for workload, path in users_of_account(case, root, _ACCOUNT):
        yield Sign.at(workload, path, f"{ObjectRef.of(workload)} runs as {_ACCOUNT}, which goes with the upgrade of base")
    for binding in bindings(case):
        if first(binding, "metadata.name") in old:
            continue
        named = [Seen(binding, f"{one.path}.name") for one in find(binding, "subjects[*]") if _is_old_account(one.value, root)]
        if first(binding, "roleRef.kind") == "ClusterRole" and first(binding, "roleRef.name") in old:
            named.append(Seen(binding, "roleRef.name"))
        if named:
            yield Sign(tuple(named), f"{ObjectRef.of(binding)} binds what goes with the upgrade of base")


def _is_old_account(subject: object, root: str) -> bool:
    wanted = {"kind": "ServiceAccount", "name": _ACCOUNT, "namespace": root}
    return all(first(subject, key) == value for key, value in wanted.items())


RULE = Rule(_HAZARD, _find)
