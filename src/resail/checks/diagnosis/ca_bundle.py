"""The API server cannot verify istiod by the caBundle of its webhooks: it has run out, or is of another authority."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta

from resail.checks.diagnosis.control_planes import hangs_on
from resail.checks.diagnosis.pods import moment_of
from resail.checks.diagnosis.sign import Place, Rule, Sign, at, place_of
from resail.checks.diagnosis.situation import Situation
from resail.models.diagnosis import Certainty, Diagnosis
from resail.models.identity import ObjectRef
from resail.models.trust import Certificate, TrustBundle

__all__ = ["RULE"]

_ID = "ca-bundle"
_SOON = timedelta(days=7)
_SHOWN = 12  # hex digits of a fingerprint
_SOURCE = "https://istio.io/latest/docs/ops/common-problems/injection/#x509-certificate-related-errors"


def _find(situation: Situation) -> Iterator[Sign]:
    yield from _out_of_time(situation)
    yield from _of_another_authority(situation)
    yield from _without(situation)


def _out_of_time(situation: Situation) -> Iterator[Sign]:
    """Bundles of which no certificate holds any longer; those that are the same together."""
    found: dict[tuple[Certificate, ...], list[TrustBundle]] = defaultdict(list)
    for bundle in situation.bundles:
        found[bundle.certificates].append(bundle)
    for certificates, bundles in sorted(found.items()):
        ends = [moment for one in certificates if (moment := moment_of(one.not_after)) is not None]
        if not ends or len(ends) < len(certificates) or max(ends) > situation.now + _SOON:
            continue
        is_over = max(ends) <= situation.now
        what = "is expired" if is_over else "is about to expire"
        objects = _objects(bundles)
        main = bundles[0].field.rpartition(".")[2] if bundles[0].field else "certificate"
        yield _sign(
            situation,
            f"{_ID}-expired" if is_over else f"{_ID}-expires-soon",
            "certain" if is_over else "likely",
            f"the {main} of {', '.join(ref.name for ref in objects)} {what}: it holds until {max(ends):%Y-%m-%d %H:%M} UTC",
            bundles,
            (
                f"notAfter {max(ends).isoformat()}, fingerprint {certificates[0].fingerprint[:_SHOWN]}",
                f"now it is {situation.now.isoformat()}",
            ),
            (
                "see whether istiod's own root is expired, too: then renew it (Secret `cacerts` or `istio-ca-secret`) first",
                "restart istiod: it writes its root into the caBundle of its webhooks",
            ),
        )


def _of_another_authority(situation: Situation) -> Iterator[Sign]:
    roots = {print_ for one in situation.bundles if not _is_called(one) for print_ in one.fingerprints}
    strange = [one for one in situation.bundles if _is_called(one) and one.fingerprints and not roots & set(one.fingerprints)]
    found: dict[tuple[str, ...], list[TrustBundle]] = defaultdict(list)
    for bundle in strange if roots else ():
        found[bundle.fingerprints].append(bundle)
    for prints, bundles in sorted(found.items()):
        if all((moment := moment_of(one.not_after)) is not None and moment <= situation.now for one in bundles[0].certificates):
            continue  # Told already.
        yield _sign(
            situation,
            f"{_ID}-of-another-authority",
            "likely",
            f"the caBundle of {', '.join(ref.name for ref in _objects(bundles))} is not of the authority that istiod signs with",
            bundles,
            (
                f"caBundle: fingerprint {', '.join(one[:_SHOWN] for one in prints)}",
                f"the mesh's roots: fingerprint {', '.join(sorted(one[:_SHOWN] for one in roots))}",
            ),
            ("restart istiod: it writes its root into the caBundle of its webhooks", "see who else writes these webhooks"),
        )


def _without(situation: Situation) -> Iterator[Sign]:
    """istiod fills it in, once it runs."""
    revisions = {plane.revision for plane in situation.snapshot.control_planes}
    for hook in situation.snapshot.webhooks:
        if not hook.has_ca_bundle and "://" not in hook.service and hook.revision in revisions:
            yield Sign(
                diagnosis=Diagnosis(
                    id=f"{_ID}-missing",
                    certainty="likely",
                    cause=f"{hook.ref} has no caBundle, so that the API server cannot call it",
                    objects=(at(hook.ref, "webhooks"),),
                    evidence=("clientConfig.caBundle is empty",),
                    undo=(f"see the log of the istiod of revision {hook.revision}, which writes it", "restart that istiod"),
                    source=_SOURCE,
                ),
                symptom=True,
            )


def _sign(
    situation: Situation,
    name: str,
    certainty: Certainty,
    cause: str,
    bundles: Sequence[TrustBundle],
    evidence: tuple[str, ...],
    undo: tuple[str, ...],
) -> Sign:
    fields = {ref: one.field for one in bundles for ref in one.objects}
    objects = tuple(at(ref, fields[ref]) for ref in _objects(bundles))
    calls = any(_is_called(one) for one in bundles)
    effects = (
        ("the API server cannot call istiod: new pods get no sidecar or are refused, as are Istio objects",) if calls else ()
    )
    return Sign(
        diagnosis=Diagnosis(
            id=name,
            certainty=certainty,
            cause=cause,
            objects=objects,
            evidence=evidence,
            effects=effects,
            undo=undo,
            source=_SOURCE,
        ),
        explains=_explained(situation, bundles),
    )


def _explained(situation: Situation, bundles: Sequence[TrustBundle]) -> frozenset[Place]:
    revisions = {one.revision for one in bundles}
    planes = [plane for plane in situation.snapshot.control_planes if plane.revision in revisions]
    hanging = {place for plane in planes for place in hangs_on(situation, plane) - {place_of(plane.deployment)}}
    # istiod and its Service are as well as they were.
    return frozenset((*map(place_of, _objects(bundles)), *(place for place in hanging if place[0] != "Service")))


def _objects(bundles: Sequence[TrustBundle]) -> list[ObjectRef]:
    """Webhooks first."""
    ordered = sorted(bundles, key=lambda one: not _is_called(one))
    return list(dict.fromkeys(ref for one in ordered for ref in one.objects))


def _is_called(bundle: TrustBundle) -> bool:
    return bundle.field.endswith("caBundle")


RULE = Rule(_ID, _find)
