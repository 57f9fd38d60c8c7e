"""A run backs the mesh up by itself: before its first step, when it is done, and when it is rolled back."""

import shutil
from pathlib import Path

import pyrage
import pytest

from resail.backup.file import read_backup
from resail.errors import ArtifactError, UsageError
from resail.journal.sqlite import open_journal
from resail.models.backup import Backup
from resail.models.identity import ObjectRef
from resail.models.journal import StepIntent
from resail.models.record import Record
from resail.operations.apply import ApplyRequest, ResumeRequest, RollbackRequest, apply, resume, rollback
from resail.operations.cluster_choice import TWIN, ClusterChoice
from resail.operations.execution import RunResult, SilentWatcher
from resail.operations.inspect import MeshChoice
from resail.operations.plan import PlanRequest, plan
from resail.operations.runs import StateDirectory
from resail.twin.cluster import open_twin
from resail.twin.loop import run
from tests.acceptance.crashes import KilledError, committing, leave_behind, settle
from tests.acceptance.small_mesh import TO, open_small_charts

READER = ObjectRef("rbac.authorization.k8s.io/v1", "ClusterRole", "", "istio-reader")
OTHERS = ObjectRef("apps/v1", "Deployment", "istio-system", "istiod-1-26-0")
"""The old revision of a canary, which it leaves alone."""


class Listener(SilentWatcher):
    """What a run tells."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def progress(self, text: str) -> None:
        self.told.append(text)


class Stage:
    """A small mesh on a twin, and the plan of its upgrade."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.directory = place / "state"
        self.config = place / "resail.yaml"
        self.config.write_text("")
        self.listener = Listener()
        self.releases = (place / "releases",)
        mesh = MeshChoice(cluster=ClusterChoice(twin=self.directory / TWIN))
        wish = PlanRequest(mesh=mesh, target=TO, release_directories=self.releases, out=place / "plan.zip")
        settle(plan(wish, lambda _: None, open_small_charts))

    def apply(self) -> RunResult:
        wish = ApplyRequest(
            plan=self.place / "plan.zip", directory=self.directory, release_directories=self.releases, config=self.config
        )
        return settle(apply(wish, watcher=self.listener))

    def resume(self) -> RunResult:
        wish = ResumeRequest(directory=self.directory, release_directories=self.releases, config=self.config)
        return settle(resume(wish, watcher=self.listener))

    def rollback(self) -> RunResult:
        return settle(rollback(RollbackRequest(directory=self.directory, config=self.config), watcher=self.listener))

    def kept(self) -> list[str]:
        """Names of backups, without the run."""
        return sorted(path.name.partition("-")[2].partition("-")[2] for path in (self.directory / "backups").iterdir())

    def runs(self) -> list[str]:
        state = StateDirectory(self.directory)
        return [run.id for run in open_journal(state.journal).runs()] if state.journal.exists() else []

    def begun(self) -> bool:
        """Has a step?"""
        return any(
            isinstance(entry.body, StepIntent)
            for run in self.runs()
            for entry in open_journal(self.directory / "journal.db").entries(run)
        )


@pytest.fixture
def stage(small_place: Path) -> Stage:
    return Stage(small_place)


def backups_of(record: Record, *identities: Path) -> list[Backup]:
    return [read_backup(Path(path), identities) for path in record.backups]


def versions(backups: list[Backup]) -> list[tuple[str, ...]]:
    return [one.facts.istio_versions for one in backups]


def test_before_after_and_after_the_rollback(stage: Stage) -> None:
    done = stage.apply().record
    assert versions(backups_of(done)) == [("1.26.0",), ("1.26.0", "1.27.9")]
    assert stage.kept() == ["after.tar.gz", "before.tar.gz"]
    told = [text for text in stage.listener.told if "not sufficient to restore" in text]
    assert told == ["that backup is not sufficient to restore: Helm state"]
    assert all(any(path in text for text in stage.listener.told) for path in done.backups)

    undone = stage.rollback().record
    before, _, rolled_back = backups_of(undone)
    assert (undone.state, undone.backups[:2]) == ("rolled-back", done.backups)
    assert rolled_back.facts.istio_versions == before.facts.istio_versions == ("1.26.0",)
    assert undone.backups[0] in (stage.directory / "reports" / f"{undone.run}.html").read_text()
    assert undone.backups[2] in (stage.directory / "reports" / f"{undone.run}.md").read_text()


