"""What is told of images: each verdict, and its near miss."""

import pytest

from resail.checks.images import image_findings
from resail.models.identity import ObjectRef
from resail.models.images import ImageAnswer, ImageLookup, Outcome

PILOT = "r.io/pilot:1"
ISTIOD = ObjectRef("apps/v1", "Deployment", "istio-system", "istiod")
FOUND = ImageAnswer("found", ("amd64", "arm64"))


def lookup(
    answer: ImageAnswer = FOUND, *, anonymous: bool = True, lacking: tuple[str, ...] = (), namespace: str = "n"
) -> ImageLookup:
    return ImageLookup(PILOT, namespace, (ISTIOD,), answer, anonymous, lacking)


def told(*lookups: ImageLookup, architectures: tuple[str, ...] = ("amd64",)) -> list[tuple[str, str]]:
    return [(finding.id, finding.severity) for finding in image_findings(lookups, architectures)]


@pytest.mark.parametrize(
    ("has", "nodes", "lacks"),
    [
        (("amd64", "arm64"), ("amd64", "arm64"), ""),
        (("amd64", "arm64", "s390x"), ("amd64",), ""),
        (("amd64",), ("amd64", "arm64"), "arm64"),
        (("amd64",), ("amd64", ""), ""),
        (("amd64",), (), ""),
        ((), ("amd64",), "amd64"),
    ],
)
def test_architectures(has: tuple[str, ...], nodes: tuple[str, ...], lacks: str) -> None:
    found = image_findings([lookup(ImageAnswer("found", has))], nodes)
    assert [(one.id, one.severity) for one in found] == ([("image-lacks-architecture", "blocker")] if lacks else [])
    assert all(lacks in one.message for one in found)


@pytest.mark.parametrize("outcome", ["denied", "limited", "failed", "unreached"])
def test_what_is_not_known_is_not_called_missing(outcome: Outcome) -> None:
    (finding,) = image_findings([lookup(ImageAnswer(outcome, (), "r.io: why"))], ("amd64",))
    assert (finding.id, finding.severity, finding.evidence) == ("image-not-checked", "warning", "r.io: why")


def test_what_is_missing_blocks() -> None:
    assert told(lookup(ImageAnswer("missing", (), "r.io: it has none"))) == [("image-missing", "blocker")]


def test_a_pull_secret_that_is_missing_blocks_unless_nobody_needs_it() -> None:
    assert told(lookup(lacking=("regcred",))) == [("image-pull-secret-missing", "warning")]
    assert told(lookup(anonymous=False, lacking=("regcred",))) == [("image-pull-secret-missing", "blocker")]
    unreached = lookup(ImageAnswer("unreached", (), "r.io: away"), anonymous=False, lacking=("regcred",))
    assert told(unreached) == [("image-not-checked", "warning"), ("image-pull-secret-missing", "blocker")]
    assert told(lookup(anonymous=False)) == []


def test_each_image_is_told_of_once() -> None:
    gone = ImageAnswer("missing", (), "r.io: it has none")
    assert told(lookup(gone, namespace="a"), lookup(gone, namespace="b")) == [("image-missing", "blocker")]
