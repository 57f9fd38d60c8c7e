"""The Gateway API of a cluster: the bundles that its CRDs are of, and whether istiod looks at its experimental kinds."""

import re

from resail.checks.hazards.case import Case
from resail.checks.hazards.discovery import is_on, told_now
from resail.models.field_path import find, first
from resail.models.identity import Manifest

__all__ = ["BUNDLE", "alpha_is_on", "bundle_of", "definition", "serves"]

BUNDLE = "metadata.annotations.gateway.networking.k8s.io/bundle-version"

_NUMBER = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")


def definition(case: Case, name: str) -> Manifest | None:
    """A CRD by its name.

    Raises:
        Unknown: they could not be read.
    """
    found = case.all("CustomResourceDefinition.apiextensions.k8s.io")
    return next((one for one in found if first(one, "metadata.name") == name), None)


def bundle_of(crd: Manifest) -> tuple[int, int, int] | None:
    """The release of the Gateway API that a CRD is of; None where it does not tell."""
    written = first(crd, BUNDLE)
    matched = _NUMBER.match(written) if isinstance(written, str) else None
    return (int(matched[1]), int(matched[2]), int(matched[3])) if matched else None


def serves(crd: Manifest, version: str) -> bool:
    """Does a CRD serve this version?"""
    fields = find(crd, "spec.versions[*]")
    return any(first(one.value, "name") == version and first(one.value, "served") is True for one in fields)


def alpha_is_on(case: Case) -> bool:
    """Does the istiod that runs look at experimental kinds?"""
    return is_on(told_now(case, "PILOT_ENABLE_ALPHA_GATEWAY_API"))
