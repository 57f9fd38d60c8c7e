"""The same seed and the same calls give the same bytes."""

import sqlite3
from pathlib import Path

from resail.twin.cluster import open_twin
from resail.twin.loop import run
from tests.twin.worlds import deployment, restart, rolled_out, set_up


def contents(path: Path, seed: int) -> list[tuple[object, ...]]:
    async def story() -> None:
        async with open_twin(path, seed=seed) as twin:
            await set_up(twin, deployment(replicas=5), deployment("other", replicas=3))
            await rolled_out(twin)
            await restart(twin, "second")
            await rolled_out(twin)

    run(story())
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT * FROM objects").fetchall()
        return rows + connection.execute("SELECT * FROM twin").fetchall() + connection.execute("SELECT * FROM timers").fetchall()


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = contents(tmp_path / "first", 7), contents(tmp_path / "second", 7)
    assert len(first) > 20
    assert first == second


def test_another_seed_gives_other_names(tmp_path: Path) -> None:
    def names(seed: int) -> set[object]:
        return {row[2] for row in contents(tmp_path / str(seed), seed) if row[0] == "Pod"}

    one, other = names(1), names(2)
    assert len(one) == len(other) == 8
    assert not one & other
