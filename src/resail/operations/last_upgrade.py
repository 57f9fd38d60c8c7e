"""The last upgrade of a mesh, as far as it is known: from what to what, for rules that tell what it may have done."""

from collections.abc import Sequence

import msgspec

from resail.checks.diagnosis.situation import RunSeen, Situation
from resail.checks.hazards.case import Case
from resail.checks.hazards.parts import parts_of
from resail.cluster import Cluster
from resail.errors import ClusterApiError, InstallerError, ResailError
from resail.installers.helm_storage import decode_release
from resail.journal.copy_format import read_copies
from resail.models.identity import IstioVersion, KindRef, Manifest
from resail.models.plan import Plan, Strategy
from resail.models.snapshot import ControlPlane, HelmRelease
from resail.operations.runs import StateDirectory
from resail.operations.turn import plan_of
from resail.releases.facts import load_facts

__all__ = ["last_upgrade"]

_OPERATOR = "IstioOperator.install.istio.io"


class _Way(msgspec.Struct, frozen=True):
    """An upgrade that was begun."""

    installed: IstioVersion
    target: IstioVersion
    strategy: Strategy
    revision: str
    new_revision: str


async def last_upgrade(cluster: Cluster, state: StateDirectory, situation: Situation) -> Case | None:
    """By the plan of the last run; else by two control planes that stand beside each other; else by Helm's history.

    None where none of them tells.

    Raises:
        ClusterUnreachableError: the API does not answer.
        ArtifactError: a file of learned facts is damaged.
    """
    way = await _of_runs(cluster, state, situation) or _of_planes(situation) or await _of_helm(cluster, situation)
    if way is None:
        return None
    return Case(
        installed=way.installed,
        target=way.target,
        strategy=way.strategy,
        snapshot=situation.snapshot,
        objects=situation.objects,
        today=situation.now.date(),
        parts=parts_of(situation.snapshot, situation.objects.by_kind.get(_OPERATOR, ())),
        revision=way.revision,
        new_revision=way.new_revision,
        running_facts=load_facts(way.installed),
        target_facts=load_facts(way.target),
    )


async def _of_runs(cluster: Cluster, state: StateDirectory, situation: Situation) -> _Way | None:
    going = [seen for seen in situation.runs if seen.run.state not in ("rolled-back", "aborted")]
    if not going:
        return None
    plan = await _plan(cluster, state, situation, going[-1])
    if plan is None or not plan.hops:
        return None
    first, last = plan.hops[0], plan.hops[-1]
    return _Way(first.from_version, last.to_version, plan.strategy, first.from_revision, last.to_revision)


async def _plan(cluster: Cluster, state: StateDirectory, situation: Situation, seen: RunSeen) -> Plan | None:
    namespace = situation.snapshot.istio_namespace
    try:
        copies = {copy.head.run: copy for copy in await read_copies(cluster, namespace)}
        return (await plan_of(cluster, namespace, state, seen.run, copies)).plan
    except ResailError:
        # What is wrong with the copies themselves is told among what could not be examined.
        return None


def _of_planes(situation: Situation) -> _Way | None:
    found = sorted((version, plane.revision) for plane in situation.snapshot.control_planes if (version := _version(plane)))
    if len(found) < 2 or found[0][0] == found[-1][0]:
        return None
    (installed, revision), (target, new_revision) = found[0], found[-1]
    return _Way(installed, target, "canary", revision, new_revision)


async def _of_helm(cluster: Cluster, situation: Situation) -> _Way | None:
    for release in situation.snapshot.helm_releases:
        if release.chart == "istiod" and release.installed:
            before, now = await _version_before(cluster, release), IstioVersion.parse_if(release.app_version)
            if before is not None and now is not None and before < now:
                revision = str(release.values.get("revision") or "default")
                return _Way(before, now, "in-place", revision, revision)
    return None


async def _version_before(cluster: Cluster, release: HelmRelease) -> IstioVersion | None:
    """Of the newest revision of a release that was of another version."""
    labels = f"owner=helm,name={release.name}"
    try:
        secrets = await cluster.list_objects(KindRef("v1", "Secret"), namespace=release.namespace, labels=labels)
        for secret in _newest_first(secrets):
            stored = decode_release(secret)
            if stored.app_version != release.app_version:
                return IstioVersion.parse_if(stored.app_version)
    except (ClusterApiError, InstallerError):
        return None
    return None


def _newest_first(secrets: Sequence[Manifest]) -> list[Manifest]:
    def number(secret: Manifest) -> int:
        text = (secret["metadata"].get("labels") or {}).get("version", "0")
        return int(text) if text.isdecimal() else 0

    return sorted(secrets, key=number, reverse=True)


def _version(plane: ControlPlane) -> IstioVersion | None:
    return IstioVersion.parse_if(plane.version)
