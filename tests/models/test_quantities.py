"""Quantities of Kubernetes."""

from decimal import Decimal

import pytest

from resail.models.quantities import parse_quantity


@pytest.mark.parametrize(("text", "number"), [("100m", "0.1"), ("1Gi", "1073741824"), ("2k", "2000"), ("3", "3")])
def test_a_quantity(text: str, number: str) -> None:
    assert parse_quantity(text) == Decimal(number)


@pytest.mark.parametrize("text", ["", "a lot", "NaN", "Infinity", "-inf", "sNaN"])
def test_what_is_none_is_nothing(text: str) -> None:
    assert parse_quantity(text) == 0
