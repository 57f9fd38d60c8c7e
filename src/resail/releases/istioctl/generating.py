"""``istioctl manifest generate``: what an IstioOperator configuration is rendered to."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from resail.errors import ValuesRefusedError
from resail.models.access import KubeAccess
from resail.models.identity import IstioVersion, Manifest
from resail.releases.istioctl.running import IstioctlError, run_istioctl
from resail.releases.istioctl.store import IstioctlStore
from resail.releases.manifests import objects_of

__all__ = ["IstioctlGenerator", "configuration_file", "generate"]

_NAMESPACE = "istio-system"


class IstioctlGenerator:
    """Implements ``IstioctlRenderer``; the docstring is there."""

    def __init__(self, store: IstioctlStore) -> None:
        self._store = store

    async def generate(
        self, version: IstioVersion, configuration: dict[str, Any], kubernetes_version: str
    ) -> tuple[Manifest, ...]:
        # The charts ask the API server's version for one thing: is it GKE's? What ``install`` would render there is compared
        # with the plan before anything is written.
        program = await asyncio.to_thread(self._store.get, version, lambda _: None)
        try:
            return await generate(Path(program.path), configuration)
        except IstioctlError as error:
            raise ValuesRefusedError(
                f"istioctl refuses the configuration: {error}",
                on=f"istioctl {version}",
                next_step="see the IstioOperator and --set",
            ) from error


async def generate(program: Path, configuration: dict[str, Any], access: KubeAccess | None = None) -> tuple[Manifest, ...]:
    """The objects of a configuration.

    Args:
        program: the istioctl.
        configuration: the whole IstioOperator.
        access: a cluster whose version and kind it shall mind, as ``install`` does; None: none.

    Raises:
        IstioctlError: it refuses the configuration, or the cluster does not answer.
    """
    with configuration_file(configuration) as file:
        minding = ("--cluster-specific",) if access is not None else ()
        text = await run_istioctl(program, ("manifest", "generate", "-f", str(file), *minding), access=access)
    values = (configuration.get("spec") or {}).get("values") or {}
    namespace = (values.get("global") or {}).get("istioNamespace") or (configuration.get("metadata") or {}).get("namespace")
    return objects_of([text], namespace or _NAMESPACE, on=str(program))


@contextmanager
def configuration_file(configuration: dict[str, Any]) -> Iterator[Path]:
    """The configuration as a file that nobody else can read, for the time of the context."""
    with tempfile.NamedTemporaryFile(prefix="resail-", suffix=".json") as file:
        file.write(msgspec.json.encode(configuration))
        file.flush()
        yield Path(file.name)
