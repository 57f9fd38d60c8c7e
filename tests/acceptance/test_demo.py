"""The demo as a person runs it: killed in the middle, resumed, undone; on a bed of its own beside the tests' one."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from resail.testbed.bed import Bed

pytestmark = pytest.mark.bed

KILLED = -9


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "demo"
    Bed(tmp_path / "demo" / "bed").stop()


def resail(*arguments: str | Path, code: int = 0) -> Any:
    command = [sys.executable, "-c", "from resail.apps.cli.main import main; main()", *map(str, arguments), "-o", "json"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == code, done.stderr[-3000:]
    return json.loads(done.stdout) if done.stdout else None


def test_killed_resumed_and_rolled_back(directory: Path) -> None:
    resail("demo", "--dir", directory, "--kill-at-call", "12:after", code=KILLED)
    assert not resail("status", "--dir", directory)["at_work"]

    record = resail("resume", "--dir", directory)

    assert (record["from"], record["to"], record["strategy"], record["state"]) == ("1.26.0", "1.27.9", "canary", "done")
    assert {step["outcome"] for step in record["steps"]} == {"done"}
    assert all(step["id"] and step["kind"] for step in record["steps"])
    restarted, untouched = record["workloads_restarted"], record["workloads_untouched"]
    assert restarted == sorted(restarted)
    assert untouched == sorted(untouched)
    assert {"checkout/Deployment/payment", "checkout/StatefulSet/orders", "ingress/Deployment/gateway"} <= set(restarted)
    assert {"legacy/Deployment/billing", "platform/Deployment/metrics", "warehouse/CronJob/inventory"} <= set(untouched)
    with_sidecar = 3 + 2 + 2 + 2 + 3 + 2 + 3 + 2 + 1 + 4 + 1
    assert record["pods_on_target"] == with_sidecar
    assert all(Path(record[name]).is_absolute() and Path(record[name]).is_file() for name in ("report", "journal", "plan"))
    assert record["run"] in Path(record["report"]).read_text()

    undone = resail("rollback", "--dir", directory)
    assert (undone["state"], undone["pods_on_target"]) == ("rolled-back", 0)
    assert undone["run"] == record["run"]
