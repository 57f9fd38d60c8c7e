"""How much of the twin the contract and the tests here see."""

from pathlib import Path

import pytest

from tests.twin.mutants import MUTANTS, killer, prepared

WANTED = 0.8


@pytest.mark.soak
def test_four_of_five_mutants_are_seen(tmp_path: Path) -> None:
    copy = prepared(tmp_path)
    unseen = [mutant for mutant in MUTANTS if not killer(copy, mutant)]
    assert len(unseen) <= (1 - WANTED) * len(MUTANTS), unseen
