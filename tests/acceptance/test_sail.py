"""A mesh of the Sail Operator, whose controllers are stood in for: by revision and in place, and back."""

import asyncio
import contextlib
import os
import random
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from resail.kube import connect
from resail.kube.cluster import KubeCluster
from resail.models.identity import IstioVersion, KindRef, Manifest, ObjectRef
from resail.testbed.bed import Bed
from resail.testbed.mesh.install import wait_until_ready
from resail.testbed.sail.running import operate
from tests.acceptance.conftest import FROM, TO, Resail
from tests.acceptance.test_kill import KILLER
from tests.conftest import EMPTY

pytestmark = pytest.mark.bed

VERSIONS = tuple(map(IstioVersion.parse, (FROM, TO)))
API = "sailoperator.io/v1"
ISTIO = ObjectRef(API, "Istio", "", "default")
CNI = ObjectRef(API, "IstioCNI", "", "default")
TAG = ObjectRef(API, "IstioRevisionTag", "", "prod")
OLD, NEW = (f"default-v{version.replace('.', '-')}" for version in (FROM, TO))


class Operator:
    """The stand-in at work in a thread of its own."""

    def __init__(self, bed: Bed) -> None:
        self._loop = asyncio.new_event_loop()
        self._started = asyncio.Event()
        self._task = self._loop.create_task(operate(bed.kubeconfig, VERSIONS, self._started))
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._begun(), self._loop).result(timeout=120)

    def _run(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._task)

    async def _begun(self) -> None:
        started = asyncio.ensure_future(self._started.wait())
        await asyncio.wait((started, self._task), return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            self._task.result()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(timeout=30)


@pytest.fixture
def sail(session_bed: Bed, tmp_path: Path) -> Iterator[Resail]:
    """An empty cluster with the operator."""
    session_bed.reset(EMPTY)
    operator = Operator(session_bed)
    yield Resail(session_bed, tmp_path)
    operator.stop()


def node(name: str) -> Manifest:
    capacity = {"cpu": "8", "memory": "32Gi", "pods": "110"}
    labels = {"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "status": {"allocatable": capacity, "capacity": capacity},
    }


def namespace(name: str, **labels: str) -> Manifest:
    named = {key.replace("_", "-"): value for key, value in labels.items()}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": named}}


def resource(ref: ObjectRef, spec: dict[str, Any]) -> Manifest:
    return {"apiVersion": API, "kind": ref.kind, "metadata": {"name": ref.name}, "spec": spec}


def shop(name: str, home: str) -> Manifest:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": home},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "app", "image": "example.com/app:1"}]},
            },
        },
    }


async def install(bed: Bed, strategy: dict[str, Any], homes: list[Manifest]) -> None:
    async with connect(bed.kubeconfig) as cluster:
        for manifest in (node("worker-1"), node("worker-2"), namespace("istio-system"), namespace("istio-cni")):
            await cluster.create(manifest)
        await cluster.create(resource(ISTIO, {"version": f"v{FROM}", "namespace": "istio-system", "updateStrategy": strategy}))
        await cluster.create(resource(CNI, {"version": f"v{FROM}", "namespace": "istio-cni"}))
        if strategy["type"] == "RevisionBased":
            await cluster.create(resource(TAG, {"targetRef": {"kind": "IstioRevision", "name": OLD}}))
        await ready(cluster)
        for home in homes:
            await cluster.create(home)
            await cluster.create(shop("shop", home["metadata"]["name"]))
        await wait_until_ready(cluster)


async def ready(cluster: KubeCluster) -> None:
    """Until the operator says so of all its resources, and istiod answers for its webhooks."""
    async with asyncio.timeout(120):
        await _until_ready(cluster)


async def _until_ready(cluster: KubeCluster) -> None:
    while True:
        if await _is_ready(cluster):
            return
        await asyncio.sleep(0.3)


async def _is_ready(cluster: KubeCluster) -> bool:
    for kind in ("Istio", "IstioRevision", "IstioCNI", "IstioRevisionTag"):
        for one in await cluster.list_objects(KindRef(API, kind)):
            wanted = ("Reconciled",) if kind == "IstioRevisionTag" else ("Reconciled", "Ready")
            conditions = {each["type"]: each["status"] for each in (one.get("status") or {}).get("conditions") or ()}
            if any(conditions.get(each) != "True" for each in wanted):
                return False
    hooks = await cluster.list_objects(KindRef("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"))
    entries = [entry for hook in hooks for entry in hook["webhooks"]]
    return bool(entries) and all(entry["clientConfig"].get("caBundle") for entry in entries)


def proxies(bed: Bed) -> set[str]:
    return asyncio.run(_proxies(bed))


