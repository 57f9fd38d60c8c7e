"""Which images a plan has nodes pull, read from its manifests."""

import json
from typing import Any

import msgspec

from resail.models.identity import Manifest, ObjectRef
from resail.models.images import ImageUse
from resail.models.plan import UpgradeControlPlane
from resail.plan.images import images_of
from resail.plan.options import PlanOptions
from tests.plan.charts import installed, plan_for
from tests.plan.meshes import deployment, mesh

SYSTEM = "istio-system"
WEB = ObjectRef("apps/v1", "Deployment", "shop", "web")


def runs(name: str, *images: str, starters: tuple[str, ...] = (), **spec: Any) -> Manifest:
    containers = [{"name": f"c{number}", "image": image} for number, image in enumerate(images)]
    pod = {"containers": containers, "initContainers": [{"name": "i", "image": image} for image in starters], **spec}
    metadata = {"namespace": SYSTEM, "name": name}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {"template": {"spec": pod}}}


def account(name: str, *secrets: str) -> Manifest:
    named = {"imagePullSecrets": [{"name": secret} for secret in secrets]} if secrets else {}
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"namespace": SYSTEM, "name": name}, **named}


def injector(*secrets: str) -> Manifest:
    values = {"global": {"hub": "r.io/istio", "tag": "1.27.0", "proxy": {"image": "proxyv2"}, "imagePullSecrets": list(secrets)}}
    data = {"values": json.dumps(values)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "istio-sidecar-injector"}, "data": data}


def uses(*objects: Manifest) -> set[ImageUse]:
    """Of a plan whose istiod renders these objects, and that restarts one workload."""
    releases = (installed("base", "base", "1.26.0"), installed("istiod", "istiod", "1.26.0"))
    files = plan_for(mesh(deployment("web"), helm_releases=releases), PlanOptions(strategy="in-place"))
    istiod = next(step.change.manifests for step in files.plan.steps if isinstance(step, UpgradeControlPlane))
    return set(images_of(msgspec.structs.replace(files, manifests={**files.manifests, istiod: objects})))


def test_containers_of_all_sorts() -> None:
    istiod = ObjectRef("apps/v1", "Deployment", SYSTEM, "istiod")
    assert uses(runs("istiod", "r.io/pilot:1", "r.io/other:1", starters=("r.io/init:1",))) == {
        ImageUse(f"r.io/{name}:1", istiod, (), "default") for name in ("pilot", "other", "init")
    }


def test_what_injection_puts_in_later_is_not_pulled() -> None:
    assert uses(runs("gateway", "auto")) == set()


def test_pull_secrets_are_those_of_the_pod_or_else_of_its_account() -> None:
    secrets = {
        use.user.name: (use.secrets, use.account)
        for use in uses(
            account("with", "a", "b"),
            account("without"),
            runs("of-account", "x", serviceAccountName="with"),
            runs("of-pod", "x", serviceAccountName="with", imagePullSecrets=[{"name": "c"}]),
            runs("of-none", "x", serviceAccountName="without"),
            runs("of-who-knows", "x", serviceAccountName="elsewhere"),
        )
    }
    assert secrets == {
        "of-account": (("a", "b"), ""),
        "of-pod": (("c",), ""),
        "of-none": ((), "without"),
        "of-who-knows": ((), "elsewhere"),
    }


def test_sidecars_of_what_restarts_are_pulled_where_that_is() -> None:
    assert uses(injector("regcred")) == {ImageUse("r.io/istio/proxyv2:1.27.0", WEB, ("regcred",))}
    assert uses(injector()) == {ImageUse("r.io/istio/proxyv2:1.27.0", WEB)}
