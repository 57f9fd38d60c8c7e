"""``resail diff``"""

from pathlib import Path
from typing import Any

import click

from resail.apps.cli.choices import cluster_of, settle
from resail.apps.cli.command import Command
from resail.apps.cli.settings import Settings
from resail.errors import ExitCode

__all__ = ["command"]


@click.command("diff", cls=Command)
@click.argument("plan", metavar="PLAN", type=click.Path(path_type=Path))
@click.option("--exit-code", is_flag=True, help="Exit 10 where there are differences.")
@click.pass_obj
def command(settings: Settings, plan: Path, exit_code: bool) -> None:
    """What a plan would change now, object by object and field by field, by server-side dry run.

    Left out: what the API server and istiod fill in, Secrets, and the restarts, which `resail show` lists.
    """
    from resail.apps.cli.output import print_result
    from resail.operations.diff import DiffRequest, diff

    found = settle(diff(DiffRequest(cluster=cluster_of(settings), plan=plan)))

    def table() -> Any:
        from resail.apps.cli.drawing.diff import draw_diff

        return draw_diff(found, verbose=settings.verbose)

    print_result(found, settings, table)
    if exit_code and found:
        raise click.exceptions.Exit(int(ExitCode.DIFFERENCES))
