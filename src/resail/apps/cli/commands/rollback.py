"""``resail rollback``"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from resail.apps.cli.choices import cluster_of, config_option, dir_option, run_option, settle, told_on
from resail.apps.cli.command import Command
from resail.apps.cli.settings import Settings
from resail.errors import ExitCode

if TYPE_CHECKING:
    from resail.operations.apply import RollbackRequest

__all__ = ["command"]


@click.command("rollback", cls=Command, formats=("table", "json", "yaml", "md"))
@dir_option
@run_option
@config_option
@click.option("--dry-run", is_flag=True, help="List what would be done, in order, and write nothing.")
@click.pass_obj
def command(settings: Settings, directory: Path | None, run: str | None, config: Path | None, dry_run: bool) -> None:
    """Undo a run, whether it is done, halted, aborted or was killed.

    Pointers (tags, labels, control planes) go back first, then what they injected is restarted, then what was added is
    removed. CRDs stay at the target version. Prints the run's record; exits 0 where all is undone, 7 where it is not.

    With `--dry-run` the same steps are walked on the mesh as it is now, and each write is listed with what it changes, what
    restarts by it, and where it would stop; exits 7 where it would. `-o md` is for a change ticket.
    """
    from resail.operations.apply import RollbackRequest

    request = RollbackRequest(
        cluster=cluster_of(settings), istio_namespace=settings.istio_namespace, directory=directory, run=run, config=config
    )
    if dry_run:
        _foresee(settings, request)
        return
    if settings.output == "md":
        raise click.UsageError("only --dry-run prints md; `resail report -o md` has the record")
    from resail.apps.cli.running import perform
    from resail.operations.apply import rollback

    perform(settings, request, lambda watcher: rollback(request, watcher=watcher))


def _foresee(settings: Settings, request: "RollbackRequest") -> None:
    from resail.apps.cli.output import print_result
    from resail.operations.rollback_preview import foresee_rollback

    found = settle(foresee_rollback(request, told_on(settings)))

    def table() -> Any:
        from resail.apps.cli.drawing.undoing import draw_undoing

        return draw_undoing(found)

    if settings.output == "md":
        from resail.report.undoing import render_undoing

        click.echo(render_undoing(found), nl=False)
    else:
        print_result(found, settings, table)
    if found.stuck:
        raise click.exceptions.Exit(int(ExitCode.ROLLBACK_FAILED))
