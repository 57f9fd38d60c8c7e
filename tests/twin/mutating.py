"""Runs the mutants of the twin, and keeps the page that says which test sees which.

``python -m tests.twin.mutating`` fails where a test of the page no longer sees its mutant; ``--write`` looks for a test
of each mutant, first where the page says, then everywhere, and writes the page.
"""

import multiprocessing
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from tests.twin.mutants import MUTANTS, Mutant

__all__ = ["PAGE", "ROOT", "page", "seen_on", "sources_of"]

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/reference/twin-mutants.md"

_NEEDED = ("src/resail", "tests/contract", "tests/twin")
_TESTS = ("tests/contract", "tests/twin")
_NOT_COPIED = shutil.ignore_patterns("__pycache__", "mutants.py", "mutating.py", "test_mutants.py")
_OPTIONS = ("-p", "no:cacheprovider", "-m", "not bed and not soak")
_HANGS = 240.0  # seconds

_PAGE = """\
# Mutants of the twin

*How much of the twin its tests see: each row is a small untruth that was written into a copy of it, and a test that fails then.*

{seen} of the {all} mutants are seen: {share} %. The tests are the contract (`tests/contract`, which holds on the real API server
too) and the twin's own (`tests/twin`). `make soak` shows that each test named here still sees its mutant;
`python -m tests.twin.mutating --write` looks for the tests anew and writes this page. The texts that the mutants change are in
`tests/twin/mutants.py`.

| file below `twin/` | untruth | seen by |
|---|---|---|
{rows}
"""
_ROW = re.compile(r"^\| `(?P<file>[^`]+)` \| (?P<untruth>[^|]+) \| (?:`(?P<test>[^`]+)`|nothing: .+) \|$", re.MULTILINE)


def sources_of(root: Path, mutant: Mutant) -> Path:
    return root / "src/resail/twin" / mutant.file


def page(seen: Mapping[Mutant, str]) -> str:
    """With the test that sees each mutant; empty where none does."""
    found = sum(bool(seen[one]) for one in MUTANTS)
    rows = "\n".join(_row(one, seen[one]) for one in MUTANTS)
    return _PAGE.format(seen=found, all=len(MUTANTS), share=100 * found // len(MUTANTS), rows=rows)


def _row(mutant: Mutant, test: str) -> str:
    by = f"`{test}`" if test else f"nothing: {mutant.excuse or 'a gap'}"
    return f"| `{mutant.file}` | {mutant.untruth} | {by} |"


def seen_on(text: str) -> dict[Mutant, str]:
    """What a page says; mutants that it does not know are seen by nothing."""
    tests = {(row["file"], row["untruth"]): row["test"] or "" for row in _ROW.finditer(text)}
    return {one: tests.get((one.file, one.untruth), "") for one in MUTANTS}


@contextmanager
def _copied_project() -> Iterator[Path]:
    """A copy of what the tests need: they run there, so that nothing here is ever changed."""
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory)
        for name in _NEEDED:
            shutil.copytree(ROOT / name, copy / name, ignore=_NOT_COPIED)
        for name in ("pyproject.toml", "tests/__init__.py", "tests/conftest.py"):
            shutil.copy(ROOT / name, copy / name)
        os.chdir(copy)
        sys.path[:1] = [str(copy / "src"), str(copy)]
        os.environ["PYTHONPATH"] = str(copy / "src")
        # Compiles what is here, and has the libraries loaded for whoever is forked.
        _forget_the_project()
        pytest.main(["--collect-only", "-qq", *_OPTIONS, *_TESTS])
        _forget_the_project()
        yield copy


def _forget_the_project() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] in ("resail", "tests")]:
        del sys.modules[name]


def _seen_by(copy: Path, mutant: Mutant, *tests: str) -> str:
    """The first of the tests that fails with the mutant; empty where all pass."""
    source = sources_of(copy, mutant)
    whole = source.read_text()
    source.write_text(whole.replace(mutant.old, mutant.new))
    try:
        return _failing(*tests)
    finally:
        source.write_text(whole)


def _failing(*tests: str) -> str:
    """Raises ``ValueError`` where they do not even start, or never end."""
    forked = multiprocessing.get_context("fork")
    ours, theirs = forked.Pipe(duplex=False)
    process = forked.Process(target=_run, args=(tests, theirs))
    process.start()
    theirs.close()
    try:
        if not ours.poll(_HANGS):
            raise ValueError("they do not end")
        code, failed = ours.recv()
    finally:
        process.kill()
        process.join()
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise ValueError(f"pytest ends with {code}")
    return str(failed)


class _First:
    """Hears of the first test that fails."""

    failed = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.failed:
            self.failed = report.nodeid


def _run(tests: tuple[str, ...], answer: Connection) -> None:
    # No bytecode of a mutant must be taken for the original's.
    sys.dont_write_bytecode = True
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    first = _First()
    # The same examples each time.
    code = pytest.main(["-q", "-x", "--hypothesis-seed=0", *_OPTIONS, *tests], plugins=[first])
    answer.send((code, first.failed))


def _checked(copy: Path, known: Mapping[Mutant, str]) -> int:
    """How many of the tests that are named do not see their mutants."""
    unseen = 0
    if broken := _failing(*sorted(filter(None, known.values()))):
        sys.exit(f"{broken} fails without any mutant")
    for mutant, test in known.items():
        if test and _seen_by(copy, mutant, test) != test:
            unseen += 1
            sys.stdout.write(f"{mutant.file}: {mutant.untruth}: {test} does not see it\n")
    return unseen


def _write(copy: Path, known: Mapping[Mutant, str]) -> None:
    if broken := _failing(*_TESTS):
        sys.exit(f"{broken} fails without any mutant")
    seen = dict(known)
    for mutant, test in known.items():
        seen[mutant] = (_seen_by(copy, mutant, test) if test else "") or _seen_by(copy, mutant, *_TESTS)
        sys.stdout.write(f"{mutant.file}: {mutant.untruth}: {seen[mutant] or 'seen by nothing'}\n")
        sys.stdout.flush()
        PAGE.write_text(page(seen))


def main() -> None:
    known = seen_on(PAGE.read_text())
    with _copied_project() as copy:
        if "--write" in sys.argv:
            _write(copy, known)
        elif unseen := _checked(copy, known):
            sys.exit(f"{unseen} mutants are not seen by the tests of the page")


if __name__ == "__main__":
    main()
