"""Rendering by the SDK's worker, and by the helm command where there is one."""

from pathlib import Path

import pytest

from resail.errors import ArtifactError, InstallerError, UsageError
from resail.models.identity import IstioVersion
from resail.models.rendering import RenderRequest
from resail.releases.directory import DirectorySource
from resail.releases.helm import start_worker
from resail.releases.helm.client import WorkerError
from resail.releases.rendering import CommandRenderer, open_renderer
from resail.releases.schema import loadable, refuses_everything
from resail.releases.store import ReleaseStore, default_store
from resail.testbed.binaries import ensure
from tests.releases.releases_on_disk import unpack

REQUEST = RenderRequest("istiod", "hello", "mesh", {"greeting": "good day"}, "1.31.0")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    unpack(tmp_path / "mirror")
    store = ReleaseStore([DirectorySource(tmp_path / "mirror")], tmp_path / "cache")
    return Path(store.get(IstioVersion(1, 27, 9), lambda _: None).directory)


async def test_objects_are_complete_and_secrets_are_not_shown(directory: Path) -> None:
    async with open_renderer() as renderer:
        config, secret = await renderer.render(directory, REQUEST)
        facts = await renderer.facts(directory, "istiod")
    assert config["metadata"] == {"name": "hello", "namespace": "mesh"}
    # As Kubernetes reads YAML: a quoted yes is a string.
    assert config["data"] == {"greeting": "good day", "answer": "yes"}
    assert secret["stringData"] == {"password": "(not shown)"}
    assert (facts.name, facts.version, facts.values) == ("istiod", "1.27.9", {"greeting": "hello"})


async def test_what_cannot_be_rendered_is_told(directory: Path) -> None:
    async with open_renderer() as renderer:
        (directory / "charts" / "istiod" / "templates" / "map.yaml").write_text('{{ fail "no such colour" }}')
        with pytest.raises(UsageError, match="no such colour"):
            await renderer.render(directory, REQUEST)
        (directory / "charts" / "istiod" / "templates" / "map.yaml").write_text("{{ if }}")
        with pytest.raises((UsageError, ArtifactError)):
            await renderer.render(directory, REQUEST)
        (directory / "charts" / "istiod" / "Chart.yaml").unlink()
        with pytest.raises(ArtifactError, match=r"Chart\.yaml"):
            await renderer.render(directory, REQUEST)


async def test_a_worker_that_dies_is_an_error_and_not_our_end(directory: Path) -> None:
    async with start_worker() as worker:
        with pytest.raises(WorkerError):
            await worker.call("facts", chart=str(directory / "nothing"))
        worker._process.kill()
        # It is its keeper: by the time that one has ended, the worker has its signal.
        await worker._process.wait()
        with pytest.raises(InstallerError, match="worker process ended"):
            await worker.call("facts", chart=str(directory / "charts" / "istiod"))


def test_a_schema_that_refuses_everything_is_set_aside(directory: Path) -> None:
    chart = directory / "charts" / "gateway"
    assert not refuses_everything(chart)
    (chart / "values.schema.json").write_text('{"additionalProperties": false, "$ref": "#/$defs/values", "$defs": {}}')
    assert refuses_everything(chart)
    with loadable(chart) as copy:
        assert copy != chart
        assert not (copy / "values.schema.json").exists()
    (chart / "values.schema.json").write_text('{"additionalProperties": false, "properties": {"greeting": {}}}')
    with loadable(chart) as same:
        assert same == chart


@pytest.mark.bed
async def test_sdk_and_command_render_the_real_charts_alike() -> None:
    release = default_store().get(IstioVersion(1, 27, 9), print)
    assert release.source == "Go module istio.io/istio"
    command = CommandRenderer(ensure(("helm",), print)["helm"])
    async with open_renderer() as renderer:
        for chart in ("base", "istiod", "cni", "ztunnel", "gateway"):
            request = RenderRequest(chart, "x", "istio-system", {}, "1.31.0")
            objects = await renderer.render(Path(release.directory), request)
            assert objects == await command.render(Path(release.directory), request)
            facts = await renderer.facts(Path(release.directory), chart)
            assert facts == await command.facts(Path(release.directory), chart)
            assert facts.version == "1.27.9"
            images = [image for image in _images(objects) if image != "auto"]
            assert all(image.startswith("docker.io/istio/") and image.endswith(":1.27.9") for image in images)


def _images(objects: object) -> list[str]:
    if isinstance(objects, dict):
        own = [objects["image"]] if isinstance(objects.get("image"), str) and "containers" not in objects else []
        return own + [image for value in objects.values() for image in _images(value)]
    if isinstance(objects, list | tuple):
        return [image for value in objects for image in _images(value)]
    return []
