"""Flags of istiod, and the compatibilityVersion that sets many of them at once."""

from resail.checks.hazards.case import Case
from resail.models.identity import IstioVersion

__all__ = ["behaves_as", "flag"]


def flag(case: Case, name: str) -> str | None:
    """What its user set a variable of istiod's environment to, in lower case; None where it is not set."""
    for pattern in (f"env.{name}", f"pilot.env.{name}"):
        for setting in case.settings(pattern, "istiod"):
            if isinstance(setting.value, str | bool):
                return str(setting.value).lower()
    return None


def behaves_as(case: Case, minor: int) -> bool:
    """Does compatibilityVersion hold istiod to the defaults of 1.``minor``, or of an older version?"""
    for setting in case.settings("compatibilityVersion", "istiod"):
        if isinstance(setting.value, str) and setting.value in {f"1.{older}" for older in range(20, minor + 1)}:
            return IstioVersion.parse(f"{setting.value}.0") < case.target
    return False
