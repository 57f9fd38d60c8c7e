"""What of a release can be looked up without rendering it: derived from its files by ``resail releases learn``."""

from typing import Any, Literal

import msgspec

__all__ = ["CrdFacts", "ReleaseFacts", "ReleaseNote"]


class CrdFacts(msgspec.Struct, frozen=True):
    """One CustomResourceDefinition as a release has it."""

    storage: str
    """The version that is stored."""
    served: tuple[str, ...]


class ReleaseNote(msgspec.Struct, frozen=True):
    """One note of a release: an upgrade note, or a change of behaviour."""

    id: str
    """Its file's name in ``releasenotes/notes``, or what else names it; unique in its release."""
    kind: Literal["upgrade", "change", "removal", "security"]
    area: str
    """``traffic-management``, ``security``, ``telemetry``, ``installation``, ``istioctl``, ``extensibility`` …"""
    text: str
    marks: tuple[str, ...]
    """What a mesh that it concerns has: ``kind:VirtualService.networking.istio.io``, ``field:KIND.GROUP:spec.http[*].mirror``,
    ``flag:PILOT_X``, ``value:istiod:pilot.cni.enabled``, ``mode:ambient``. Empty: it concerns every mesh."""
    source: str


class ReleaseFacts(msgspec.Struct, frozen=True):
    """One release line, or one version of it."""

    version: str
    """``1.27`` or ``1.27.9``"""
    values: dict[str, dict[str, Any]]
    """Chart → path of each leaf of its defaults → its default."""
    flags: dict[str, str]
    """Environment variables that its programs read → the default, as its source has it."""
    crds: dict[str, CrdFacts]
    """By name, ``virtualservices.networking.istio.io``."""
    compatibility_versions: tuple[str, ...]
    """That its charts have."""
    profiles: tuple[str, ...]
    """Of its charts."""
    operator_fields: tuple[str, ...]
    """Paths of the IstioOperator's schema below ``spec``; ``values`` not included."""
    notes: tuple[ReleaseNote, ...] = ()
