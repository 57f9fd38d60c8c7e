"""What no API can see: a few questions for a person, each shown only where it could apply."""

from collections.abc import Callable

import msgspec

from resail.checks.hazards.case import Case, Unknown
from resail.checks.hazards.hazard import Rule
from resail.checks.hazards.mesh import holds_back
from resail.checks.hazards.nodes import c2_cni_blocks_its_successor, c5_nft_of_the_node, c9_agent_removed
from resail.checks.hazards.nodes.agents import agent
from resail.checks.hazards.span import within
from resail.models.field_path import find, first
from resail.models.identity import Manifest
from resail.models.plan import InstallerStep, RestartWave
from resail.models.precheck import Question

__all__ = ["QUESTIONS", "questions_for"]


class _Asked(msgspec.Struct, frozen=True):
    """A question, and whether it could apply."""

    id: str
    text: str
    why: Callable[[Case], str]
    """The reason, for this mesh; empty where the question does not apply."""
    source: str


def questions_for(case: Case) -> tuple[Question, ...]:
    """What a person has to see to before this hop. What cannot be read may apply, and is asked."""
    asked = [(one, _reason(one, case)) for one in _ALL]
    return tuple(Question(one.id, one.text, reason, one.source) for one, reason in asked if reason)


def _reason(asked: _Asked, case: Case) -> str:
    try:
        return asked.why(case)
    except Unknown as unknown:
        return f"whether it matters here is not known: {unknown}"


def _found_by(rule: Rule) -> Callable[[Case], str]:
    """Where a rule finds a sign, and has no proof."""
    return lambda case: next((sign.message for sign in rule.find(case)), "")


def _packet_filters(case: Case) -> str:
    if agent(case, "cni") is not None and within(case.target, ">=1.25.0,<1.25.4"):
        return f"istio-cni {case.target} may choose the wrong one of iptables and nftables where a node has both"
    return _found_by(c5_nft_of_the_node.RULE)(case)


def _gateways(case: Case) -> list[str]:
    return sorted(str(one.workload) for one in case.snapshot.components if one.role == "gateway")


def _envoy_headers(case: Case) -> str:
    gateways = _gateways(case)
    if not case.crosses("1.25.0") or not gateways:
        return ""
    return f"from 1.25 on {', '.join(gateways)} no longer trust these headers because a request comes from a private address"


def _retried(case: Case) -> str:
    if not case.crosses("1.24.0") or holds_back(case, "1.23"):
        return ""
    return "from 1.24 on a sidecar sends a request to its application again where that ended the connection without reading it"


def _keys(case: Case) -> str:
    fetched = [
        f"{first(one, 'metadata.namespace')}/{first(one, 'metadata.name')}"
        for one in case.all("RequestAuthentication.security.istio.io")
        for rule in find(one, "spec.jwtRules[*]")
        if not first(rule.value, "jwks")
    ]
    return (
        f"the new istiod fetches keys for {', '.join(sorted(set(fetched)))}; without them each token is refused"
        if fetched
        else ""
    )


def _remote_clusters(case: Case) -> str:
    secrets = [one for one in case.all("Secret") if first(one, "metadata.labels.istio/multiCluster") == "true"]
    names = ", ".join(sorted(str(first(one, "metadata.name")) for one in secrets))
    return f"istiod reads other clusters by {names}, and does not take up each change of them before 1.31" if secrets else ""


def _pipelines(case: Case) -> str:
    if case.snapshot.foreign_managers or not case.methods & {"helm", "istioctl"}:
        return ""
    return f"a job that runs {' or '.join(sorted(case.methods & {'helm', 'istioctl'}))} leaves no mark in the cluster"


_METRICS = {
    "1.24.0": "expiry of certificates (from 1.24 in seconds only)",
    "1.28.0": "metrics whose rotation was set by flags (1.28)",
    "1.29.0": "remaining capacity of circuit breakers (off from 1.29)",
}


def _dashboards(case: Case) -> str:
    changed = [words for version, words in _METRICS.items() if case.crosses(version)]
    return f"the way to {case.target} changes {', '.join(changed)}" if changed else ""


