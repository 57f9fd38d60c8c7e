"""``resail plan``"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from resail.apps.cli.choices import mesh_of, release_dir_option, settle, snapshot_option
from resail.apps.cli.command import Command
from resail.apps.cli.durations import DurationType
from resail.apps.cli.settings import Settings
from resail.apps.cli.skipping import SkippedCheckType

if TYPE_CHECKING:
    from resail.models.plan import SkippedCheck

__all__ = ["command"]


@click.command("plan", cls=Command)
@click.option("--to", "target", metavar="VERSION", required=True, help="The version to upgrade to, such as 1.27.9.")
@click.option(
    "--via",
    metavar="VERSION",
    multiple=True,
    help="A version to stop at on the way, where it takes several hops; else the newest patch of each line that it takes; "
    "may be given several times.",
)
@click.option(
    "--strategy",
    type=click.Choice(["canary", "in-place"]),
    default="canary",
    show_default=True,
    help="A new revision beside the old one, or the control plane itself.",
)
@click.option("--revision", metavar="NAME", help="Name of the new revision.  [default: 1-27-9 for 1.27.9]")
@click.option("--from-revision", metavar="NAME", help="The installed revision to upgrade; needed where there are several.")
@click.option(
    "-f",
    "--values",
    "files",
    metavar="[CHART=]FILE",
    multiple=True,
    help="Values for a chart (base, istiod, cni, ztunnel, gateway), over those of the running release; istiod where "
    "none is named. What is below `global` goes to every chart that knows it. For what istioctl installed: the "
    "IstioOperator file that it was installed with.",
)
@click.option(
    "--set",
    "assignments",
    metavar="[CHART:]PATH=VALUE",
    multiple=True,
    help="One value, written as for `helm --set`, over those of the files; null removes one. With an IstioOperator, and no "
    "chart named: as for `istioctl install --set`.",
)
@click.option(
    "--on-failure",
    type=click.Choice(["halt", "rollback"]),
    default="halt",
    show_default=True,
    help="What a failed readiness or gate does.",
)
@click.option("--approve-restarts", is_flag=True, help="Wait for a person's word before the first restart.")
@click.option(
    "--max-parallel",
    metavar="N",
    type=click.IntRange(1),
    default=10,
    show_default=True,
    help="Workloads that restart at the same time, at most.",
)
@click.option(
    "--ready-timeout",
    metavar="SECONDS",
    type=click.IntRange(1),
    default=600,
    show_default=True,
    help="How long what a step changed may take to get ready.",
)
@click.option(
    "--remove-old",
    is_flag=True,
    help="After a canary uninstall the revision that it took the place of, once nothing is connected to it; "
    "it stays where this is left out.",
)
@click.option(
    "--soak",
    metavar="DURATION",
    type=DurationType(),
    default="0s",
    help="How long the new revision serves before the old one is removed, such as 90s, 30m, 24h or 7d.",
)
@click.option(
    "--skip-check",
    "skipped",
    metavar="CHECK=REASON",
    type=SkippedCheckType(),
    multiple=True,
    help="Leave out a check (images, ca-root, capacity), for a reason that the plan and its record tell; may be given several "
    "times.",
)
@release_dir_option
@snapshot_option
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Write the plan to this file.")
@click.pass_obj
def command(
    settings: Settings,
    target: str,
    via: tuple[str, ...],
    strategy: Literal["canary", "in-place"],
    revision: str | None,
    from_revision: str | None,
    files: tuple[str, ...],
    assignments: tuple[str, ...],
    on_failure: Literal["halt", "rollback"],
    approve_restarts: bool,
    max_parallel: int,
    ready_timeout: int,
    remove_old: bool,
    soak: int,
    skipped: tuple["SkippedCheck", ...],
    release_directories: tuple[Path, ...],
    snapshot: Path | None,
    out: Path | None,
) -> None:
    """Plan an upgrade, over as many hops as it takes: every write, every restart and its reason, and how each step is undone.

    Changes nothing. The same mesh, release and options give the same plan, byte for byte; `resail apply` runs the file
    that --out writes. Tells beside its findings which rights its user lacks to apply it.
    """
    from msgspec import structs

    from resail.apps.cli.output import print_result, say
    from resail.operations.access import rights_findings
    from resail.operations.plan import PlanRequest, plan
    from resail.operations.values import read_operator, read_values

    request = PlanRequest(
        mesh=mesh_of(settings, snapshot),
        target=target,
        via=via,
        strategy=strategy,
        revision=revision,
        from_revision=from_revision,
        values=read_values(files, assignments),
        operator=read_operator(files, assignments),
        on_failure=on_failure,
        approve_restarts=approve_restarts,
        max_parallel=max_parallel,
        ready_timeout=ready_timeout,
        remove_old=remove_old,
        soak=soak,
        skipped=skipped,
        release_directories=release_directories,
        out=out,
    )
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
