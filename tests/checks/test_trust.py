"""Whether the mesh's root is still what it was, and the same for both revisions."""

from datetime import UTC, datetime

import pytest

from resail.checks.trust import expected_trust, trust_findings, trust_problems
from resail.models.identity import ObjectRef
from resail.models.plan import TrustIs
from resail.models.trust import Certificate, TrustBundle
from resail.snapshot.certificates import certificates_in
from tests.checks.roots import FIRST_ROOT, OTHER_ROOT

ROOT, OTHER = Certificate("1" * 64, "2030-01-01T00:00:00+00:00"), Certificate("2" * 64, "2031-01-01T00:00:00+00:00")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def roots(*namespaces: str, of: tuple[Certificate, ...] = (ROOT,)) -> TrustBundle:
    refs = tuple(ObjectRef("v1", "ConfigMap", namespace, "istio-ca-root-cert") for namespace in namespaces)
    return TrustBundle("data[root-cert.pem]", refs, of)


def signer(*of: Certificate, name: str = "istio-ca-secret") -> TrustBundle:
    return TrustBundle("data[ca-cert.pem]", (ObjectRef("v1", "Secret", "istio-system", name),), of)


def hook(revision: str, *of: Certificate) -> TrustBundle:
    ref = ObjectRef("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "", f"istio-sidecar-injector-{revision}")
    return TrustBundle("webhooks.clientConfig.caBundle", (ref,), of, revision)


WELL = (roots("shop", "bank"), signer(ROOT), hook("old", ROOT))
EXPECTED = TrustIs("new", ("bank", "shop"), (ROOT.fingerprint,), (ROOT.fingerprint,))


def test_what_is_expected() -> None:
    assert expected_trust(WELL, "old", "new", {"shop", "bank"}) == EXPECTED
    assert expected_trust((), "old", "new", {"shop"}) is None
    assert expected_trust(WELL, "old", "new", {"elsewhere"}) is None
    # A hop whose revision is not there yet has the caBundle of the one before.
    later = expected_trust(WELL, "middle", "new", {"shop", "bank"})
    assert later == EXPECTED


@pytest.mark.parametrize(
    "bundles",
    [
        WELL,
        (*WELL, hook("new", ROOT)),
        # Neither what is not there yet, nor namespaces that nothing restarts in, tell anything.
        (),
        (*WELL, roots("elsewhere", of=(OTHER,))),
        (*WELL, hook("third", OTHER)),
    ],
)
def test_it_holds(bundles: tuple[TrustBundle, ...]) -> None:
    assert trust_problems(bundles, EXPECTED) == []


@pytest.mark.parametrize(
    ("bundles", "said"),
    [
        (
            (roots("shop", of=(OTHER,)), roots("bank")),
            "shop/ConfigMap/istio-ca-root-cert data[root-cert.pem] holds sha256 2222",
        ),
        (
            (roots("shop", "bank", of=(ROOT, OTHER)),),
            "sha256 111111111111, 222222222222, not sha256 111111111111 as planned",
        ),
        ((roots("shop"), signer(OTHER, name="cacerts")), "Secret/cacerts data[ca-cert.pem] signs with sha256 2222"),
        ((*WELL, hook("new", OTHER)), "caBundle is sha256 222222222222, not sha256 111111111111 as that of"),
    ],
)
def test_it_does_not(bundles: tuple[TrustBundle, ...], said: str) -> None:
    (problem,) = trust_problems(bundles, EXPECTED)
    assert said in problem


def test_findings_of_a_plan() -> None:
    both = TrustIs("new", ("bank", "shop"), (ROOT.fingerprint,), ())
    assert trust_findings(WELL, [EXPECTED], NOW) == ()
    assert trust_findings((), [], NOW) == ()
    # Workloads that trust two roots while one is changed for the other are well.
    assert trust_findings((roots("shop", "bank", of=(ROOT, OTHER)), signer(OTHER)), [both], NOW) == ()

    (finding,) = trust_findings((roots("shop"), roots("bank", of=(OTHER,)), signer(ROOT)), [both], NOW)
    assert (finding.id, finding.severity) == ("ca-root-differs", "blocker")
    (finding,) = trust_findings((roots("shop", "bank"), signer(OTHER)), [both], NOW)
    assert (finding.id, finding.severity) == ("ca-root-differs", "blocker")
    assert "sha256 111111111111" in finding.evidence
    assert "sha256 222222222222" in finding.evidence
    assert {one.kind for one in finding.objects} == {"Secret", "ConfigMap"}


def test_expired_roots_are_told() -> None:
    late = datetime(2030, 6, 1, tzinfo=UTC)
    told = [(one.id, one.severity) for one in trust_findings((roots("shop"),), [], late)]
    assert told == [("ca-root-expired", "blocker")]
    told = [(one.id, one.severity) for one in trust_findings((roots("shop", of=(ROOT, OTHER)),), [], late)]
    assert told == [("ca-root-expired", "warning")]


def test_pem_is_read_as_a_set() -> None:
    (first,) = certificates_in(FIRST_ROOT)
    assert first.not_after.startswith("2126-11-01T")
    both = certificates_in(FIRST_ROOT + "\n" + OTHER_ROOT)
    assert len(both) == 2
    assert certificates_in("# a comment\r\n" + OTHER_ROOT + FIRST_ROOT + FIRST_ROOT) == both
    assert certificates_in(FIRST_ROOT.replace("\n", "\r\n")) == (first,)
    assert certificates_in("") == certificates_in("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----") == ()
    assert certificates_in("-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----") == ()
