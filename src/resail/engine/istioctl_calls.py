"""istioctl's actions in a run: numbered and journalled like every write."""

from collections.abc import Callable

from resail.engine.calls import Calls, Until
from resail.installers.interface import Installation, IstioctlInstaller

__all__ = ["NumberedIstioctl"]


class NumberedIstioctl:
    """An ``IstioctlInstaller`` whose actions are journalled."""

    def __init__(self, installer: IstioctlInstaller | None, calls: Calls) -> None:
        """``installer``: None where the plan has no step of istioctl."""
        self._given = installer
        self._calls = calls

    def unfinished(self, revision: str) -> bool:
        """Did the last action on this revision begin and not end well?"""
        return self._calls.unfinished(_target(revision))

    async def install(self, revision: str, wanted: Installation, tell: Callable[[str], None], under_way: Until) -> None:
        """As ``IstioctlInstaller.install``; ``under_way`` tells whether it has begun to write."""
        await self._calls.make("istioctl install", _target(revision), lambda: self._installer.install(wanted, tell), under_way)

    async def uninstall(self, version: str, revision: str, tell: Callable[[str], None]) -> None:
        """As ``IstioctlInstaller.uninstall``."""
        await self._calls.make(
            "istioctl uninstall", _target(revision), lambda: self._installer.uninstall(version, revision, tell)
        )

    @property
    def _installer(self) -> IstioctlInstaller:
        assert self._given is not None, "a plan with steps of istioctl is run without one"
        return self._given


def _target(revision: str) -> str:
    return f"revision {revision}"
