"""Whose an object, a part or a tag is: for each sign a set of objects, and a near miss that differs in one field."""

import copy
from typing import Any

import pytest

from resail.installers.detect import Holdings, owner_among, owner_of_part, owner_of_tag
from resail.models.identity import Manifest, ObjectRef
from resail.models.snapshot import Ownership

HELM = {"meta.helm.sh/release-name": "istiod", "meta.helm.sh/release-namespace": "istio-system"}
SAIL = [{"apiVersion": "sailoperator.io/v1", "kind": "IstioRevision", "name": "default", "uid": "1"}]
CHARTS = {"release": "istiod", "operator.istio.io/component": "Pilot", "app": "sidecar-injector"}
"""Labels that a chart gives a webhook, among others."""


def deployment(**metadata: Any) -> Manifest:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "istiod", "namespace": "istio-system", **metadata},
    }


def tag(labels: dict[str, str], **metadata: Any) -> Manifest:
    named = {"name": "istio-revision-tag-prod", "labels": {"istio.io/tag": "prod", "istio.io/rev": "1-26-0", **labels}}
    hooks = "admissionregistration.k8s.io/v1"
    return {"apiVersion": hooks, "kind": "MutatingWebhookConfiguration", "metadata": {**named, **metadata}, "webhooks": []}


def held(*objects: Manifest, release: str = "istio-system/istiod", sails: bool = False) -> Holdings:
    return Holdings({release: frozenset(map(ObjectRef.of, objects))}, frozenset({release} if sails else ()))


NOTHING = Holdings({})
ISTIOCTLS = {"operator.istio.io/version": "1.26.0"}
PLAIN = deployment()


@pytest.mark.parametrize(
    ("manifest", "holdings", "method"),
    [
        # Helm
        (deployment(annotations=HELM), held(PLAIN), "helm"),
        (deployment(annotations=HELM), NOTHING, "mixed"),
        (deployment(annotations=HELM), held(PLAIN, release="istio-system/other"), "mixed"),
        (deployment(annotations={**HELM, "meta.helm.sh/release-name": "other"}), held(PLAIN), "mixed"),
        (deployment(annotations=HELM), held(), "none"),
        # istioctl; the second label is one that charts give, too.
        (deployment(labels=ISTIOCTLS), NOTHING, "istioctl"),
        (deployment(labels={"install.operator.istio.io/owning-resource-namespace": "istio-system"}), NOTHING, "istioctl"),
        (deployment(labels={"install.operator.istio.io/owning-resource": "unknown"}), NOTHING, "none"),
        (deployment(labels=ISTIOCTLS), held(PLAIN), "mixed"),
        # Sail
        (deployment(ownerReferences=SAIL, annotations=HELM), held(PLAIN), "sail"),
        (deployment(ownerReferences=[{**SAIL[0], "apiVersion": "apps/v1"}]), NOTHING, "none"),
        (deployment(annotations=HELM), held(PLAIN, sails=True), "sail"),
        (deployment(labels={"managed-by": "sail-operator"}), NOTHING, "none"),
        # plain manifests
        (PLAIN, NOTHING, "none"),
        (PLAIN, held(PLAIN), "mixed"),
    ],
)
def test_an_object(manifest: Manifest, holdings: Holdings, method: str) -> None:
    owner = owner_among(manifest, holdings)
    assert owner.method == method
    assert owner.evidence


HELMS_TAG = tag(CHARTS, annotations=HELM)


@pytest.mark.parametrize(
    ("webhook", "holdings", "method"),
    [
        # The chart's revisionTags; a copy of it that the release does not know.
        (HELMS_TAG, held(HELMS_TAG), "helm"),
        (HELMS_TAG, held(PLAIN), "none"),
        # `istioctl tag set`, over a mesh of Helm, of istioctl and of Sail: labels of operator.istio.io are gone.
        (tag({"release": "istiod", "app": "sidecar-injector"}, annotations=HELM), held(PLAIN), "istioctl"),
        (tag({"release": "istio", "app": "sidecar-injector"}), NOTHING, "istioctl"),
        (tag({"release": "istio", "managed-by": "sail-operator"}), NOTHING, "istioctl"),
        # By hand: the chart's output as it is, or something of one's own.
        (tag(CHARTS), NOTHING, "none"),
        (tag({}), NOTHING, "none"),
        # `istioctl install`, and Sail's IstioRevisionTag.
        (tag({**CHARTS, **ISTIOCTLS}), NOTHING, "istioctl"),
        (tag(CHARTS, ownerReferences=[{**SAIL[0], "kind": "IstioRevisionTag"}]), NOTHING, "sail"),
    ],
)
def test_a_tag(webhook: Manifest, holdings: Holdings, method: str) -> None:
    assert owner_of_tag(webhook, holdings).method == method


def test_a_part_whose_objects_disagree_is_mixed_and_both_are_told() -> None:
    webhook = tag({})
    helms = Ownership("helm", "istio-system/istiod", "annotation")
    istioctls = Ownership("istioctl", "", "label")
    refs = [ObjectRef.of(PLAIN), ObjectRef.of(webhook)]
    assert owner_of_part(list(zip(refs, [helms, copy.copy(helms)], strict=True))) == helms
    mixed = owner_of_part(list(zip(refs, [helms, istioctls], strict=True)))
    assert mixed.method == "mixed"
    assert "helm (annotation)" in mixed.evidence and "istioctl (label)" in mixed.evidence
    other = Ownership("helm", "istio-system/other", "annotation")
    assert owner_of_part(list(zip(refs, [helms, other], strict=True))).method == "mixed"
