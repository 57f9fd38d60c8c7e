"""One wave: all its workloads restart at the same time, each in the way that the plan says."""

import asyncio
from collections.abc import Sequence

import msgspec

from resail.checks.rollout import rollout_of
from resail.engine.context import Context, Done, StepFailedError
from resail.engine.injection import Injected, wait_until_injected
from resail.engine.readiness import pods_of, wait_until_rolled_out
from resail.engine.rollouts import mark_before, mark_of, restart_mark, roll_out, take_back
from resail.errors import EvictionBlockedError, NotFoundError, ResailError
from resail.models.identity import Manifest, ObjectRef
from resail.models.plan import Restart, RestartWave
from resail.models.snapshot import Pod
from resail.plan.rollback import before_restart

__all__ = ["do_wave", "undo_wave"]

_POLL = 0.5  # seconds
_INJECTION_TIMEOUT = 60.0  # seconds for webhooks to take effect


class _Aim(msgspec.Struct, frozen=True):
    """What every pod shall have, and the mark of the restart that brings it."""

    sidecar: Injected
    mark: str
    taken_back: str = ""
    """Undoing: the mark of the restart that is taken back first."""

    @property
    def undoes(self) -> bool:
        return bool(self.taken_back)

    def reached_by(self, pod: Pod) -> bool:
        return (pod.proxy_version, pod.revision) == (self.sidecar.version, self.sidecar.revision)


class _Result(msgspec.Struct, frozen=True):
    restarted: str = ""
    note: str = ""


async def do_wave(context: Context, step: RestartWave) -> Done:
    """Restart the wave's workloads, those that are on the target already left out."""
    return await _all(context, step, step.restarts, _forwards(context, step))


async def undo_wave(context: Context, step: RestartWave) -> Done:
    """Take back those that had moved: the pointers are back, so they get the old sidecar."""
    back = before_restart(context.files.plan, step)
    forwards = _forwards(context, step)
    mark = f"{restart_mark(context.run, step.id, back.from_version)}/undo"
    aim = _Aim(Injected(str(back.from_version), back.from_revision), mark, forwards.mark)
    moved = [restart for restart in step.restarts if await _has_moved(context, restart, forwards)]
    done = await _all(context, step, moved, aim)
    return msgspec.structs.replace(done, skipped=not moved)


def _forwards(context: Context, step: RestartWave) -> _Aim:
    hop = context.hop_of(step)
    return _Aim(Injected(str(hop.to_version), hop.to_revision), restart_mark(context.run, step.id, hop.to_version))


async def _has_moved(context: Context, restart: Restart, aim: _Aim) -> bool:
    """Was its restart set off? Also where none of its new pods has come up."""
    try:
        workload = await context.reader.get(restart.workload)
    except NotFoundError:
        return False
    return mark_of(workload) == aim.mark or any(aim.reached_by(pod) for pod in await pods_of(context, workload))


async def _all(context: Context, step: RestartWave, restarts: Sequence[Restart], aim: _Aim) -> Done:
    """All at once; where one fails, the others come to their own end first."""
    outcomes = await asyncio.gather(*(_one(context, step, restart, aim) for restart in restarts), return_exceptions=True)
    failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    for failure in failures:
        if not isinstance(failure, StepFailedError):
            raise failure
    if failures:
        first = failures[0]
        assert isinstance(first, ResailError)
        more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        raise StepFailedError(f"{first.what}{more}", on=first.on, next_step=first.next_step)
    results = [outcome for outcome in outcomes if isinstance(outcome, _Result)]
    return Done(
        "; ".join(result.note for result in results if result.note),
        tuple(sorted(result.restarted for result in results if result.restarted)),
    )


async def _one(context: Context, step: RestartWave, restart: Restart, aim: _Aim) -> _Result:
    name = str(restart.workload)
    try:
        workload = await context.reader.get(restart.workload)
    except NotFoundError:
        return _Result(note=f"{name} is gone")
    pods = await pods_of(context, workload)
    if pods and all(aim.reached_by(pod) for pod in pods) and mark_of(workload) not in (aim.mark, aim.taken_back):
        return _Result(note=f"{name} was on {aim.sidecar} already")
    await _gate(context, restart.workload, workload, aim)
    if restart.method == "rollout":
        await _roll(context, step, restart, workload, aim)
    else:
        await _evict_all(context, step, restart.workload, aim)
    await _check(context, restart.workload, aim)
    return _Result(restarted=name)


