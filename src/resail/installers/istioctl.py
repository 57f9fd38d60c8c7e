"""istioctl itself, run on a cluster."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from resail.checks.differences import changed_fields
from resail.errors import InstallerError, StalePlanError
from resail.installers.interface import Installation
from resail.kube.gateway import open_gateway
from resail.models.access import KubeAccess
from resail.models.identity import IstioVersion, Manifest, ObjectRef
from resail.models.istioctl_marks import mark_of, without_marks
from resail.releases.istioctl.generating import configuration_file, generate
from resail.releases.istioctl.running import IstioctlError, run_istioctl
from resail.releases.istioctl.store import IstioctlStore
from resail.tenure.tenure import Tenure

__all__ = ["IstioctlCommand"]

_UNKNOWN = "could not find target revision"
_NEVER = "istio.io/deactivated"
_SELECTORS = ("namespaceSelector", "objectSelector")
_MOST = 3  # differences that a message names


class IstioctlCommand:
    """Implements ``IstioctlInstaller``; the docstrings are there."""

    def __init__(
        self, store_of: Callable[[Sequence[Path]], IstioctlStore], access: KubeAccess, tenure: Tenure | None = None
    ) -> None:
        """``store_of``: where istioctls come from, given the user's directories; ``tenure``: for how long it may write."""
        self._store_of = store_of
        self._programs: dict[str, Path] = {}
        self._access = access
        self._tenure = tenure or Tenure()

    async def prepare(self, versions: Iterable[str], directories: Sequence[Path], progress: Callable[[str], None]) -> None:
        store = self._store_of(directories)
        for version in sorted(set(versions)):
            found = await asyncio.to_thread(store.get, IstioVersion.parse(version), progress)
            self._programs[version] = Path(found.path)

    async def install(self, wanted: Installation, tell: Callable[[str], None]) -> None:
        program = self._programs[wanted.version]
        async with self._reach(f"istioctl {wanted.version} install") as access:
            _refuse_others(wanted, await generate(program, wanted.configuration, access))
            with configuration_file(wanted.configuration) as file:
                options = ("-f", str(file), "--skip-confirmation", f"--readiness-timeout={wanted.timeout}s")
                await run_istioctl(program, ("install", *options), access=access, tenure=self._tenure, tell=tell)

    async def uninstall(self, version: str, revision: str, tell: Callable[[str], None]) -> None:
        arguments = ("uninstall", "--revision", revision, "--skip-confirmation")
        async with self._reach(f"istioctl {version} uninstall --revision {revision}") as access:
            try:
                await run_istioctl(self._programs[version], arguments, access=access, tenure=self._tenure, tell=tell)
            except IstioctlError as error:
                if _UNKNOWN not in str(error):
                    raise

    @asynccontextmanager
    async def _reach(self, what: str) -> AsyncIterator[KubeAccess]:
        """The cluster, through what repeats requests that an API server or the way to it has failed."""
        async with open_gateway(self._access) as gateway:
            try:
                yield KubeAccess(gateway.kubeconfig)
            except IstioctlError as error:
                raise InstallerError(
                    f"it failed: {error}",
                    on=what,
                    next_step="mend the cause, then run `resail resume`",
                    transient=gateway.failures > 0,
                ) from error


def _refuse_others(wanted: Installation, rendered: Iterable[Manifest]) -> None:
    """What a plan shows is what a person has read and approved; the tag ``default`` is not among what is rendered."""
    planned = {ObjectRef.of(manifest): without_marks(manifest) for manifest in wanted.objects if mark_of(manifest)}
    found = {ObjectRef.of(manifest): without_marks(manifest) for manifest in rendered}
    for ref in planned.keys() & found.keys():
        planned[ref] = _with_reach(planned[ref], found[ref])
    differing = [f"{ref} is not in it" for ref in sorted(found.keys() - planned.keys())]
    differing += [f"{ref} is not rendered" for ref in sorted(planned.keys() - found.keys())]
    for ref in sorted(planned.keys() & found.keys()):
        differing += [f"{ref} {path}" for path in changed_fields(planned[ref], found[ref])]
    if differing:
        more = f" and {len(differing) - _MOST} more" if len(differing) > _MOST else ""
        raise StalePlanError(
            f"it renders something else for this cluster than the plan shows: {'; '.join(differing[:_MOST])}{more}",
            on=f"istioctl {wanted.version}",
            next_step="plan again on this machine, with the istioctl that `resail istioctl` names",
        )


def _with_reach(planned: Manifest, rendered: Manifest) -> Manifest:
    """``install`` takes the reach of the revision's own webhook away only when it sets the tag ``default``."""
    selectors = {entry["name"]: {name: entry.get(name) for name in _SELECTORS} for entry in rendered.get("webhooks") or ()}
    entries = [
        {**entry, **(selectors.get(entry["name"]) or {})} if _has_no_reach(entry) else entry
        for entry in planned.get("webhooks") or ()
    ]
    return {**planned, "webhooks": entries} if entries else planned


def _has_no_reach(entry: dict[str, Any]) -> bool:
    return all(_NEVER in ((entry.get(name) or {}).get("matchLabels") or {}) for name in _SELECTORS)
