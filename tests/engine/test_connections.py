"""How many proxies are connected to an istiod, by its own word."""

import pytest

from resail.engine.connections import Connected, wait_until_left
from resail.errors import ClusterApiError
from resail.models.identity import Manifest, ObjectRef
from tests.engine.doubles import StoppedClock
from tests.snapshot.object_reader import ObjectReader

METRICS = """\
# HELP pilot_xds Number of endpoints connected to this pilot using XDS.
# TYPE pilot_xds gauge
pilot_xds{version="1.26.0"} 3
pilot_xds{version="1.25.1"} 2
pilot_xds_pushes{type="cds"} 91
pilot_xds_cds_reject 4
"""
NONE = 'pilot_xds{version="1.26.0"} 0\npilot_xds_pushes{type="cds"} 91\n'


def istiod(name: str, revision: str = "old", ready: str = "True") -> Manifest:
    labels = {"app": "istiod", "istio.io/rev": revision}
    metadata = {"name": name, "namespace": "istio-system", "labels": labels}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }


class Asked(ObjectReader):
    """Its istiods give these answers one after the other, the last one for ever."""

    def __init__(self, *answers: str, pods: tuple[Manifest, ...] = (istiod("a"),)) -> None:
        super().__init__(pods, "1.31.0")
        self._answers = list(answers)
        self.asked: list[str] = []

    async def ask_pod(self, pod: ObjectRef, port: int, path: str) -> bytes:
        self.asked.append(f"{pod.name}:{port}/{path}")
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if not answer:
            raise ClusterApiError("error trying to reach service (HTTP 503)", status=503)
        return answer.encode()


async def ask(reader: ObjectReader, clock: StoppedClock | None = None) -> Connected:
    return await wait_until_left(reader, clock or StoppedClock(), "istio-system", "old")


async def test_all_of_its_istiods_are_asked_and_no_others() -> None:
    pods = (istiod("a"), istiod("b"), istiod("c", "new"), istiod("d", ready="False"))
    reader = Asked(METRICS, pods=pods)
    assert (await ask(reader)).proxies == 10
    assert set(reader.asked) == {"a:15014/metrics", "b:15014/metrics"}


async def test_those_that_are_ending_are_waited_for() -> None:
    clock = StoppedClock()
    assert await ask(Asked(METRICS, METRICS, NONE), clock) == Connected(0, "0 proxies by pilot_xds of its 1 istiod pods")
    assert 0 < clock.seconds < 60


async def test_those_that_stay_are_not_waited_for_for_ever() -> None:
    clock = StoppedClock()
    assert (await ask(Asked(METRICS), clock)).proxies == 5
    assert clock.seconds > 60


@pytest.mark.parametrize(
    ("reader", "why"),
    [
        (Asked(""), "could not be asked who is connected (error trying to reach service (HTTP 503))"),
        (ObjectReader([istiod("a")], "1.31.0"), "was not asked who is connected"),
    ],
)
async def test_where_it_cannot_be_asked_that_is_said(reader: ObjectReader, why: str) -> None:
    connected = await ask(reader)
    assert connected.proxies == 0
    assert why in connected.told
