"""The way from one version to another: within the skew rules at each moment, and none better."""

from collections.abc import Iterator, Sequence
from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resail.errors import BlockedError, UsageError
from resail.models.identity import IstioVersion
from resail.models.plan import Strategy
from resail.models.release import CatalogueLine, CataloguePatch
from resail.plan.path import Journey, Leg, Standing, find_path, newest_stops
from resail.releases.catalogue import load_catalogue

Stops = tuple[IstioVersion, ...]


def at(text: str) -> IstioVersion:
    return IstioVersion.parse(text)


def journey(start: str, to: str, strategy: Strategy = "in-place", cni: bool = False, via: Sequence[str] = ()) -> Journey:
    return Journey(Standing(at(start), at(start)), at(to), strategy, ("cni",) if cni else (), tuple(map(at, via)))


def told(legs: Sequence[Leg]) -> str:
    """``1.25.1 > 1.26.0! > 1.27.9!``, with ``!`` where the data plane restarts."""
    return " > ".join([str(legs[0].start), *(f"{leg.end}{'!' * leg.restarts}" for leg in legs)])


STOPS = tuple(map(at, ("1.24.6", "1.25.5", "1.26.8", "1.27.9")))


@pytest.mark.parametrize(
    ("wish", "way"),
    [
        (journey("1.26.0", "1.27.9"), "1.26.0 > 1.27.9!"),
        (journey("1.26.0", "1.26.4"), "1.26.0 > 1.26.4!"),
        (journey("1.26.0", "1.27.9", "canary", cni=True), "1.26.0 > 1.27.9!"),
        (journey("1.25.1", "1.27.9", "canary"), "1.25.1 > 1.27.9!"),
        (journey("1.25.1", "1.27.9", "canary", cni=True), "1.25.1 > 1.26.8! > 1.27.9!"),
        (journey("1.24.0", "1.27.9", "canary"), "1.24.0 > 1.26.8! > 1.27.9!"),
        (journey("1.24.0", "1.27.9"), "1.24.0 > 1.25.5! > 1.26.8! > 1.27.9!"),
        (journey("1.24.0", "1.27.9", via=["1.26.0", "1.25.1"]), "1.24.0 > 1.25.1! > 1.26.0! > 1.27.9!"),
        (journey("1.24.0", "1.27.9", "canary", via=["1.25.1"]), "1.24.0 > 1.25.1! > 1.27.9!"),
        # A stop within a minor costs no restart: 1.26.0 may serve what 1.25.1 left, and 1.26.8 brings it on.
        (journey("1.25.1", "1.27.9", via=["1.26.0", "1.26.8"]), "1.25.1 > 1.26.0 > 1.26.8! > 1.27.9!"),
        (journey("1.25.1", "1.26.8", via=["1.25.5", "1.26.0"]), "1.25.1 > 1.25.5 > 1.26.0 > 1.26.8!"),
    ],
)
def test_ways(wish: Journey, way: str) -> None:
    assert told(find_path(wish, STOPS)) == way


def test_proxies_that_lag_already_restart_within_their_minor_first() -> None:
    behind = Standing(at("1.25.1"), at("1.24.0"))
    assert told(find_path(Journey(behind, at("1.26.8"), "in-place"), STOPS)) == "1.25.1 > 1.25.5! > 1.26.8!"
    with pytest.raises(BlockedError, match=r"proxies at 1\.24\.0 lag"):
        find_path(Journey(behind, at("1.26.8"), "in-place"), ())
    assert told(find_path(Journey(behind, at("1.26.8"), "canary"), ())) == "1.25.1 > 1.26.8!"


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (journey("1.26.0", "1.26.0"), "at that version already"),
        (journey("1.27.9", "1.26.0"), "downgrades"),
        (journey("1.26.0", "2.0.0", "canary"), "another major version"),
        (journey("1.27.9", "1.29.0"), r"at most 1 minor in one hop, and no release of 1\.28 is known"),
        (journey("1.27.9", "1.29.0", "canary", cni=True), r"since cni cannot run two versions, and no release of 1\.28"),
        (journey("1.27.9", "1.30.0", "canary"), r"at most 2 minors in one hop, and no release of 1\.28 or 1\.29"),
    ],
)
def test_refusals(wish: Journey, words: str) -> None:
    with pytest.raises(BlockedError, match=words):
        find_path(wish, STOPS)


