"""What is known of Istio's releases: a data file of the package, made by ``resail.releases.make_catalogue``."""

from functools import lru_cache
from importlib import resources

import msgspec

from resail.errors import ArtifactError
from resail.models.identity import IstioVersion
from resail.models.release import CatalogueLine, CataloguePatch

__all__ = ["find_line", "find_patch", "load_catalogue"]


@lru_cache(maxsize=1)
def load_catalogue() -> tuple[CatalogueLine, ...]:
    """All release lines, oldest first."""
    data = (resources.files("resail.releases") / "catalogue.json").read_bytes()
    return msgspec.json.decode(data, type=tuple[CatalogueLine, ...])


def find_line(line: str) -> CatalogueLine | None:
    """The facts of a minor line such as ``1.27``; None where it is not known."""
    return next((known for known in load_catalogue() if known.line == line), None)


def find_patch(version: IstioVersion) -> CataloguePatch:
    """The facts of one version.

    Raises:
        ArtifactError: there is no such version in the catalogue; the message names the nearest.
    """
    line = find_line(version.line)
    for patch in line.patches if line else ():
        if patch.version == str(version):
            return patch
    known = ", ".join(patch.version for patch in line.patches[-4:]) if line else ""
    near = f"of {version.line} it knows {known}" if known else f"it knows {', '.join(x.line for x in load_catalogue())}"
    raise ArtifactError(
        f"the catalogue has no Istio {version}; {near}",
        on=str(version),
        next_step="`resail releases list` shows all; a newer one can be given by `resail releases add`",
    )
