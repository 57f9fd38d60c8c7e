"""How much of the twin its tests see; the page that says so cannot rot."""

import subprocess
import sys

import pytest

from tests.twin.mutants import MUTANTS, Mutant
from tests.twin.mutating import PAGE, ROOT, page, seen_on, sources_of

WANTED = 0.8
SEEN = {mutant for mutant, test in seen_on(PAGE.read_text()).items() if test}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda one: f"{one.file}: {one.untruth}")
def test_the_text_of_each_is_in_its_source_once(mutant: Mutant) -> None:
    assert sources_of(ROOT, mutant).read_text().count(mutant.old) == 1


def test_the_page_lists_them_all_with_the_share_that_is_seen() -> None:
    assert PAGE.read_text() == page(seen_on(PAGE.read_text()))


def test_four_of_five_are_seen() -> None:
    assert len(SEEN) >= WANTED * len(MUTANTS)


def test_those_that_nothing_sees_have_a_reason_and_no_others() -> None:
    assert {mutant for mutant in MUTANTS if mutant.excuse} == set(MUTANTS) - SEEN


@pytest.mark.soak
def test_what_the_page_names_sees_them() -> None:
    ended = subprocess.run([sys.executable, "-m", "tests.twin.mutating"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr
