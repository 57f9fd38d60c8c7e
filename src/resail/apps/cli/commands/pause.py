"""``resail pause``"""

from pathlib import Path
from typing import Any

import click

from resail.apps.cli.choices import dir_option, run_choice, run_option, settle, told_on
from resail.apps.cli.command import Command
from resail.apps.cli.settings import Settings

__all__ = ["command"]


@click.command("pause", cls=Command)
@dir_option
@run_option
@click.pass_obj
def command(settings: Settings, directory: Path | None, run: str | None) -> None:
    """Ask the process that works on a run, on whatever machine, to halt after the step under way.

    `resail resume` goes on."""
    from resail.apps.cli.output import print_result
    from resail.operations.control import pause

    steered = settle(pause(run_choice(settings, directory, run), told_on(settings)))

    def table() -> Any:
        from resail.apps.cli.drawing.steered import draw_steered

        return draw_steered(steered)

    print_result(steered, settings, table)
