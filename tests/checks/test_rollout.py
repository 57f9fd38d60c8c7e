"""When a workload counts as rolled out: what ``kubectl rollout status`` says."""

from typing import Any

import pytest

from resail.checks.rollout import rollout_of
from resail.models.identity import Manifest

STUCK = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "it timed out"}


def deployment(spec: dict[str, Any] | None = None, **status: Any) -> Manifest:
    whole = {"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3}
    wanted = {"replicas": 3, **(spec or {})}
    return {"kind": "Deployment", "metadata": {"generation": 2}, "spec": wanted, "status": whole | status}


def stateful_set(spec: dict[str, Any] | None = None, **status: Any) -> Manifest:
    return {**deployment(spec, **status), "kind": "StatefulSet"}


def daemon_set(**status: int) -> Manifest:
    whole = {"observedGeneration": 2, "desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 3}
    return {"kind": "DaemonSet", "metadata": {"generation": 2}, "spec": {}, "status": whole | status}


@pytest.mark.parametrize(
    ("manifest", "complete", "whole"),
    [
        (deployment(), True, True),
        (deployment(observedGeneration=1), False, True),
        (deployment(updatedReplicas=2), False, True),
        (deployment(availableReplicas=2), False, False),
        # A pod of the old template is still there.
        (deployment(replicas=4), False, True),
        (stateful_set(), True, True),
        (stateful_set(updatedReplicas=1, currentRevision="a", updateRevision="b"), False, True),
        (stateful_set(updatedReplicas=0, currentRevision="a", updateRevision="a"), True, True),
        (stateful_set({"updateStrategy": {"type": "OnDelete"}}, updatedReplicas=0), True, True),
        (daemon_set(), True, True),
        (daemon_set(updatedNumberScheduled=2), False, True),
        (daemon_set(numberAvailable=2), False, False),
    ],
)
def test_complete_and_whole(manifest: Manifest, complete: bool, whole: bool) -> None:
    rollout = rollout_of(manifest)
    assert (rollout.complete, rollout.whole, rollout.failed) == (complete, whole, "")


def test_why_it_will_not_go_on() -> None:
    assert rollout_of(deployment(updatedReplicas=1, conditions=[STUCK])).failed == "it timed out"
    # Of the generation before: the controller has not looked at the present one yet.
    assert rollout_of(deployment(observedGeneration=1, updatedReplicas=1, conditions=[STUCK])).failed == ""
    assert rollout_of(deployment({"paused": True}, updatedReplicas=0)).failed == "its rollout is paused"
