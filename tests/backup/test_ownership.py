"""Who owns the fields of what was written."""

from typing import Any

from resail.backup.ownership import owners_to_give_back
from resail.models.identity import Manifest
from tests.backup.small_backups import Fields, owned, thing

OBJECT = thing("v1", "ConfigMap", "istio", "istio-system", data={"mesh": "one"})
ALL: dict[str, Any] = {"f:data": {"f:mesh": {}}}
HELM = ("helm", "Apply", ALL)
OURS = ("resail", "Update", ALL)
STATUS: Fields = ("kube-controller-manager", "Update", {"f:status": {}})


def managers(owners: list[Manifest] | None) -> list[str]:
    return [entry["manager"] for entry in owners or ()]


def test_ours_go_and_those_of_the_backup_come_back() -> None:
    back = owners_to_give_back(owned(OBJECT, OURS, time="2026-01-01T00:00:00Z"), owned(OBJECT, HELM))
    assert back == owned(OBJECT, HELM)["metadata"]["managedFields"]


def test_who_wrote_since_keeps_what_it_wrote() -> None:
    back = owners_to_give_back(owned(OBJECT, OURS, ("pilot-discovery", "Update", {"f:webhooks": {}})), owned(OBJECT, HELM))
    assert managers(back) == ["helm", "pilot-discovery"]


def test_controllers_that_tell_of_the_status_are_no_matter() -> None:
    there = owned(OBJECT, STATUS, subresource="status")
    there["metadata"]["managedFields"] += owned(OBJECT, OURS)["metadata"]["managedFields"]
    back = owners_to_give_back(there, owned(OBJECT, HELM))
    assert managers(back) == ["helm", "kube-controller-manager"]
    again = {**there, "metadata": {**there["metadata"], "managedFields": back}}
    assert owners_to_give_back(again, owned(OBJECT, HELM)) is None


def test_nothing_is_to_be_given_back_of_a_backup_that_names_no_owners() -> None:
    assert owners_to_give_back(owned(OBJECT, OURS), OBJECT) is None


def test_what_was_ours_partly_is_ours_partly_again() -> None:
    part: Fields = ("resail", "Update", {"f:metadata": {"f:labels": {}}})
    back = owners_to_give_back(owned(OBJECT, OURS), owned(OBJECT, HELM, part))
    assert back == owned(OBJECT, HELM, part)["metadata"]["managedFields"]
