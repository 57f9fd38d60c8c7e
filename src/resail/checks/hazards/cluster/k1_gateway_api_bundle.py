"""K1: the CRDs of the Gateway API are of a bundle that the target does not take."""

from collections.abc import Iterator

import msgspec

from resail.checks.hazards.case import Case
from resail.checks.hazards.cluster.gateway_api import BUNDLE, alpha_is_on, bundle_of, definition, serves
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.hazards.span import within
from resail.models.field_path import first
from resail.models.identity import IstioVersion, Manifest

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="K1",
    title="The Gateway API's CRDs are of a bundle that the target does not take",
    proof="provable",
    severity="blocker",
    detection="tlsroutes are of bundle 1.5 or newer without v1alpha2, which keeps istiod up to 1.27.8, 1.28.5 and 1.29.1 from "
    "getting ready; or there are TLSRoutes, TCPRoutes, GRPCRoutes or BackendTLSPolicies whose CRDs the target does not read.",
    effect="istiod does not get ready, or passes these objects over: their listeners and routes vanish.",
    fix="bring CRDs of a bundle that the target reads together with istiod, with the hosts on a second gateway meanwhile",
    gates=("G2", "G10", "G12"),
    undo=("U7", "U11"),
    sources=(
        "https://github.com/istio/istio/issues/59443",
        "https://github.com/istio/istio/issues/59949",
        "https://github.com/istio/istio/blob/1.31.0-rc.0/pkg/config/schema/gatewayapi/minimumversions.go",
        "https://github.com/istio/istio.io/pull/17394",
    ),
)

_GROUP = "gateway.networking.k8s.io"
_TLS_ROUTES = f"tlsroutes.{_GROUP}"
_NEVER_READY = ("<1.27.9", ">=1.28.0,<1.28.6", ">=1.29.0,<1.29.2")
_Bundle = tuple[int, int, int]


class _Window(msgspec.Struct, frozen=True):
    """Bundles of one kind that some versions of istiod read."""

    kind: str
    span: str
    lowest: _Bundle = (0, 0, 0)
    highest: _Bundle = (99, 0, 0)


_WINDOWS = (
    _Window("TLSRoute", "=1.27.9", highest=(1, 4, 0)),
    _Window("TLSRoute", "=1.28.6", highest=(1, 4, 0)),
    _Window("TLSRoute", "=1.29.2", highest=(1, 4, 0)),
    _Window("TLSRoute", ">=1.28.7,<1.29.0", highest=(1, 4, 1)),
    _Window("TLSRoute", ">=1.29.3,<1.30.0", highest=(1, 4, 1)),
    _Window("TLSRoute", ">=1.30.0", lowest=(1, 5, 0)),
    _Window("TCPRoute", ">=1.31.0", lowest=(1, 6, 0)),
    _Window("GRPCRoute", ">=1.22.0", lowest=(1, 1, 0)),
    _Window("BackendTLSPolicy", ">=1.28.0", lowest=(1, 4, 0)),
)
_PLURALS = {
    "TLSRoute": "tlsroutes",
    "TCPRoute": "tcproutes",
    "GRPCRoute": "grpcroutes",
    "BackendTLSPolicy": "backendtlspolicies",
}
_ALPHA_BEFORE = {"TLSRoute": "<1.30.0", "TCPRoute": "<1.31.0", "GRPCRoute": "<1.22.0", "BackendTLSPolicy": "<1.28.0"}
"""Kinds that istiod reads before this only with PILOT_ENABLE_ALPHA_GATEWAY_API."""


def _find(case: Case) -> Iterator[Sign]:
    routes = definition(case, _TLS_ROUTES)
    if routes is not None and _sticks(routes) and any(within(case.target, span) for span in _NEVER_READY):
        message = f"istiod {case.target} does not get ready where {_TLS_ROUTES} is of bundle {first(routes, BUNDLE)}"
        yield Sign.at(routes, BUNDLE, message)
        return
    for window in _WINDOWS:
        crd = definition(case, f"{_PLURALS[window.kind]}.{_GROUP}")
        if crd is None or not within(case.target, window.span) or _read(window, crd) or not _read_today(case, window.kind, crd):
            continue
        objects = case.all(f"{window.kind}.{_GROUP}")
        if objects:
            where = Seen(crd, BUNDLE if first(crd, BUNDLE) is not None else "metadata.name")
            yield Sign((where, Seen(objects[0], "")), _told(case.target, window, crd, len(objects)))


def _sticks(routes: Manifest) -> bool:
    """Such versions of istiod wait for v1alpha2 where there is the CRD, and the standard one of 1.5 serves v1 alone."""
    return (bundle_of(routes) or (0, 0, 0)) >= (1, 5, 0) and not serves(routes, "v1alpha2")


def _read(window: _Window, crd: Manifest) -> bool:
    bundle = bundle_of(crd)
    return bundle is not None and window.lowest <= bundle <= window.highest


def _read_today(case: Case, kind: str, crd: Manifest) -> bool:
    """Else the upgrade changes nothing for such objects."""
    alpha = _ALPHA_BEFORE.get(kind)
    if alpha and within(case.installed, alpha) and not alpha_is_on(case):
        return False
    return all(_read(one, crd) for one in _WINDOWS if one.kind == kind and within(case.installed, one.span))


def _told(target: IstioVersion, window: _Window, crd: Manifest, count: int) -> str:
    lowest, highest = (".".join(map(str, one)) for one in (window.lowest, window.highest))
    wanted = f"{lowest} or newer" if window.lowest > (0, 0, 0) else f"{highest} or older"
    bundle = first(crd, BUNDLE) or "none"
    return (
        f"istiod {target} passes over the {count} objects of kind {window.kind}: it reads bundle {wanted}, and theirs is {bundle}"
    )


RULE = Rule(_HAZARD, _find)
