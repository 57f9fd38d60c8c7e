"""``resail doctor`` as a person starts it, on the mesh of the demo: on a twin, whose process was killed in the middle."""

import json
from pathlib import Path

from tests.cli.program import Program

KILLED = -9


def test_a_run_that_was_killed_is_named_and_nothing_else_but_the_budget(tmp_path: Path) -> None:
    """One budget of the demo's mesh lets no pod go, which is what that mesh has it for."""
    resail = Program(tmp_path)
    directory = tmp_path / "demo"
    assert resail("demo", "--dir", directory, "--kill-at-call", "12:after").returncode == KILLED

    done = resail("doctor", "--dir", directory, "-o", "json")

    assert done.returncode == 3, done.stderr
    found = json.loads(done.stdout)
    assert found["verdict"] == "ill"
    assert [one["id"] for one in found["diagnoses"]] == ["run-died-half-way", "budget-blocks-drain"]
    assert [one["objects"][0]["name"] for one in found["diagnoses"]][1:] == ["ledger"]
    assert found["not_examined"] == []
    assert "died half-way" in done.stderr
    assert "resail resume" in done.stderr

    told = resail("doctor", "--dir", directory, "-o", "md").stdout
    assert told.startswith("# The mesh is ill")
    table = resail("doctor", "--dir", directory).stdout
    assert "1. certain: run" in table
    assert "2. certain: budget checkout/ledger" in table
