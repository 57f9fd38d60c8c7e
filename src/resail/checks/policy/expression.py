"""CEL, as cel-expr-python evaluates it."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from resail.errors import UsageError

if TYPE_CHECKING:
    from cel_expr_python.cel import Env

__all__ = ["CannotTell", "Expression"]

_POSITION = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")


class CannotTell(Exception):  # noqa: N818 - no error: the expression does not fit the object
    """An expression could not be evaluated; the words are CEL's."""


class Expression:
    """One compiled expression."""

    def __init__(self, text: str, variables: tuple[str, ...], on: str) -> None:
        """Compile it, with the variables that it may name; ``on`` is whose it is.

        Raises:
            UsageError: it is no CEL, or can be neither true nor false; names line and column of the expression.
        """
        environment = _environment(variables)
        try:
            self._compiled = environment.compile(text)
        except RuntimeError as error:
            raise _no_cel(str(error), on) from error
        given = self._compiled.return_type().name()
        if given not in ("BOOL", "DYN"):
            raise UsageError(
                f"its expression gives a value of type {given.lower()}, not true or false",
                on=on,
                next_step="write what must hold, as `object.spec.type == 'ClusterIP'`",
            )

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Is it true of these values, one for each variable?

        Raises:
            CannotTell: it fails on them (a key that is not there …), or gives something else than true and false.
        """
        try:
            result = self._compiled.eval(data=values)
            given = result.plain_value()
        except (RuntimeError, TypeError) as error:
            # A value that CEL has no type for, or too many rounds of a loop.
            raise CannotTell(str(error)) from error
        if not isinstance(given, bool):
            raise CannotTell(given if result.type().name() == "ERROR" else f"it gives {given!r}, not true or false")
        return given


@lru_cache
def _environment(variables: tuple[str, ...]) -> "Env":
    # Native code of 14 MB, which only who has rules to evaluate should load.
    from cel_expr_python.cel import NewEnv, Type
    from cel_expr_python.ext.ext_optional import ExtOptional
    from cel_expr_python.ext.ext_strings import ExtStrings

    return NewEnv(variables=dict.fromkeys(variables, Type.DYN), extensions=[ExtOptional(), ExtStrings()])


def _no_cel(words: str, on: str) -> UsageError:
    match = _POSITION.search(words)
    place = f"{on}, line {match[1]}, column {match[2]} of its expression" if match and match[1] != "-1" else on
    return UsageError(
        f"is not an expression of CEL: {match[3] if match else words}",
        on=place,
        next_step="see docs/reference/policy.md; `resail policy test` tries rules on examples",
    )
