"""The configuration file ``resail.yaml``: found, read and checked as a whole."""

from pathlib import Path
from typing import TypeVar

import msgspec

from resail.backup.encryption import check_recipients
from resail.checks.policy.review import compile_rule
from resail.checks.policy.rules import rules_in_force
from resail.errors import UsageError
from resail.models.site import Site
from resail.operations.yaml_file import read_yaml_file

__all__ = ["DEFAULT_SITE", "read_settings", "read_site"]

DEFAULT_SITE = Path("resail.yaml")

T = TypeVar("T")


def read_site(config: Path | None) -> Site:
    """What the site's people have settled, with rules that can be evaluated and recipients that can be encrypted to.

    Args:
        config: the file; None: ``resail.yaml`` in the working directory, where there is one.

    Raises:
        UsageError: there is something in it that resail does not know or cannot use; names the file, and line or field.
        ArtifactError: it cannot be read.
    """
    if config is None and not DEFAULT_SITE.exists():
        return Site()
    path = config or DEFAULT_SITE
    site = read_settings(path, Site)
    try:
        rules_in_force(site.policy)
        for rule in site.policy.rules:
            compile_rule(rule)
        check_recipients(site.backup.recipients, "backup.recipients")
    except UsageError as error:
        raise UsageError(error.what, on=f"{path}, {error.on}", next_step=error.next_step) from error
    return site


def read_settings(path: Path, kind: type[T]) -> T:
    """Read a file of settings strictly; an empty one has none.

    Raises:
        UsageError, ArtifactError: as ``read_site``.
    """
    content = read_yaml_file(path)
    try:
        return msgspec.convert({} if content is None else content, kind)
    except msgspec.ValidationError as error:
        what, _, field = str(error).partition(" - at `$")
        place = field.rstrip("`").removeprefix(".")
        raise UsageError(
            what[:1].lower() + what[1:],
            on=f"{path}, {place}" if place else str(path),
            next_step="docs/reference/resail-yaml.md has every field",
        ) from error
