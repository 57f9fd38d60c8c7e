"""Options that several commands have, and what they choose."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from resail.apps.cli.settings import Settings

if TYPE_CHECKING:
    from resail.operations.cluster_choice import ClusterChoice
    from resail.operations.inspect import MeshChoice
    from resail.operations.runs import RunChoice

__all__ = [
    "cluster_of",
    "config_option",
    "dir_option",
    "file_options",
    "identity_option",
    "mesh_of",
    "release_dir_option",
    "run_choice",
    "run_option",
    "settle",
    "told_on",
]

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


def config_option(function: F) -> F:
    """``--config``"""
    return click.option(
        "--config",
        metavar="FILE",
        type=click.Path(path_type=Path, dir_okay=False),
        help="What the site has settled: policy, waivers, windows, backups.  [default: resail.yaml, where there is one]",
    )(function)


def dir_option(function: F) -> F:
    """``--dir``"""
    return click.option(
        "--dir",
        "directory",
        metavar="DIR",
        type=click.Path(path_type=Path, file_okay=False),
        help="Where the journal, plans, reports and backups are.  [default: the state directory of the cluster]",
    )(function)


def run_option(function: F) -> F:
    """``--run``"""
    return click.option("--run", metavar="ID", help="The run that is meant.  [default: the latest]")(function)


def release_dir_option(function: F) -> F:
    """``--release-dir``"""
    return click.option(
        "--release-dir",
        "release_directories",
        metavar="DIR",
        multiple=True,
        type=click.Path(path_type=Path, file_okay=False),
        help="An unpacked release of Istio, looked at first; may be given several times.",
    )(function)


def identity_option(function: F) -> F:
    """``--identity``"""
    return click.option(
        "--identity",
        "identities",
        metavar="FILE",
        multiple=True,
        type=click.Path(path_type=Path, dir_okay=False),
        help="A file with your key, of age or of SSH, for a backup that is encrypted; may be given several times.",
    )(function)


def file_options(function: F) -> F:
    """``--snapshot``, ``--from-backup`` and its ``--identity``: a mesh without its cluster."""
    snapshot = click.option(
        "--snapshot",
        metavar="FILE",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Read the mesh from a file of `resail inspect -o json` instead of the cluster.",
    )
    backup = click.option(
        "--from-backup",
        "backup",
        metavar="FILE",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Read the mesh from a file of `resail backup` instead of the cluster, with the objects that hazards are found in.",
    )
    return snapshot(backup(identity_option(function)))


def cluster_of(settings: Settings) -> "ClusterChoice":
    """The cluster that the global options choose."""
    from resail.operations.cluster_choice import ClusterChoice

    return ClusterChoice(kubeconfig=settings.kubeconfig, context=settings.context)


def mesh_of(settings: Settings, snapshot: Path | None, backup: Path | None, identities: tuple[Path, ...]) -> "MeshChoice":
    """The mesh that the options choose.

    Raises:
        UsageError: a snapshot and a backup are given.
    """
    from resail.operations.inspect import MeshChoice

    return MeshChoice(
        cluster=cluster_of(settings),
        istio_namespace=settings.istio_namespace,
        snapshot=snapshot,
        backup=backup,
        identities=identities,
    )


def run_choice(settings: Settings, directory: Path | None, run: str | None) -> "RunChoice":
    """The run that the options choose."""
    from resail.operations.runs import RunChoice

    return RunChoice(cluster=cluster_of(settings), directory=directory, run=run, istio_namespace=settings.istio_namespace)


def told_on(settings: Settings) -> Callable[[str], None]:
    """What a command waits for goes to standard error, unless only results are wished."""
    return (lambda _: None) if settings.quiet else (lambda text: click.echo(text, err=True))


def settle(work: Coroutine[Any, Any, T]) -> T:
    """Run an operation to its end, on a loop whose time a twin can simulate.

    What libraries log is not for the reader of a command's output, unless ``-v`` asks for all.
    """
    settings = click.get_current_context().find_object(Settings)
    if settings is not None and settings.verbose:
        logging.basicConfig(level=logging.WARNING)
    else:
        logging.getLogger().addHandler(logging.NullHandler())
    from resail.twin.loop import SimulatedLoop

    settled: list[T] = []

    async def keep() -> None:
        # A result that the task itself had would be written out whole, and thrown away, when the signal handler is put back.
        settled.append(await work)

    with asyncio.Runner(loop_factory=lambda: SimulatedLoop(real=True)) as runner:
        runner.run(keep())
    return settled[0]
