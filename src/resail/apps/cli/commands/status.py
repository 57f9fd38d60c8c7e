"""``resail status``"""

from pathlib import Path
from typing import Any

import click

from resail.apps.cli.choices import dir_option, run_choice, run_option, settle, told_on
from resail.apps.cli.command import Command
from resail.apps.cli.settings import Settings

__all__ = ["command"]


@click.command("status", cls=Command)
@dir_option
@run_option
@click.pass_obj
def command(settings: Settings, directory: Path | None, run: str | None) -> None:
    """How a run stands, from its journal or the cluster's copy of it; asks the cluster nothing where --dir is given."""
    from resail.apps.cli.output import print_result
    from resail.operations.status import status

    standing = settle(status(run_choice(settings, directory, run), told_on(settings)))

    def table() -> Any:
        from resail.apps.cli.drawing.status import draw_status

        return draw_status(standing)

    print_result(standing, settings, table)
