"""The foreign mesh of the acceptance tests, for restores of it."""

from tests.acceptance.conftest import _foreign_saved, resail

__all__ = ["_foreign_saved", "resail"]
