"""Several hops in one plan, on a mesh that resail did not install; and a hop leaves what the next is planned on."""

from typing import Any

import msgspec
import pytest

from resail.kube import connect
from resail.models.snapshot import MeshSnapshot
from resail.plan.file import read_plan
from resail.snapshot import capture
from resail.snapshot.aftermath import aftermath
from resail.testbed import audit
from resail.testbed.budgets import BudgetWatcher
from tests.acceptance.conftest import Resail
from tests.acceptance.judge import unexplained
from tests.acceptance.test_upgrade import BY_HELM, MOVED
from tests.acceptance.world import differences, kinds_of, world

pytestmark = pytest.mark.bed


@pytest.mark.parametrize("strategy", [pytest.param("in-place", marks=pytest.mark.soak), "canary"])
def test_two_hops_go_up_and_back(resail: Resail, strategy: str) -> None:
    """Also by revision it takes two: CNI is in use."""
    before = world(resail.bed)
    begun = len(resail.bed.audit())
    resail.make_plan("--strategy", strategy, "--via", "1.26.0", to="1.27.9")
    plan = read_plan(resail.plan).plan
    assert [(str(hop.from_version), str(hop.to_version), hop.restarts) for hop in plan.hops] == [
        ("1.25.1", "1.26.0", True),
        ("1.26.0", "1.27.9", True),
    ]

    with BudgetWatcher(resail.bed) as budgets:
        record = resail.apply()
        assert (record["from"], record["to"], record["state"]) == ("1.25.1", "1.27.9", "done")
        assert record["workloads_restarted"] == MOVED + BY_HELM[strategy]
        assert record["pods_on_target"] == 6
        assert resail("verify", "-o", "json").json["verdict"] == "ready"
        upwards = audit.restarts(resail.bed.audit()[begun:], "resail")
        moved = ["bookshop/deployments/ratings", "bookshop/deployments/reviews", "bookshop/statefulsets/details"]
        assert sorted(upwards) == sorted(2 * moved), "once for each hop"
        assert resail.rollback_as_foreseen()["state"] == "rolled-back"

    assert differences(before, world(resail.bed)) == []
    assert budgets.violations == []
    written = audit.writes(resail.bed.audit()[begun:], "resail")
    assert unexplained(written, read_plan(resail.plan), kinds_of(resail.bed), undone=True) == []


@pytest.mark.parametrize("strategy", ["canary", "in-place"])
async def test_a_hop_leaves_what_was_foretold(resail: Resail, strategy: str) -> None:
    before = await captured(resail)
    resail.make_plan("--strategy", strategy)
    files = read_plan(resail.plan)
    (hop,) = files.plan.hops
    foretold = aftermath(before, hop, files.plan.steps, files.manifests)
    resail.apply()
    assert facts(foretold) == facts(await captured(resail))
    assert facts(foretold) != facts(before)


async def captured(resail: Resail) -> MeshSnapshot:
    async with connect(resail.bed.kubeconfig) as cluster:
        return await capture(cluster)


def facts(snapshot: MeshSnapshot) -> dict[str, Any]:
    """All that is foretold. A pod's name and node, and the mark of a run, cannot be known before."""
    told = ("control_planes", "tags", "components", "webhooks", "helm_releases", "namespaces")
    found: dict[str, Any] = {
        f"{field} {number}": msgspec.to_builtins(part) for field in told for number, part in enumerate(getattr(snapshot, field))
    }
    for workload in snapshot.planned_from().workloads:
        fields = msgspec.to_builtins(msgspec.structs.replace(workload, restart_mark=""))
        sidecars = sorted((pod.proxy_version, pod.proxy_image, pod.revision) for pod in workload.pods)
        # istiod's and the nodes' own pods are not looked at by the planner.
        found[str(workload.ref)] = {**fields, "pods": [one for one in sidecars if any(one)]}
    return found
