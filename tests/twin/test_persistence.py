"""A twin survives its process."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from resail.errors import ArtifactError
from resail.models.identity import KindRef, Manifest, ObjectRef
from resail.twin.cluster import open_twin
from resail.twin.loop import run
from tests.twin.worlds import DEPLOYMENT, POD, WEB, deployment, pods, rolled_out, set_up

ROOT = Path(__file__).parents[2]
OTHER = ObjectRef("apps/v1", "Deployment", "shop", "other")

DIES = """
import os, signal, sys
from pathlib import Path
from resail.twin.cluster import open_twin
from resail.twin.loop import run
from tests.twin.worlds import deployment, restart, rolled_out, set_up, WEB

async def main() -> None:
    async with open_twin(Path(sys.argv[1]), ready_seconds={WEB: 30.0}) as twin:
        await set_up(twin, deployment(replicas=2))
        await rolled_out(twin)
        await restart(twin, "second")
        await twin.clock.sleep(float(sys.argv[2]))
        await twin.patch(WEB, {"metadata": {"annotations": {"last": "write"}}})
        print(twin.clock.monotonic(), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

run(main())
"""


def killed(path: Path, after: float) -> float:
    """A process that is killed so many seconds into a rollout; the time of its twin then."""
    ended = subprocess.run([sys.executable, "-c", DIES, str(path), str(after)], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == -9, ended.stderr
    return float(ended.stdout)


def test_a_rollout_goes_on_where_it_was_when_the_process_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "twin.sqlite"
    died = killed(path, 10)

    async def goes_on() -> None:
        async with open_twin(path) as twin:
            assert twin.clock.monotonic() == died
            found = await twin.get(WEB)
            assert found["metadata"]["annotations"]["last"] == "write"
            before = {pod["metadata"]["uid"]: pod for pod in await pods(twin)}
            waiting = [uid for uid, pod in before.items() if pod["metadata"].get("annotations")]
            assert waiting, "no pod of the new template was on its way"
            await rolled_out(twin)
            after = {pod["metadata"]["uid"]: pod for pod in await pods(twin)}
            # Who was on the way got ready; nobody began anew.
            assert set(waiting) <= set(after)
            # One after the other, 30 s each, some of them gone by before the process was killed.
            assert 45 < twin.clock.monotonic() - died < 60

    run(goes_on())


def test_the_time_until_ready_is_kept_to_the_fraction_of_a_second(tmp_path: Path) -> None:
    async def until_ready(path: Path, *, broken: bool) -> float:
        async with open_twin(path, ready_seconds={WEB: 30.25}) as twin:
            await set_up(twin, deployment(replicas=1))
            await twin.clock.sleep(9.6)
            if not broken:
                await rolled_out(twin)
                return twin.clock.monotonic()
        async with open_twin(path) as twin:
            await rolled_out(twin)
            return twin.clock.monotonic()

    unbroken = run(until_ready(tmp_path / "one", broken=False))
    assert run(until_ready(tmp_path / "other", broken=True)) == pytest.approx(unbroken, abs=0.51)


def test_all_that_is_written_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "twin.sqlite"
    kinds = [POD, KindRef("apps/v1", "ReplicaSet"), KindRef("v1", "Namespace"), KindRef("v1", "ServiceAccount")]

    async def contents(*, fresh: bool) -> list[Manifest]:
        async with open_twin(path, seed=3) as twin:
            if fresh:
                await set_up(twin, deployment(), deployment("other"))
                await rolled_out(twin)
                await twin.clock.sleep(60)
                await twin.delete(OTHER)
                await twin.clock.sleep(60)
            return [manifest for kind in kinds for manifest in await twin.list_objects(kind)]

    assert run(contents(fresh=True)) == run(contents(fresh=False))


def test_versions_count_on_when_it_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "twin.sqlite"

    async def version_of(mark: str) -> int:
        async with open_twin(path) as twin:
            if not await twin.list_objects(DEPLOYMENT):
                await set_up(twin, deployment())
                await rolled_out(twin)
            return int((await twin.patch(WEB, {"metadata": {"labels": {"mark": mark}}}))["metadata"]["resourceVersion"])

    assert run(version_of("first")) < run(version_of("second"))


def test_a_custom_kind_is_served_when_it_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "twin.sqlite"
    spec = {
        "group": "example.org",
        "names": {"kind": "Boat", "plural": "boats"},
        "scope": "Cluster",
        "versions": [{"name": "v1", "served": True, "storage": True}],
    }
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "boats.example.org"},
        "spec": spec,
    }

    async def defined() -> None:
        async with open_twin(path) as twin:
            await twin.apply(definition)
            await twin.create({"apiVersion": "example.org/v1", "kind": "Boat", "metadata": {"name": "dinghy"}})

    async def there() -> Manifest:
        async with open_twin(path) as twin:
            return await twin.get(ObjectRef("example.org/v1", "Boat", "", "dinghy"))

    run(defined())
    assert run(there())["metadata"]["name"] == "dinghy"


def test_a_file_that_is_no_twin(tmp_path: Path) -> None:
    async def opened(path: Path) -> None:
        async with open_twin(path):
            pass

    text = tmp_path / "text"
    text.write_text("no database, and long enough to be seen as none" * 10)
    with pytest.raises(ArtifactError, match="cannot be read"):
        run(opened(text))
    later = tmp_path / "later"
    with sqlite3.connect(later) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(ArtifactError, match="its format is 99"):
        run(opened(later))
