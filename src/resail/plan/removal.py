"""The end of a canary: the old revision soaks and goes, or the plan says that it stays."""

from collections.abc import Callable, Iterator
from typing import Any

from resail.errors import BlockedError
from resail.models.encoding import manifest_digest
from resail.models.finding import Finding, FindingObject
from resail.models.identity import Manifest, ObjectRef
from resail.models.plan import AwaitSoak, NoUndo, ObjectChange, ReleaseIs, RemoveRevision, RollbackRelease, StepBase
from resail.models.snapshot import HelmRelease
from resail.plan.drafting import Chosen

__all__ = ["old_revision_stays", "removal_steps"]

_SOURCE = "https://istio.io/latest/docs/setup/upgrade/canary/#uninstall-old-control-plane"


def removal_steps(
    chosen: Chosen, keep: Callable[[str, tuple[Manifest, ...]], str]
) -> Iterator[tuple[type[StepBase], dict[str, Any]]]:
    """Kinds and fields of the steps.

    Args:
        chosen: a canary whose old revision is to go.
        keep: puts the objects of a step of that kind, which is the next one, into the archive.

    Raises:
        BlockedError: it is not Helm's.
    """
    old, release, soak = chosen.selection.plane, chosen.selection.istiod, chosen.options.soak
    if not isinstance(release, HelmRelease):
        raise BlockedError(
            f"revision {old.revision} is not Helm's, and resail removes only what Helm can bring back",
            on="--remove-old",
            next_step=f"plan without it, and remove it later with `istioctl uninstall --revision {old.revision}`",
        )
    stands = ReleaseIs(release.key, release.revision, release.chart_version, manifest_digest(release.objects))
    if soak:
        yield (
            AwaitSoak,
            {
                "title": f"Let revision {chosen.revision} serve for {_duration(soak)} before {old.revision} goes",
                "reason": "what shows only after a while can be undone without an installation while the old revision runs",
                "undo": NoUndo("it only waits"),
                "seconds": soak,
            },
        )
    yield (
        RemoveRevision,
        {
            "title": f"Remove revision {old.revision} (istiod {old.version}, {release.name}), once nothing is connected to it",
            "reason": "asked for by --remove-old",
            "preconditions": (stands,),
            "undo": RollbackRelease(release.key, stands.revision),
            "revision": old.revision,
            "release": release.key,
            "manifests": keep(RemoveRevision.__name__, release.objects),
            "objects": _removed(release),
        },
    )


def old_revision_stays(chosen: Chosen) -> Finding:
    """What a canary's plan says where it does not remove the old revision."""
    old = chosen.selection.plane
    return Finding(
        id="old-revision-stays",
        severity="info",
        message=f"revision {old.revision} (istiod {old.version}) stays installed, beside {chosen.revision}",
        objects=(FindingObject(old.deployment.kind, old.deployment.namespace, old.deployment.name),),
        evidence="the plan was made without --remove-old",
        fix="plan with --remove-old, and --soak DURATION for the time before; or remove it by its installer later",
        source=_SOURCE,
    )


def _removed(release: HelmRelease) -> tuple[ObjectChange, ...]:
    """All of it but what its chart has Helm keep."""
    gone = [manifest for manifest in release.objects if not _kept(manifest)]
    return tuple(sorted(ObjectChange(ObjectRef.of(manifest), "remove") for manifest in gone))


def _kept(manifest: Manifest) -> bool:
    return (manifest["metadata"].get("annotations") or {}).get("helm.sh/resource-policy") == "keep"


def _duration(seconds: int) -> str:
    for unit, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds % unit == 0:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"