async def _proxies(bed: Bed) -> set[str]:
    async with connect(bed.kubeconfig) as cluster:
        pods = await cluster.list_objects(KindRef("v1", "Pod"))
        containers = [one for pod in pods for one in (*pod["spec"]["containers"], *pod["spec"].get("initContainers", ()))]
        return {one["image"].rpartition(":")[2] for one in containers if one["name"] == "istio-proxy"}


def specs(bed: Bed) -> dict[str, Any]:
    return asyncio.run(_specs(bed))


async def _specs(bed: Bed) -> dict[str, Any]:
    async with connect(bed.kubeconfig) as cluster:
        kinds = ("Istio", "IstioCNI", "IstioRevisionTag")
        return {str(ObjectRef.of(one)): one["spec"] for kind in kinds for one in await cluster.list_objects(KindRef(API, kind))}


def rolled_out(bed: Bed) -> dict[str, int]:
    """How many pod templates each of the shops has had."""
    return asyncio.run(_rolled_out(bed))


async def _rolled_out(bed: Bed) -> dict[str, int]:
    async with connect(bed.kubeconfig) as cluster:
        sets = await cluster.list_objects(KindRef("apps/v1", "ReplicaSet"))
        owners = [(one["metadata"]["namespace"], one["metadata"]["ownerReferences"][0]["name"]) for one in sets]
        return dict(Counter(home for home, name in owners if name == "shop"))


BY_REVISION = {"type": "RevisionBased", "inactiveRevisionDeletionGracePeriodSeconds": 300}
STRATEGIES: dict[str, tuple[dict[str, Any], list[Manifest]]] = {
    "canary": (BY_REVISION, [namespace("by-tag", **{"istio.io/rev": "prod"}), namespace("by-revision", **{"istio.io/rev": OLD})]),
    "in-place": ({"type": "InPlace"}, [namespace("shop", **{"istio-injection": "enabled"})]),
}
CALLS = {"canary": 6, "in-place": 3}
"""Writes of the run: wishes, a label, restarts."""
SEED = int(os.environ.get("RESAIL_SEED") or random.randrange(2**32))


def test_by_revision_and_back(sail: Resail) -> None:
    asyncio.run(install(sail.bed, *STRATEGIES["canary"]))
    before = specs(sail.bed)
    assert proxies(sail.bed) == {FROM}
    sail.make_plan("--strategy", "canary")
    record = sail.apply()
    assert record["state"] == "done"
    after = specs(sail.bed)
    assert after["Istio/default"]["version"] == f"v{TO}" and after["IstioCNI/default"]["version"] == f"v{TO}"
    assert after["IstioRevisionTag/prod"]["targetRef"] == {"kind": "IstioRevision", "name": NEW}
    assert proxies(sail.bed) == {TO}
    assert sail.rollback()["state"] == "rolled-back"
    assert specs(sail.bed) == before
    assert proxies(sail.bed) == {FROM}


def test_in_place_and_back(sail: Resail) -> None:
    asyncio.run(install(sail.bed, *STRATEGIES["in-place"]))
    before = specs(sail.bed)
    refused = sail("plan", "--to", TO, "--strategy", "canary", code=3)
    assert "updateStrategy is InPlace" in refused.errors
    sail.make_plan("--strategy", "in-place")
    assert sail.apply()["state"] == "done"
    assert proxies(sail.bed) == {TO}
    assert sail.rollback()["state"] == "rolled-back"
    assert specs(sail.bed) == before
    assert proxies(sail.bed) == {FROM}


def test_a_version_that_the_operator_does_not_know_is_refused(sail: Resail) -> None:
    asyncio.run(install(sail.bed, {"type": "InPlace"}, []))
    refused = sail("plan", "--to", "1.26.2", "--strategy", "in-place", code=3)
    assert "this Sail Operator does not know v1.26.2" in refused.errors


@pytest.mark.parametrize(
    ("strategy", "seed"),
    [
        ("canary", SEED),
        *(pytest.param(strategy, SEED + number, marks=pytest.mark.soak) for strategy in CALLS for number in range(1, 21)),
    ],
)
def test_killed_and_resumed(sail: Resail, strategy: str, seed: int) -> None:
    asyncio.run(install(sail.bed, *STRATEGIES[strategy]))
    drawn = random.Random(seed)
    call, phase = drawn.randint(1, CALLS[strategy]), drawn.choice(["before", "after"])
    sail.make_plan("--strategy", strategy)
    command = sail.command()
    command[2:] = [KILLER, str(sail.plan), str(sail.state), str(call), phase]
    killed = subprocess.run(command, capture_output=True, text=True, env=sail.environment)
    assert killed.returncode == -9, killed.stderr[-2000:]
    assert sail.resume()["state"] == "done"
    assert proxies(sail.bed) == {TO}
    assert set(rolled_out(sail.bed).values()) == {2}
    assert {spec.get("version", f"v{TO}") for spec in specs(sail.bed).values()} == {f"v{TO}"}
