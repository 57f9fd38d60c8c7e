"""The watcher of disruption budgets sees a moment that no look at a status would."""

from collections.abc import Iterator
from typing import Any

import pytest

from resail.testbed.bed import Bed
from resail.testbed.budgets import BudgetWatcher
from tests.conftest import EMPTY
from tests.testbed.asking import create, create_node, eventually

pytestmark = pytest.mark.bed

PODS = "/api/v1/namespaces/default/pods"
BUDGETS = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
DEPLOYMENT = "/apis/apps/v1/namespaces/default/deployments/shop"


@pytest.fixture(scope="module")
def four_pods(session_bed: Bed) -> Bed:
    session_bed.reset(EMPTY)
    create_node(session_bed)
    template = {"metadata": {"labels": {"app": "shop"}}, "spec": {"containers": [{"name": "c", "image": "example.com/c:1"}]}}
    spec = {"replicas": 4, "selector": {"matchLabels": {"app": "shop"}}, "template": template}
    create(session_bed, DEPLOYMENT.rpartition("/")[0], {"metadata": {"name": "shop"}, "spec": spec})
    eventually(lambda: _ready(session_bed) == 4)
    return session_bed


@pytest.fixture
def shop(four_pods: Bed) -> Iterator[Bed]:
    """Four ready pods, and no budget."""
    yield four_pods
    if four_pods.up:
        assert four_pods.api("DELETE", BUDGETS).is_success


def _ready(bed: Bed) -> int:
    return int(bed.api("GET", DEPLOYMENT).json()["status"].get("readyReplicas", 0))


def _budget(bed: Bed, bound: dict[str, Any], app: str = "shop") -> None:
    spec = {"selector": {"matchLabels": {"app": app}}, **bound}
    create(bed, BUDGETS, {"metadata": {"name": "guard"}, "spec": spec})


def _lose(bed: Bed, count: int) -> None:
    """Delete pods, which asks no budget; their successors are ready in an instant."""
    names = [item["metadata"]["name"] for item in bed.api("GET", PODS).json()["items"]][:count]
    for name in names:
        assert bed.api("DELETE", f"{PODS}/{name}").is_success
    eventually(
        lambda: _ready(bed) == 4 and not set(names) & {item["metadata"]["name"] for item in bed.api("GET", PODS).json()["items"]}
    )


@pytest.mark.parametrize("bound", [{"minAvailable": 4}, {"minAvailable": "80%"}, {"maxUnavailable": 0}, {"maxUnavailable": "0%"}])
def test_one_pod_away_for_a_moment_is_seen(shop: Bed, bound: dict[str, Any]) -> None:
    _budget(shop, bound)
    with BudgetWatcher(shop) as watcher:
        _lose(shop, 1)
    assert watcher.violations
    assert all(told.startswith("default/guard: 3 healthy, 4 needed") for told in watcher.violations)


@pytest.mark.parametrize(
    "bound", [{"minAvailable": 3}, {"minAvailable": "70%"}, {"maxUnavailable": 1}, {"maxUnavailable": "20%"}]
)
def test_what_the_budget_allows_is_no_breach(shop: Bed, bound: dict[str, Any]) -> None:
    _budget(shop, bound)
    with BudgetWatcher(shop) as watcher:
        _lose(shop, 1)
    assert watcher.violations == []
    assert watcher.looks >= 3


def test_other_pods_do_not_matter(shop: Bed) -> None:
    _budget(shop, {"minAvailable": 1}, app="another")
    with BudgetWatcher(shop) as watcher:
        _lose(shop, 2)
    assert watcher.violations == []


def test_a_watch_that_breaks_off_is_no_silent_success(shop: Bed) -> None:
    _budget(shop, {"minAvailable": 4})
    with pytest.raises(Exception, match=r"(?i)connect|closed|disconnected"), BudgetWatcher(shop):
        shop.stop()
