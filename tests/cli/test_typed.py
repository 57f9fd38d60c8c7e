"""What people type for durations and for checks to leave out."""

from typing import Any

import click
import pytest

from resail.apps.cli.durations import DurationType
from resail.apps.cli.skipping import SkippedCheckType
from resail.models.plan import SkippedCheck


@pytest.mark.parametrize(
    ("typed", "seconds"), [("0s", 0), ("90s", 90), ("30m", 1800), ("24h", 86400), ("1h30m", 5400), ("7d", 604800)]
)
def test_durations(typed: str, seconds: int) -> None:
    assert DurationType().convert(typed, None, None) == seconds


@pytest.mark.parametrize("typed", ["", "90", "1.5h", "-1s", "h", "1w", "1 h", "9999999s"])
def test_what_is_no_duration(typed: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a duration"):
        DurationType().convert(typed, None, None)


def test_checks_to_leave_out() -> None:
    convert: Any = SkippedCheckType().convert
    assert convert("images=no network = no registry", None, None) == SkippedCheck("images", "no network = no registry")
    with pytest.raises(click.BadParameter, match="give the reason"):
        convert("ca-root=  ", None, None)
    with pytest.raises(click.BadParameter, match="there is no check 'image', only images, ca-root, capacity"):
        convert("image=x", None, None)
