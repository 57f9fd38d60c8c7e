"""The rights that a plan takes: all of what it does, none within another, and the same as roles."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from resail.models.access import Permission
from resail.models.identity import KindRef, Manifest, ObjectRef
from resail.models.plan import (
    HelmChange,
    InstallBefore,
    InstallerStep,
    IstioctlChange,
    LabelNamespace,
    MoveTag,
    ObjectChange,
    PatchBack,
    PlanFiles,
    RemoveRevision,
    RestartWave,
    RollbackRelease,
    SailChange,
    Undo,
    UninstallRevision,
    UpgradeControlPlane,
)
from resail.models.snapshot import MeshSnapshot
from resail.plan.file import plan_files
from resail.plan.options import PlanOptions
from resail.plan.resources import plurals_of, resource_of
from resail.plan.rights import rights_to_run, rights_to_undo
from resail.plan.roles import Subject, in_words, roles_for
from tests.plan import test_istioctl
from tests.plan.granted import granted_by
from tests.plan.test_builder import meshes, options, planned, ways
from tests.report.runs import a_plan

VERBS = {"add": {"get", "create", "patch", "delete"}, "change": {"get", "patch"}, "remove": {"get", "create", "patch", "delete"}}
RBAC = "rbac.authorization.k8s.io/v1"


def removing(wishes: PlanOptions, remove_old: bool) -> PlanOptions:
    return msgspec.structs.replace(wishes, remove_old=remove_old and wishes.strategy == "canary")


wished = st.builds(removing, options, st.booleans())


def holds(held: set[Permission], wanted: Permission) -> bool:
    return wanted in held or not held.isdisjoint(wanted.wider())


def may(held: set[Permission], ref: ObjectRef, *verbs: str) -> bool:
    group, resource = ref.kind_ref.group, resource_of(ref.kind_ref, {})
    return all(
        holds(held, Permission(group, resource, verb, ref.namespace, "" if verb == "create" else ref.name)) for verb in verbs
    )


@given(meshes(), wished, ways)
def test_a_plan_s_rights_hold_all_that_its_steps_do(snapshot: MeshSnapshot, wishes: PlanOptions, stops: int) -> None:
    assert_all_is_held(planned(snapshot, wishes, stops))


@given(test_istioctl.meshes(), test_istioctl.options, ways)
def test_so_do_those_for_istioctl_and_for_several_owners(given: test_istioctl.Given, wishes: PlanOptions, stops: int) -> None:
    assert_all_is_held(given.plan(wishes, stops))


def assert_all_is_held(files: PlanFiles) -> None:
    held = set(rights_to_run(files))
    for step in files.plan.steps:
        if isinstance(step, InstallerStep):
            assert isinstance(step.change, HelmChange | IstioctlChange)
            if isinstance(step.change, HelmChange):
                for verb in ("get", "list", "create", "update", "delete"):
                    assert holds(held, Permission("", "secrets", verb, step.change.namespace))
            if isinstance(step.undo, InstallBefore):
                assert all(may(held, ref, "delete") for ref in step.undo.added if ref.kind != "CustomResourceDefinition")
                before = map(ObjectRef.of, files.manifests[step.undo.manifests])
                assert all(may(held, ref, "get", "create", "patch") for ref in before)
            assert all(may(held, ObjectRef.of(manifest), "get", "patch") for manifest in files.manifests[step.change.manifests])
            assert all(may(held, each.object, *VERBS[each.change]) for each in step.change.objects)
        elif isinstance(step, RemoveRevision):
            assert holds(held, Permission("", "secrets", "update", step.release.partition("/")[0]))
            assert all(may(held, each.object, *VERBS[each.change]) for each in step.objects)
        elif isinstance(step, MoveTag):
            assert all(may(held, ObjectRef.of(hook), "get", "patch") for hook in files.manifests[step.manifests])
        elif isinstance(step, LabelNamespace):
            assert may(held, ObjectRef("v1", "Namespace", "", step.namespace), "get", "patch")
        elif isinstance(step, RestartWave):
            for restart in step.restarts:
                assert may(held, restart.workload, "get", *(("patch",) if restart.method == "rollout" else ()))
                evicts = Permission("", "pods/eviction", "create", restart.workload.namespace)
                assert holds(held, evicts) or restart.method == "rollout"


@given(meshes(), wished, ways)
def test_none_is_within_another_and_undoing_takes_no_more(snapshot: MeshSnapshot, wishes: PlanOptions, stops: int) -> None:
    files = planned(snapshot, wishes, stops)
    rights = rights_to_run(files)
    held = set(rights)
    assert len(held) == len(rights)
    assert all(held.isdisjoint(one.wider()) for one in rights)
    assert all(not one.name for one in rights if one.verb in ("create", "list"))
    undoing = set(rights_to_undo(files, files.plan.steps))
    assert all(holds(held, one) for one in undoing)
    assert undoing != held


words = st.sampled_from(["a", "b", "c"])
permissions = st.builds(
    Permission,
    group=st.sampled_from(["", "apps", "policy"]),
    resource=st.sampled_from(["pods", "pods/eviction", "deployments", "*"]),
    verb=st.sampled_from(["get", "list", "patch", "delete"]),
    namespace=st.sampled_from(["", "shop", "till"]),
    name=st.sampled_from(["", "cart", "orders"]),
)


@given(st.sets(permissions))
def test_roles_read_back_grant_exactly_what_was_wanted(wanted: set[Permission]) -> None:
    roles = roles_for(wanted, [Subject("User", "ann")], name="r", labels={})
    assert set().union(*map(granted_by, roles)) == wanted
    rules = [granted_by({**role, "rules": [rule]}) for role in roles for rule in role.get("rules", ())]
    assert sum(map(len, rules)) == len(wanted), "no rule grants what another one does"
    places = [(role["kind"], role["metadata"].get("namespace")) for role in roles]
    assert len(set(places)) == len(places)


@given(meshes(), wished)
def test_the_roles_of_a_plan_are_the_same_each_time(snapshot: MeshSnapshot, wishes: PlanOptions) -> None:
    files = planned(snapshot, wishes, 0)

    def roles() -> Any:
        return roles_for(rights_to_run(files), (), name="r", labels={})

    assert msgspec.json.encode(roles()) == msgspec.json.encode(roles())
    assert set().union(*map(granted_by, roles())) == set(rights_to_run(files))


def test_bindings_name_all_subjects() -> None:
    subjects = [Subject("ServiceAccount", "resail", "ci"), Subject("User", "ann"), Subject("Group", "sre")]
    everywhere, within = Permission("", "pods", "list"), Permission("", "pods", "create", "shop")
    roles = roles_for({everywhere, within}, subjects, name="r", labels={"a": "b"})
    assert [role["kind"] for role in roles] == ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"]
    assert roles[3]["metadata"] == {"name": "r", "namespace": "shop", "labels": {"a": "b"}}
    assert roles[3]["roleRef"] == {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"}
    assert roles[1]["subjects"] == [
        {"kind": "Group", "name": "sre", "apiGroup": "rbac.authorization.k8s.io"},
        {"kind": "ServiceAccount", "name": "resail", "namespace": "ci"},
        {"kind": "User", "name": "ann", "apiGroup": "rbac.authorization.k8s.io"},
    ]


def test_few_words() -> None:
    wanted = [Permission("apps", "deployments", verb, "shop", name) for verb in ("get", "patch") for name in ("cart", "orders")]
    wanted += [Permission("", "pods", "create", namespace) for namespace in ("shop", "till")]
    wanted += [Permission("", "pods", "list"), Permission("", "nodes", "list")]
    assert in_words(wanted) == (
        "list nodes, pods",
        "create pods in shop, till",
        "get, patch deployments.apps in shop: cart, orders",
    )


def test_what_is_undone_is_no_more_than_what_was_begun() -> None:
    files = a_plan()
    nothing = set(rights_to_undo(files, ()))
    assert not any(one.resource in ("secrets", "deployments", "statefulsets") for one in nothing)
    label = [step for step in files.plan.steps if isinstance(step, LabelNamespace)]
    more = set(rights_to_undo(files, label)) - nothing
    assert more == {Permission("", "namespaces", verb, name=label[0].namespace) for verb in ("get", "patch")}


def a_role(kind: str, name: str, namespace: str = "", **more: Any) -> Manifest:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": RBAC, "kind": kind, "metadata": metadata, **more}


def one_step(change: Any, undo: Undo, *objects: Manifest) -> PlanFiles:
    files = a_plan()
    step = UpgradeControlPlane(id="01", title="", reason="", undo=undo, change=change, revision="default")
    return plan_files(msgspec.structs.replace(files.plan, steps=(step,)), {"objects": objects})


def a_helm_change(*objects: ObjectChange) -> HelmChange:
    return HelmChange("istiod", "istio-system", "istiod", "upgrade", "1.26.0", "1.27.9", {}, "objects", objects)


def test_who_writes_roles_may_escalate_those_and_bind_what_is_bound() -> None:
    bound = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "reader"}
    binding = a_role("RoleBinding", "readers", "shop", roleRef=bound)
    gone = ObjectRef.of(a_role("ClusterRoleBinding", "olds"))
    old = ObjectRef.of(a_role("ClusterRole", "old"))
    change = a_helm_change(ObjectChange(gone, "remove"), ObjectChange(old, "remove"))
    files = one_step(change, RollbackRelease("istio-system/istiod", 1), a_role("Role", "writer", "shop"), binding)
    found = {one for one in rights_to_run(files) if one.verb in ("bind", "escalate")}
    group = "rbac.authorization.k8s.io"
    assert found == {
        Permission(group, "roles", "escalate", "shop", "writer"),
        Permission(group, "clusterroles", "bind", "shop", "reader"),
        # Rolling back puts these two back, and a role that is made has no name yet when it is judged.
        Permission(group, "clusterroles", "escalate"),
        Permission(group, "clusterroles", "bind", "", "old"),
    }
    assert found == {one for one in rights_to_undo(files, files.plan.steps) if one.verb in ("bind", "escalate")}


def a_crd(name: str, **annotations: str) -> Manifest:
    spec = {"group": "networking.istio.io", "names": {"kind": name.title(), "plural": f"{name}en"}}
    metadata = {"name": f"{name}en.networking.istio.io", "annotations": annotations}
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": metadata, "spec": spec}


def test_crds_that_helm_keeps_need_not_be_deleted() -> None:
    kept, other = a_crd("ox", **{"helm.sh/resource-policy": "keep"}), a_crd("child")
    added = [ObjectChange(ObjectRef.of(one), "add") for one in (kept, other)]
    files = one_step(a_helm_change(*added), RollbackRelease("istio-system/istiod", 1), kept, other)
    deleted = {one.name for one in rights_to_run(files) if (one.resource, one.verb) == ("customresourcedefinitions", "delete")}
    assert deleted == {"childen.networking.istio.io"}
    assert resource_of(KindRef("networking.istio.io/v1", "Ox"), plurals_of(files)) == "oxen"


def test_plurals_of_kinds() -> None:
    kinds = {"Deployment": "deployments", "NetworkPolicy": "networkpolicies", "Ingress": "ingresses", "Endpoints": "endpoints"}
    assert {kind: resource_of(KindRef("v1", kind), {}) for kind in kinds} == kinds


def test_a_wish_for_the_sail_operator_takes_its_resource_alone() -> None:
    istio = ObjectRef("sailoperator.io/v1", "Istio", "", "default")
    change = SailChange(istio, "default", "v1.26.0", "v1.27.9", {}, "istio-system/default-istiod", "istiod", "objects", ())
    rendered = a_role("ClusterRole", "istiod")
    files = one_step(change, PatchBack(istio, {}), rendered)
    found = {one for one in rights_to_run(files) if one.verb in ("patch", "escalate", "delete") and one.group != ""}
    assert {one for one in found if one.resource != "leases"} == {Permission("sailoperator.io", "istios", "patch", "", "default")}


def test_istioctl_applies_what_it_renders_and_lists_what_it_prunes() -> None:
    added = a_role("ClusterRole", "istiod-1-27-9")
    change = IstioctlChange("1-27-9", "", "1.27.9", {}, ("Pilot",), "objects", (ObjectChange(ObjectRef.of(added), "add"),))
    held = set(rights_to_run(one_step(change, UninstallRevision("1-27-9", "1.27.9"), added)))
    assert may(held, ObjectRef.of(added), "get", "create", "patch", "delete", "escalate")
    assert holds(held, Permission("rbac.authorization.k8s.io", "rolebindings", "list"))
    assert not holds(held, Permission("", "secrets", "create", "istio-system")), "it keeps no releases"


def test_of_a_definition_that_others_own_in_part_the_excerpt_tells_no_plural() -> None:
    files = a_plan()
    crd = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "a.b.io"}}
    whole = {**crd, "spec": {"group": "b.io", "names": {"kind": "A", "plural": "as"}}}
    excerpts = ({**crd, "spec": {"versions": []}}, {**crd, "metadata": {"name": "a.b.io", "labels": {}}})
    both = msgspec.structs.replace(files, manifests={"whole": (whole,), "before": excerpts})
    assert plurals_of(both) == {("b.io", "A"): "as"}
