"""What a capture says agrees with istioctl, with each istiod and with the pods."""

import asyncio
from pathlib import Path

import httpx2
import pytest

from resail.errors import ArtifactError
from resail.kube import connect
from resail.models.encoding import canonical_json
from resail.models.quantities import absolute, cpu_millis, parse_quantity
from resail.models.snapshot import MeshSnapshot
from resail.snapshot import capture
from resail.snapshot.file import load_snapshot, save_snapshot
from resail.snapshot.workloads import image_version
from resail.testbed.bed import Bed
from resail.testbed.binaries import ensure


async def captured(bed: Bed) -> MeshSnapshot:
    async with connect(bed.kubeconfig) as cluster:
        return await capture(cluster)


@pytest.mark.bed
async def test_inspect_agrees_with_everybody_else(mesh_bed: Bed, tmp_path: Path) -> None:
    snapshot = await captured(mesh_bed)

    istioctl = ensure(("istioctl-1.26.0",), print)["istioctl-1.26.0"]
    process = await asyncio.create_subprocess_exec(
        istioctl, "--kubeconfig", mesh_bed.kubeconfig, "tag", "list", stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    lines = output.decode().splitlines()[1:]
    assert {tuple(line.split()[:2]) for line in lines} == {(tag.tag, tag.revision) for tag in snapshot.tags}

    with httpx2.Client() as client:
        told = {(one.revision, client.get(f"{one.monitoring}/version").text.split("-")[0]) for one in mesh_bed.istiods()}
    assert told == {(plane.revision, plane.version) for plane in snapshot.control_planes} == {("1-26-0", "1.26.0")}

    pods = mesh_bed.api("GET", "/api/v1/pods").json()["items"]
    images = sorted(
        container["image"]
        for pod in pods
        for container in (*pod["spec"]["containers"], *pod["spec"].get("initContainers", []))
        if container["name"] == "istio-proxy"
    )
    assert sorted(pod.proxy_image for workload in snapshot.workloads for pod in workload.pods if pod.proxy_image) == images
    assert sum(len(workload.pods) for workload in snapshot.workloads) == len(pods)

    assert {part.role: part.owner.method for part in snapshot.components} == {"cni": "helm", "gateway": "helm"}
    assert {tag.owner.method for tag in snapshot.tags} == {"none"}
    assert snapshot.foreign_managers == ()
    assert canonical_json(await captured(mesh_bed)) == canonical_json(snapshot), "an idle mesh gives the same bytes"
    save_snapshot(tmp_path / "mesh.json", snapshot)
    assert load_snapshot(tmp_path / "mesh.json") == snapshot


@pytest.mark.bed
async def test_a_cluster_without_istio_is_no_error(empty_bed: Bed) -> None:
    snapshot = await captured(empty_bed)
    assert (snapshot.control_planes, snapshot.crds, snapshot.helm_releases) == ((), (), ())


@pytest.mark.parametrize("content", [b"", b"{", b'{"format_version": 99}', b'{"format_version": 1}', b"\xff\xfe"])
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mesh.json"
    path.write_bytes(content)
    with pytest.raises(ArtifactError):
        load_snapshot(path)


def test_quantities() -> None:
    assert [cpu_millis(text) for text in ("2", "500m", "0.25", "1k")] == [2000, 500, 250, 1_000_000]
    assert [int(parse_quantity(text)) for text in ("1Gi", "128Mi", "1M", "nonsense")] == [2**30, 2**27, 10**6, 0]


def test_percentages_round_as_kubernetes_does() -> None:
    assert absolute("25%", 3, round_up=False, default=0) == 0
    assert absolute("25%", 3, round_up=True, default=0) == 1
    assert absolute(None, 4, round_up=True, default="25%") == 1
    assert absolute(2, 9, round_up=True, default=0) == 2


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("docker.io/istio/proxyv2:1.27.9", "1.27.9"),
        ("localhost:5000/istio/proxyv2:1.27.9-distroless", "1.27.9"),
        ("docker.io/istio/proxyv2:1.27.9@sha256:00", "1.27.9"),
        ("localhost:5000/proxyv2", ""),
        ("auto", ""),
    ],
)
def test_versions_of_images(image: str, version: str) -> None:
    assert image_version(image) == version