async def _roll(context: Context, step: RestartWave, restart: Restart, workload: Manifest, aim: _Aim) -> None:
    if aim.undoes:
        before = mark_before(context.files.plan, context.run, step, restart.workload, restart.mark_before)
        await take_back(context, workload, aim.taken_back, before)
        await _free(context, step, restart.workload, aim)
        workload = await wait_until_rolled_out(context, step.id, restart.workload, step.ready_timeout)
        if all(aim.reached_by(pod) for pod in await pods_of(context, workload)):
            return
        # Someone has deployed it meanwhile, with the new sidecar.
    elif mark_of(workload) != aim.mark:
        await _settled(context, step, restart)
    await roll_out(context, workload, aim.mark)
    await wait_until_rolled_out(context, step.id, restart.workload, step.ready_timeout)


async def _free(context: Context, step: RestartWave, ref: ObjectRef, aim: _Aim) -> None:
    """A StatefulSet waits for a pod that does not get ready, also when its template is no longer the one that it is stuck with.

    See "Forced rollback" in https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/
    """
    if ref.kind != "StatefulSet":
        return
    for pod in await pods_of(context, await context.reader.get(ref)):
        if not pod.ready and not aim.reached_by(pod):
            await _evict(context, step, ref, pod)


async def _settled(context: Context, step: RestartWave, restart: Restart) -> None:
    """What its owner deploys just now comes first; where that gets stuck, a restart on top would only hide why."""
    try:
        await wait_until_rolled_out(context, step.id, restart.workload, step.ready_timeout)
    except StepFailedError as error:
        raise StepFailedError(
            f"not restarted, since a rollout of its owner's is under way: {error.what}",
            on=error.on,
            next_step=error.next_step,
        ) from error


async def _gate(context: Context, ref: ObjectRef, workload: Manifest, aim: _Aim) -> None:
    """Restarting is of no use, or does harm, where a new pod would not get the right sidecar."""
    problem = await wait_until_injected(
        context.writer, context.clock, ref.namespace, workload["spec"]["template"], aim.sidecar, _INJECTION_TIMEOUT
    )
    if problem:
        raise StepFailedError(
            f"not restarted: {problem}",
            on=str(ref),
            next_step="see its labels and those of its namespace, and the injector webhooks; then `resail resume`",
        )


async def _evict_all(context: Context, step: RestartWave, ref: ObjectRef, aim: _Aim) -> None:
    """Pod by pod, each replacement ready before the next one goes; budgets are the eviction API's to keep."""
    deadline = context.clock.monotonic() + step.ready_timeout
    while True:
        workload = await context.reader.get(ref)
        rollout = rollout_of(workload)
        pods = await pods_of(context, workload)
        left = sorted((pod for pod in pods if not aim.reached_by(pod)), key=lambda pod: (pod.ready, pod.name))
        if not left and rollout.whole and all(pod.ready for pod in pods):
            return
        context.tell(
            step.id, f"{ref}: {len(pods) - len(left)} of {rollout.wanted} pods replaced", len(pods) - len(left), rollout.wanted
        )
        # Where a pod never gets ready with the new sidecar, waiting for it first would leave no way back.
        no_loss = aim.undoes and bool(left) and not left[0].ready
        if left and ((rollout.whole and len(pods) >= rollout.wanted) or no_loss):
            await _evict(context, step, ref, left[0])
        if context.clock.monotonic() > deadline:
            raise StepFailedError(
                f"not replaced within {step.ready_timeout} s: {len(left)} pods have the old sidecar, {rollout.ready} of "
                f"{rollout.wanted} are ready",
                on=str(ref),
                next_step=f"see `kubectl -n {ref.namespace} get pods,pdb`; then `resail resume`, or `resail rollback`",
            )
        await context.clock.sleep(_POLL)


async def _evict(context: Context, step: RestartWave, ref: ObjectRef, pod: Pod) -> None:
    try:
        await context.writer.evict(ObjectRef("v1", "Pod", ref.namespace, pod.name))
    except EvictionBlockedError as error:
        context.tell(step.id, f"{ref}: waits for its PodDisruptionBudget ({error.what})")


async def _check(context: Context, ref: ObjectRef, aim: _Aim) -> None:
    pods = await pods_of(context, await context.reader.get(ref))
    wrong = [pod.name for pod in pods if not aim.reached_by(pod)]
    if wrong:
        raise StepFailedError(
            f"restarted, but {len(wrong)} of its pods have another sidecar than {aim.sidecar}: {', '.join(wrong[:3])}",
            on=str(ref),
            next_step="see who made these pods; then `resail resume`, or `resail rollback`",
        )
