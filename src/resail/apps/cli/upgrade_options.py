"""Options that say what is to be upgraded, to what and how: of ``plan`` and ``precheck``."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from resail.apps.cli.choices import config_option, file_options, mesh_of, release_dir_option
from resail.apps.cli.durations import DurationType
from resail.apps.cli.settings import Settings
from resail.apps.cli.skipping import SkippedCheckType

__all__ = ["upgrade_options", "wished"]

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--to", "target", metavar="VERSION", required=True, help="The version to upgrade to, such as 1.27.9."),
    click.option(
        "--via",
        metavar="VERSION",
        multiple=True,
        help="A version to stop at on the way, where it takes several hops; else the newest patch of each line that it takes; "
        "may be given several times.",
    ),
    click.option(
        "--strategy",
        type=click.Choice(["canary", "in-place"]),
        default="canary",
        show_default=True,
        help="A new revision beside the old one, or the control plane itself.",
    ),
    click.option("--revision", metavar="NAME", help="Name of the new revision.  [default: 1-27-9 for 1.27.9]"),
    click.option("--from-revision", metavar="NAME", help="The installed revision to upgrade; needed where there are several."),
    click.option(
        "-f",
        "--values",
        "files",
        metavar="[CHART=]FILE",
        multiple=True,
        help="Values for a chart (base, istiod, cni, ztunnel, gateway), over those of the running release; istiod where "
        "none is named. What is below `global` goes to every chart that knows it. For what istioctl installed: the "
        "IstioOperator file that it was installed with.",
    ),
    click.option(
        "--set",
        "assignments",
        metavar="[CHART:]PATH=VALUE",
        multiple=True,
        help="One value, written as for `helm --set`, over those of the files; null removes one. With an IstioOperator, and no "
        "chart named: as for `istioctl install --set`.",
    ),
    click.option(
        "--max-parallel",
        metavar="N",
        type=click.IntRange(1),
        default=10,
        show_default=True,
        help="Workloads that restart at the same time, at most.",
    ),
    click.option(
        "--remove-old",
        is_flag=True,
        help="After a canary uninstall the revision that it took the place of, once nothing is connected to it; "
        "it stays where this is left out.",
    ),
    click.option(
        "--soak",
        metavar="DURATION",
        type=DurationType(),
        default="0s",
        help="How long the new revision serves before the old one is removed, such as 90s, 30m, 24h or 7d.",
    ),
    click.option(
        "--skip-check",
        "skipped",
        metavar="CHECK=REASON",
        type=SkippedCheckType(),
        multiple=True,
        help="Leave out a check (images, ca-root, capacity), for a reason that the plan and its record tell; may be given "
        "several times.",
    ),
    config_option,
    release_dir_option,
    file_options,
)


def upgrade_options(function: F) -> F:
    """All of them, in their order."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def wished(
    settings: Settings,
    files: tuple[str, ...],
    assignments: tuple[str, ...],
    *,
    snapshot: Path | None,
    backup: Path | None,
    identities: tuple[Path, ...],
    **others: Any,
) -> dict[str, Any]:
    """What an ``UpgradeWish`` is made of, from what the options gave.

    Raises:
        UsageError, ArtifactError: a file of values or a value cannot be used.
    """
    from resail.operations.values import read_operator, read_values

    return {
        "mesh": mesh_of(settings, snapshot, backup, identities),
        "values": read_values(files, assignments),
        "operator": read_operator(files, assignments),
        **others,
    }
