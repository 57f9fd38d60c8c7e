"""The precedence of Istio's labels."""

import pytest

from resail.checks.injection import injecting_revision, pointer_of
from resail.models.snapshot import Namespace
from tests.plan.meshes import mesh, tag


@pytest.mark.parametrize(
    ("namespace", "pod", "expected"),
    [
        ({}, {}, ("", "")),
        ({"istio-injection": "enabled"}, {}, ("default", "namespace")),
        ({"istio-injection": "disabled"}, {"sidecar.istio.io/inject": "true"}, ("", "")),
        ({"istio-injection": "enabled", "istio.io/rev": "canary"}, {}, ("default", "namespace")),
        ({"istio.io/rev": "canary"}, {"istio.io/rev": "other"}, ("canary", "namespace")),
        ({}, {"istio.io/rev": "canary"}, ("canary", "pod")),
        ({}, {"sidecar.istio.io/inject": "true"}, ("default", "pod")),
        ({"istio-injection": "enabled"}, {"sidecar.istio.io/inject": "false"}, ("", "")),
        ({"istio.io/rev": "canary"}, {"sidecar.istio.io/inject": "false"}, ("", "")),
    ],
)
def test_precedence(namespace: dict[str, str], pod: dict[str, str], expected: tuple[str, str]) -> None:
    assert pointer_of(Namespace("shop", namespace), pod) == expected


_LABELS = {"shop": {"istio.io/rev": "prod"}, "edge": {"istio.io/rev": "gone"}}


def test_a_pointer_leads_through_a_tag_or_to_a_revision_or_nowhere() -> None:
    snapshot = mesh(namespaces=_LABELS, tags=(tag("prod", "default"),))
    assert injecting_revision(snapshot, "shop", {}) == "default"
    assert injecting_revision(snapshot, "edge", {}) == ""
    assert injecting_revision(snapshot, "nowhere", {"istio.io/rev": "default"}) == "default"
