"""Build one program of the bed with Go, and tell how far it is."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from resail.errors import ArtifactError
from resail.releases.golang import go_command, go_environment
from resail.testbed.tools import Tool

__all__ = ["build"]

Progress = Callable[[str], None]

_LINK_FLAGS = ("-s", "-w")
_TELL_EVERY = 5.0  # seconds between two lines of progress
_LAST_WORDS = 10  # lines of go's that a failure quotes


def build(tool: Tool, folder: Path, output: Path, progress: Progress) -> None:
    """Build ``tool`` from the go.mod and go.sum in ``folder`` into the file ``output``.

    Raises:
        ArtifactError: Go is missing, a module cannot be fetched or is not what go.sum says, or the build failed.
    """
    go = go_command(progress)
    ldflags = " ".join((*_LINK_FLAGS, *tool.ldflags))
    flags = ("-trimpath", "-mod=readonly", f"-ldflags={ldflags}")
    begun = time.monotonic()
    progress(f"{tool.name}: fetching modules")
    fetched = _Counter(f"{tool.name}: {{}} modules fetched", progress)
    stale = _go([go, "list", *flags, "-deps", "-f", "{{if .Stale}}{{.ImportPath}}{{end}}", tool.package], tool, folder, fetched)
    compiled = _Counter(f"{tool.name}: {{}} of {len(stale)} packages compiled", progress)
    _go([go, "build", "-v", *flags, "-o", output, tool.package], tool, folder, compiled)
    progress(f"{tool.name}: built in {time.monotonic() - begun:.0f} s")


class _Counter:
    """Counts lines, and tells of it now and then."""

    def __init__(self, text: str, progress: Progress) -> None:
        self._text = text
        self._progress = progress
        self._count = 0
        self._begun = self._told = time.monotonic()

    def count(self) -> None:
        self._count += 1
        now = time.monotonic()
        if now > self._told + _TELL_EVERY:
            self._told = now
            self._progress(f"{self._text.format(self._count)}, {now - self._begun:.0f} s")


def _go(command: list[str | Path], tool: Tool, folder: Path, counter: _Counter) -> list[str]:
    """Run go, counting the lines that it says; returns what it prints."""
    last_words: list[str] = []
    with (
        (folder / "printed").open("w+") as printed,
        subprocess.Popen(command, cwd=folder, env=go_environment(), stdout=printed, stderr=subprocess.PIPE, text=True) as process,
    ):
        assert process.stderr is not None
        for line in process.stderr:
            last_words = [*last_words, line.rstrip()][-_LAST_WORDS:]
            counter.count()
        process.wait()
        printed.seek(0)
        lines = printed.read().splitlines()
    if process.returncode != 0:
        raise ArtifactError(
            "the build failed: " + "\n  ".join(last_words),
            on=tool.name,
            next_step="see that Go modules can be fetched and the disk has room, then run `resail testbed build`",
        )
    return lines
