"""The foreign mesh of the acceptance tests, for a restore of it."""

from tests.acceptance.conftest import _foreign_saved

__all__ = ["_foreign_saved"]
