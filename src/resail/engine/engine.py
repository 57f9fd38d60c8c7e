"""The loop: each step of a plan in turn, intent before acting, outcome after."""

from collections.abc import Awaitable, Sequence
from functools import partial

from resail.cluster import Clock, ClusterReader, ClusterWriter
from resail.engine.adoption import do_adopt, undo_adopt
from resail.engine.calls import CallObserver, Calls, NumberedInstaller, NumberedWriter
from resail.engine.context import Context, Done, StepFailedError, Verifier
from resail.engine.installer_steps import do_change, undo_change
from resail.engine.istioctl_calls import NumberedIstioctl
from resail.engine.perseverance import persevere
from resail.engine.pointers import do_label, do_tag, undo_label, undo_tag
from resail.engine.preconditions import check_preconditions, check_start
from resail.engine.removal import do_removal, undo_removal
from resail.engine.replay import change_crds
from resail.engine.sampling import Sampler
from resail.engine.soak import do_soak
from resail.engine.waves import do_wave, undo_wave
from resail.errors import (
    ClusterUnreachableError,
    HaltedError,
    LeaseLostError,
    ResailError,
    RollbackFailedError,
    RolledBackError,
    StalePlanError,
)
from resail.installers.interface import Installer, IstioctlInstaller
from resail.journal.copy import JournalCopy, NoCopy
from resail.journal.fold import fold_steps
from resail.journal.sqlite import SqliteJournal
from resail.models.journal import Direction, RunFinished, RunHalted, StepApproved, StepIntent, StepOutcome
from resail.models.plan import (
    AdoptObjects,
    Approve,
    AwaitSoak,
    InstallerStep,
    LabelNamespace,
    MoveTag,
    PlanFiles,
    RemoveRevision,
    RestartWave,
    Step,
    UpgradeCRDs,
    Verify,
)
from resail.models.release import Release
from resail.plan.rollback import undo_sequence

__all__ = ["CallObserver", "Engine", "Verifier", "undo_step"]


