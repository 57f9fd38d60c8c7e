"""No rule raises, whatever the objects look like."""

import copy
from functools import cache
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from resail.checks.diagnosis.catalogue import RULES
from resail.checks.diagnosis.examination import examine
from resail.checks.diagnosis.situation import Situation
from resail.checks.hazards.case import Unknown
from resail.models.mesh_objects import MeshObjects
from resail.models.snapshot import MeshSnapshot
from tests.checks.diagnosis.breakages import BREAKAGES
from tests.checks.diagnosis.mesh import canary
from tests.checks.diagnosis.test_examination import situation_of
from tests.checks.hazards.any_snapshot import snapshots
from tests.checks.hazards.test_rules import anything, spoil

_LOOKED_AT = (
    "ConfigMap",
    "CustomResourceDefinition.apiextensions.k8s.io",
    "EndpointSlice.discovery.k8s.io",
    "MutatingWebhookConfiguration.admissionregistration.k8s.io",
    "Namespace",
    "Pod",
    "PodDisruptionBudget.policy",
    "Service",
)


@cache
def broken() -> Situation:
    """All breakages at once; of objects and pods as few as are of interest, so that what is spoilt is looked at."""
    mesh = canary()
    for breakage in BREAKAGES.values():
        breakage(mesh)
    situation = situation_of(mesh)
    kinds = {kind: found for kind, found in situation.objects.by_kind.items() if kind in _LOOKED_AT}
    return msgspec.structs.replace(situation, objects=MeshObjects(kinds))


@given(st.data())
def test_no_rule_raises(data: st.DataObject) -> None:
    situation = broken()
    kind = data.draw(st.sampled_from(_LOOKED_AT))
    objects = tuple(map(copy.deepcopy, situation.objects.by_kind[kind]))
    pods, events = (copy.deepcopy(one) for one in (situation.pods, situation.events))
    for _ in range(data.draw(st.integers(1, 4))):
        chosen: Any = data.draw(st.sampled_from([group for group in (objects, pods, events) if group]))
        spoil(data.draw(st.sampled_from(chosen)), data)
    by_kind = {**situation.objects.by_kind, kind: objects}

    examine(msgspec.structs.replace(situation, objects=MeshObjects(by_kind), pods=pods, events=events))


@given(snapshots(), st.dictionaries(st.text(max_size=4), anything, max_size=3))
def test_no_rule_raises_on_any_snapshot(snapshot: MeshSnapshot, values: dict[str, Any]) -> None:
    releases = tuple(msgspec.structs.replace(one, values={**one.values, **values}) for one in snapshot.helm_releases)
    other = msgspec.structs.replace(broken(), snapshot=msgspec.structs.replace(snapshot, helm_releases=releases))

    examine(other)


def test_what_was_not_read_is_unknown_and_not_healthy() -> None:
    """A rule that does not look at objects can say something all the same."""
    mute = msgspec.structs.replace(broken(), objects=MeshObjects({}, {"Service": "forbidden"}))

    refused = {rule.id for rule in RULES if not _tells(rule.find, mute)}

    assert refused == {"webhook-without-endpoints", "two-injectors", "older-crd", "budget-blocks-drain"}
    assert {one.id for one in examine(mute).not_examined} >= refused


def _tells(find: Any, situation: Situation) -> bool:
    try:
        list(find(situation))
    except Unknown:
        return False
    return True
