"""How an error is told: two lines for people, one JSON document for programs."""

from collections.abc import Sequence

import click

from resail.errors import ResailError

__all__ = ["show_failure", "tell_failure"]


def show_failure(error: ResailError, arguments: Sequence[str]) -> int:
    """Tell ``error`` on stderr and, where the arguments ask for JSON, on stdout too; returns its exit code."""
    tell_failure(error)
    if _asks_for_json(arguments):
        click.echo(_as_json(error))
    return int(error.exit_code)


def tell_failure(error: ResailError) -> None:
    """``Error: <object>: what happened``, and below it what to do next."""
    click.echo(f"Error: {error}", err=True)
    if error.next_step:
        click.echo(f"  next: {error.next_step}", err=True)


def _as_json(error: ResailError) -> str:
    import json

    content = {
        "kind": type(error).__name__,
        "exit_code": int(error.exit_code),
        "on": error.on,
        "what": error.what,
        "next_step": error.next_step,
    }
    return json.dumps({"error": content}, indent=2)


def _asks_for_json(arguments: Sequence[str]) -> bool:
    """The words themselves are looked at: the error may be that they could not be parsed."""
    chosen = ""
    for word, following in zip(arguments, [*arguments, ""][1:], strict=True):
        if word == "--":
            break
        if word in ("-o", "--output"):
            chosen = following
        elif word.startswith("--output="):
            chosen = word.removeprefix("--output=")
        elif word.startswith("-o") and not word.startswith("--"):
            chosen = word[2:].removeprefix("=")
    return chosen == "json"
