"""``resail rollback``"""

from pathlib import Path

import click

from resail.apps.cli.choices import cluster_of, config_option, dir_option, run_option
from resail.apps.cli.command import Command
from resail.apps.cli.settings import Settings

__all__ = ["command"]


@click.command("rollback", cls=Command)
@dir_option
@run_option
@config_option
@click.pass_obj
def command(settings: Settings, directory: Path | None, run: str | None, config: Path | None) -> None:
    """Undo a run, whether it is done, halted, aborted or was killed.

    Pointers (tags, labels, control planes) go back first, then what they injected is restarted, then what was added is
    removed. CRDs stay at the target version. Prints the run's record; exits 0 where all is undone, 7 where it is not.
    """
    from resail.apps.cli.running import perform
    from resail.operations.apply import RollbackRequest, rollback

    request = RollbackRequest(
        cluster=cluster_of(settings), istio_namespace=settings.istio_namespace, directory=directory, run=run, config=config
    )
    perform(settings, request, lambda watcher: rollback(request, watcher=watcher))
