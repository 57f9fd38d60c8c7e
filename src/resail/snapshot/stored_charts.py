"""Which values a chart reads, told by the templates that Helm stored with its release."""

import base64
import binascii
import re
from collections.abc import Iterable, Sequence

import msgspec

from resail.checks.hazards.values.leaves import at_root, leaves
from resail.cluster import ClusterReader
from resail.errors import ClusterApiError, InstallerError
from resail.installers.helm_storage import record_of, release_secret
from resail.models.identity import ObjectRef
from resail.models.snapshot import HelmRelease

__all__ = ["values_read"]

_BRACKETS = str.maketrans("", "", "()")


class _File(msgspec.Struct):
    name: str = ""
    data: str = ""


class _Chart(msgspec.Struct):
    templates: list[_File] | None = None
    files: list[_File] | None = None


class _Stored(msgspec.Struct):
    chart: _Chart = msgspec.field(default_factory=_Chart)


async def values_read(reader: ClusterReader, releases: Iterable[HelmRelease]) -> dict[str, tuple[str, ...]]:
    """``namespace/name`` of each release with values → paths of those that its templates name.

    A release is left out whose record may not be read, or is without a chart, as where no Helm wrote it.

    Raises:
        ClusterUnreachableError: the API does not answer.
    """
    found = {}
    for release in releases:
        if release.installed and release.values:
            text = await _text(reader, release)
            if text:
                paths = [(leaf.path, at_root(release.chart, leaf.keys)) for leaf in leaves(release.values)]
                found[release.key] = tuple(path for path, root in paths if _is_named(root, text))
    return found


def _is_named(path: str, text: str) -> bool:
    """By its last names, as what is above them may be in a variable of the template; or as a part of what is taken as a whole."""
    names = path.split(".")
    if f".{'.'.join(names[-2:])}" in text:
        return True
    above = (".".join(names[:depth][-2:]) for depth in range(1, len(names)))
    # Of what is global chart istiod makes a copy, which says nothing of who reads it.
    return any(one != "global" and re.search(rf"\.{re.escape(one)}(?![.\w])", text) for one in above)


async def _text(reader: ClusterReader, release: HelmRelease) -> str:
    ref = ObjectRef("v1", "Secret", release.namespace, release_secret(release.name, release.revision))
    try:
        chart = record_of(await reader.get(ref), _Stored).chart
    except (ClusterApiError, InstallerError):
        return ""
    # `($.Values.global).platform` is as good a name as `.Values.global.platform`.
    return "\n".join(_decoded([*(chart.templates or ()), *(chart.files or ())])).translate(_BRACKETS)


def _decoded(files: Sequence[_File]) -> Iterable[str]:
    for file in files:
        try:
            yield base64.b64decode(file.data).decode(errors="replace")
        except (binascii.Error, ValueError):
            continue
