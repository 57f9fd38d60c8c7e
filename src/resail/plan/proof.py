"""Is a configuration the one that istioctl installed? Proven by what it renders, against what runs."""

from collections.abc import Iterable, Sequence

from resail.checks.differences import changed_fields
from resail.models.finding import Finding, FindingObject
from resail.models.identity import Manifest, ObjectRef
from resail.models.istioctl_marks import without_marks
from resail.models.snapshot import IstioctlComponent
from resail.plan.normal_form import as_kept, as_rendered

__all__ = ["differences", "told", "unknown_configuration"]

_MOST = 20


def differences(components: Iterable[IstioctlComponent], rendered: Iterable[Manifest]) -> tuple[FindingObject, ...]:
    """Where what runs is not what is rendered: each object and field, but for istioctl's marks and what others fill in."""
    live = {ObjectRef.of(manifest): manifest for one in components for manifest in one.objects}
    wanted = {ObjectRef.of(manifest): manifest for manifest in rendered}
    found: list[FindingObject] = []
    for ref in sorted(live.keys() | wanted.keys()):
        if ref in live and ref in wanted:
            kept, made = as_kept(live[ref], wanted[ref]), as_rendered(wanted[ref])
            fields: Iterable[str] = changed_fields(without_marks(kept), without_marks(made))
        else:
            fields = ("(not rendered)" if ref in live else "(not there)",)
        found += [FindingObject(ref.kind, ref.namespace, ref.name, path) for path in fields]
    return tuple(found)


def told(differing: Sequence[FindingObject]) -> str:
    """The first of them, in words."""
    shown = "; ".join(f"{one.namespace + '/' if one.namespace else ''}{one.kind}/{one.name} {one.field}" for one in differing[:3])
    return f"{shown} and {len(differing) - 3} more" if len(differing) > 3 else shown


def unknown_configuration(differing: Sequence[FindingObject]) -> Finding:
    """The finding that stops the plan."""
    return Finding(
        id="istioctl-configuration-unknown",
        severity="blocker",
        message="what istioctl renders of the given configuration is not what runs, so an upgrade with it would change the mesh",
        objects=tuple(differing[:_MOST]),
        evidence=told(differing),
        fix="give the IstioOperator file that the mesh was installed with by -f, and what was set then by --set",
        source="https://istio.io/latest/docs/setup/install/istioctl/",
    )
