"""Who must restart, who stays, and why."""

import pytest

from resail.models.snapshot import MeshSnapshot, Workload
from resail.plan.restarts import RestartSet, restart_set
from tests.plan.meshes import budget, deployment, mesh, tag


def planned(snapshot: MeshSnapshot, old: str = "default", new: str = "1-27-9") -> RestartSet:
    return restart_set(snapshot, old, new, "docker.io/istio/proxyv2:1.27.9", frozenset())


def reason(snapshot: MeshSnapshot, name: str, old: str = "default") -> str:
    """Why a workload stays; empty where it restarts."""
    result = planned(snapshot, old)
    assert len(result.restarts) + len(result.untouched) == len(snapshot.workloads)
    return next((one.reason for one in result.untouched if one.workload.name == name), "")


def test_what_the_old_revision_injects_restarts() -> None:
    (restart,) = planned(mesh(deployment("web", replicas=3))).restarts
    assert (restart.workload.name, restart.method, restart.pods, restart.from_version) == ("web", "rollout", 3, "1.26.0")
    assert restart.image == "docker.io/istio/proxyv2:1.27.9"


def test_a_tag_leads_to_its_revision() -> None:
    by_tag = mesh(
        deployment("web", revision="1-26-0"),
        namespaces={"shop": {"istio.io/rev": "prod"}},
        tags=(tag("prod", "1-26-0"),),
        revision="1-26-0",
    )
    assert reason(by_tag, "web", "1-26-0") == ""


@pytest.mark.parametrize(
    ("workload", "labels", "words"),
    [
        (deployment("w", version=""), {}, "outside the mesh"),
        (deployment("w", version="", labels={"sidecar.istio.io/inject": "false"}), {"istio-injection": "enabled"}, "opts out"),
        (deployment("w", kind="CronJob"), {"istio-injection": "enabled"}, "its next Job"),
        (deployment("w", kind="Job"), {"istio-injection": "enabled"}, "a Job cannot be restarted"),
        (deployment("w", labels={"istio.io/rev": "default"}), {}, "pins revision default"),
        (deployment("w", revision="other"), {"istio.io/rev": "other"}, "belongs to revision other"),
        (deployment("w", paused=True), {"istio-injection": "enabled"}, "paused"),
        (deployment("w", replicas=0), {"istio-injection": "enabled"}, "none of its pods"),
    ],
)
def test_why_a_workload_stays(workload: Workload, labels: dict[str, str], words: str) -> None:
    snapshot = mesh(workload, namespaces={"shop": labels})
    assert words in reason(snapshot, "w")


def test_what_cannot_restart_is_a_finding() -> None:
    workload = deployment("w", unavailable=1, surge=0)
    result = planned(mesh(workload, budgets=(budget("closed", workload, desired=2),)))
    assert [finding.id for finding in result.findings] == ["workload-cannot-restart"]
