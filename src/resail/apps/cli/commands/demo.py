"""``resail demo``"""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import click

from resail.apps.cli.choices import dir_option, settle
from resail.apps.cli.command import Command
from resail.apps.cli.settings import Settings

__all__ = ["command"]

_PHASES = ("before", "during", "after")


@click.command("demo", cls=Command)
@dir_option
@click.option(
    "--on",
    type=click.Choice(["twin", "control-plane"]),
    default="twin",
    show_default=True,
    help="An embedded twin, in seconds; or a real Kubernetes API with real istiods, which is built first.",
)
@click.option("--strategy", type=click.Choice(["canary", "in-place"]), default="canary", show_default=True)
@click.option(
    "--on-failure",
    type=click.Choice(["halt", "rollback"]),
    default="halt",
    show_default=True,
    help="What a failed readiness or gate does.",
)
@click.option("--keep", is_flag=True, help="Leave the test bed running, to look around or to roll back.")
@click.option(
    "--kill-at-call",
    "kill_at",
    metavar="M[:WHEN]",
    help="Die by SIGKILL at the M-th write: before it, during it (Helm only) or after it (the default), when its outcome is "
    "not journalled yet. `resail resume --dir DIR` goes on.",
)
@click.pass_obj
def command(
    settings: Settings,
    directory: Path | None,
    on: Literal["twin", "control-plane"],
    strategy: Literal["canary", "in-place"],
    on_failure: Literal["halt", "rollback"],
    keep: bool,
    kill_at: str | None,
) -> None:
    """The whole story, on a mesh of its own: no cluster is needed.

    A mesh of four nodes and a dozen services goes from Istio 1.26.0 to 1.27.9, on an embedded twin that keeps its own
    time, or with --on control-plane on a real Kubernetes API, whose programs are built the first time (some 25 minutes).
    """
    killer = _killer(kill_at) if kill_at else None
    from resail.apps.cli.output import draw, on_terminal, say
    from resail.apps.cli.running import perform
    from resail.operations.apply import ApplyRequest, apply
    from resail.operations.demo import DemoRequest, set_stage

    request = DemoRequest(directory=directory, on=on, strategy=strategy, on_failure=on_failure)
    stage = settle(set_stage(request, lambda text: say(text, settings)))
    if settings.output == "table" and not settings.quiet:
        from resail.apps.cli.drawing.plan import draw_plan

        draw(draw_plan(stage.files, verbose=settings.verbose))
    wish = ApplyRequest(plan=stage.plan, cluster=stage.cluster, directory=stage.directory)
    try:
        perform(settings, wish, lambda watcher: apply(wish, watcher=watcher, call_observer=killer))
    except click.exceptions.Exit:
        say(f"go on with `resail resume --dir {stage.directory}`, or `rollback`", settings)
        raise
    if on == "twin":
        say(f"the twin is kept: `resail rollback --dir {stage.directory}` undoes all this", settings)
    elif keep:
        say(f"the test bed still runs: `resail rollback --dir {stage.directory}`", settings)
        say(f"stop it with `resail testbed down --dir {stage.directory / 'bed'}`", settings)
    else:
        stage.clear()
        if on_terminal(settings):
            say("the test bed is stopped; with --keep it goes on, and `resail rollback` can undo all this", settings)


def _killer(wish: str) -> Callable[[int, str, str, str], Any]:
    """Die at exactly that place, as no signal handler or ``finally`` can prevent."""
    number, _, phase = wish.partition(":")
    phase = phase or "after"
    if not number.isdecimal() or int(number) < 1 or phase not in _PHASES:
        raise click.BadParameter("write it as 7, 7:before, 7:during or 7:after", param_hint="--kill-at-call")

    def observe(call: int, now: str, verb: str, target: str) -> None:
        if (call, now) == (int(number), phase):
            os.kill(os.getpid(), signal.SIGKILL)

    return observe
