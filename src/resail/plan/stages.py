"""The stages in which istioctl brings its components on: what each installs, and what puts it back.

istioctl deletes what bears its own version and revision and is not in what it installs. So each stage has all that the stages
before it brought, and each way back has all that bears the former version at that time, wherever the run was broken off.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from resail.models.finding import Finding, FindingObject
from resail.models.identity import IstioVersion
from resail.models.istioctl_marks import COMPONENTS
from resail.models.rendering import IstioctlRequest
from resail.models.snapshot import IstioctlComponent, MeshSnapshot
from resail.plan.istio_operator import EMPTY, makes_default_tag, only, with_default_tag, with_revision
from resail.plan.selection import Selection

__all__ = ["Configurations", "Former", "StagePart", "StageRole", "default_tag_findings", "draft_stages"]

StageRole = Literal["base", "istiod", "cni", "ztunnel", "gateway"]

_DEFAULT = "default"
_GROUPS: tuple[tuple[str, ...], ...] = (("Base", "Pilot"), ("Cni",), ("Ztunnel",), ("IngressGateways", "EgressGateways"))
_ROLES: Mapping[str, StageRole] = {"Base": "base", "Pilot": "istiod", "Cni": "cni", "Ztunnel": "ztunnel"}
"""Base where it is alone; else it goes with istiod."""
_UNDONE: tuple[StageRole, ...] = ("ztunnel", "cni", "istiod", "gateway", "base")
"""The order in which ``plan/rollback`` undoes stages in place."""
_UNDONE_CANARY: tuple[StageRole, ...] = ("ztunnel", "cni", "gateway", "istiod", "base")


class Configurations(msgspec.Struct, frozen=True):
    """IstioOperators, each whole."""

    wished: dict[str, Any] = msgspec.field(default_factory=EMPTY.copy)
    """What the next hop installs, but for its version's tags."""
    known: Mapping[tuple[str, str], dict[str, Any]] = {}
    """Revision and version → what runs of it was installed with."""
    start: tuple[IstioctlComponent, ...] = ()
    """What ran when the data plane last came along, which all that followed is undone to together; empty where it just did."""

    def of(self, revision: str, version: str) -> dict[str, Any]:
        """What runs was installed with; what is wished where that is not proven, which blocks the plan."""
        return self.known.get((revision, version)) or with_revision(self.wished, revision)

    def then(
        self, revision: str, version: str, installed: dict[str, Any], start: tuple[IstioctlComponent, ...]
    ) -> "Configurations":
        """Once a hop has installed this."""
        return Configurations(installed, {**self.known, (revision, version): installed}, start)


class Former(msgspec.Struct, frozen=True):
    """What puts a stage back."""

    revision: str
    version: str
    components: tuple[str, ...]
    request: IstioctlRequest
    default_tag: IstioctlRequest | None
    entries: tuple[IstioctlComponent, ...]
    """What runs of these components at that version."""


class StagePart(msgspec.Struct, frozen=True):
    """One ``istioctl install``."""

    role: StageRole
    running: tuple[IstioctlComponent, ...]
    """What it brings on, as it runs."""
    brings: tuple[str, ...]
    """Components that are new in this stage."""
    revision: str
    components: tuple[str, ...]
    """All that it installs."""
    increments: tuple[IstioctlRequest, ...]
    """What to render, with one component of ``brings`` more each; the last is the stage's own."""
    default_tag: IstioctlRequest | None
    """Renders the tag ``default`` and its validator too, where ``install`` sets them."""
    former: Former | None
    """None where it installs a new revision."""

    @property
    def requests(self) -> tuple[IstioctlRequest, ...]:
        """All that is to be rendered for it, in the order that the builder expects."""
        found = [*self.increments, self.default_tag]
        found += [self.former.request, self.former.default_tag] if self.former else []
        return tuple(request for request in found if request is not None)


