"""``resail report``"""

from pathlib import Path
from typing import Any

import click

from resail.apps.cli.choices import dir_option, run_choice, run_option, settle
from resail.apps.cli.command import Command
from resail.apps.cli.settings import Settings

__all__ = ["command"]


@click.command("report", cls=Command, formats=("table", "json", "yaml", "md", "html"))
@dir_option
@run_option
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Write it to a file.")
@click.pass_obj
def command(settings: Settings, directory: Path | None, run: str | None, out: Path | None) -> None:
    """The record of a run: what was upgraded, restarted and left alone, when, and why.

    With `-o html` one self-contained page, with `-o md` Markdown for a change ticket.
    """
    from resail.apps.cli.output import print_result, redirected
    from resail.operations.report import render, report

    told = settle(report(run_choice(settings, directory, run)))

    def table() -> Any:
        from resail.apps.cli.drawing.record import draw_record

        return draw_record(told.record)

    with redirected(out):
        if settings.output in ("md", "html"):
            click.echo(render(told, settings.output), nl=False)
        else:
            print_result(told.record, settings, table)
