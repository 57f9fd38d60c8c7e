"""``resail explain``"""

from typing import Any

import click

from resail.apps.cli.command import Command
from resail.apps.cli.settings import Settings

__all__ = ["command"]


@click.command("explain", cls=Command, formats=("table", "json", "yaml", "md"))
@click.argument("name", metavar="[ID]", required=False)
@click.pass_obj
def command(settings: Settings, name: str | None) -> None:
    """What a hazard is: when it applies, how it is detected, what it does, how it is mended, watched for and undone.

    Without an ID all of the catalogue is listed.
    """
    from resail.apps.cli.output import print_result
    from resail.operations.explain import catalogue, explain

    hazards = catalogue() if name is None else (explain(name),)

    def table() -> Any:
        from resail.apps.cli.drawing.hazards import draw_catalogue, draw_hazard

        return draw_catalogue(hazards) if name is None else draw_hazard(hazards[0])

    if settings.output == "md":
        from resail.report.hazards import render_catalogue

        click.echo(render_catalogue(hazards), nl=False)
    else:
        print_result(hazards if name is None else hazards[0], settings, table)