class _Stages:
    def __init__(
        self,
        snapshot: MeshSnapshot,
        selection: Selection,
        target: IstioVersion,
        revision: str,
        configuration: dict[str, Any],
        configurations: Configurations,
        *,
        canary: bool,
    ) -> None:
        self._snapshot = snapshot
        self._running = {one.component: one for one in selection.by_istioctl}
        self._target = target
        self._revision = revision
        self._configuration = configuration
        self._configurations = configurations
        self._new_istiod = canary and "Pilot" in self._running
        self._undone = _UNDONE_CANARY if canary else _UNDONE
        self._moved: dict[StageRole, tuple[str, ...]] = {}

    def all(self, *, restarts: bool) -> list[StagePart]:
        stages: list[StagePart] = []
        installed = [one.component for one in self._snapshot.istioctl_components if self._is_there(one)]
        for group in _GROUPS if restarts else _GROUPS[:1]:
            brings = tuple(component for component in group if component in self._running)
            if brings:
                stages.append(self._stage(brings, installed))
                installed += brings
        return stages

    def _is_there(self, one: IstioctlComponent) -> bool:
        return (one.revision, one.version) == (self._revision, str(self._target))

    def _stage(self, brings: tuple[str, ...], before: Iterable[str]) -> StagePart:
        role: StageRole = next((_ROLES[one] for one in reversed(brings) if one in _ROLES), "gateway")
        new = self._new_istiod and role == "istiod"
        running = tuple(self._running[one] for one in brings if not (new and one == "Pilot"))
        before = set(before)
        increments = tuple(
            self._request(self._target, self._configuration, {*before, *brings[: count + 1]}) for count in range(len(brings))
        )
        components = _ordered({*before, *brings})
        part = StagePart(
            role=role,
            running=running,
            brings=brings,
            revision=self._revision,
            components=components,
            increments=increments,
            default_tag=self._default_tag(self._target, self._configuration, self._revision, components),
            former=None if new else self._former(role, running),
        )
        self._moved[role] = tuple(one.component for one in running)
        return part

    def _former(self, role: StageRole, running: tuple[IstioctlComponent, ...]) -> Former:
        # Of Base and istiod it is istiod that tells: an attempt that was undone leaves Base at the later version.
        revision, version = running[-1].revision, running[-1].version
        ahead = [moved for other, moved in self._moved.items() if self._undone.index(other) > self._undone.index(role)]
        gone = {component for moved in ahead for component in moved}
        there = {one.component: one for one in self._entries(revision, version) if one.component not in gone}
        there |= {one.component: one for one in self._back_by_then(role) if (one.revision, one.version) == (revision, version)}
        components = _ordered({*there, *(one.component for one in running)})
        configuration = self._configurations.of(revision, version)
        number = IstioVersion.parse(version)
        return Former(
            revision=revision,
            version=version,
            components=components,
            request=self._request(number, configuration, set(components)),
            default_tag=self._default_tag(number, configuration, revision, components),
            entries=tuple(there[component] for component in components if component in there),
        )

    def _back_by_then(self, role: StageRole) -> list[IstioctlComponent]:
        """Of what hops before this one brought on and are undone together with it: what is back before the stage is."""
        rank = self._undone.index(role)
        return [one for one in self._configurations.start if self._undone.index(self._role_of(one.component)) < rank]

    def _role_of(self, component: str) -> StageRole:
        with_istiod = component == "Base" and "Pilot" in self._running
        return "istiod" if with_istiod else _ROLES.get(component, "gateway")

    def _entries(self, revision: str, version: str) -> list[IstioctlComponent]:
        return [one for one in self._snapshot.istioctl_components if (one.revision, one.version) == (revision, version)]

    def _request(self, version: IstioVersion, configuration: dict[str, Any], components: set[str]) -> IstioctlRequest:
        whole = {*self._running, *components}
        return IstioctlRequest(version, only(configuration, components, whole), self._snapshot.cluster.kubernetes_version)

    def _default_tag(
        self, version: IstioVersion, configuration: dict[str, Any], revision: str, components: tuple[str, ...]
    ) -> IstioctlRequest | None:
        if "Pilot" not in components or revision != _DEFAULT or not makes_default_tag(configuration):
            return None
        return self._request(version, with_default_tag(configuration, revision), {"Base", "Pilot"})


def draft_stages(
    snapshot: MeshSnapshot,
    selection: Selection,
    target: IstioVersion,
    revision: str,
    configuration: dict[str, Any],
    configurations: Configurations,
    *,
    canary: bool,
    restarts: bool,
) -> list[StagePart]:
    """All stages of a hop, in order.

    Args:
        snapshot: the mesh before the hop.
        selection: its parts.
        target: where the hop ends.
        revision: what istioctl's objects belong to afterwards.
        configuration: the whole that the hop installs.
        configurations: what runs was installed with.
        canary: istiod is installed beside the one that runs.
        restarts: the data plane comes along.
    """
    stages = _Stages(snapshot, selection, target, revision, configuration, configurations, canary=canary)
    return stages.all(restarts=restarts)


def default_tag_findings(snapshot: MeshSnapshot, stages: Iterable[StagePart], configuration: dict[str, Any]) -> list[Finding]:
    """``istioctl install`` sets the tag ``default`` where there is none, and to the revision ``default`` wherever it points."""
    own = [stage for stage in stages if "Pilot" in stage.components]
    pointed = next((tag.revision for tag in snapshot.tags if tag.tag == _DEFAULT), None)
    if not own or not makes_default_tag(configuration):
        return []
    if pointed == _DEFAULT or (pointed is not None and own[0].revision != _DEFAULT):
        return []
    now = f"it points to {pointed}" if pointed else "there is none"
    return [
        Finding(
            id="istioctl-would-set-default-tag",
            severity="blocker",
            message=f"istioctl install of revision {own[0].revision} would point the tag default to it, and {now}",
            objects=(FindingObject("MutatingWebhookConfiguration", "", "istio-revision-tag-default", "metadata.labels"),),
            evidence=now,
            fix=f"if that is wanted, run `istioctl tag set default --revision {own[0].revision} --overwrite`, and plan again",
            source="https://istio.io/latest/docs/setup/upgrade/canary/#default-tag",
        )
    ]


def _ordered(components: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(components), key=COMPONENTS.index))
