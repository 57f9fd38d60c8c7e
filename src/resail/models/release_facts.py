"""What of a release can be looked up without rendering it: derived from its files by ``resail releases learn``."""

from typing import Any, Literal

import msgspec

__all__ = ["CrdFacts", "NoteKind", "NoteOfLine", "ReleaseFacts", "ReleaseNote"]

NoteKind = Literal["upgrade", "change", "removal", "security"]


class CrdFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """One CustomResourceDefinition as a release has it."""

    storage: str
    """The version that is stored."""
    served: tuple[str, ...]
    fields: dict[str, Any] = {}
    """Those below ``spec`` of all its versions, nested: name → its type (empty where that is not known), or the fields below
    it. What a list holds is below its name with ``[*]``, what a mapping holds below ``*``. Empty: not known."""


class ReleaseNote(msgspec.Struct, frozen=True, omit_defaults=True):
    """One note of a release: an upgrade note, or a change of behaviour."""

    id: str
    """Its file's name in ``releasenotes/notes``, or what else names it; unique in its release."""
    kind: NoteKind
    """``upgrade``: it asks to do something, or to look."""
    area: str
    """``traffic-management``, ``security``, ``telemetry``, ``installation``, ``istioctl``, ``extensibility`` …"""
    text: str
    marks: tuple[str, ...]
    """What a mesh that it concerns has: ``kind:VirtualService.networking.istio.io``, ``field:KIND.GROUP:spec.http[*].mirror``,
    ``flag:PILOT_X``, ``value:istiod:pilot.cni.enabled``, ``mode:ambient``; one of them is enough. ``field`` and ``value`` may
    end in ``=TEXT``, for what must stand there. Empty: it concerns every mesh."""
    source: str
    since: str = ""
    """The version that it came with; empty: the first of its line."""


class NoteOfLine(msgspec.Struct, frozen=True):
    """A note on the way from one release to another."""

    line: str
    note: ReleaseNote


class ReleaseFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """One release line, or one version of it."""

    version: str
    """``1.27`` or ``1.27.9``"""
    values: dict[str, dict[str, Any]]
    """Chart → path of each leaf of its defaults → its default. Hub and tag of images may be empty."""
    flags: dict[str, str]
    """Environment variables that its programs read → the default, as its source has it; empty: not known."""
    crds: dict[str, CrdFacts]
    """By name, ``virtualservices.networking.istio.io``."""
    compatibility_versions: tuple[str, ...]
    """That its charts have."""
    profiles: tuple[str, ...]
    """Of its charts."""
    operator_fields: tuple[str, ...]
    """Paths of the IstioOperator's schema below ``spec``; ``values`` not included."""
    notes: tuple[ReleaseNote, ...] = ()
    objects: dict[str, tuple[str, ...]] = {}
    """Chart → kind and name of what its templates may make, ``Service istiod…``; ``…`` is what the values decide about."""
    oldest_kubernetes: str = ""
    """That its istioctl accepts, ``1.29``; empty: not known."""
    unknown: tuple[str, ...] = ()
    """Which of these fields say nothing, since the files that tell were not there: ``flags``, ``operator_fields``, ``notes`` …"""
