"""Charts → objects, by Helm: its SDK in a worker process, or the ``helm`` command (``RESAIL_HELM=command``)."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import yaml12

from resail.errors import ArtifactError, ValuesRefusedError
from resail.models.identity import Manifest
from resail.models.rendering import ChartFacts, RenderRequest
from resail.releases.helm.client import HelmWorker, WorkerError, start_worker
from resail.releases.interface import Renderer
from resail.releases.manifests import objects_of
from resail.releases.schema import refuses_everything

__all__ = ["CommandRenderer", "SdkRenderer", "open_renderer"]

_WRAPPER = "_internal_defaults_do_not_set"
"""Since Istio 1.22 charts keep their defaults below this key, so that profiles can be merged under the user's values."""

_OF_THE_CHART = frozenset({"HelmChartLoadError", "HelmChartInvalidError", "HelmIOError", "HelmNotFoundError"})


@asynccontextmanager
async def open_renderer() -> AsyncIterator[Renderer]:
    """A renderer for the time of the context.

    Raises:
        ArtifactError: ``RESAIL_HELM=command``, and no helm is on PATH.
    """
    if os.environ.get("RESAIL_HELM") == "command":
        yield CommandRenderer(_command())
        return
    async with start_worker() as worker:
        yield SdkRenderer(worker)


class SdkRenderer:
    """Implements ``Renderer`` by helm-python-sdk."""

    def __init__(self, worker: HelmWorker) -> None:
        self._worker = worker

    async def render(self, release_directory: Path, request: RenderRequest) -> tuple[Manifest, ...]:
        chart = _chart(release_directory, request.chart)
        try:
            texts: dict[str, str] = await self._worker.call(
                "render",
                chart=str(chart),
                values=request.values,
                name=request.release,
                namespace=request.namespace,
                kubernetes_version=request.kubernetes_version,
            )
        except WorkerError as error:
            raise _refused(error.kind in _OF_THE_CHART, str(error), chart) from error
        shown = [text for path, text in sorted(texts.items()) if not path.endswith("NOTES.txt")]
        return objects_of(shown, request.namespace, on=str(chart))

    async def facts(self, release_directory: Path, chart: str) -> ChartFacts:
        path = _chart(release_directory, chart)
        try:
            found: dict[str, Any] = await self._worker.call("facts", chart=str(path))
        except WorkerError as error:
            raise _refused(True, str(error), path) from error
        return _facts(found["metadata"], found["values"])


class CommandRenderer:
    """Implements ``Renderer`` by the ``helm`` command, version 3 or 4."""

    def __init__(self, command: Path) -> None:
        self._command = command

    async def render(self, release_directory: Path, request: RenderRequest) -> tuple[Manifest, ...]:
        chart = _chart(release_directory, request.chart)
        with tempfile.NamedTemporaryFile(suffix=".json") as values:
            values.write(msgspec.json.encode(request.values))
            values.flush()
            text = await self._run(
                chart,
                *("template", request.release, str(chart), "--namespace", request.namespace, "--no-hooks"),
                *("--values", values.name, "--kube-version", request.kubernetes_version),
                *(["--skip-schema-validation"] if refuses_everything(chart) else []),
            )
        return objects_of([text], request.namespace, on=str(chart))

    async def facts(self, release_directory: Path, chart: str) -> ChartFacts:
        path = _chart(release_directory, chart)
        metadata: Any = yaml12.parse_yaml(await self._run(path, "show", "chart", str(path)))
        values: Any = yaml12.parse_yaml(await self._run(path, "show", "values", str(path)))
        return _facts(metadata, values or {})

    async def _run(self, chart: Path, *arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            self._command, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        output, complaint = await process.communicate()
        if process.returncode != 0:
            words = complaint.decode(errors="replace").strip()
            raise _refused("Chart.yaml" in words or "cannot load" in words, words, chart)
        return output.decode()


def _command() -> Path:
    found = shutil.which("helm")
    if found is None:
        raise ArtifactError("no helm on PATH", on="RESAIL_HELM=command", next_step="install helm, or unset RESAIL_HELM")
    return Path(found)


def _chart(release_directory: Path, chart: str) -> Path:
    path = release_directory / "charts" / chart
    if not (path / "Chart.yaml").is_file():
        raise ArtifactError(
            "the release has no such chart, or it is cut short: Chart.yaml is missing",
            on=str(path),
            next_step="get the release again",
        )
    return path


def _refused(by_the_chart: bool, words: str, chart: Path) -> ArtifactError | ValuesRefusedError:
    if by_the_chart:
        return ArtifactError(f"Helm cannot read the chart: {words}", on=str(chart), next_step="get the release again")
    return ValuesRefusedError(
        f"Helm cannot render the chart with these values: {words}", on=chart.name, next_step="see the values"
    )


def _facts(metadata: dict[str, Any], values: dict[str, Any]) -> ChartFacts:
    return ChartFacts(str(metadata["name"]), str(metadata["version"]), values.get(_WRAPPER, values))
