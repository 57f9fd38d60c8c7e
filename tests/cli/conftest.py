"""What the tests of the command line share."""

from tests.cli.program import resail

__all__ = ["resail"]
