"""Faults come about as they were ordered."""

from pathlib import Path

import pytest

from resail.checks.rollout import rollout_of
from resail.errors import ClusterApiError, UsageError
from resail.models.identity import KindRef, ObjectRef
from resail.twin.cluster import open_twin
from resail.twin.faults import ApiRefuses, Deploys, NeverReady, NodeGone, parse_fault
from resail.twin.loop import run
from tests.twin.worlds import WEB, deployment, pods, rolled_out, set_up


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("never-ready=shop/Deployment/web", NeverReady(WEB)),
        ("node-gone=worker-1@60", NodeGone("worker-1", 60.0)),
        ("node-gone=a@b@60", NodeGone("a@b", 60.0)),
        ("api-refuses=20@7.5", ApiRefuses(20.0, 7.5)),
        ("deploys=shop/StatefulSet/db@0", Deploys(ObjectRef("apps/v1", "StatefulSet", "shop", "db"), 0.0)),
    ],
)
def test_faults_are_read(text: str, fault: object) -> None:
    assert parse_fault(text) == fault


@pytest.mark.parametrize(
    "text",
    [
        "",
        "never-ready",
        "never-ready=web",
        "never-ready=shop/Pod/web",
        "never-ready=/Deployment/web",
        "node-gone=worker-1",
        "node-gone=worker-1@soon",
        "node-gone=worker-1@-1",
        "node-gone=worker-1@nan",
        "api-refuses=20",
        "deploys=shop/Deployment/web",
        "meteor=now",
    ],
)
def test_what_is_no_fault_is_refused_with_the_forms_there_are(text: str) -> None:
    with pytest.raises(UsageError, match="is not a fault") as caught:
        parse_fault(text)
    assert "node-gone=NAME@SECONDS" in caught.value.next_step


async def test_a_fault_that_is_none_makes_no_twin(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        async with open_twin(tmp_path / "twin", faults=["meteor=now"]):
            pass
    assert not (tmp_path / "twin").exists()


async def test_a_workload_that_never_gets_ready() -> None:
    async with open_twin(faults=["never-ready=shop/Deployment/web"]) as twin:
        await set_up(twin, deployment(progressDeadlineSeconds=60), deployment("other"))
        await rolled_out(twin, ObjectRef("apps/v1", "Deployment", "shop", "other"))
        await twin.clock.sleep(70)
        rollout = rollout_of(await twin.get(WEB))
        assert (rollout.ready, rollout.wanted) == (0, 2)
        assert "timed out progressing" in rollout.failed


async def test_a_node_that_vanishes_takes_its_pods_with_it() -> None:
    async with open_twin(faults=["node-gone=one@60"]) as twin:
        await set_up(twin, deployment(replicas=4))
        await rolled_out(twin)
        before = {pod["metadata"]["uid"]: pod["spec"]["nodeName"] for pod in await pods(twin)}
        assert set(before.values()) == {"one", "two"}
        await twin.clock.sleep(61 - twin.clock.monotonic())
        # Its pods do not serve from then on; they are replaced when they are given up.
        assert rollout_of(await twin.get(WEB)).ready == 2
        await twin.clock.sleep(50)
        await rolled_out(twin)
        after = {pod["metadata"]["uid"]: pod["spec"]["nodeName"] for pod in await pods(twin)}
        assert set(after.values()) == {"two"}
        assert {uid for uid, node in before.items() if node == "two"} <= set(after)
        assert len(after) == 4


async def test_an_api_that_refuses_for_a_while_is_waited_for_where_asking_again_does_no_harm() -> None:
    async with open_twin(faults=["api-refuses=20@100"]) as twin:
        await set_up(twin, deployment())
        await twin.clock.sleep(101 - twin.clock.monotonic())
        with pytest.raises(ClusterApiError) as caught:
            await twin.create(deployment("other"))
        assert caught.value.status == 500
        assert twin.clock.monotonic() < 102
        await twin.get(WEB)
        assert twin.clock.monotonic() >= 120
        await twin.create(deployment("other"))


async def test_an_api_that_refuses_for_long_is_given_up() -> None:
    async with open_twin(faults=["api-refuses=600@100"]) as twin:
        await set_up(twin, deployment())
        await twin.clock.sleep(101 - twin.clock.monotonic())
        with pytest.raises(ClusterApiError) as caught:
            await twin.get(WEB)
        assert caught.value.on == f"get {WEB}"
        assert 160 < twin.clock.monotonic() < 163


async def test_somebody_else_deploys() -> None:
    async with open_twin(faults=["deploys=shop/Deployment/web@50"]) as twin:
        await set_up(twin, deployment())
        await rolled_out(twin)
        before = {pod["metadata"]["uid"] for pod in await pods(twin)}
        await twin.clock.sleep(55)
        await rolled_out(twin)
        assert not before & {pod["metadata"]["uid"] for pod in await pods(twin)}
        sets = await twin.list_objects(KindRef("apps/v1", "ReplicaSet"), namespace="shop")
        assert len(sets) == 2


def test_a_fault_comes_about_once_though_the_twin_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "twin"

    async def first() -> None:
        async with open_twin(path, faults=["node-gone=one@5", "deploys=shop/Deployment/web@80"]) as twin:
            await set_up(twin, deployment())
            await twin.clock.sleep(60)
            await twin.patch(WEB, {"metadata": {"labels": {"a": "b"}}})

    async def again() -> None:
        async with open_twin(path) as twin:
            nodes = await twin.list_objects(KindRef("v1", "Node"))
            assert [node["metadata"]["name"] for node in nodes] == ["two"]
            node = {**nodes[0], "metadata": {"name": "one"}}
            await twin.create(node)
            await twin.clock.sleep(10)
            assert len(await twin.list_objects(KindRef("v1", "Node"))) == 2
            assert (await twin.get(WEB))["metadata"]["generation"] == 1
            await twin.clock.sleep(20)
            assert (await twin.get(WEB))["metadata"]["generation"] == 2

    async def at_last() -> None:
        async with open_twin(path) as twin:
            await twin.clock.sleep(10)
            assert (await twin.get(WEB))["metadata"]["generation"] == 2

    run(first())
    run(again())
    run(at_last())
