"""The steps of a run undone, one after the other, on a cluster that only remembers."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from resail.cluster import Clock, ClusterReader
from resail.engine.calls import NumberedInstaller, NumberedWriter
from resail.engine.context import Context, Verifier
from resail.engine.engine import undo_step
from resail.engine.foresight.cluster import ForeseenCluster
from resail.engine.foresight.ledger import Ledger
from resail.engine.injection import Injected
from resail.engine.istioctl_calls import NumberedIstioctl
from resail.engine.settling import CRD
from resail.errors import ClusterUnreachableError, ForbiddenError, ResailError
from resail.installers.istioctl_rendered import RenderedIstioctl
from resail.installers.rendered import RenderedInstaller
from resail.journal.fold import fold_steps
from resail.journal.sqlite import SqliteJournal
from resail.models.plan import InstallerStep, NoUndo, PlanFiles, RestartWave, Step
from resail.models.undoing import LeftOut, StepUndoing
from resail.plan.rollback import before_restart, undo_sequence

__all__ = ["crds_that_stay", "foresee_undoing", "steps_left_out"]


async def foresee_undoing(
    reader: ClusterReader, files: PlanFiles, journal: SqliteJournal, run: str, clock: Clock, verifier: Verifier
) -> tuple[StepUndoing, ...]:
    """What ``Engine.rollback`` would do: the same steps in the same order, each by the same code.

    Args:
        reader: of the cluster, to which nothing is written.
        files: the plan.
        journal: one that may be thrown away, with the run's entries.
        run: the run.
        clock: gives the time; nothing is waited for.
        verifier: is not asked.

    Returns: up to the step, if any, that cannot be undone.

    Raises:
        ClusterUnreachableError: the API went away.
        ForbiddenError: something may not be read.
    """
    walk = _Walk(reader, files, journal, run, clock, verifier)
    standings = fold_steps(journal.entries(run))
    told: list[StepUndoing] = []
    for step in undo_sequence(files.plan, standings):
        if standings[step.id].undone:
            continue
        told.append(await walk.undo(step))
        if told[-1].outcome == "stuck":
            break
    return tuple(told)


def steps_left_out(files: PlanFiles, journal: SqliteJournal, run: str) -> tuple[LeftOut, ...]:
    """The steps for which undoing does nothing, and why."""
    standings = fold_steps(journal.entries(run))
    left = []
    for step in files.plan.steps:
        standing = standings.get(step.id)
        if standing is None:
            left.append(LeftOut(step.id, step.title, "it was never begun"))
        elif standing.undone:
            left.append(LeftOut(step.id, step.title, "it is undone already"))
        elif isinstance(step.undo, NoUndo):
            left.append(LeftOut(step.id, step.title, step.undo.reason))
    return tuple(left)


def crds_that_stay(files: PlanFiles, undone: Sequence[StepUndoing]) -> tuple[str, ...]:
    """CRDs that the steps brought or changed, and that undoing leaves as they are; sorted."""
    ids = {each.step for each in undone}
    changes = [
        each
        for step in files.plan.steps
        if step.id in ids and isinstance(step, InstallerStep)
        for each in step.change.objects
        if each.object.kind == CRD and each.change != "remove"
    ]
    gone = {each.object for step in undone for write in step.writes for each in write.objects if each.change == "remove"}
    return tuple(sorted({each.object.name for each in changes if each.object not in gone}))


class _Walk:
    def __init__(
        self, reader: ClusterReader, files: PlanFiles, journal: SqliteJournal, run: str, clock: Clock, verifier: Verifier
    ) -> None:
        self._files = files
        self._sidecar = Injected("", "")
        self._cluster = ForeseenCluster(reader, lambda: self._sidecar)
        self._ledger = Ledger(journal, run, self._cluster)
        self._context = Context(
            reader=self._cluster,
            writer=NumberedWriter(self._cluster, self._ledger),
            installer=NumberedInstaller(RenderedInstaller(self._cluster, self._cluster), self._ledger),
            istioctl=NumberedIstioctl(RenderedIstioctl(self._cluster, self._cluster), self._ledger),
            journal=journal,
            clock=_Impatient(clock, self._cluster),
            verifier=verifier,
            files=files,
            releases=(),
            run=run,
        )

    async def undo(self, step: Step) -> StepUndoing:
        back = before_restart(self._files.plan, step)
        self._sidecar = Injected(str(back.from_version), back.from_revision)
        self._cluster.rested = False
        self._ledger.step = step.id
        concerned = [one.workload for one in step.restarts] if isinstance(step, RestartWave) else []
        try:
            done = await undo_step(self._context, step)
        except (ClusterUnreachableError, ForbiddenError):
            raise
        except ResailError as error:
            writes, restarts = self._ledger.taken()
            return StepUndoing(step.id, step.title, "stuck", str(error), error.next_step, writes, restarts)
        writes, rolled = self._ledger.taken()
        restarts = tuple(sorted({*rolled, *(ref for ref in concerned if str(ref) in done.restarted)}))
        return StepUndoing(
            step=step.id,
            title=step.title,
            outcome="undone" if writes or restarts else "nothing",
            detail=done.detail,
            writes=writes,
            restarts=restarts,
            alone=tuple(sorted({*concerned} - {*restarts})),
        )


class _Impatient:
    """Implements ``Clock``: nothing is waited for, and all that waits goes by its own time."""

    def __init__(self, clock: Clock, cluster: ForeseenCluster) -> None:
        self._clock = clock
        self._cluster = cluster
        self._slept = 0.0

    def now(self) -> datetime:
        return self._clock.now()

    def monotonic(self) -> float:
        return self._slept

    async def sleep(self, seconds: float) -> None:
        self._slept += seconds
        self._cluster.rested = True
        await asyncio.sleep(0)
