"""Checks that a person leaves out, as they type them."""

from typing import TYPE_CHECKING, Any, get_args

import click

if TYPE_CHECKING:
    from resail.models.plan import SkippedCheck

__all__ = ["SkippedCheckType"]


class SkippedCheckType(click.ParamType["SkippedCheck"]):
    """``images=the registry cannot be reached from here``"""

    name = "check=reason"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> "SkippedCheck":
        from resail.models.plan import Check, SkippedCheck

        name, _, reason = str(value).partition("=")
        check: Check | None = next((one for one in get_args(Check) if one == name), None)
        if check is None:
            self.fail(f"there is no check {name!r}, only {', '.join(get_args(Check))}", param, ctx)
        if not reason.strip():
            self.fail(f"give the reason: {name}=REASON", param, ctx)
        return SkippedCheck(check, reason.strip())