def _istioctl(case: Case) -> str:
    if case.installed.line == case.target.line:
        return ""
    return f"istioctl should be of the version of istiod, which becomes {case.target}"


def _on_call(case: Case) -> str:
    if case.steps is None:
        raise Unknown("there is no plan for this hop")
    workloads = {restart.workload for step in case.steps if isinstance(step, RestartWave) for restart in step.restarts}
    workloads |= {ref for step in case.steps if isinstance(step, InstallerStep) for ref in step.change.replaced}
    return f"{len(workloads)} workloads restart" if workloads else ""


def _balancers(case: Case) -> str:
    labels = {one.ref: one.labels for one in case.snapshot.workloads}
    gateways = [(one.workload, labels.get(one.workload, {})) for one in case.snapshot.components if one.role == "gateway"]
    before = [
        f"{ref.namespace}/{first(service, 'metadata.name')}"
        for service in case.all("Service")
        for ref, own in gateways
        if first(service, "metadata.namespace") == ref.namespace and _leads_to(service, own)
    ]
    return f"load balancers lead to gateways that restart: {', '.join(sorted(before))}" if before else ""


def _leads_to(service: Manifest, labels: dict[str, str]) -> bool:
    selector = first(service, "spec.selector")
    if first(service, "spec.type") != "LoadBalancer" or not isinstance(selector, dict) or not selector:
        return False
    return all(labels.get(key) == value for key, value in selector.items())


_ALL = (
    _Asked(
        "cni-token",
        "Is the token that istio-cni left in the CNI configuration of each node still valid? Try it on one node first.",
        _found_by(c2_cni_blocks_its_successor.RULE),
        "https://github.com/istio/istio/issues/55215",
    ),
    _Asked(
        "cni-file",
        "Does a node's CNI configuration still name istio-cni once the agent is gone?",
        _found_by(c9_agent_removed.RULE),
        "https://github.com/istio/istio/issues/49067",
    ),
    _Asked(
        "node-packet-filter",
        "Which of iptables and nftables do the nodes use, and which version of nft do they have?",
        _packet_filters,
        "https://github.com/istio/istio/issues/58492",
    ),
    _Asked(
        "envoy-headers",
        "Do applications rely on x-envoy headers that clients or load balancers send from private addresses?",
        _envoy_headers,
        "https://istio.io/latest/news/releases/1.25.x/announcing-1.25/upgrade-notes/",
    ),
    _Asked(
        "retried-requests",
        "Are there requests that must never be sent twice?",
        _retried,
        "https://github.com/istio/istio/blob/1.24.0/releasenotes/notes/52055.yaml",
    ),
    _Asked(
        "jwks-reachable",
        "Can the pods of istiod reach each issuer's keys, and trust its certificate?",
        _keys,
        "https://github.com/istio/istio/issues/49913",
    ),
    _Asked(
        "remote-secrets",
        "Will credentials of remote clusters be rotated while the upgrade runs, and do they permit what the new istiod reads?",
        _remote_clusters,
        "https://github.com/istio/istio/issues/60612",
    ),
    _Asked(
        "pipelines",
        "Does a pipeline apply Istio's charts or objects by itself? Stop it, or bring it to the target in the same change.",
        _pipelines,
        "https://istio.io/latest/docs/setup/upgrade/",
    ),
    _Asked(
        "dashboards",
        "Do dashboards, alerts or autoscalers read metrics that change?",
        _dashboards,
        "https://istio.io/latest/news/releases/1.29.x/announcing-1.29/upgrade-notes/",
    ),
    _Asked(
        "istioctl-version",
        "Which istioctl do pipelines and people have?",
        _istioctl,
        "https://istio.io/latest/docs/ops/diagnostic-tools/istioctl/",
    ),
    _Asked(
        "on-call",
        "Do the owners of what restarts know when, and is somebody there who can decide?",
        _on_call,
        "https://istio.io/latest/docs/setup/upgrade/",
    ),
    _Asked(
        "balancer-draining",
        "Does the load balancer stop sending to a gateway pod before it ends?",
        _balancers,
        "https://istio.io/latest/docs/setup/upgrade/gateways/",
    ),
)

QUESTIONS = tuple(asked.id for asked in _ALL)
"""All ids; twelve at most."""
