"""``resail doctor``: what is wrong with the mesh now, and why."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import msgspec

from resail.checks.diagnosis.examination import examine
from resail.checks.diagnosis.situation import RunSeen, Situation
from resail.errors import ArtifactError
from resail.journal.lock import holder_of
from resail.journal.sqlite import open_journal
from resail.models.diagnosis import Examination
from resail.models.precheck import NotEvaluated
from resail.operations.cluster_choice import ClusterChoice, connect_to
from resail.operations.last_upgrade import last_upgrade
from resail.operations.runs import USUAL_NAMESPACE, StateDirectory, state_directory
from resail.snapshot.runs_seen import run_seen
from resail.snapshot.situation import gather_situation

__all__ = ["Consultation", "DoctorRequest", "consult"]


class DoctorRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Whose mesh."""

    cluster: ClusterChoice = ClusterChoice()
    istio_namespace: str = USUAL_NAMESPACE
    directory: Path | None = None
    """The state directory with runs that the cluster has no copy of; None: that of the cluster."""


class Consultation(msgspec.Struct, frozen=True):
    """What was read, and what it means."""

    situation: Situation
    examination: Examination


async def consult(request: DoctorRequest, progress: Callable[[str], None] = lambda _: None) -> Consultation:
    """Look at the mesh; nothing is written to it.

    Raises:
        ClusterUnreachableError: the API does not answer.
        ForbiddenError: we may not read what a mesh is told by.
        UsageError: the directory cannot be used.
    """
    async with connect_to(request.cluster, request.directory) as connection:
        cluster = connection.cluster
        situation = await gather_situation(cluster, request.istio_namespace, connection.clock.now(), progress)
        state = state_directory(request.directory, await cluster.cluster_id())
        situation = _with_runs_of(state, situation)
        examination = examine(situation)
        if examination.verdict == "ill":
            progress("looking what the last upgrade may have done")
            situation = msgspec.structs.replace(situation, case=await last_upgrade(cluster, state, situation))
            examination = examine(situation)
    return Consultation(situation, examination)


def _with_runs_of(state: StateDirectory, situation: Situation) -> Situation:
    """With those that this machine knows and the cluster has no copy of, as on a twin."""
    if not state.journal.exists():
        return situation
    copied = {seen.run.id for seen in situation.runs}
    holder = holder_of(state.root)
    own: list[RunSeen] = []
    try:
        with contextlib.closing(open_journal(state.journal)) as journal:
            for run in journal.runs():
                # One that once had a copy ended: copies of unfinished ones stay.
                if run.id not in copied and journal.copied_to(run.id) is None:
                    own.append(run_seen(journal.entries(run.id), str(state.journal), holder, alive=bool(holder)))
    except ArtifactError as error:
        unread = (*situation.unread, NotEvaluated("runs", str(error)))
        return msgspec.structs.replace(situation, unread=unread)
    runs = sorted((*own, *situation.runs), key=lambda seen: seen.run.started)
    return msgspec.structs.replace(situation, runs=tuple(runs))
