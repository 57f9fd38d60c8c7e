"""``resail istioctl``: have the istioctl of a version on this machine."""

from collections.abc import Callable, Sequence
from pathlib import Path

from platformdirs import user_cache_path

from resail.models.identity import IstioVersion
from resail.releases.github import github_address
from resail.releases.istioctl.directory import DirectoryIstioctl
from resail.releases.istioctl.github import GitHubIstioctl
from resail.releases.istioctl.interface import Istioctl, IstioctlSource
from resail.releases.istioctl.store import IstioctlStore
from resail.testbed.istioctl import BuiltIstioctl

__all__ = ["get_istioctl", "istioctl_store"]


def get_istioctl(version: str, directories: Sequence[Path] = (), progress: Callable[[str], None] = lambda _: None) -> Istioctl:
    """Find or get an istioctl, checked.

    Raises:
        UsageError: it is not a version.
        ArtifactError: no source has it.
    """
    return istioctl_store(directories).get(IstioVersion.parse(version), progress)


def istioctl_store(directories: Sequence[Path] = (), *, build: bool = True) -> IstioctlStore:
    """PATH, the user's cache, the user's directories, Istio's archives on GitHub or a mirror, then the Go module.

    Args:
        directories: of the user.
        build: from the Go module, too, which takes minutes.
    """
    sources: list[IstioctlSource] = [*map(DirectoryIstioctl, directories), GitHubIstioctl(github_address())]
    sources += [BuiltIstioctl()] if build else []
    return IstioctlStore(sources, user_cache_path("resail") / "istioctl")