class Engine:
    """Runs plans. ``apply`` and ``rollback`` begin a run's direction, or take it up where its journal stops."""

    def __init__(
        self,
        reader: ClusterReader,
        writer: ClusterWriter,
        installer: Installer,
        journal: SqliteJournal,
        clock: Clock,
        verifier: Verifier,
        observer: CallObserver | None = None,
        istioctl: IstioctlInstaller | None = None,
        copy: JournalCopy | None = None,
    ) -> None:
        """``istioctl``: for plans with steps of it."""
        self._reader = reader
        self._writer = writer
        self._installer = installer
        self._journal = journal
        self._clock = clock
        self._verifier = verifier
        self._observer = observer
        self._istioctl = istioctl
        self._copy = copy or NoCopy()

    async def apply(self, files: PlanFiles, releases: Sequence[Release], run: str) -> None:
        """Do all steps that are not done.

        Raises:
            StalePlanError: the mesh is not what the plan, or its next step, was made for.
            HaltedError: a gate failed, a person must approve, someone asked to pause or abort, or the lease is lost.
            RolledBackError: a gate failed and everything was undone.
            RollbackFailedError: a gate failed, and undoing did too.
            ClusterUnreachableError: the API went away; the run can be resumed.
        """
        calls = Calls(self._journal, run, self._observer, self._copy)
        context = self._context(calls, files, releases, run)
        standings = fold_steps(self._journal.entries(run))
        if not standings:
            await self._guarded(context, "", check_start(context, files.plan.steps))
        sampler = Sampler(context)
        await sampler.count()
        for step in files.plan.steps:
            standing = standings.get(step.id)
            if standing is not None and standing.done:
                continue
            await self._obey(context, step)
            calls.step = step.id
            if isinstance(step, Approve):
                self._ask(context, step)
            elif standing is None:
                await self._guarded(context, step.id, check_preconditions(context, step))
            self._journal.append(run, StepIntent(step.id, "do"))
            work = persevere(context, step.id, partial(_do, context, step))
            try:
                done = await self._guarded(context, step.id, sampler.during(work))
            except _HaltingErrors:
                raise
            except ResailError as error:
                self._journal.append(run, StepOutcome(step.id, "do", "failed", str(error)))
                await sampler.count()
                await self._failed(files, releases, run, step, error)
            else:
                self._conclude(run, step, "do", done)
                await sampler.between()
        await sampler.count()
        self._journal.append(run, RunFinished("done"))

    async def rollback(self, files: PlanFiles, releases: Sequence[Release], run: str) -> None:
        """Undo all steps that were begun and are not undone.

        Raises:
            RollbackFailedError: a step cannot be undone; the run can be resumed.
            ClusterUnreachableError: the API went away; the run can be resumed.
            LeaseLostError: someone else may work on it now.
        """
        calls = Calls(self._journal, run, self._observer, self._copy)
        context = self._context(calls, files, releases, run)
        standings = fold_steps(self._journal.entries(run))
        sampler = Sampler(context)
        await sampler.count()
        for step in undo_sequence(files.plan, standings):
            if standings[step.id].undone:
                continue
            calls.step = step.id
            self._journal.append(run, StepIntent(step.id, "undo"))
            work = persevere(context, step.id, partial(undo_step, context, step))
            try:
                done = await self._guarded(context, step.id, sampler.during(work))
            except (ClusterUnreachableError, LeaseLostError):
                raise
            except ResailError as error:
                self._journal.append(run, StepOutcome(step.id, "undo", "failed", str(error)))
                await sampler.count()
                self._journal.append(run, RunFinished("rollback-failed", f"{step.id}: {error}"))
                raise RollbackFailedError(
                    f"it cannot be undone: {error}", on=f"step {step.id}", next_step=error.next_step or "then `resail resume`"
                ) from error
            self._conclude(run, step, "undo", done)
            await sampler.between()
        await sampler.count()
        self._journal.append(run, RunFinished("rolled-back"))

    def _context(self, calls: Calls, files: PlanFiles, releases: Sequence[Release], run: str) -> Context:
        return Context(
            reader=self._reader,
            writer=NumberedWriter(self._writer, calls),
            installer=NumberedInstaller(self._installer, calls),
            istioctl=NumberedIstioctl(self._istioctl, calls),
            journal=self._journal,
            clock=self._clock,
            verifier=self._verifier,
            files=files,
            releases=releases,
            run=run,
        )

    async def _guarded(self, context: Context, step: str, work: Awaitable["Done | None"]) -> Done:
        """Journal why the run halts, where what stops it is not the step's own failure."""
        try:
            return await work or Done()
        except StalePlanError as error:
            self._journal.append(context.run, RunHalted("stale", step, str(error)))
            raise
        except (ClusterUnreachableError, LeaseLostError) as error:
            self._journal.append(context.run, RunHalted("interrupted", step, str(error)))
            raise
        except HaltedError as error:
            self._journal.append(context.run, RunHalted("gate", step, str(error)))
            raise

    async def _obey(self, context: Context, step: Step) -> None:
        wished = self._journal.requested(context.run) or await self._copy.requested()
        if wished is None:
            return
        self._journal.clear_request(context.run)
        await self._copy.clear_request()
        if wished == "abort":
            self._journal.append(context.run, RunFinished("aborted", f"by `resail abort`, before {step.id}"))
            raise HaltedError(
                f"aborted before step {step.id}", on=context.run, next_step="`resail rollback` undoes what was done"
            )
        self._journal.append(context.run, RunHalted("paused", step.id, f"by `resail pause`, before {step.id}"))
        raise HaltedError(f"paused before step {step.id}", on=context.run, next_step="`resail resume` goes on")

    def _ask(self, context: Context, step: Approve) -> None:
        approved = {entry.body.step for entry in self._journal.entries(context.run) if isinstance(entry.body, StepApproved)}
        if step.id in approved:
            return
        self._journal.append(context.run, RunHalted("approval", step.id, step.question))
        raise HaltedError(
            f"waits for approval: {step.question}", on=f"step {step.id}", next_step=f"`resail resume --approve {step.id}`"
        )

    async def _failed(self, files: PlanFiles, releases: Sequence[Release], run: str, step: Step, error: ResailError) -> None:
        """What the plan wishes when a step fails."""
        if files.plan.on_failure == "halt":
            self._journal.append(run, RunHalted("gate", step.id, str(error)))
            raise HaltedError(
                f"step {step.id} failed: {error}",
                on=run,
                next_step=error.next_step or "mend the cause and run `resail resume`, or `resail rollback`",
            ) from error
        await self.rollback(files, releases, run)
        raise RolledBackError(
            f"step {step.id} failed, and everything was undone: {error}", on=run, next_step="mend the cause and plan again"
        ) from error

    def _conclude(self, run: str, step: Step, direction: Direction, done: Done) -> None:
        outcome = StepOutcome(step.id, direction, "skipped" if done.skipped else "done", done.detail, done.restarted)
        self._journal.append(run, outcome)


_HaltingErrors = (StalePlanError, HaltedError, ClusterUnreachableError)


def _do(context: Context, step: Step) -> Awaitable[Done]:
    if isinstance(step, UpgradeCRDs):
        return change_crds(context, step, partial(do_change, context, step))
    if isinstance(step, InstallerStep):
        return do_change(context, step)
    match step:
        case AdoptObjects():
            return do_adopt(context, step)
        case MoveTag():
            return do_tag(context, step)
        case LabelNamespace():
            return do_label(context, step)
        case RestartWave():
            return do_wave(context, step)
        case AwaitSoak():
            return do_soak(context, step)
        case RemoveRevision():
            return do_removal(context, step)
        case Approve():
            return _nothing()
        case Verify():
            return _verify(context, step)


def undo_step(context: Context, step: Step) -> Awaitable[Done]:
    """Undo one step; safe to repeat."""
    if isinstance(step, InstallerStep):
        return undo_change(context, step)
    match step:
        case AdoptObjects():
            return undo_adopt(context, step)
        case MoveTag():
            return undo_tag(context, step)
        case LabelNamespace():
            return undo_label(context, step)
        case RestartWave():
            return undo_wave(context, step)
        case RemoveRevision():
            return undo_removal(context, step)
        case AwaitSoak() | Approve() | Verify():
            return _nothing()


async def _nothing() -> Done:
    return Done()


async def _verify(context: Context, step: Verify) -> Done:
    findings = await context.verifier.verify(context.files, step.hop)
    blockers = [finding for finding in findings if finding.severity == "blocker"]
    if blockers:
        raise StepFailedError(
            f"{len(blockers)} findings: {'; '.join(finding.message for finding in blockers[:5])}",
            on="the mesh",
            next_step=blockers[0].fix or "`resail verify` tells more",
        )
    return Done(f"{len(findings)} findings, none of which blocks")