@pytest.mark.parametrize("stop", ["1.25.1", "1.27.9", "1.24.0", "1.28.0", "2.0.0"])
def test_a_stop_beside_the_way_is_refused(stop: str) -> None:
    with pytest.raises(UsageError, match="does not lie between"):
        find_path(journey("1.25.1", "1.27.9", via=[stop]), STOPS)


def test_a_wished_stop_makes_up_for_a_line_that_is_not_known() -> None:
    assert told(find_path(journey("1.27.9", "1.29.0", via=["1.28.3"]), STOPS)) == "1.27.9 > 1.28.3! > 1.29.0!"


def test_the_newest_patch_that_has_a_source_and_is_not_refused_is_the_stop() -> None:
    patches = [
        CataloguePatch(version, "", "", source)
        for version, source in [("1.26.1", "v0"), ("1.26.10", "v0"), ("1.26.11", ""), ("1.26.12-rc.1", "v0"), ("1.26.9", "v0")]
    ]
    lines = (CatalogueLine("1.26", "released", "", "", (), tuple(patches), ()), CatalogueLine("1.27", "", "", "", (), (), ()))
    assert newest_stops(lines) == (at("1.26.10"),)
    assert newest_stops(lines, [at("1.26.10")]) == (at("1.26.9"),)
    assert {one.line for one in newest_stops(load_catalogue())} >= {"1.25", "1.26", "1.27"}


# --- against brute force ---


versions = st.builds(IstioVersion, st.just(1), st.integers(20, 25), st.integers(0, 3))


@st.composite
def journeys(draw: st.DrawFn) -> tuple[Journey, Stops]:
    start, target = sorted(draw(st.lists(versions, min_size=2, max_size=2, unique=True)))
    between = [one for one in draw(st.lists(versions, max_size=5, unique=True)) if start < one < target]
    via = tuple(one for one in between if draw(st.integers(0, 3)) == 0)
    stops = tuple({one.line: one for one in sorted(between)}.values())
    lag = draw(st.integers(0, 1))
    proxies = min(start, IstioVersion(1, start.minor - lag, draw(st.integers(0, 3))))
    strategy: Strategy = draw(st.sampled_from(["canary", "in-place"]))
    wish = Journey(Standing(start, proxies), target, strategy, draw(st.sampled_from([(), ("cni",)])), via)
    return wish, stops


def allowed(wish: Journey, stops: Sequence[IstioVersion], restarts: Sequence[bool]) -> bool:
    """The rules, moment by moment: istiod is upgraded, then, or not, its data plane."""
    control, proxies = wish.start.control, wish.start.proxies
    for stop, restarted in zip(stops, restarts, strict=True):
        if wish.strategy == "canary":
            most = 1 if wish.node_level else 2
            if stop.minor - control.minor > most or not restarted:
                return False
        elif stop.minor - control.minor > 1 or stop.minor - proxies.minor > 1:
            return False
        control = stop
        proxies = stop if restarted else proxies
    return proxies == wish.target


def all_ways(wish: Journey, stops: Stops) -> Iterator[tuple[Stops, tuple[bool, ...]]]:
    for count in range(len(stops) + 1):
        for chosen in combinations(stops, count):
            ends = tuple(sorted({*chosen, *wish.via, wish.target}))
            for restarts in product((True, False), repeat=len(ends)):
                if allowed(wish, ends, restarts):
                    yield ends, restarts


@given(journeys())
def test_the_way_is_the_best_that_the_rules_allow_and_refused_exactly_where_there_is_none(case: tuple[Journey, Stops]) -> None:
    wish, stops = case
    ways = list(all_ways(wish, stops))
    if not ways:
        with pytest.raises(BlockedError, match=r"lag their control plane|no release of 1\."):
            find_path(wish, stops)
        return
    legs = find_path(wish, stops)
    found = tuple(leg.end for leg in legs), tuple(leg.restarts for leg in legs)
    assert found in ways
    assert set(wish.via) <= set(found[0])
    cost = sum(found[1]), len(found[0])
    assert cost == min((sum(restarts), len(ends)) for ends, restarts in ways)
    assert found[0] == max(ends for ends, restarts in ways if (sum(restarts), len(ends)) == cost)
    starts = [leg.start for leg in legs]
    assert starts == [wish.start.control, *found[0][:-1]]
    assert [leg.proxies for leg in legs] == list(proxies_before(wish, legs))


def proxies_before(wish: Journey, legs: Sequence[Leg]) -> Iterator[IstioVersion]:
    proxies = wish.start.proxies
    for leg in legs:
        yield proxies
        proxies = leg.end if leg.restarts else proxies
