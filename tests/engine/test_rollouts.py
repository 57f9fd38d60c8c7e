"""The mark of a restart, over several hops."""

from typing import Literal

import msgspec

from resail.engine.rollouts import mark_before
from resail.models.identity import IstioVersion, ObjectRef
from resail.models.plan import Hop, Restart, RestartAgain, RestartWave
from tests.plan.test_file import a_plan

WEB, DB = ObjectRef("apps/v1", "Deployment", "shop", "web"), ObjectRef("apps/v1", "StatefulSet", "shop", "db")


def wave(hop: int, **methods: Literal["rollout", "evict"]) -> RestartWave:
    refs = {"web": WEB, "db": DB}
    restarts = tuple(Restart(refs[name], method, "", 1, "", "default", mark_before="own") for name, method in methods.items())
    return RestartWave(id=f"wave-{hop}", title="", reason="", undo=RestartAgain(), hop=hop, wave=1, restarts=restarts)


def test_undoing_a_hop_puts_back_the_mark_of_the_hop_before_that_rolled_the_workload_out() -> None:
    waves = (wave(0, web="rollout", db="rollout"), wave(1, web="rollout", db="evict"), wave(2, web="rollout", db="rollout"))
    hops = tuple(Hop(IstioVersion(1, 24 + n, 0), IstioVersion(1, 25 + n, 0), "default", "default", True, "") for n in range(3))
    plan = msgspec.structs.replace(a_plan().plan, hops=hops, steps=waves)

    def before(number: int, workload: ObjectRef) -> str:
        return mark_before(plan, "r-1", waves[number], workload, "own")

    assert [before(number, WEB) for number in range(3)] == ["own", "r-1/wave-0/1.25.0", "r-1/wave-1/1.26.0"]
    # What is evicted keeps its pod template, and with it its mark.
    assert before(2, DB) == "r-1/wave-0/1.25.0"
