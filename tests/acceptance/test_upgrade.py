"""A mesh that resail did not install goes up and back again, and everything is as it was."""

import pytest

from resail.plan.file import read_plan
from resail.testbed import audit
from resail.testbed.budgets import BudgetWatcher
from tests.acceptance.conftest import Resail
from tests.acceptance.judge import unexplained
from tests.acceptance.world import differences, kinds_of, world

pytestmark = pytest.mark.bed

MOVED = ["bookshop/Deployment/ratings", "bookshop/Deployment/reviews", "bookshop/StatefulSet/details"]
BY_HELM = {
    "canary": ["edge/Deployment/edge-gateway", "istio-system/DaemonSet/istio-cni-node"],
    "in-place": ["edge/Deployment/edge-gateway", "istio-system/DaemonSet/istio-cni-node", "istio-system/Deployment/istiod"],
}
"""Their pods are replaced by the upgrade of their releases."""


@pytest.mark.parametrize("strategy", ["canary", "in-place"])
def test_up_and_back(resail: Resail, strategy: str) -> None:
    before = world(resail.bed)
    begun = len(resail.bed.audit())
    resail.make_plan("--strategy", strategy)
    planned = resail.plan.read_bytes()
    resail.make_plan("--strategy", strategy)
    assert resail.plan.read_bytes() == planned, "the same mesh gives the same plan, byte for byte"
    assert audit.writes(resail.bed.audit()[begun:], "resail") == [], "planning writes nothing"

    with BudgetWatcher(resail.bed) as budgets:
        record = resail.apply()
        assert (record["from"], record["to"], record["strategy"], record["state"]) == ("1.25.1", "1.26.0", strategy, "done")
        assert record["workloads_restarted"] == MOVED + BY_HELM[strategy]
        assert "bookshop/Deployment/plain" in record["workloads_untouched"]
        assert record["pods_on_target"] == 6
        assert resail("verify", "-o", "json").json["verdict"] == "ready"
        assert differences(before, world(resail.bed)) != []
        assert resail.rollback()["state"] == "rolled-back"

    assert differences(before, world(resail.bed)) == []
    assert budgets.looks > 10
    assert budgets.violations == []
    events = resail.bed.audit()[begun:]
    written = audit.writes(events, "resail")
    assert unexplained(written, read_plan(resail.plan), kinds_of(resail.bed), undone=True) == []
    assert sorted(audit.restarts(events, "resail")) == sorted(
        2 * ["bookshop/deployments/ratings", "bookshop/deployments/reviews", "bookshop/statefulsets/details"]
    ), "once up and once back"
