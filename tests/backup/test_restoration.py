"""What a restore comes to, object by object."""

from typing import Any

import pytest

from resail.backup.clean import cleaned
from resail.backup.restoration import Action, concerned, make_restoration, marks_patch, only
from resail.errors import UsageError
from resail.models.backup import Marks
from resail.models.encoding import canonical_json
from resail.models.identity import Manifest, ObjectRef
from resail.models.merge_patch import patched
from tests.backup.small_backups import SYSTEM, Fields, backup_of, owned, thing

HELM: Fields = ("helm", "Apply", {"f:data": {"f:mesh": {}}})
CONFIG = owned(thing("v1", "ConfigMap", "istio", SYSTEM, data={"mesh": "one"}), HELM)
SHOP = ObjectRef("v1", "Namespace", "", "shop")


def live(manifest: Manifest, **metadata: Any) -> Manifest:
    """As an API server would give it back."""
    server = {"uid": "1", "resourceVersion": "7", "creationTimestamp": "2026-01-01T00:00:00Z"}
    return {**manifest, "metadata": {**manifest["metadata"], **server, **metadata}}


def compared(objects: list[Manifest], there: list[Manifest], marks: list[Marks] | None = None) -> dict[str, Action]:
    """By the name of the object, with the namespace of the control plane there."""
    found = {ObjectRef.of(manifest): manifest for manifest in [thing("v1", "Namespace", SYSTEM), *there]}
    actions = make_restoration(backup_of(objects, marks or []), found).actions
    return {action.ref.name + ("!" if action.part == "marks" else ""): action for action in actions}


def test_what_is_missing_is_created() -> None:
    assert compared([CONFIG], [])["istio"].verdict == "create"


def test_what_the_api_server_stamps_is_no_difference() -> None:
    assert compared([CONFIG], [live(CONFIG)])["istio"].verdict == "same"


def test_what_was_changed_since_is_named_by_its_fields() -> None:
    there = live({**CONFIG, "data": {"mesh": "two", "more": "x"}})
    action = compared([CONFIG], [there])["istio"]
    assert (action.verdict, action.fields) == ("differs", ("data.mesh", "data.more"))


def test_values_of_secrets_are_in_no_action() -> None:
    backup = thing("v1", "Secret", "istio-ca-secret", SYSTEM, data={"ca-key.pem": "b25l"})
    action = compared([backup], [live({**backup, "data": {"ca-key.pem": "dHdv"}})])["istio-ca-secret"]
    assert action.fields == ("data.ca-key.pem",)
    told = canonical_json(action)
    assert b"b25l" not in told
    assert b"dHdv" not in told


def test_who_owns_it_is_no_difference() -> None:
    reference = [{"apiVersion": "example.org/v1", "kind": "Sealed", "name": "istio", "uid": "old"}]
    backup = {**CONFIG, "metadata": {**CONFIG["metadata"], "ownerReferences": reference}}
    anew = live(CONFIG, ownerReferences=[{**reference[0], "uid": "new"}])
    assert compared([backup], [anew])["istio"].verdict == "same"


def test_what_a_restore_created_and_did_not_come_to_give_back_is_finished() -> None:
    half = owned(CONFIG, ("resail", "Update", {"f:data": {".": {}, "f:mesh": {}}}), time="2026-01-01T00:00:00Z")
    assert compared([CONFIG], [live(half)])["istio"].verdict == "finish"


def test_fields_that_were_resails_in_the_backup_may_be_so_again() -> None:
    ours = owned(CONFIG, ("resail", "Update", {"f:data": {"f:mesh": {}}}))
    there = owned(CONFIG, ("resail", "Update", {"f:data": {"f:mesh": {}}}), time="2026-01-01T00:00:00Z")
    assert compared([ours], [live(there)])["istio"].verdict == "same"


def test_what_others_apply_since_is_left_to_them() -> None:
    theirs = owned(CONFIG, HELM, ("argocd", "Apply", {"f:data": {"f:mesh": {}}}))
    assert compared([CONFIG], [live(theirs)])["istio"].verdict == "same"


def test_how_many_replicas_there_are_is_the_autoscalers_to_say() -> None:
    istiod = thing("apps/v1", "Deployment", "istiod", SYSTEM, spec={"replicas": 1, "paused": False})
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "istiod"}
    scaler = thing("autoscaling/v2", "HorizontalPodAutoscaler", "istiod-scaler", SYSTEM, spec={"scaleTargetRef": target})
    busy = live({**istiod, "spec": {"replicas": 5, "paused": True}})
    assert compared([istiod], [busy])["istiod"].fields == ("spec.paused", "spec.replicas")
    assert compared([istiod, scaler], [busy])["istiod"].fields == ("spec.paused",)
    calm = live({**istiod, "spec": {"replicas": 5, "paused": False}})
    assert compared([istiod, scaler], [calm])["istiod"].verdict == "same"
    created = make_restoration(backup_of([istiod, scaler]), {}).wanted[ObjectRef.of(istiod)]
    assert created["spec"]["replicas"] == 1


