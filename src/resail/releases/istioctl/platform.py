"""What Istio calls the machine in the names of its archives."""

import platform
import sys

from resail.errors import ArtifactError

__all__ = ["archive_names", "this_platform"]

_SYSTEMS = {"linux": "linux", "darwin": "osx"}
_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def this_platform(system: str = "", machine: str = "") -> str:
    """``linux-amd64``, ``osx-arm64``: of this machine, unless another is named as Python names it.

    Raises:
        ArtifactError: Istio publishes nothing that is known to run here.
    """
    system, machine = system or sys.platform, machine or platform.machine()
    try:
        return f"{_SYSTEMS[system]}-{_MACHINES[machine.lower()]}"
    except KeyError as error:
        raise ArtifactError(
            "Istio publishes no istioctl for it that resail can unpack",
            on=f"{system} on {machine}",
            next_step="put the istioctl of that version on PATH",
        ) from error


def archive_names(version: str, platform_name: str) -> tuple[str, str]:
    """The archive of istioctl alone, then that of the whole release, which has it too."""
    return f"istioctl-{version}-{platform_name}.tar.gz", f"istio-{version}-{platform_name}.tar.gz"
