"""What of others is in the way: asked for and given to the release, or a blocker; never taken in silence."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resail.models.encoding import digest_of
from resail.models.essence import essence, excerpt
from resail.models.identity import Manifest, ObjectRef
from resail.models.plan import (
    AdoptObjects,
    Approve,
    FieldOwnerConflict,
    GiveBack,
    HelmChange,
    InstallRevision,
    ObjectChange,
    ObjectIs,
    PlanFiles,
    RollbackRelease,
    UninstallRelease,
    UpgradeControlPlane,
    UpgradeCRDs,
)
from resail.plan.obstacles import ISTIOCTL, InTheWay, StrangeObject, take_over
from resail.plan.options import PlanOptions
from resail.plan.rollback import undo_sequence
from tests.plan.charts import TARGET, installed, plan_for
from tests.plan.meshes import mesh

RELEASE = "istio-system/istiod"


def config(name: str, kind: str = "ConfigMap", **data: str) -> Manifest:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "istio-system"}, "data": data}


def strange(manifest: Manifest, **more: str) -> StrangeObject:
    return StrangeObject(manifest, "written by hand", **more)


def conflict(manifest: Manifest, field: str = ".data.mesh", manager: str = "ops") -> FieldOwnerConflict:
    return FieldOwnerConflict(ObjectRef.of(manifest), field, manager)


VALUES, SETTINGS = config("values", note="ours"), config("istio", mesh="ours")


@pytest.mark.parametrize(
    ("one", "told"),
    [
        (strange(VALUES, release="istio-system/other"), "marks of Helm release istio-system/other"),
        (strange(VALUES, manager="Argo CD: it has an id"), "Argo CD"),
        (strange(config("values", "Secret")), "Secret"),
    ],
)
def test_what_must_not_be_adopted_blocks(one: StrangeObject, told: str) -> None:
    taken = take_over(InTheWay((one,)), RELEASE, ())
    (finding,) = taken.findings
    assert (finding.severity, taken.objects) == ("blocker", ())
    assert told in finding.evidence
    assert not taken


def test_marks_that_were_half_given_are_no_other_releases() -> None:
    assert take_over(InTheWay((strange(VALUES, release=RELEASE),)), RELEASE, ()).objects


def test_what_an_earlier_step_removes_is_not_in_the_way() -> None:
    change = HelmChange(
        "base", "istio-system", "base", "upgrade", "", "", {}, "", (ObjectChange(ObjectRef.of(VALUES), "remove"),)
    )
    step = UpgradeCRDs(id="01", title="", reason="", undo=RollbackRelease("istio-system/base", 1), change=change)
    other = strange(VALUES, release="istio-system/base")
    assert take_over(InTheWay((other,)), RELEASE, (step,)).findings == ()
    assert take_over(InTheWay((other,)), RELEASE, ()).findings != ()


def test_a_field_is_asked_for_once_and_remembered_once() -> None:
    found = InTheWay(conflicts=(conflict(SETTINGS),), contested=(SETTINGS,))
    first = take_over(found, RELEASE, ())
    assert first.forced == first.fields == (conflict(SETTINGS),)
    assert first.excerpts == (config("istio", mesh="ours"),)
    assert "ConfigMap/istio .data.mesh (owned by ops)" in first.question
    step = AdoptObjects(id="02", title="", reason="", undo=GiveBack("", ""), **first.step_fields)
    again = take_over(found, RELEASE, (step,))
    assert (again.forced, again.fields) == ((conflict(SETTINGS),), ())
    assert not again


@pytest.mark.parametrize(("contested", "field"), [(config("keys", "Secret", a="b"), ".data.a"), (SETTINGS, ".data.other")])
def test_a_field_that_could_not_be_put_back_blocks(contested: Manifest, field: str) -> None:
    taken = take_over(InTheWay(conflicts=(conflict(contested, field),), contested=(contested,)), RELEASE, ())
    assert [finding.id for finding in taken.findings] == ["field-in-the-way"]


def test_istioctl_which_overwrites_by_force_is_not_let_to() -> None:
    files = planned("in-place", ISTIOCTL, VALUES)
    (blocker,) = [finding for finding in files.plan.findings if finding.severity == "blocker"]
    assert (blocker.id, blocker.evidence) == ("object-in-the-way", "written by hand")
    assert "istio-system/ConfigMap/values is there already, and istioctl cannot have it" in blocker.message


def test_what_could_not_be_seen_is_told() -> None:
    (finding,) = take_over(InTheWay(unprobed="it was made from a file"), RELEASE, ()).findings
    assert (finding.id, finding.severity) == ("obstacles-unknown", "warning")


def planned(strategy: Any, release: str, *objects: Manifest, **more: Any) -> PlanFiles:
    releases = (installed("istiod", "istiod", "1.26.0"), installed("base", "base", "1.26.0"))
    found = {release: InTheWay(tuple(map(strange, objects)), **more)}
    return plan_for(mesh(helm_releases=releases), PlanOptions(strategy=strategy), in_the_way=found)


def test_the_plan_asks_gives_and_then_writes_and_undoing_gives_back_last() -> None:
    webhook = f"istio-sidecar-injector-{TARGET.revision}"
    hooks = "admissionregistration.k8s.io/v1"
    live: Manifest = {"apiVersion": hooks, "kind": "MutatingWebhookConfiguration", "metadata": {"name": webhook}, "webhooks": []}
    files = planned("canary", f"istio-system/istiod-{TARGET.revision}", live, conflicts=(conflict(live, ".webhooks"),))
    steps = files.plan.steps
    index = next(number for number, step in enumerate(steps) if isinstance(step, AdoptObjects))
    approve, adopt, install = steps[index - 1 : index + 2]
    assert isinstance(approve, Approve) and isinstance(adopt, AdoptObjects) and isinstance(install, InstallRevision)
    assert f"MutatingWebhookConfiguration/{webhook} (written by hand)" in approve.question
    assert adopt.preconditions == (ObjectIs(ObjectRef.of(live), digest_of(live)),)
    assert adopt.annotations["meta.helm.sh/release-name"] == f"istiod-{TARGET.revision}"
    assert isinstance(adopt.undo, GiveBack) and files.manifests[adopt.undo.objects] == (live,)
    changes = {each.object: each for each in install.change.objects}
    assert changes[ObjectRef.of(live)].change == "change"
    assert isinstance(install.change, HelmChange)
    assert install.change.forced == (conflict(live, ".webhooks"),)
    order = [type(step) for step in undo_sequence(files.plan, {step.id for step in steps})]
    assert order[-1] is AdoptObjects and isinstance(install.undo, UninstallRelease)
    assert [step.id for step in steps] == sorted(step.id for step in steps)


def test_a_plan_without_obstacles_is_the_same_as_before_they_were_looked_for() -> None:
    files = planned("in-place", RELEASE)
    assert not any(isinstance(step, AdoptObjects | Approve) for step in files.plan.steps)
    (istiod,) = [step for step in files.plan.steps if isinstance(step, UpgradeControlPlane)]
    assert isinstance(istiod.change, HelmChange) and istiod.change.forced == ()


KEYS = st.sampled_from(["a", "b.c", "istio.io/rev", "a.b"])
LEAVES = st.integers(0, 9) | st.sampled_from(["x", 'y"]', "a.b[c]"])
MEMBERS = st.fixed_dictionaries({"name": st.sampled_from(["one", 'two"]', "three"]), "port": st.integers(1, 3), "value": LEAVES})
VALUES_OF = st.recursive(
    LEAVES,
    lambda inner: (
        st.dictionaries(KEYS, inner, min_size=1, max_size=3)
        | st.lists(MEMBERS, min_size=1, max_size=3, unique_by=lambda member: (member["name"], member["port"]))
    ),
    max_leaves=6,
)


def leaves(value: Any, path: str) -> list[tuple[str, Any]]:
    """Each leaf with its path, as the API server writes it."""
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() for leaf in leaves(inner, f"{path}.{key}")]
    if isinstance(value, list):
        return [(f"{path}[{_key(member)}].value", member["value"]) for member in value]
    return [(path, value)]


def _key(member: dict[str, Any]) -> str:
    return ",".join(f"{key}={msgspec.json.encode(member[key]).decode()}" for key in ("name", "port"))


@given(st.dictionaries(KEYS, VALUES_OF, min_size=1, max_size=3), st.data())
def test_an_excerpt_holds_the_fields_that_are_named_and_no_others(spec: dict[str, Any], data: st.DataObject) -> None:
    live = {**config("x"), "spec": spec}
    named = dict(leaves(spec, ".spec"))
    chosen = data.draw(st.lists(st.sampled_from(sorted(named)), min_size=1, unique=True))
    part = excerpt(live, chosen)
    # A dotted key and a nested one may have the same path; then either is right, and what is told apart must be exact.
    if part is None or len(leaves(spec, ".spec")) != len(named):
        return
    assert dict(leaves(part.get("spec", {}), ".spec")) == {path: named[path] for path in chosen}
    assert "data" not in part


def test_a_member_of_a_set_is_named_by_its_value() -> None:
    live = {**config("x"), "metadata": {**config("x")["metadata"], "finalizers": ["a", "b"]}}
    part = excerpt(live, ['.metadata.finalizers[="b"]'])
    assert part is not None and part["metadata"]["finalizers"] == ["b"]


def test_the_essence_leaves_out_what_the_api_server_fills_in() -> None:
    live = {**VALUES, "metadata": {**VALUES["metadata"], "uid": "1", "managedFields": []}, "status": {"phase": "x"}}
    assert essence(live) == VALUES