def test_what_is_being_deleted_is_neither_there_nor_missing() -> None:
    assert compared([CONFIG], [live(CONFIG, deletionTimestamp="2026-01-01T00:00:00Z")])["istio"].verdict == "leaving"


def test_a_namespace_that_objects_need_is_made_with_its_marks() -> None:
    route = thing("networking.istio.io/v1", "VirtualService", "web", "shop", spec={})
    marks = Marks(SHOP, labels={"istio-injection": "enabled"}, annotations={"x.istio.io/y": "z"})
    backup = backup_of([route], [marks])
    restoration = make_restoration(backup, {})
    verdicts = [(action.ref.name, action.part, action.verdict) for action in restoration.actions]
    assert verdicts == [(SYSTEM, "object", "create"), ("shop", "object", "create"), ("web", "object", "create")]
    metadata = restoration.wanted[SHOP]["metadata"]
    assert metadata == {"name": "shop", "labels": marks.labels, "annotations": marks.annotations}
    assert concerned(backup) >= {SHOP, ObjectRef.of(route)}


def test_a_namespace_that_only_has_marks_is_told_and_left() -> None:
    assert compared([], [], [Marks(SHOP, labels={"istio-injection": "enabled"})])["shop!"].verdict == "gone"


@pytest.mark.parametrize(
    ("labels", "verdict"),
    [
        ({"istio.io/rev": "blue", "istio.io/dataplane-mode": "ambient"}, "same"),
        ({"istio.io/rev": "blue", "istio.io/dataplane-mode": "ambient", "team": "x"}, "same"),
        ({"istio.io/rev": "blue"}, "mark"),
        ({}, "mark"),
        ({"istio.io/rev": "green", "istio.io/dataplane-mode": "ambient"}, "differs"),
        # The namespace's own injection label would win over the revision: whoever set it chose so.
        ({"istio.io/rev": "blue", "istio-injection": "enabled"}, "differs"),
        ({"istio-injection": "disabled"}, "differs"),
    ],
)
def test_labels_that_are_missing_come_back_and_others_are_somebodys_choice(labels: dict[str, str], verdict: str) -> None:
    marks = Marks(SHOP, labels={"istio.io/rev": "blue", "istio.io/dataplane-mode": "ambient"})
    there = thing("v1", "Namespace", "shop")
    there["metadata"]["labels"] = labels
    action = compared([], [there], [marks])["shop!"]
    assert action.verdict == verdict
    after = patched(there, marks_patch(marks, there))
    assert after["metadata"]["labels"] == marks.labels | {key: value for key, value in labels.items() if key == "team"}


@pytest.mark.parametrize(("kind", "api_version"), [("Deployment", "apps/v1"), ("CronJob", "batch/v1")])
def test_the_marks_of_pods_are_in_their_template(kind: str, api_version: str) -> None:
    template = {"metadata": {"labels": {"app": "web"}}}
    spec = {"jobTemplate": {"spec": {"template": template}}} if kind == "CronJob" else {"template": template}
    there = thing(api_version, kind, "web", "shop", spec=spec)
    marks = Marks(ObjectRef.of(there), template_labels={"sidecar.istio.io/inject": "false"})
    action = compared([], [there], [marks])["web!"]
    assert action.verdict == "mark"
    assert action.fields[0].endswith("template.metadata.labels.sidecar.istio.io/inject")
    after = patched(there, marks_patch(marks, there))
    assert marks_patch(marks, after) == {}
    assert "app" in str(after)


def test_only_what_fits_and_the_namespaces_that_it_needs() -> None:
    objects = [thing("v1", kind, name, place) for kind, name, place in (("ConfigMap", "a", "one"), ("ConfigMap", "b", "two"))]
    whole = make_restoration(backup_of([*objects, thing("v1", "Secret", "a", "one")]), {})

    def named(*patterns: str) -> list[str]:
        return [str(action.ref) for action in only(whole, patterns).actions]

    assert only(whole, ()) == whole
    assert named("ConfigMap/one/a") == ["Namespace/one", "one/ConfigMap/a"]
    assert named("*/two/*") == ["Namespace/two", "two/ConfigMap/b"]
    assert named("Namespace/one", "Secret/*") == ["Namespace/one", "one/Secret/a"]
    with pytest.raises(UsageError, match="nothing in the backup"):
        only(whole, ("ConfigMap/one/a", "ConfigMap/a"))


def test_what_is_compared_is_what_a_backup_keeps() -> None:
    """Else a fresh backup would differ from its own cluster."""
    there = live(thing("v1", "Service", "istiod", SYSTEM, spec={"clusterIP": "10.96.0.1", "ports": []}, status={"x": 1}))
    assert compared([cleaned(there)], [there])["istiod"].verdict == "same"
