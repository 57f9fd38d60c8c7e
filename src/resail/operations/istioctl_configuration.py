"""With which IstioOperator a mesh was installed: what the user gives, proven by what it renders."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from resail.errors import UsageError
from resail.models.finding import Finding, FindingObject
from resail.models.identity import IstioVersion, Manifest
from resail.models.rendering import IstioctlRequest
from resail.models.snapshot import HelmRelease, IstioctlComponent, MeshSnapshot
from resail.operations.values import GivenOperator, operator_with
from resail.plan.istio_operator import EMPTY, only, with_revision
from resail.plan.proof import differences, unknown_configuration
from resail.plan.selection import Selection
from resail.plan.stages import Configurations

__all__ = ["proven_configurations"]

_Groups = dict[tuple[str, str], list[IstioctlComponent]]


async def proven_configurations(
    snapshot: MeshSnapshot,
    selection: Selection,
    given: GivenOperator,
    generate: Callable[[IstioctlRequest], Awaitable[tuple[Manifest, ...]]],
) -> tuple[Configurations, tuple[Finding, ...]]:
    """What runs was installed with, and what the user wishes for the target.

    What ``--set`` says may have been said at the installation, too, or be wished from now on: either is tried. Nothing given is
    the profile ``default``.

    Returns:
        The configurations, and a blocker where none renders what runs.

    Raises:
        UsageError: a file does not fit the mesh, or the installed version's istioctl refuses a configuration.
        ArtifactError: that istioctl is not to be had.
    """
    owned = selection.by_istioctl
    is_ours = not isinstance(selection.istiod, HelmRelease)
    _refuse_misfits(given, bool(owned), is_ours)
    if not owned:
        return Configurations(), ()
    groups: _Groups = {}
    for one in owned:
        groups.setdefault((one.revision, one.version), []).append(one)
    files = given.files if given.files is not None else EMPTY
    wished = operator_with(files, given.settings if is_ours or given.files is not None else ())
    tried = []
    for candidate in [wished] if wished == files else [wished, files]:
        unlike = await _unlike(snapshot, groups, candidate, generate)
        tried.append((unlike, candidate))
        if not unlike:
            break
    unlike, installed = min(tried, key=lambda one: len(one[0]))
    known = {(revision, version): with_revision(installed, revision) for revision, version in groups}
    return Configurations(wished, known), (unknown_configuration(unlike),) if unlike else ()


async def _unlike(
    snapshot: MeshSnapshot,
    groups: _Groups,
    candidate: dict[str, Any],
    generate: Callable[[IstioctlRequest], Awaitable[tuple[Manifest, ...]]],
) -> Sequence[FindingObject]:
    whole = {one.component for members in groups.values() for one in members}
    found: list[FindingObject] = []
    for (revision, version), members in groups.items():
        configuration = only(with_revision(candidate, revision), {one.component for one in members}, whole)
        request = IstioctlRequest(IstioVersion.parse(version), configuration, snapshot.cluster.kubernetes_version)
        found += differences(members, await generate(request))
    return found


def _refuse_misfits(given: GivenOperator, is_any: bool, is_istiod: bool) -> None:
    if given.files is not None and not is_any:
        raise UsageError(
            "an IstioOperator is given, but istioctl installed no part of this mesh",
            on="-f",
            next_step="give values for its Helm charts",
        )
    if given.others and is_istiod:
        raise UsageError(
            "istioctl installed this mesh's istiod, and this is no IstioOperator",
            on=f"-f {given.others[0]}",
            next_step="give the IstioOperator file, or name the chart of another part: -f gateway=FILE",
        )
