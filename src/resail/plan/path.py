"""The way from one version to another: which control planes follow each other, and when the data plane comes along.

A proxy may lag its control plane by one minor and never lead it
(https://istio.io/latest/docs/releases/supported-releases/#control-planedata-plane-skew), so in place goes one minor at a time.
By revision two minors are possible, since each revision serves its own proxies
(https://istio.io/latest/docs/setup/upgrade/canary/); but CNI and ztunnel have no canary, and work with an istiod of their own
minor or one later, so with them it is one.

Of the ways that these rules allow the planner takes one with the fewest restarts of the data plane, of those one with the fewest
hops, and of those the one whose stops are newest.
"""

from collections.abc import Iterable, Sequence

import msgspec

from resail.errors import BlockedError, UsageError
from resail.models.identity import IstioVersion
from resail.models.plan import Strategy
from resail.models.release import CatalogueLine

__all__ = ["Journey", "Leg", "Standing", "find_path", "newest_stops"]


class Standing(msgspec.Struct, frozen=True, order=True):
    """Where a mesh is."""

    control: IstioVersion
    """What istiod is at."""
    proxies: IstioVersion
    """The oldest that the data plane (proxies, gateways, CNI, ztunnel) is at."""


class Journey(msgspec.Struct, frozen=True):
    """Where from, where to, and how."""

    start: Standing
    target: IstioVersion
    strategy: Strategy
    node_level: tuple[str, ...] = ()
    """Those of ``cni`` and ``ztunnel`` that are in use."""
    via: tuple[IstioVersion, ...] = ()
    """Stops that the user wishes, in any order."""


class Leg(msgspec.Struct, frozen=True):
    """One hop of the way."""

    start: IstioVersion
    end: IstioVersion
    proxies: IstioVersion
    """The oldest that the data plane is at before it."""
    restarts: bool
    """False: the data plane lags behind as the rules allow, and a later hop brings it on."""


class _Way(msgspec.Struct, frozen=True):
    legs: tuple[Leg, ...] = ()

    @property
    def cost(self) -> tuple[int, int]:
        return sum(leg.restarts for leg in self.legs), len(self.legs)

    def better_than(self, other: "_Way | None") -> bool:
        if other is None or self.cost != other.cost:
            return other is None or self.cost < other.cost
        return [leg.end for leg in self.legs] > [leg.end for leg in other.legs]


def newest_stops(lines: Iterable[CatalogueLine], without: Iterable[IstioVersion] = ()) -> tuple[IstioVersion, ...]:
    """The newest final patch of each line that has a source.

    Args:
        lines: the catalogue.
        without: those that turned out not to be had.
    """
    refused = frozenset(without)
    newest: dict[str, IstioVersion] = {}
    for line in lines:
        patches = [IstioVersion.parse(patch.version) for patch in line.patches if patch.go_pseudo_version]
        usable = [version for version in patches if version.final and version not in refused]
        if usable:
            newest[line.line] = max(usable)
    return tuple(sorted(newest.values()))


def find_path(journey: Journey, stops: Sequence[IstioVersion]) -> tuple[Leg, ...]:
    """The best way.

    Args:
        journey: what is wished.
        stops: versions where a hop may end on the way, besides those of ``journey.via``, where one must.

    Raises:
        BlockedError: there is no way; the message says why.
        UsageError: a wished stop does not lie between start and target.
    """
    _check_jump(journey)
    between = _between(journey, stops)
    found = _best(journey, between)
    if found is None:
        raise _no_way(journey, between)
    return found.legs


def _check_jump(journey: Journey) -> None:
    installed, target = journey.start.control, journey.target
    jump = f"{installed} → {target}"
    if target == installed:
        raise BlockedError("the mesh is at that version already", on=jump, next_step="name another version by --to")
    if target < installed:
        raise BlockedError("Istio does not support downgrades", on=jump, next_step="`resail rollback` undoes a run")
    if target.major != installed.major:
        raise BlockedError("there is no supported way to another major version", on=jump)
    for stop in journey.via:
        if not installed < stop < target:
            raise UsageError(f"does not lie between {installed} and {target}", on=f"--via {stop}", next_step="leave it out")


def _between(journey: Journey, stops: Sequence[IstioVersion]) -> list[IstioVersion]:
    """Where a hop may end, in order; the target is the last."""
    free = [stop for stop in stops if journey.start.control < stop < journey.target]
    return sorted({*free, *journey.via, journey.target})


def _best(journey: Journey, between: Sequence[IstioVersion]) -> _Way | None:
    best: dict[Standing, _Way] = {journey.start: _Way()}
    for control in (journey.start.control, *between):
        here = [(standing, way) for standing, way in best.items() if standing.control == control]
        for standing, way in here:
            for leg in _legs(journey, standing, between):
                there = Standing(leg.end, leg.end if leg.restarts else standing.proxies)
                longer = _Way((*way.legs, leg))
                if longer.better_than(best.get(there)):
                    best[there] = longer
    return best.get(Standing(journey.target, journey.target))


def _legs(journey: Journey, standing: Standing, between: Sequence[IstioVersion]) -> Iterable[Leg]:
    """All hops that are allowed from here."""
    start, proxies = standing.control, standing.proxies
    for end in between:
        passes_by = any(start < stop < end for stop in journey.via)
        if end <= start or passes_by or end.minor - start.minor > _most_minors(journey):
            continue
        if journey.strategy == "canary":
            # What a canary is for is to move the proxies over; left behind, they would need the revision before it too.
            yield Leg(start, end, proxies, restarts=True)
        elif end.minor - proxies.minor <= 1:
            yield Leg(start, end, proxies, restarts=True)
            yield Leg(start, end, proxies, restarts=False)


def _most_minors(journey: Journey) -> int:
    return 2 if journey.strategy == "canary" and not journey.node_level else 1


def _no_way(journey: Journey, between: Sequence[IstioVersion]) -> BlockedError:
    start = journey.start
    jump = f"{start.control} → {journey.target}"
    in_step = msgspec.structs.replace(journey, start=Standing(start.control, start.control))
    if _best(in_step, between) is not None:
        return BlockedError(
            f"proxies at {start.proxies} lag their control plane as far as they may, so it cannot go on before they restart",
            on=jump,
            next_step=f"restart what is at {start.proxies}; `resail inspect` shows it",
        )
    most = _most_minors(journey)
    why = f", since {' and '.join(journey.node_level)} cannot run two versions" if _held_by_nodes(journey) else ""
    known = {stop.minor for stop in between}
    missing = [minor for minor in range(start.control.minor + 1, journey.target.minor) if minor not in known]
    lines = " or ".join(f"{journey.target.major}.{minor}" for minor in missing)
    return BlockedError(
        f"{journey.strategy} goes at most {most} minor{'s' if most > 1 else ''} in one hop{why}, and no release of {lines} "
        "is known that could be had for a stop",
        on=jump,
        next_step="name one by --via, and where its files are by --release-dir",
    )


def _held_by_nodes(journey: Journey) -> bool:
    return journey.strategy == "canary" and bool(journey.node_level)
