"""Do the workloads trust the authority that the new revision signs with? Certificates are compared as sets.

A proxy that restarts gets its certificate from the new istiod, and is trusted by no one whose root is another.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from resail.models.finding import Finding, FindingObject
from resail.models.identity import ObjectRef
from resail.models.plan import TrustIs
from resail.models.trust import TrustBundle

__all__ = ["expected_trust", "trust_findings", "trust_problems"]

_SOURCE = "https://istio.io/latest/docs/tasks/security/cert-management/plugin-ca-cert/"
_SHOWN = 12  # hex digits of a fingerprint


def expected_trust(
    bundles: Sequence[TrustBundle], from_revision: str, to_revision: str, namespaces: Collection[str]
) -> TrustIs | None:
    """What must hold before a wave; None where the mesh shows no roots.

    Args:
        bundles: of the mesh now.
        from_revision: whose webhook's caBundle the new one's must be like; where it is not there yet, any other's.
        to_revision: the revision that will inject.
        namespaces: of what restarts.
    """
    roots = _roots(bundles, namespaces)
    if not roots:
        return None
    hooks = [one for one in bundles if one.revision == from_revision] or [one for one in bundles if one.revision]
    trusted = sorted({fingerprint for one in roots for fingerprint in one.fingerprints})
    called = sorted({fingerprint for one in hooks for fingerprint in one.fingerprints})
    return TrustIs(to_revision, tuple(sorted(namespaces)), tuple(trusted), tuple(called))


def trust_problems(bundles: Sequence[TrustBundle], expected: TrustIs) -> list[str]:
    """What does not hold, in words, with the fingerprints and the objects that show them.

    An object that is not there tells nothing: istiod makes it anew, and then it is looked at.
    """
    problems = []
    for one in _roots(bundles, expected.namespaces):
        if one.fingerprints != expected.roots:
            problems.append(f"{_place(one)} holds {_told(one.fingerprints)}, not {_told(expected.roots)} as planned")
    for one in _signers(bundles):
        if not set(one.fingerprints) <= set(expected.roots):
            told = f"and the workloads trust {_told(expected.roots)}"
            problems.append(f"{_place(one)} signs with {_told(one.fingerprints)}, {told}")
    for one in bundles:
        if one.revision == expected.revision and expected.callers and one.fingerprints != expected.callers:
            told = f"not {_told(expected.callers)} as that of the revision before"
            problems.append(f"{_place(one)} is {_told(one.fingerprints)}, {told}")
    return problems


def trust_findings(bundles: Sequence[TrustBundle], waves: Sequence[TrustIs], now: datetime) -> tuple[Finding, ...]:
    """What speaks against restarting anything, as the mesh is now; and roots that have expired."""
    roots = _roots(bundles, {namespace for wave in waves for namespace in wave.namespaces})
    found = [*_expired(bundles, now)]
    sets = {one.fingerprints for one in roots}
    if len(sets) > 1:
        found.append(
            Finding(
                id="ca-root-differs",
                severity="blocker",
                message="workloads of different namespaces trust different roots",
                objects=tuple(_object_of(ref, one.field) for one in roots for ref in one.objects),
                evidence="; ".join(f"{_place(one)}: {_told(one.fingerprints)}" for one in roots),
                fix="see the logs of istiod, which writes them, and wait until they are alike",
                source=_SOURCE,
            )
        )
    trusted = {fingerprint for one in roots for fingerprint in one.fingerprints}
    for one in _signers(bundles) if roots else ():
        if not set(one.fingerprints) <= trusted:
            found.append(
                Finding(
                    id="ca-root-differs",
                    severity="blocker",
                    message=f"the authority of {one.objects[0]} is none that the workloads trust",
                    objects=tuple(_object_of(ref, part.field) for part in (one, *roots) for ref in part.objects),
                    evidence=f"{_place(one)}: {_told(one.fingerprints)}; {_place(roots[0])}: {_told(tuple(sorted(trusted)))}",
                    fix="let the workloads trust both roots first, by a root-cert.pem that has the two; then plan again",
                    source=_SOURCE,
                )
            )
    return tuple(sorted(found))


def _object_of(ref: ObjectRef, field: str) -> FindingObject:
    return FindingObject(ref.kind, ref.namespace, ref.name, field)


def _expired(bundles: Sequence[TrustBundle], now: datetime) -> Iterator[Finding]:
    for bundle in bundles:
        known = [one for one in bundle.certificates if one.not_after]
        over = [one for one in known if datetime.fromisoformat(one.not_after) <= now]
        if over:
            all_over = len(over) == len(bundle.certificates)
            yield Finding(
                id="ca-root-expired",
                severity="blocker" if all_over else "warning",
                message=f"{'the root' if all_over else 'a root'} of {_place(bundle)} has expired",
                objects=tuple(_object_of(ref, bundle.field) for ref in bundle.objects),
                evidence=", ".join(f"{_told((one.fingerprint,))} until {one.not_after}" for one in over),
                fix="renew the root of the mesh before an upgrade" if all_over else "take it out of the bundle",
                source=_SOURCE,
            )


def _roots(bundles: Sequence[TrustBundle], namespaces: Collection[str]) -> list[TrustBundle]:
    """What the workloads of these namespaces mount."""
    found = []
    for one in bundles:
        refs = tuple(ref for ref in one.objects if ref.kind == "ConfigMap" and ref.namespace in namespaces)
        if refs:
            found.append(TrustBundle(one.field, refs, one.certificates))
    return found


def _signers(bundles: Sequence[TrustBundle]) -> list[TrustBundle]:
    return [one for one in bundles if one.objects[0].kind == "Secret"]


def _place(bundle: TrustBundle) -> str:
    more = f" and {len(bundle.objects) - 1} more" if len(bundle.objects) > 1 else ""
    return f"{bundle.objects[0]}{more} {bundle.field}"


def _told(fingerprints: Sequence[str]) -> str:
    return "sha256 " + ", ".join(one[:_SHOWN] for one in fingerprints) if fingerprints else "nothing"
