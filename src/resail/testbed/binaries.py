"""Find or build the programs of the bed."""

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from platformdirs import user_cache_path

from resail.errors import ArtifactError, UsageError
from resail.models.encoding import digest_of
from resail.testbed.building import build
from resail.testbed.tools import TOOLS, Tool

__all__ = ["cached", "ensure"]

Progress = Callable[[str], None]


def ensure(names: Iterable[str], progress: Progress) -> dict[str, Path]:
    """The paths of these programs; what is nowhere is built, one at a time, and cached.

    Looks in ``KUBEBUILDER_ASSETS``, then on PATH (only where the version fits), then in the user's cache.

    Raises:
        UsageError: there is no such program in the bed.
        ArtifactError: Go is missing, or a build failed; Go's last words are in the message.
    """
    tools = [_tool(name) for name in names]
    missing = [tool for tool in tools if _found(tool) is None]
    for position, tool in enumerate(missing, 1):
        _build(tool, _numbered(progress, f"[{position}/{len(missing)}]"))
    return {tool.name: _path(tool) for tool in tools}


def cached(name: str) -> Path | None:
    """Where the program is now; None where it has yet to be built."""
    return _found(_tool(name))


def _numbered(progress: Progress, position: str) -> Progress:
    return lambda text: progress(f"{position} {text}")


def _tool(name: str) -> Tool:
    tool = TOOLS.get(name)
    if tool is None:
        raise UsageError(f"the test bed has no program {name!r}", next_step=f"it has {', '.join(sorted(TOOLS))}")
    return tool


def _path(tool: Tool) -> Path:
    path = _found(tool)
    if path is None:
        raise ArtifactError("built, but not found afterwards", on=tool.name, next_step="see that the cache is writable")
    return path


def _found(tool: Tool) -> Path | None:
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets and (Path(assets) / tool.command).is_file() and _fits(tool, Path(assets) / tool.command):
        return Path(assets) / tool.command
    kept = _cache_file(tool)
    if kept.is_file():
        return kept
    on_path = shutil.which(tool.command)
    if on_path and _fits(tool, Path(on_path)):
        return Path(on_path)
    return None


def _fits(tool: Tool, path: Path) -> bool:
    try:
        done = subprocess.run([path, *tool.version_arguments], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return False
    # 1.25.1 is neither 1.25.10 nor 11.25.1; a version that ends with a dot takes any patch.
    end = "" if tool.version.endswith(".") else r"(?!\d)"
    return re.search(rf"(?<!\d){re.escape(tool.version)}{end}", done.stdout + done.stderr) is not None


def _cache_file(tool: Tool) -> Path:
    with _module(tool) as folder:
        identity = (
            tool.package,
            tool.ldflags,
            (folder / "go.mod").read_text(),
            (folder / "go.sum").read_text(),
        )
    mark = digest_of(identity).removeprefix("sha256:")[:12]
    return user_cache_path("resail") / "testbed" / f"{tool.name}-{mark}"


@contextmanager
def _module(tool: Tool) -> Iterator[Path]:
    with resources.as_file(resources.files("resail.testbed") / "modules" / tool.module) as folder:
        yield folder


def _build(tool: Tool, progress: Progress) -> None:
    target = _cache_file(tool)
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_name(f".{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.exists():
            return
        with tempfile.TemporaryDirectory(prefix="resail-build-") as work, _module(tool) as folder:
            # The package's own folder may be read-only, and go may want to touch its files.
            for name in ("go.mod", "go.sum"):
                shutil.copy(folder / name, work)
            partial = target.with_name(f".{target.name}.{os.getpid()}")
            try:
                build(tool, Path(work), partial, progress)
                partial.rename(target)
            finally:
                partial.unlink(missing_ok=True)
