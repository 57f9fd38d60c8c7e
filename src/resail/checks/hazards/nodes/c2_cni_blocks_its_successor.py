"""C2: the istio-cni plugin on a node refuses the pod that would replace its agent."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.hazards.nodes.agents import agent, image_of, version_of
from resail.checks.hazards.span import within
from resail.models.field_path import first
from resail.models.identity import Manifest

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="C2",
    title="The istio-cni plugin on a node refuses the agent that would replace it",
    proof="indicative",
    severity="warning",
    detection="istio-cni is older than 1.24.5, or 1.25.0 or 1.25.1, and its next agent gets its network from the plugin.",
    effect="Where the old agent's token is no longer valid, its successor stays in ContainerCreating, and so does each new pod.",
    fix="go to 1.24.5 or 1.25.2 first, one node at a time; on a stuck node take istio-cni out of its CNI file, or reboot",
    gates=("G5", "G6"),
    undo=("U6", "U7"),
    sources=(
        "https://github.com/istio/istio/issues/55215",
        "https://github.com/istio/istio/pull/55304",
        "https://github.com/istio/istio/issues/57438",
        "https://github.com/istio/istio/issues/58111",
    ),
)
_FAULTY = "<1.25.2,!=1.24.5,!=1.24.6"


def _find(case: Case) -> Iterator[Sign]:
    cni = agent(case, "cni")
    if cni is None or not within(version_of(cni), _FAULTY) or _goes_around_the_plugin(case):
        return
    failing = next(filter(_is_unauthorized, case.all("Event")), None)
    yield Sign(
        (image_of(case, cni), *([Seen(failing, "message")] if failing else [])),
        f"istio-cni {cni.version} may refuse its own successor on nodes where its token is no longer valid"
        + (", and a pod has met with that already" if failing else ""),
    )


def _goes_around_the_plugin(case: Case) -> bool:
    """The next agent takes the node's own network, for which no plugin is asked, or comes up while the old one still runs."""
    after = [one for part in case.parts if part.chart == "cni" for one in part.rendered or () if one["kind"] == "DaemonSet"]
    return any(first(one, "spec.template.spec.hostNetwork") is True or _surges(one) for one in after)


def _surges(daemon_set: Manifest) -> bool:
    return first(daemon_set, "spec.updateStrategy.rollingUpdate.maxSurge") not in (None, 0, "0", "0%")


def _is_unauthorized(event: Manifest) -> bool:
    message = first(event, "message")
    return (
        first(event, "reason") == "FailedCreatePodSandBox"
        and isinstance(message, str)
        and "istio-cni" in message
        and "Unauthorized" in message
    )


RULE = Rule(_HAZARD, _find)
