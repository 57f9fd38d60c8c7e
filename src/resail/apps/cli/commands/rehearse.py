"""``resail rehearse``"""

from pathlib import Path
from typing import Any, Literal

import click

from resail.apps.cli.choices import file_options, mesh_of, release_dir_option, settle
from resail.apps.cli.command import Command
from resail.apps.cli.settings import Settings
from resail.errors import ExitCode

__all__ = ["command"]


@click.command("rehearse", cls=Command)
@click.argument("plan", metavar="PLAN", type=click.Path(path_type=Path))
@click.option(
    "--on",
    type=click.Choice(["twin", "control-plane"]),
    default="twin",
    show_default=True,
    help="An embedded twin, in seconds; or a real Kubernetes API with real istiods and Helm, in real time.",
)
@click.option(
    "--fault",
    "faults",
    metavar="FAULT",
    multiple=True,
    help="Run it once more with something going wrong: never-ready=NAMESPACE/KIND/NAME, node-gone=NAME@SECONDS, "
    "api-refuses=SECONDS@SECONDS or deploys=NAMESPACE/KIND/NAME@SECONDS.",
)
@click.option("--seed", metavar="N", type=int, default=0, show_default=True, help="For the names that the twin makes up.")
@file_options
@release_dir_option
@click.pass_obj
def command(
    settings: Settings,
    plan: Path,
    on: Literal["twin", "control-plane"],
    faults: tuple[str, ...],
    seed: int,
    snapshot: Path | None,
    backup: Path | None,
    identities: tuple[Path, ...],
    release_directories: tuple[Path, ...],
) -> None:
    """Run a plan on a copy of its mesh: how long it takes and what it waits for, what restarts, the peaks, the budgets'
    worst moments, where each fault would halt it, and what a rollback would leave.

    Writes to no cluster. Exits 5 where the plan would not come to its end.
    """
    from resail.apps.cli.output import print_result, say
    from resail.operations.rehearse import RehearseRequest, rehearse

    request = RehearseRequest(
        plan=plan,
        mesh=mesh_of(settings, snapshot, backup, identities),
        on=on,
        faults=faults,
        seed=seed,
        release_directories=release_directories,
    )
    found = settle(rehearse(request, lambda text: say(text, settings)))

    def table() -> Any:
        from resail.apps.cli.drawing.rehearsal import draw_rehearsal

        return draw_rehearsal(found)

    print_result(found, settings, table)
    if not found.passed:
        raise click.exceptions.Exit(int(ExitCode.HALTED))
