"""What a rule looks at: one mesh, one hop, and what is known of both releases."""

from collections.abc import Iterator
from datetime import date
from typing import Any, Literal

import msgspec

from resail.models.field_path import find, first
from resail.models.identity import IstioVersion, Manifest, ObjectRef
from resail.models.mesh_objects import MeshObjects
from resail.models.plan import Step, Strategy
from resail.models.release_facts import ReleaseFacts
from resail.models.snapshot import MeshSnapshot

__all__ = ["Case", "Part", "Refusal", "Setting", "Unknown", "all_of"]


class Unknown(Exception):  # noqa: N818 - no error: it ends a rule that cannot tell
    """A rule needs what is not known; its hazard is reported as not evaluated, for this reason."""


def all_of(objects: MeshObjects, kind: str) -> tuple[Manifest, ...]:
    """All objects of a kind, such as ``Deployment.apps``.

    Raises:
        Unknown: the kind could not be read.
    """
    if kind in objects.by_kind:
        return objects.by_kind[kind]
    raise Unknown(objects.unread.get(kind, f"{kind} was not read"))


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One chart as the mesh has it: what its user asked for, and what comes of that."""

    chart: str
    """``base``, ``istiod``, ``cni``, ``ztunnel``, ``gateway``"""
    method: Literal["helm", "istioctl", "sail"]
    source: Manifest
    """What holds the values: a stand-in for the Helm release (kind ``HelmRelease``, ``values``, ``chart``, ``revision``), the
    IstioOperator, or the resource of the Sail Operator."""
    path: str
    """Of the values in it: ``values``, or ``spec.values``."""
    running: tuple[Manifest, ...] = ()
    """The objects as the installer stored or applied them."""
    rendered: tuple[Manifest, ...] | None = None
    """As the target renders them with the same values; None: it was not rendered."""
    refusal: str = ""
    """The renderer's words, where it refused these values."""
    idle: tuple[str, ...] | None = None
    """Paths of values without which the target renders the same; None: it was not tried."""
    running_defaults: dict[str, Any] | None = None
    """The installed chart's own values, nested; None: not known."""
    target_defaults: dict[str, Any] | None = None
    """The target chart's."""

    @property
    def values(self) -> dict[str, Any]:
        """What its user set."""
        values = first(self.source, self.path)
        return values if isinstance(values, dict) else {}

    @property
    def target(self) -> tuple[Manifest, ...]:
        """The target's objects.

        Raises:
            Unknown: the target was not rendered.
        """
        if self.rendered is None:
            raise Unknown(self.refusal or f"chart {self.chart} of the target was not rendered")
        return self.rendered


class Setting(msgspec.Struct, frozen=True):
    """One value that the user set."""

    part: Part
    path: str
    """In ``part.source``."""
    value: Any


class Refusal(msgspec.Struct, frozen=True):
    """What the API server, or a schema, says to an object that is there."""

    ref: ObjectRef
    path: str
    """Of the field, as far as its words tell; empty: the object as a whole."""
    words: str


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One hop of one mesh. Rules look, and change nothing."""

    installed: IstioVersion
    target: IstioVersion
    strategy: Strategy
    snapshot: MeshSnapshot
    """As the hops before leave it."""
    objects: MeshObjects
    """As they are now."""
    today: date
    parts: tuple[Part, ...] = ()
    revision: str = "default"
    """The revision that is upgraded."""
    new_revision: str = "default"
    """The one that runs afterwards; in place the same."""
    steps: tuple[Step, ...] | None = None
    """Of the plan for this hop; None: there is none."""
    running_facts: ReleaseFacts | None = None
    """Of the installed release; None: it is not known."""
    target_facts: ReleaseFacts | None = None
    refusals: tuple[Refusal, ...] | None = None
    """What the target's CRDs say to the live custom resources; None: it was not tried."""
    unreplayed: str = ""
    """Why that is not all that they have to say; empty: it is."""
    helm_client: str = ""
    """Version of the Helm that will apply; empty where none will."""

    def all(self, kind: str) -> tuple[Manifest, ...]:
        """All objects of a kind, such as ``Gateway.networking.istio.io``, ``Deployment.apps`` or ``Service``.

        Raises:
            Unknown: the kind could not be read.
        """
        return all_of(self.objects, kind)

    def settings(self, pattern: str, *charts: str) -> Iterator[Setting]:
        """What the user set at a path of the values, in the parts of some charts (none named: of all)."""
        for part in self.parts:
            if not charts or part.chart in charts:
                for field in find(part.source, f"{part.path}.{pattern}"):
                    yield Setting(part, field.path, field.value)

    @property
    def plan(self) -> Manifest:
        """What stands for the plan's steps: kind ``Plan``, ``steps[0].…`` as JSON has them.

        Raises:
            Unknown: there is no plan.
        """
        if self.steps is None:
            raise Unknown("there is no plan for this hop")
        return {
            "apiVersion": "resail.dev/v1",
            "kind": "Plan",
            "metadata": {"name": "plan"},
            "steps": msgspec.json.decode(msgspec.json.encode(self.steps)),
        }

    @property
    def cluster(self) -> Manifest:
        """What stands for the cluster: kind ``Cluster``, ``version`` of its API server."""
        facts = self.snapshot.cluster
        return {
            "apiVersion": "resail.dev/v1",
            "kind": "Cluster",
            "metadata": {"name": facts.id},
            "version": facts.kubernetes_version,
        }

    def crosses(self, version: str) -> bool:
        """Is the installed version older than this one, and the target not?"""
        bound = IstioVersion.parse(version)
        return self.installed < bound <= self.target

    @property
    def modes(self) -> frozenset[str]:
        """``sidecar``, ``ambient``: which of them the mesh has."""
        ambient = any(part.role in ("ztunnel", "waypoint") for part in self.snapshot.components) or any(
            namespace.labels.get("istio.io/dataplane-mode") == "ambient" for namespace in self.snapshot.namespaces
        )
        sidecar = not ambient or any(pod.proxy_version for workload in self.snapshot.workloads for pod in workload.pods)
        return frozenset((["ambient"] if ambient else []) + (["sidecar"] if sidecar else []))

    @property
    def methods(self) -> frozenset[str]:
        """Installers that have a part; empty where no installer is known, which rules out none."""
        return frozenset(part.method for part in self.parts)
