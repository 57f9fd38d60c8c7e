"""``resail plan``"""

from pathlib import Path
from typing import Any

import click

from resail.apps.cli.choices import settle
from resail.apps.cli.command import Command
from resail.apps.cli.settings import Settings
from resail.apps.cli.upgrade_options import upgrade_options, wished

__all__ = ["command"]


@click.command("plan", cls=Command)
@upgrade_options
@click.option(
    "--on-failure",
    type=click.Choice(["halt", "rollback"]),
    default="halt",
    show_default=True,
    help="What a failed readiness or gate does.",
)
@click.option("--approve-restarts", is_flag=True, help="Wait for a person's word before the first restart.")
@click.option(
    "--ready-timeout",
    metavar="SECONDS",
    type=click.IntRange(1),
    default=600,
    show_default=True,
    help="How long what a step changed may take to get ready.",
)
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Write the plan to this file.")
@click.pass_obj
def command(settings: Settings, /, out: Path | None, **options: Any) -> None:
    """Plan an upgrade, over as many hops as it takes: every write, every restart and its reason, and how each step is undone.

    Changes nothing. The same mesh, release and options give the same plan, byte for byte; `resail apply` runs the file
    that --out writes. Tells beside its findings which rights its user lacks to apply it.
    """
    from msgspec import structs

    from resail.apps.cli.output import print_result, say
    from resail.operations.access import rights_findings
    from resail.operations.plan import PlanRequest, plan

    request = PlanRequest(**wished(settings, **options), out=out)
    made = settle(plan(request, lambda text: say(text, settings)))
    rights = settle(rights_findings(request.mesh, made))
    # They are of who plans, who need not be who applies: so they are no part of the file.
    shown = structs.replace(made, plan=structs.replace(made.plan, findings=(*made.plan.findings, *rights)))

    def table() -> Any:
        from resail.apps.cli.drawing.plan import draw_plan

        return draw_plan(shown, verbose=settings.verbose)

    print_result(shown.plan, settings, table)
    if out is None:
        say("not kept: give --out FILE, and then `resail apply FILE`", settings)
    else:
        say(f"written to {out}; next: `resail apply {out}`", settings)
