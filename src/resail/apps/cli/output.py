"""Standard output: one document for programs, tables for people. Rich is imported only when a table is drawn."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from resail.apps.cli.settings import Settings
from resail.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

__all__ = ["console", "draw", "on_terminal", "print_result", "redirected", "say"]

_WIDTH_OF_A_PIPE = 200  # columns; what reads a pipe can cut lines itself


def print_result(value: Any, settings: Settings, table: Callable[[], "RenderableType"]) -> None:
    """Print ``value`` as JSON or YAML where that was asked for, else the table."""
    if settings.output == "json":
        from resail.models.encoding import pretty_json

        click.echo(pretty_json(value), nl=False)
    elif settings.output == "yaml":
        import msgspec

        click.echo(msgspec.yaml.encode(value), nl=False)
    else:
        draw(table())


def draw(content: "RenderableType") -> None:
    """Draw on standard output."""
    console().print(content)


def say(text: str, settings: Settings) -> None:
    """A line beside the result, on stderr; not with ``-q``."""
    if not settings.quiet:
        click.echo(text, err=True)


@contextlib.contextmanager
def redirected(path: Path | None) -> Iterator[None]:
    """Standard output goes to the file, where one is named.

    Raises:
        UsageError: the file cannot be written.
    """
    if path is None:
        yield
        return
    try:
        stream = path.open("w", encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot be written: {error.strerror}", on=str(path), next_step="give another file with --out"
        ) from error
    with stream, contextlib.redirect_stdout(stream):
        yield


def console(stream: IO[str] | None = None) -> "Console":
    """A console on ``stream`` (standard output); in colour only on a terminal, and without ``NO_COLOR``."""
    from rich.console import Console

    target = stream or sys.stdout
    width = None if target.isatty() or "COLUMNS" in os.environ else _WIDTH_OF_A_PIPE
    return Console(file=target, highlight=False, soft_wrap=False, width=width)


def on_terminal(settings: Settings) -> bool:
    """Does a person look at it now, and may be asked?"""
    return settings.output == "table" and not settings.quiet and sys.stderr.isatty() and sys.stdout.isatty()
