"""Run the program on what was spoiled, and judge how it ends."""

import io
import json
from collections.abc import Callable, Collection
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy

from resail.apps.cli.main import run

__all__ = ["Property", "ends_well", "few_and_many", "files_below"]

Property = Callable[..., None]

_QUIET = {"deadline": None, "suppress_health_check": list(HealthCheck)}


def few_and_many(strategy: SearchStrategy[Any], few: int, many: int = 500) -> Callable[[Property], tuple[Any, Any]]:
    """Two tests of one property: the same few examples each time, and for ``make soak`` many that are others each time.

    Of one that fails Hypothesis prints what it takes to see it again.
    """

    def make(check: Property) -> tuple[Any, Any]:
        fast = settings(max_examples=few, derandomize=True, database=None, **_QUIET)(given(strategy)(check))  # type: ignore[arg-type]
        long = settings(max_examples=many, print_blob=True, database=None, **_QUIET)(given(strategy)(_again(check)))  # type: ignore[arg-type]
        return fast, pytest.mark.soak(long)

    return make


def _again(check: Property) -> Property:
    """Another function of the same, since ``given`` marks the one that it was given."""
    import functools

    @functools.wraps(check)
    def again(*arguments: Any, **named: Any) -> None:
        check(*arguments, **named)

    return again


def ends_well(codes: Collection[int], *arguments: str | Path) -> int:
    """Run a command line; fails unless it ends with one of the codes, told as every failure is told.

    Returns the code.
    """
    told, answer = io.TextIOWrapper(io.BytesIO()), io.TextIOWrapper(io.BytesIO())
    with redirect_stderr(told), redirect_stdout(answer):
        code = run([*map(str, arguments), "-o", "json"])
    errors, output = map(_written, (told, answer))
    assert "Traceback" not in errors
    assert "unexpected" not in errors, errors
    assert code in codes, f"exit {code}: {errors}"
    document = json.loads(output)
    if code != 0 and "error" in document:
        assert errors.startswith("Error: ") or "\nError: " in errors, errors
        assert "\n  next: " in errors, errors
        assert document["error"]["exit_code"] == code
    return int(code)


def _written(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()


def files_below(folder: Path) -> dict[str, bytes]:
    """All files, and what is in them."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
