"""A hazard that came after the plan was made stops it before the first write; a waiver lets it begin."""

from pathlib import Path
from typing import Any

import pytest

from resail.errors import BlockedError
from resail.journal.sqlite import open_journal
from resail.models.identity import ObjectRef
from resail.operations.apply import ApplyRequest, apply
from resail.operations.cluster_choice import connect_to
from resail.operations.demo import DemoRequest, DemoStage, set_stage
from resail.twin.store import copied
from tests.acceptance.crashes import settle

TAG = ObjectRef("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "", "istio-revision-tag-default")
OTHER: dict[str, Any] = {"name": "second-injector", "labels": {"app": "sidecar-injector", "istio.io/rev": "1-26-0"}}
SETTINGS = """
waivers:
  - {id: W2, reason: the second one goes with the upgrade, expires: 2999-01-01}
"""


async def second_injector(stage: DemoStage) -> None:
    """The tag's webhook again, under another name."""
    async with connect_to(stage.cluster) as connection:
        hook = copied(await connection.cluster.get(TAG))
        hook["metadata"] = OTHER
        for entry in hook["webhooks"]:
            entry["failurePolicy"] = "Ignore"
        await connection.cluster.create(hook)


async def applied(stage: DemoStage, config: Path | None = None) -> str:
    request = ApplyRequest(plan=stage.plan, directory=stage.directory, cluster=stage.cluster, config=config)
    return (await apply(request)).record.state


def test_a_new_blocker_stops_the_run_before_it_begins(tmp_path: Path) -> None:
    stage = settle(set_stage(DemoRequest(directory=tmp_path / "demo"), print))
    settle(second_injector(stage))
    with pytest.raises(BlockedError, match="W2"):
        settle(applied(stage))
    assert list(open_journal(stage.directory / "journal.db").runs()) == []

    settings = tmp_path / "resail.yaml"
    settings.write_text(SETTINGS)
    # It begins, and comes to the restart that the second injector spoils.
    assert settle(applied(stage, settings)) == "halted"


def test_nothing_is_begun_while_changes_are_frozen(tmp_path: Path) -> None:
    stage = settle(set_stage(DemoRequest(directory=tmp_path / "demo"), print))
    settings = tmp_path / "resail.yaml"
    settings.write_text("freezes: [{from: 2020-01-01, to: 2999-01-01, reason: the shop is busy}]")
    with pytest.raises(BlockedError, match="the shop is busy"):
        settle(applied(stage, settings))
    assert settle(applied(stage)) == "done"
