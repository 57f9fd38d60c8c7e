"""How long pods took to get ready, and what they ask for."""

from typing import Any

import msgspec
import pytest

from resail.models.encoding import digest_of
from resail.models.identity import ObjectRef
from resail.models.snapshot import Requests, Workload
from resail.snapshot.shapes import PodShape
from resail.snapshot.workloads import workloads_of
from tests.plan.meshes import deployment, mesh


def pod(created: str, ready: str = "", *containers: dict[str, Any]) -> PodShape:
    condition = {
        "type": "Ready",
        "status": "True" if ready else "False",
        "lastTransitionTime": f"2026-01-01T{ready or '00:00:00'}Z",
    }
    return msgspec.convert(
        {
            "metadata": {"name": created, "namespace": "shop", "creationTimestamp": f"2026-01-01T{created}Z"},
            "spec": {"containers": list(containers)},
            "status": {"conditions": [condition]},
        },
        PodShape,
    )


def workload(*pods: PodShape) -> Workload:
    (found,) = workloads_of({}, {ObjectRef("apps/v1", "ReplicaSet", "shop", "one"): pods})
    return found


@pytest.mark.parametrize(
    ("pods", "seconds"),
    [
        ([("00:00:00", "00:00:07"), ("00:00:00", "00:00:09"), ("00:00:00", "00:01:00")], 9.0),
        ([("00:00:00", "00:00:07"), ("00:00:00", "00:00:08")], 7.5),
        ([("00:00:00", "")], 0.0),
        ([("00:00:00", "00:00:07"), ("00:00:00", "")], 7.0),
        # It lost its readiness hours later, and got it back.
        ([("00:00:00", "05:00:00")], 0.0),
        ([("00:00:00", "05:00:00"), ("00:00:00", "00:00:04")], 4.0),
        # Clocks that differ.
        ([("00:00:05", "00:00:00")], 0.0),
    ],
)
def test_the_median_of_what_pods_took(pods: list[tuple[str, str]], seconds: float) -> None:
    assert workload(*(pod(*each) for each in pods)).ready_seconds == seconds


def test_the_sidecar_is_counted_apart() -> None:
    def asks(name: str, cpu: str, memory: str) -> dict[str, Any]:
        return {"name": name, "resources": {"requests": {"cpu": cpu, "memory": memory}}}

    first = pod("00:00:00", "", asks("app", "250m", "64Mi"), asks("more", "1", "1M"), asks("istio-proxy", "100m", "128Mi"))
    second = pod("00:00:01", "", asks("app", "250m", "64Mi"), asks("istio-proxy", "200m", "64Mi"))
    found = workload(first, second)
    assert found.requests == Requests(1250, 64 * 2**20 + 10**6)
    assert found.sidecar_requests == Requests(200, 128 * 2**20)


def test_no_plan_depends_on_how_long_pods_took() -> None:
    """A pod that gets ready anew, under its old name, must not make another plan of the same mesh."""
    before = deployment("cart")
    quick, slow = (mesh(msgspec.structs.replace(before, ready_seconds=seconds)) for seconds in (3.0, 9.0))
    assert digest_of(quick) != digest_of(slow)
    assert digest_of(quick.planned_from()) == digest_of(slow.planned_from()) == digest_of(mesh(before))
    renamed = msgspec.structs.replace(before, pods=before.pods[:1])
    assert digest_of(mesh(renamed).planned_from()) != digest_of(quick.planned_from())
