"""What a hazard is, and what a rule tells of it."""

from collections.abc import Callable, Iterable
from typing import Any, Literal

import msgspec

from resail.checks.hazards.case import Case
from resail.models.finding import Severity
from resail.models.identity import Manifest
from resail.models.plan import Strategy

__all__ = ["GATES", "UNDO", "Hazard", "Mode", "Rule", "Seen", "Sign"]

Mode = Literal["sidecar", "ambient"]
Method = Literal["helm", "istioctl", "sail"]

GATES = {
    "G1": "Render both releases with the same values, and compare.",
    "G2": "Send each rendered object, and each live one against the target's CRDs, as a dry run.",
    "G3": "After each step: proxies in sync, none rejects its configuration, istiod does not restart.",
    "G4": "Send requests along the path in question, and compare with those before.",
    "G5": "Do one node or namespace first, and look.",
    "G6": "Ask the webhooks by dry runs: an Istio object, and a pod of each kind of namespace.",
    "G7": "Ready replicas of istiod, gateways and waypoints do not fall below those before.",
    "G8": "Each namespace and gateway has one injector, one validator and one revision.",
    "G9": "The root certificate is the same everywhere, before and after.",
    "G10": "The same pods, listeners, routes, certificates and endpoints before and after.",
    "G11": "Metrics, spans, logs and the tools that read them go on.",
    "G12": "A precondition: the step does not start while it holds.",
}
"""What watches for a hazard during the upgrade."""

UNDO = {
    "U1": "Roll the Helm release back, or apply the saved manifest (never for CRDs).",
    "U2": "Point label or tag at the old revision and restart the pods.",
    "U3": "Set the old flag or compatibilityVersion, and restart istiod.",
    "U4": "Repair the object, or bring it back from a backup.",
    "U5": "Restart istiod.",
    "U6": "Drain and reboot the node.",
    "U7": "Go on to the patch that mends it.",
    "U8": "Set the value back, and apply again.",
    "U9": "Put the label or annotation back, and restart the pods.",
    "U10": "Scale up, or set budget or quota back.",
    "U11": "Nothing to undo: wait, or go on.",
}
"""How its harm is undone."""


class Hazard(msgspec.Struct, frozen=True, kw_only=True):
    """A way in which upgrades have failed."""

    id: str
    """``V1``, ``N10``: stable."""
    title: str
    proof: Literal["provable", "indicative"]
    """``indicative``: what its rule finds is a sign, and no proof; such a finding is a warning at most."""
    severity: Severity
    """Where the rule does not say otherwise."""
    installed: str = "*"
    """Span of installed versions, see ``span``."""
    target: str = "*"
    """Span of target versions."""
    methods: tuple[Method, ...] = ("helm", "istioctl", "sail")
    modes: tuple[Mode, ...] = ("sidecar", "ambient")
    strategies: tuple[Strategy, ...] = ("canary", "in-place")
    detection: str
    """What the rule looks for."""
    effect: str
    """What happens to those who go on."""
    fix: str
    """What to do before."""
    gates: tuple[str, ...]
    """Keys of ``GATES``."""
    undo: tuple[str, ...]
    """Keys of ``UNDO``."""
    sources: tuple[str, ...]
    """Release notes, issues, tagged source: the best one first."""


class Seen(msgspec.Struct, frozen=True):
    """A field that shows it."""

    object: Manifest
    """Of the cluster; or what stands for one, see ``Case``."""
    path: str
    """Of a field that is there; where one is missing, of what it is missing from. Empty: the object as a whole."""


class Sign(msgspec.Struct, frozen=True):
    """One place where a rule finds its hazard."""

    seen: tuple[Seen, ...]
    """At least one. What stands there becomes the evidence."""
    message: str
    """One sentence about this mesh: what will go wrong with what."""
    severity: Severity | None = None
    """Where it is not that of the hazard."""
    fix: str = ""
    """Where it is not that of the hazard."""

    @classmethod
    def at(cls, manifest: Manifest, path: str, message: str, **others: Any) -> "Sign":
        """Of one field."""
        return cls((Seen(manifest, path),), message, **others)


class Rule(msgspec.Struct, frozen=True):
    """A hazard, and how it is found."""

    hazard: Hazard
    find: Callable[[Case], Iterable[Sign]]
    """Is asked only for cases within the hazard's spans, methods, modes and strategies. Never raises, but for ``Unknown``."""
