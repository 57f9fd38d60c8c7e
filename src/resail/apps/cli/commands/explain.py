"""``resail explain``"""

from typing import Any

import click

from resail.apps.cli.command import Command
from resail.apps.cli.settings import Settings

__all__ = ["command"]


@click.command("explain", cls=Command)
@click.argument("name", metavar="[ID]", required=False)
@click.pass_obj
def command(settings: Settings, name: str | None) -> None:
    """What a hazard is: when it applies, how it is detected, what it does, how it is mended, watched for and undone.

    Without an ID all of the catalogue is listed.
    """
    from resail.apps.cli.output import print_result
    from resail.operations.explain import catalogue, explain

    if name is None:
        hazards = catalogue()

        def listing() -> Any:
            from resail.apps.cli.drawing.hazards import draw_catalogue

            return draw_catalogue(hazards)

        print_result(hazards, settings, listing)
        return
    hazard = explain(name)

    def table() -> Any:
        from resail.apps.cli.drawing.hazards import draw_hazard

        return draw_hazard(hazard)

    print_result(hazard, settings, table)
