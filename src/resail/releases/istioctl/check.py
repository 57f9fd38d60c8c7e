"""Is a program the istioctl of a version? It is asked itself."""

import os
import subprocess
from pathlib import Path

import msgspec

from resail.errors import ArtifactError
from resail.models.identity import IstioVersion

__all__ = ["check_istioctl", "version_of"]

_TIMEOUT = 30  # seconds


class _Client(msgspec.Struct):
    version: str = ""


class _Versions(msgspec.Struct):
    client: _Client = msgspec.field(name="clientVersion", default_factory=_Client)


def check_istioctl(program: Path, version: IstioVersion) -> None:
    """Refuse a program that is not exactly this version's istioctl.

    Raises:
        ArtifactError: it cannot be run, or says that it is something else.
    """
    found = version_of(program)
    if found != str(version):
        raise ArtifactError(f"it says that it is istioctl {found}, not {version}", on=str(program), next_step="get it again")


def version_of(program: Path) -> str:
    """What ``istioctl version --remote=false`` says; no cluster is asked.

    Raises:
        ArtifactError: it cannot be run, fails, or tells no version.
    """
    command: list[str | Path] = [program, "version", "--remote=false", "-o", "json"]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            timeout=_TIMEOUT,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "KUBECONFIG": os.devnull},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ArtifactError(f"it cannot be run ({_words(error)})", on=str(program), next_step="get it again") from error
    try:
        found = msgspec.json.decode(done.stdout, type=_Versions).client.version
    except msgspec.DecodeError:
        found = ""
    if done.returncode != 0 or not found:
        said = done.stderr.decode(errors="replace").strip()[-200:] or "nothing"
        raise ArtifactError(
            f"it does not tell its version (exit {done.returncode}, says {said})", on=str(program), next_step="get it again"
        )
    return found


def _words(error: OSError | subprocess.TimeoutExpired) -> str:
    return f"no answer in {_TIMEOUT} s" if isinstance(error, subprocess.TimeoutExpired) else str(error.strerror)
