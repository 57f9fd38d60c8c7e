"""What is kept of a mesh, told by one that has something for each rule."""

import asyncio
import random
from collections.abc import Iterable

import msgspec
import pytest

from resail.backup.gathering import gather
from resail.models.backup import Backup, Marks
from resail.models.encoding import canonical_json
from resail.models.identity import Manifest, ObjectRef
from tests.backup.small_mesh import LEFT, OURS, SECRETS, VALUE, everything, named
from tests.snapshot.object_reader import ObjectReader
from tests.snapshot.test_mesh_objects import RecordingReader


def gathered(objects: Iterable[Manifest], *, secrets: bool = False, reader: type[ObjectReader] = ObjectReader) -> Backup:
    return asyncio.run(gather(reader(objects, "1.31.0"), "istio-system", secrets=secrets, progress=lambda _: None))


def refs(objects: Iterable[Manifest]) -> set[str]:
    return {str(ObjectRef.of(one)) for one in objects}


def test_what_is_kept() -> None:
    backup = gathered(everything())

    assert refs(backup.objects) == refs(OURS)
    assert set(map(str, backup.facts.left_out)) == refs(SECRETS)
    assert backup.facts.lacks == ("CA", "Helm state", "credentials")
    assert not backup.facts.has_secrets
    assert VALUE not in canonical_json(backup).decode()
    assert backup.facts.unread == {}
    assert backup.facts.istio_versions == ("1.26.0",)


def test_with_secrets_nothing_is_lacking() -> None:
    backup = gathered(everything(), secrets=True)

    assert refs(backup.objects) == refs(OURS) | refs(SECRETS)
    assert (backup.facts.left_out, backup.facts.lacks, backup.facts.has_secrets) == ((), (), True)
    values = {str(ObjectRef.of(one)): one.get("data") for one in backup.objects if one["kind"] == "Secret"}
    assert values == {str(ObjectRef.of(one)): one["data"] for one in SECRETS if one["kind"] == "Secret"}
    assert VALUE not in canonical_json((backup.snapshot, backup.evidence, backup.marks)).decode()


def test_marks_of_what_is_beside_the_mesh() -> None:
    marks = gathered(everything()).marks

    assert marks == (
        Marks(
            ObjectRef("apps/v1", "Deployment", "edge", "reviews"),
            template_labels={"sidecar.istio.io/inject": "true"},
        ),
        Marks(ObjectRef("v1", "Namespace", "", "shop"), labels={"istio.io/rev": "default"}),
        Marks(ObjectRef("v1", "Service", "shop", "edge"), labels={"istio.io/use-waypoint": "way"}),
    )


def test_a_night_job_has_marks_too() -> None:
    template = {"metadata": {"annotations": {"proxy.istio.io/config": "{}"}}, "spec": {"containers": []}}
    job = named("batch/v1", "CronJob", "nightly", "shop", spec={"jobTemplate": {"spec": {"template": template}}})

    assert Marks(ObjectRef.of(job), template_annotations={"proxy.istio.io/config": "{}"}) in gathered([*everything(), job]).marks


@pytest.mark.parametrize("secrets", [False, True])
def test_the_order_in_which_objects_are_listed_does_not_matter(secrets: bool) -> None:
    objects = everything()
    shuffled = random.Random(15).sample(objects, len(objects))

    assert gathered(shuffled, secrets=secrets) == gathered(objects, secrets=secrets)


def test_heartbeats_do_not_matter() -> None:
    def at(moment: str) -> Backup:
        beat = {"type": "Ready", "status": "True", "lastHeartbeatTime": moment}
        node = named("v1", "Node", "one", status={"conditions": [beat]})
        lease = named("coordination.k8s.io/v1", "Lease", "one", "kube-node-lease", spec={"renewTime": moment})
        elected = {"control-plane.alpha.kubernetes.io/leader": moment}
        leader = named("v1", "ConfigMap", "leader", "istio-system", annotations=elected, data={})
        return gathered([*everything(), node, lease, leader])

    assert at("2026-11-01T10:00:00Z") == at("2026-11-01T10:00:10Z")


@pytest.mark.parametrize("secrets", [False, True])
def test_nothing_is_listed_twice(secrets: bool) -> None:
    # The reader tells kinds apart by their name alone, and there are two of the name Gateway.
    reader = RecordingReader([one for one in everything() if not one["metadata"]["name"].endswith("gateway.networking.k8s.io")])

    asyncio.run(gather(reader, "istio-system", secrets=secrets, progress=lambda _: None))

    assert {asked: times for asked, times in reader.asked.items() if times > 1} == {}


def test_a_mesh_without_helm_lacks_no_state_of_it() -> None:
    backup = gathered(one for one in everything() if (one["metadata"].get("labels") or {}).get("owner") != "helm")

    assert backup.facts.lacks == ("CA", "credentials")


def test_without_a_ca_of_its_own_none_is_lacking() -> None:
    helm = [one for one in SECRETS if (one["metadata"].get("labels") or {}).get("owner") == "helm"]

    assert gathered([*OURS, *helm, *LEFT]).facts.lacks == ("Helm state",)


@pytest.mark.parametrize("kind", ["ValidatingAdmissionPolicy", "Ingress", "Service"])
def test_a_kind_that_may_not_be_listed_is_told(kind: str) -> None:
    class Part(RecordingReader):
        def __init__(self, objects: Iterable[Manifest], version: str) -> None:
            super().__init__(list(objects), forbidden=kind)

    backup = gathered(everything(), reader=Part)

    assert [name.split(".")[0] for name in backup.facts.unread] == [kind]
    assert kind not in {one["kind"] for one in backup.objects}


def test_istiod_in_a_namespace_of_the_clusters() -> None:
    """Then nothing of it is the mesh's but what is known to be."""
    inside = [one for one in (*OURS, *SECRETS) if one["metadata"].get("namespace") == "istio-system"]
    moved = msgspec.json.decode(msgspec.json.encode(inside).replace(b'"istio-system"', b'"default"'))
    backup = asyncio.run(gather(ObjectReader([*moved, *LEFT], "1.31.0"), "default", secrets=False, progress=lambda _: None))

    kept = refs(one for one in backup.objects if one["metadata"].get("namespace") == "default")
    assert kept == {
        "default/Deployment/istiod",
        "default/Service/istiod",
        "default/ServiceAccount/istiod",
        "default/Role/istiod",
        "default/RoleBinding/istiod",
        "default/HorizontalPodAutoscaler/istiod",
        "default/PodDisruptionBudget/istiod",
    }
    assert "default/Secret/cacerts" in map(str, backup.facts.left_out)
    assert "default/Secret/whatever" not in map(str, backup.facts.left_out)
    assert "Namespace/default" not in refs(backup.objects)
