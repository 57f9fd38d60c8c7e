"""``resail show``"""

from pathlib import Path
from typing import Any

import click

from resail.apps.cli.command import Command
from resail.apps.cli.settings import Settings

__all__ = ["command"]


@click.command("show", cls=Command)
@click.argument("plan", metavar="PLAN", type=click.Path(path_type=Path))
@click.pass_obj
def command(settings: Settings, plan: Path) -> None:
    """Show a plan: its steps and how each is undone, what restarts and why, what is left alone and why."""
    from resail.apps.cli.output import print_result
    from resail.operations.show import show

    files = show(plan)

    def table() -> Any:
        from resail.apps.cli.drawing.plan import draw_plan

        return draw_plan(files, verbose=settings.verbose)

    print_result(files.plan, settings, table)
