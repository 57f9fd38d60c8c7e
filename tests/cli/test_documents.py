"""Every command line that a document shows is one that the program takes."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from resail.apps.cli.main import cli

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def shown() -> Iterator[tuple[str, str]]:
    """Document and command line: all that stands after ``$ resail`` in a console block."""
    for document in DOCUMENTS:
        for block in re.findall(r"^ *```console\n(.*?)^ *```", document.read_text(), re.MULTILINE | re.DOTALL):
            for line in re.findall(r"^ *\$ resail (.*)$", block, re.MULTILINE):
                yield str(document.relative_to(ROOT)), line


def test_there_are_some() -> None:
    assert {"README.md", "docs/tutorial/first-upgrade.md"} <= {document for document, _ in shown()}


@pytest.mark.parametrize(("document", "line"), list(shown()))
def test_it_is_taken(document: str, line: str) -> None:
    words = shlex.split(line.partition(" | ")[0].partition(" > ")[0])
    command: click.Command = cli
    context = click.Context(cli, info_name="resail")
    while isinstance(command, click.Group) and not (command.invoke_without_command and words[0].startswith("-")):
        name, *words = words
        found = command.get_command(context, name)
        assert found is not None, f"{document}: there is no command {name}"
        command = found
    command.make_context(command.name, words, parent=context)
