"""The images of a plan against a registry on loopback, with the pull secrets that a cluster has."""

import asyncio
import base64
import json
from typing import Any

import pytest
from tests.registry.stand_in import Image, RegistryStandIn, registry
from tests.snapshot.object_reader import ObjectReader

from resail.errors import ForbiddenError
from resail.models.finding import Finding
from resail.models.identity import Manifest, ObjectRef
from resail.models.images import ImageUse
from resail.operations.images import check_images
from resail.registry.client import open_registries

PILOT = "istio/pilot:1.27.9"
PRIVATE = {PILOT: Image(login="puller:hush")}


def workload(namespace: str, name: str = "web", **spec: Any) -> Manifest:
    metadata = {"namespace": namespace, "name": name}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {"template": {"spec": spec}}}


def account(namespace: str, *secrets: str) -> Manifest:
    named = [{"name": secret} for secret in secrets]
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"namespace": namespace, "name": "default"},
        "imagePullSecrets": named,
    }


def secret(namespace: str, host: str, name: str = "regcred", login: str = "puller:hush") -> Manifest:
    auth = base64.b64encode(login.encode()).decode()
    content = base64.b64encode(json.dumps({"auths": {host: {"auth": auth}}}).encode()).decode()
    kind = "kubernetes.io/dockerconfigjson"
    metadata = {"namespace": namespace, "name": name}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind, "data": {".dockerconfigjson": content}}


class Counting(ObjectReader):
    """Counts, and refuses to read Secrets where it is told to."""

    def __init__(self, objects: list[Manifest], *, forbids: bool = False) -> None:
        super().__init__(objects, "1.31.0")
        self.read: list[str] = []
        self._forbids = forbids

    async def get(self, ref: ObjectRef) -> Manifest:
        self.read.append(str(ref))
        if self._forbids and ref.kind == "Secret":
            raise ForbiddenError("no", on=str(ref), status=403)
        return await super().get(ref)


def check(
    server: RegistryStandIn, reader: Counting, *namespaces: str, named: tuple[str, ...] = (), image: str = ""
) -> list[tuple[str, str]]:
    return [(one.id, one.severity) for one in findings(server, reader, *namespaces, named=named, image=image)]


def findings(
    server: RegistryStandIn, reader: Counting, *namespaces: str, named: tuple[str, ...] = (), image: str = ""
) -> tuple[Finding, ...]:
    uses = [
        ImageUse(image or f"{server.host}/{PILOT}", ObjectRef("apps/v1", "Deployment", namespace, "web"), named)
        for namespace in namespaces or ("shop",)
    ]

    async def look() -> tuple[Finding, ...]:
        async with open_registries() as registries:
            return await check_images(uses, ("amd64",), reader, registries)

    return asyncio.run(look())


def test_a_public_image_needs_nothing_of_the_cluster() -> None:
    with registry({PILOT: Image()}, "bearer") as server:
        reader = Counting([])
        assert check(server, reader, "shop", "bank") == []
        assert reader.read == []
        assert server.asked[f"/v2/{PILOT.replace(':', '/manifests/')}"] == 2, "without a token, and with one: once for both"


@pytest.mark.parametrize(
    "place",
    [
        "of the plan",
        "of the workload",
        "of its account",
    ],
)
def test_pull_secrets_are_found_wherever_they_are_named(place: str) -> None:
    with registry(PRIVATE, "bearer") as server:
        pod: dict[str, Any] = {"imagePullSecrets": [{"name": "regcred"}]} if place == "of the workload" else {}
        accounts = account("shop", *(("regcred",) if place == "of its account" else ()))
        objects = [workload("shop", **pod), accounts, secret("shop", server.host)]
        assert check(server, Counting(objects), named=("regcred",) if place == "of the plan" else ()) == []
        assert check(server, Counting(objects[:2]), named=("regcred",) if place == "of the plan" else ()) == [
            ("image-not-checked", "warning"),
            ("image-pull-secret-missing", "blocker"),
        ]


def test_each_namespace_needs_its_own() -> None:
    with registry(PRIVATE, "bearer") as server:
        reader = Counting([secret("shop", server.host)])
        found = findings(server, reader, "shop", "bank", named=("regcred",))
        assert [one.id for one in found] == ["image-not-checked", "image-pull-secret-missing"]
        assert [one.namespace for one in found[0].objects] == ["bank"]
        assert "namespace bank lacks the pull secret regcred" in found[1].message


@pytest.mark.parametrize("login", ["puller:wrong", "other:hush"])
def test_a_login_that_is_refused_is_not_the_lack_of_an_image(login: str) -> None:
    """A node may have another one of its own."""
    with registry(PRIVATE, "bearer") as server:
        reader = Counting([secret("shop", server.host, login=login)])
        assert check(server, reader, named=("regcred",)) == [("image-not-checked", "warning")]


def test_a_secret_for_another_registry_is_not_sent() -> None:
    with registry(PRIVATE, "bearer") as server:
        reader = Counting([secret("shop", "elsewhere.example.com")])
        assert check(server, reader, named=("regcred",)) == [("image-not-checked", "warning")]
        assert server.logins == [""]


def test_with_a_login_that_is_taken_a_missing_image_is_missing() -> None:
    with registry({"istio/pilot:other": Image(login="puller:hush")}, "bearer") as server:
        reader = Counting([secret("shop", server.host)])
        assert check(server, reader, named=("regcred",)) == [("image-missing", "blocker")]


def test_who_may_not_read_the_secret_does_not_say_that_an_image_is_missing() -> None:
    with registry({}, "bearer") as server:
        reader = Counting([secret("shop", server.host)], forbids=True)
        (finding,) = findings(server, reader, named=("regcred",))
        assert finding.id == "image-not-checked"
        assert "pull secret shop/regcred may not be read" in finding.evidence


def test_what_is_no_reference_cannot_be_pulled() -> None:
    with registry({}) as server:
        assert check(server, Counting([]), image="R.io//x:") == [("image-missing", "blocker")]


def test_no_credential_is_told() -> None:
    with registry(PRIVATE, "bearer") as server:
        server.token_status = 403
        reader = Counting([secret("shop", server.host)])
        told = repr(findings(server, reader, named=("regcred",)))
        assert "hush" not in told
        assert "puller" not in told