def test_for_the_sites_recipients_they_are_encrypted_and_have_all(stage: Stage) -> None:
    key = pyrage.x25519.Identity.generate()
    (stage.place / "key").write_text(f"{key}\n")
    stage.config.write_text(f"backup:\n  recipients: [{key.to_public()}]\n")
    record = stage.apply().record
    assert [Path(path).suffix for path in record.backups] == [".age", ".age"]
    for backup in backups_of(record, stage.place / "key"):
        assert backup.facts.has_secrets
        assert backup.facts.lacks == ()
    assert not any("not sufficient" in text for text in stage.listener.told)


@pytest.mark.parametrize("recipient", ["age1nobody", "AGE-SECRET-KEY-1NOBODY"])
def test_a_recipient_that_is_none_is_refused_by_the_settings(stage: Stage, recipient: str) -> None:
    stage.config.write_text(f"backup:\n  recipients: [{recipient}]\n")
    with pytest.raises(UsageError, match="not a recipient") as caught:
        stage.apply()
    assert str(stage.config) in caught.value.on
    assert stage.runs() == []


def test_nothing_is_begun_where_it_cannot_be_written(stage: Stage) -> None:
    (stage.directory / "backups").write_text("in the way")
    with pytest.raises((ArtifactError, UsageError)):
        stage.apply()
    assert stage.runs() == []


def killed(stage: Stage, begun: bool) -> None:
    """Leave ``stage`` as a kill would, when the run has its first entry or its first step."""
    left = stage.place / "left"

    def die(_: int) -> None:
        if not left.exists() and stage.runs() and stage.begun() == begun:
            leave_behind(stage.directory, left)
            raise KilledError(9)

    with committing(die), pytest.raises(KilledError):
        stage.apply()
    stage.directory = left


def test_a_run_has_it_before_its_first_entry(stage: Stage) -> None:
    killed(stage, begun=False)
    [run] = stage.runs()
    path = StateDirectory(stage.directory).backup(run, "before")
    assert path is not None
    held = path.read_bytes()
    record = stage.resume().record
    assert versions(backups_of(record)) == [("1.26.0",), ("1.26.0", "1.27.9")]
    assert path.read_bytes() == held


@pytest.mark.parametrize("begun", [False, True])
def test_a_resumed_run_takes_it_only_where_nothing_was_done(stage: Stage, begun: bool) -> None:
    """As on another machine, which has none."""
    killed(stage, begun)
    shutil.rmtree(stage.directory / "backups")
    record = stage.resume().record
    assert record.state == "done"
    assert stage.kept() == (["after.tar.gz"] if begun else ["after.tar.gz", "before.tar.gz"])
    assert versions(backups_of(record))[-1] == ("1.26.0", "1.27.9")


def test_a_run_that_went_well_is_done_without_the_last_one(stage: Stage) -> None:
    class Filled(Listener):
        def ended(self) -> None:
            place = stage.directory / "backups"
            shutil.rmtree(place)
            place.write_text("in the way")

    stage.listener = Filled()
    result = stage.apply()
    assert (result.record.state, result.error, result.record.backups) == ("done", None, ())
    assert any("is not backed up" in text for text in stage.listener.told)


def test_after_a_rollback_it_is_told_what_is_not_as_before(stage: Stage) -> None:
    stage.apply()

    async def meddle() -> None:
        async with open_twin(stage.directory / TWIN) as twin:
            # No field of Helm's, so that no step puts it back; and something that is none of the run's.
            for ref in (READER, OTHERS):
                await twin.patch(ref, {"metadata": {"labels": {"cost-centre": "42"}}})

    run(meddle())
    record = stage.rollback().record
    (found,) = [one for one in record.findings if one.id in ("not-as-before", "not-compared")]
    assert found.message == f"not as before the run: {READER} metadata.labels.cost-centre"
    only = "--only ClusterRole/istio-reader --overwrite"
    assert found.fix == f"`resail restore {record.backups[0]} {only}` brings it back"


def test_what_cannot_be_compared_is_said_so(stage: Stage) -> None:
    done = stage.apply().record
    Path(done.backups[0]).unlink()
    (found,) = [one for one in stage.rollback().record.findings if one.id in ("not-as-before", "not-compared")]
    assert found.message.endswith("this machine has no backup from before the run")
