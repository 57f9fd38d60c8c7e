"""The reference pages say what the program does."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from resail.apps.cli.main import cli
from resail.errors import ExitCode

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"

GLOBAL = {"--kubeconfig", "--context", "-i", "--istio-namespace", "-o", "--output", "-q", "--quiet", "-v", "--verbose"}


def test_every_exit_code_is_in_its_table_once() -> None:
    rows = re.findall(r"^\| (\d+) \| ([a-z ]+) \|", (REFERENCE / "exit-codes.md").read_text(), re.MULTILINE)
    assert [(int(code), name.replace(" ", "_").upper()) for code, name in rows] == [(c.value, c.name) for c in ExitCode]


def commands(group: click.Group, above: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            if command.invoke_without_command:
                yield f"{above} {name}", command
            yield from commands(command, f"{above} {name}")
        else:
            yield f"{above} {name}", command


def sections() -> dict[str, str]:
    parts = re.split(r"^## `(.+)`$", (REFERENCE / "commands.md").read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_command_has_a_section() -> None:
    assert list(sections()) == [path for path, _ in commands(cli, "resail")]


@pytest.mark.parametrize("path", sections())
def test_a_section_has_exactly_the_options_that_there_are(path: str) -> None:
    command = dict(commands(cli, "resail"))[path]
    options = {
        name
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for name in (*parameter.opts, *parameter.secondary_opts)
    }
    documented = set(re.findall(r"^\| (`-[^|]+) \|", sections()[path], re.MULTILINE))
    named = {name for names in documented for name in re.findall(r"(?<![\w-])--?[a-z][a-z-]*", names)}
    assert named == options - GLOBAL - {"--help", "-h"}


def test_the_global_options_are_documented() -> None:
    text = (REFERENCE / "commands.md").read_text().split("\n## ")[0]
    assert {name for name in GLOBAL if f"`{name}" in text or f", {name}" in text} == GLOBAL


def test_the_page_of_hazards_is_what_explain_prints() -> None:
    printed = CliRunner().invoke(cli, ["explain", "-o", "md"])
    assert (REFERENCE / "hazards.md").read_text() == printed.output
