"""Two backups: what differs is told by its path, what cannot be known is not made up, and no value is shown."""

from typing import Any

import msgspec
from hypothesis import given, settings

from resail.backup.comparison import compare, not_compared
from resail.models.backup import Backup, Marks
from resail.models.encoding import canonical_json
from resail.models.identity import ObjectRef
from resail.models.plan import ObjectChange
from tests.backup.backups import a_backup, a_config_map, a_role, a_secret, a_service, backups

SECRET = ObjectRef("v1", "Secret", "istio-system", "istio-ca-secret")
SERVICE = ObjectRef("v1", "Service", "istio-system", "istiod")
SHOP = ObjectRef("v1", "Namespace", "", "shop")
CART = ObjectRef("apps/v1", "Deployment", "shop", "cart")
NIGHTLY = ObjectRef("batch/v1", "CronJob", "shop", "nightly")


@settings(max_examples=40)
@given(backups())
def test_a_backup_is_as_itself(backup: Backup) -> None:
    assert compare(backup, backup) == ()
    assert compare(backup, msgspec.structs.replace(backup, objects=backup.objects[::-1], marks=backup.marks[::-1])) == ()


def test_objects_are_told_with_the_paths_of_their_fields() -> None:
    before = a_backup(a_service(app="istiod"), a_role("old"), a_config_map(mesh="a"))
    after = a_backup(a_service(app="istiod", istio="pilot"), a_role("new"), a_config_map(mesh="a"))
    assert compare(before, after) == (
        ObjectChange(ObjectRef("rbac.authorization.k8s.io/v1", "ClusterRole", "", "new"), "add"),
        ObjectChange(ObjectRef("rbac.authorization.k8s.io/v1", "ClusterRole", "", "old"), "remove"),
        ObjectChange(SERVICE, "change", ("metadata.labels.istio",)),
    )


def test_who_owns_a_field_does_not_count() -> None:
    owned: dict[str, Any] = a_service(app="istiod")
    owned["metadata"]["managedFields"] = [{"manager": "helm", "operation": "Apply"}]
    assert compare(a_backup(owned), a_backup(a_service(app="istiod"))) == ()


def test_an_object_that_is_stored_in_another_version_of_its_kind_is_the_same() -> None:
    """As with CRDs of a newer Istio, which store in v1 what their forerunners stored in v1beta1."""
    before = {**a_role("reader"), "apiVersion": "rbac.authorization.k8s.io/v1beta1"}
    assert compare(a_backup(before), a_backup(a_role("reader"))) == ()
    changed = {**a_role("reader"), "rules": [{"verbs": ["get"]}]}
    (found,) = compare(a_backup(before), a_backup(changed))
    assert (found.change, found.fields) == ("change", ("rules",))


def test_of_a_secret_only_the_names_of_its_fields_are_told() -> None:
    before = a_backup(a_secret(**{"ca-key.pem": "b2xk", "root-cert.pem": "cm9vdA=="}), has_secrets=True)
    after = a_backup(a_secret(**{"ca-key.pem": "bmV3", "more.pem": "bW9yZQ=="}), has_secrets=True)
    found = compare(before, after)
    assert found == (ObjectChange(SECRET, "change", ("data.ca-key.pem", "data.more.pem", "data.root-cert.pem")),)
    told = canonical_json(found)
    assert not [value for value in (b"b2xk", b"bmV3", b"cm9vdA", b"bW9yZQ") if value in told]


def test_what_one_of_them_left_out_was_not_removed() -> None:
    whole = a_backup(a_secret(), a_service(), has_secrets=True)
    without = a_backup(a_service(), left_out=(SECRET,))
    for pair in ((whole, without), (without, whole)):
        assert compare(*pair) == ()
        assert not_compared(*pair) == ("istio-system/Secret/istio-ca-secret: left out of one of them",)
    assert not_compared(without, without) == ()
    assert compare(whole, a_backup(a_service())) == (ObjectChange(SECRET, "remove"),)


def test_what_one_of_them_could_not_read_was_not_removed() -> None:
    whole = a_backup(a_service(), a_role("a"))
    without = a_backup(a_service(istio="pilot"), unread={"ClusterRole.rbac.authorization.k8s.io": "forbidden"})
    for pair in ((whole, without), (without, whole)):
        assert [change.object for change in compare(*pair)] == [SERVICE]
        assert not_compared(*pair) == ("ClusterRole.rbac.authorization.k8s.io: forbidden",)
    # What both have is compared: some of its kind were read.
    some = a_backup(a_role("a") | {"rules": [{}]}, unread={"ClusterRole.rbac.authorization.k8s.io": "forbidden"})
    assert [change.change for change in compare(a_backup(a_role("a")), some)] == ["change"]


def test_marks_are_told_by_object_and_label() -> None:
    before = a_backup(
        marks=(
            Marks(SHOP, labels={"istio-injection": "enabled"}),
            Marks(CART, template_labels={"istio.io/rev": "stable"}, template_annotations={"sidecar.istio.io/inject": "true"}),
        )
    )
    after = a_backup(
        marks=(
            Marks(CART, template_labels={"istio.io/rev": "canary"}, template_annotations={"sidecar.istio.io/inject": "true"}),
            Marks(NIGHTLY, annotations={"a": "b"}, template_labels={"sidecar.istio.io/inject": "false"}),
        )
    )
    assert compare(before, after) == (
        ObjectChange(CART, "change", ("spec.template.metadata.labels.istio.io/rev",)),
        ObjectChange(
            NIGHTLY,
            "change",
            ("metadata.annotations.a", "spec.jobTemplate.spec.template.metadata.labels.sidecar.istio.io/inject"),
        ),
        ObjectChange(SHOP, "change", ("metadata.labels.istio-injection",)),
    )
