"""What the worker and its client say to each other: one JSON object a line, each way."""

from typing import Any

import msgspec

__all__ = ["Answer", "Call"]


class Call(msgspec.Struct):
    """Do this."""

    operation: str
    arguments: dict[str, Any]


class Answer(msgspec.Struct):
    """It is done, or not."""

    result: Any = None
    error: str = ""
    """Class of helm-python-sdk's exception; empty where it went well."""
    message: str = ""
