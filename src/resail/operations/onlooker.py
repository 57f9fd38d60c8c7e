"""The runs of a mesh for who does not work on them: to read them, or to steer the one under way."""

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec

from resail.errors import LockedError
from resail.journal.lease import LeaseFacts, ask_holder, read_lease, see_whether_alive
from resail.journal.lock import hold
from resail.journal.sqlite import SqliteJournal, open_journal
from resail.models.journal import Run
from resail.models.plan import PlanFiles
from resail.operations.cluster_choice import Connection, connect_to
from resail.operations.runs import RunChoice, StateDirectory, existing_journal, state_directory
from resail.operations.turn import bring_up_to_date, namespace_of, plan_of
from resail.plan.file import read_plan
from resail.tenure.tenure import boot_time

__all__ = ["Onlooker", "looking_on"]


class Onlooker(msgspec.Struct, frozen=True):
    """Made by ``looking_on``."""

    state: StateDirectory
    journal: SqliteJournal
    run: Run
    """The one that is meant."""
    connection: Connection | None
    """None: only this machine is asked."""
    namespace: str
    """Where the lease is."""

    @property
    def here(self) -> str:
        """Who works on the state directory; empty where no process of this machine does."""
        with contextlib.suppress(OSError):
            try:
                with hold(self.state.root):
                    return ""
            except LockedError as error:
                return error.what
        return ""

    @property
    def plan(self) -> PlanFiles:
        """The run's plan.

        Raises:
            ArtifactError: the run's own copy of it is gone or damaged.
        """
        return read_plan(self.state.plan_of(self.run))

    async def lease(self) -> LeaseFacts | None:
        """The mesh's lease, where someone holds it."""
        if self.connection is None or self.connection.tenure is None:
            return None
        lease = await read_lease(self.connection.cluster, self.namespace)
        return lease if lease is not None and lease.holder is not None else None

    async def lives(self, lease: LeaseFacts, progress: Callable[[str], None], share: float = 1.0) -> bool:
        """Is the lease renewed within this share of its duration?"""
        assert self.connection is not None
        return await see_whether_alive(self.connection.cluster, self.namespace, lease, boot_time, progress, share)

    async def ask(self, what: str) -> None:
        """Ask whoever holds the lease to ``pause`` or ``abort`` the run; it looks between steps."""
        assert self.connection is not None
        await ask_holder(self.connection.cluster, self.namespace, self.run.id, what)


@asynccontextmanager
async def looking_on(choice: RunChoice, progress: Callable[[str], None], *, steering: bool = False) -> AsyncIterator[Onlooker]:
    """Look at a run as the cluster's copy tells it; where a directory was named, as that does.

    Args:
        choice: which.
        progress: what is waited for.
        steering: the cluster is asked also where a directory was named, if the run has a copy there.

    Raises:
        UsageError: nothing was run, or there is no such run.
        ArtifactError: the journal or a copy is damaged, or of a later format.
    """
    if choice.directory is not None:
        state = StateDirectory(choice.directory.absolute())
        journal = existing_journal(state)
        run = journal.run(choice.run)
        copied_to = journal.copied_to(run.id)
        if not steering or copied_to is None:
            yield Onlooker(state, journal, run, None, "")
            return
    async with connect_to(choice.cluster, choice.directory) as connection:
        cluster = connection.cluster
        state = state_directory(choice.directory, await cluster.cluster_id())
        namespace = namespace_of(state, choice.run, choice.istio_namespace)
        journal = open_journal(state.journal)
        # A process that works here knows more than it has told the cluster.
        with contextlib.suppress(LockedError), hold(state.root):
            copies = await bring_up_to_date(cluster, namespace, state, journal, progress)
            if copies:
                await plan_of(cluster, namespace, state, journal.run(choice.run), copies)
        yield Onlooker(state, journal, journal.run(choice.run), connection, namespace)
