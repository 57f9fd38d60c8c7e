"""Run an istioctl: with what it is given and nothing of the user's own settings, on a leash, its lines told as they come."""

import asyncio
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from resail.models.access import KubeAccess
from resail.tenure.leash import leashed
from resail.tenure.tenure import Tenure

__all__ = ["IstioctlError", "access_arguments", "run_istioctl"]

_LINE_LIMIT = 64 * 1024 * 1024
_LAST_WORDS = 6  # lines that an error quotes
_NAME = "istioctl"
"""Also the field manager of what it updates, so it is called so whatever its file's name is."""
_NOISE = re.compile(r"port forward failed|may be out of support|Unable to find any proxies|^[-✔] |^\s*$")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class IstioctlError(Exception):
    """It failed; the message is its own last words."""


async def run_istioctl(
    program: Path,
    arguments: Sequence[str],
    *,
    access: KubeAccess | None = None,
    tenure: Tenure | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> str:
    """What it prints.

    Args:
        program: its file.
        arguments: for it.
        access: the cluster; None: it gets none.
        tenure: for how long it may run; None: it writes nothing, and may.
        tell: is given each line of its progress as it comes.

    Raises:
        IstioctlError: it failed.
        LeaseLostError: it was ended, since nothing may be written any longer.
    """
    held = tenure or Tenure()
    with _no_settings() as settings:
        return await _run(program, arguments, access, held, settings, tell)


async def _run(
    program: Path,
    arguments: Sequence[str],
    access: KubeAccess | None,
    tenure: Tenure,
    settings: Path,
    tell: Callable[[str], None],
) -> str:
    async with leashed(
        program,
        *arguments,
        *access_arguments(access),
        tenure=tenure,
        name=_NAME,
        env=_environment(access, settings),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=_LINE_LIMIT,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        printed, complaint = await asyncio.gather(_lines(process.stdout, tell), _lines(process.stderr, tell))
        code = await process.wait()
    if code != 0:
        tenure.check()
        raise IstioctlError(_last_words(complaint, code))
    return printed


def access_arguments(access: KubeAccess | None) -> Iterator[str]:
    """How istioctl is told which cluster."""
    if access is not None and access.kubeconfig is not None:
        yield f"--kubeconfig={access.kubeconfig}"
    if access is not None and access.context is not None:
        yield f"--context={access.context}"


@contextmanager
def _no_settings() -> Iterator[Path]:
    """An empty file of settings: it takes no other for none."""
    with tempfile.TemporaryDirectory(prefix="resail-istioctl-") as folder:
        file = Path(folder) / "config.yaml"
        file.touch()
        yield file


def _environment(access: KubeAccess | None, settings: Path) -> dict[str, str]:
    """Its flags can also come from a file of the user's, and from variables."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ISTIOCTL_", "ISTIOCONFIG"))}
    nowhere = {"KUBECONFIG": os.devnull} if access is None else {}
    return {**kept, **nowhere, "ISTIOCONFIG": str(settings), "NO_COLOR": "1"}


async def _lines(stream: asyncio.StreamReader, tell: Callable[[str], None]) -> str:
    lines: list[str] = []
    while line := (await stream.readline()).decode(errors="replace"):
        lines.append(line)
        shown = _COLOURS.sub("", line)
        if shown.startswith(("- ", "✔", "✘", "  Removed ")):
            tell(shown.strip())
    return "".join(lines)


def _last_words(complaint: str, code: int) -> str:
    lines = [_COLOURS.sub("", line).strip() for line in complaint.splitlines() if not _NOISE.search(line)]
    said = "; ".join(lines[-_LAST_WORDS:]) or f"it ended with code {code} and said nothing"
    return said.removeprefix("Error: ")
