"""Can the nodes pull what a plan has them pull? What the registries and the namespaces say, judged."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from resail.models.finding import Finding, FindingObject
from resail.models.images import ImageLookup

__all__ = ["image_findings"]

_PULL = "https://kubernetes.io/docs/tasks/configure-pod-container/pull-image-private-registry/"
_MULTI = "https://kubernetes.io/docs/concepts/containers/images/#multi-architecture-images-with-image-indexes"


def image_findings(lookups: Sequence[ImageLookup], architectures: Sequence[str]) -> tuple[Finding, ...]:
    """All findings, sorted; none where everything is found.

    Args:
        lookups: one for each image in each namespace.
        architectures: of the cluster's nodes; those that a node does not tell are left out.
    """
    by_image: dict[str, list[ImageLookup]] = defaultdict(list)
    for one in lookups:
        by_image[one.image].append(one)
    found: list[Finding] = []
    for image, uses in by_image.items():
        found += _missing(image, uses)
        found += _lacking(image, uses, architectures)
        found += _unchecked(image, uses)
    return tuple(sorted({*found, *_secrets(lookups)}))


def _missing(image: str, uses: Sequence[ImageLookup]) -> Iterator[Finding]:
    gone = [one for one in uses if one.answer.outcome == "missing"]
    if gone:
        yield Finding(
            id="image-missing",
            severity="blocker",
            message=f"the image {image} does not exist",
            objects=_users(gone),
            evidence=gone[0].answer.detail,
            fix="see the values hub and tag, and that the image was mirrored; then plan again",
        )


def _lacking(image: str, uses: Sequence[ImageLookup], architectures: Sequence[str]) -> Iterator[Finding]:
    found = [one for one in uses if one.answer.outcome == "found"]
    has = found[0].answer.architectures if found else ()
    lacks = sorted(set(architectures) - set(has) - {""})
    if found and lacks:
        yield Finding(
            id="image-lacks-architecture",
            severity="blocker",
            message=f"the image {image} is not there for {', '.join(lacks)}, which nodes of the cluster have",
            objects=_users(found),
            evidence=f"it is for {', '.join(has) or 'no architecture of Linux'}",
            fix="mirror the whole index of the image, with all its architectures; then plan again",
            source=_MULTI,
        )


def _unchecked(image: str, uses: Sequence[ImageLookup]) -> Iterator[Finding]:
    """Where the registry does not tell, the nodes may still get it: by another network, or with credentials of their own."""
    unknown = [one for one in uses if one.answer.outcome not in ("found", "missing")]
    if unknown:
        details = sorted({one.answer.detail for one in unknown})
        yield Finding(
            id="image-not-checked",
            severity="warning",
            message=f"whether the nodes can pull {image} is not known",
            objects=_users(unknown),
            evidence="; ".join(details),
            fix="see that a node can pull it, or check from where the registry can be reached",
        )


def _secrets(lookups: Sequence[ImageLookup]) -> Iterator[Finding]:
    """A pod is made without a secret that is not there, and then cannot pull what needs it."""
    missing: dict[tuple[str, str], list[ImageLookup]] = defaultdict(list)
    for one in lookups:
        for secret in one.lacking:
            missing[one.namespace, secret].append(one)
    for (namespace, secret), uses in missing.items():
        needed = [one for one in uses if not one.anonymous]
        images = ", ".join(sorted({one.image for one in needed or uses}))
        yield Finding(
            id="image-pull-secret-missing",
            severity="blocker" if needed else "warning",
            message=f"namespace {namespace} lacks the pull secret {secret}, which pods name for {images}",
            objects=(FindingObject("Secret", namespace, secret),),
            evidence="the API answers 404" if needed else "the API answers 404; these images need no login",
            fix=f"copy it there: `kubectl -n {namespace} create secret docker-registry {secret} …`",
            source=_PULL,
        )


def _users(uses: Sequence[ImageLookup]) -> tuple[FindingObject, ...]:
    refs = sorted({user for one in uses for user in one.users})
    return tuple(FindingObject(ref.kind, ref.namespace, ref.name, "spec.template.spec") for ref in refs)
