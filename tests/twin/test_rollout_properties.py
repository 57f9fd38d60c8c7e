"""Whatever is done to a Deployment meanwhile, its rollouts keep what its strategy promises."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from resail.checks.rollout import rollout_of
from resail.models.quantities import absolute
from resail.twin.cluster import TwinCluster, open_twin
from resail.twin.loop import SimulatedLoop
from resail.twin.readiness import is_active, is_ready
from resail.twin.store import Change
from tests.twin.worlds import WEB, deployment, restart, rolled_out, set_up

BOUNDS = st.one_of(st.integers(0, 3), st.integers(0, 100).map(lambda share: f"{share}%"))
NEVER = "testbed.resail.dev/never-ready"


class Rollouts(RuleBasedStateMachine):
    """Restarts, bad templates, pauses, and the death of the process, in any order; every change of a pod is looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=SimulatedLoop)
        self.directory = tempfile.TemporaryDirectory()
        self.opened: Any = None
        self.broken: list[str] = []
        self.marks = 0

    @initialize(replicas=st.integers(1, 6), surge=BOUNDS, unavailable=BOUNDS, seconds=st.sampled_from([0.0, 3.0, 20.5]))
    def begin(self, replicas: int, surge: int | str, unavailable: int | str, seconds: float) -> None:
        if surge in (0, "0%") and unavailable in (0, "0%"):
            surge = 1
        more = absolute(surge, replicas, round_up=True, default=0)
        fewer = absolute(unavailable, replicas, round_up=False, default=0)
        self.most = replicas + more
        self.least = replicas - (fewer if more or fewer else 1)
        strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}

        async def act() -> None:
            twin = await self.open(ready_seconds={WEB: seconds})
            await set_up(twin, deployment(replicas=replicas, strategy=strategy))
            await rolled_out(twin)
            twin.store.listen(self.look)

        self.runner.run(act())

    async def open(self, **settings: Any) -> TwinCluster:
        self.opened = open_twin(Path(self.directory.name) / "twin", **settings)
        twin: TwinCluster = await self.opened.__aenter__()
        self.twin = twin
        return twin

    def look(self, change: Change) -> None:
        if change.key.kind == "Pod":
            # When the moment is over: within it nobody can look.
            asyncio.get_running_loop().call_soon(self.count)

    def count(self) -> None:
        pods = [pod for pod in self.twin.store.all("Pod", "shop") if is_active(pod)]
        ready = sum(map(is_ready, pods))
        if len(pods) > self.most or ready < self.least:
            self.broken.append(f"{len(pods)} pods of at most {self.most}, {ready} ready of at least {self.least}")

    @rule()
    def restart(self) -> None:
        self.marks += 1
        self.runner.run(restart(self.twin, str(self.marks)))

    @rule(bad=st.booleans())
    def deploy(self, bad: bool) -> None:
        template = {"metadata": {"annotations": {NEVER: "true" if bad else None}}}
        self.runner.run(self.patch({"template": template}))

    @rule(paused=st.booleans())
    def pause(self, paused: bool) -> None:
        self.runner.run(self.patch({"paused": paused}))

    async def patch(self, spec: dict[str, Any]) -> None:
        await self.twin.patch(WEB, {"spec": spec})

    @rule(seconds=st.sampled_from([0.03, 0.4, 5.0, 60.0]))
    def wait(self, seconds: float) -> None:
        self.runner.run(self.twin.clock.sleep(seconds))

    @rule()
    def open_again(self) -> None:
        async def act() -> None:
            await self.opened.__aexit__(None, None, None)
            (await self.open()).store.listen(self.look)

        self.runner.run(act())

    @invariant()
    def promises_are_kept(self) -> None:
        assert not self.broken

    def teardown(self) -> None:
        """Whatever happened, a good template that is not paused is rolled out in the end."""
        try:
            if self.opened is not None:
                self.deploy(False)
                self.pause(False)
                found = self.runner.run(rolled_out(self.twin))
                assert rollout_of(found).complete
                assert not self.broken
                self.runner.run(self.opened.__aexit__(None, None, None))
        finally:
            self.runner.close()
            self.directory.cleanup()


TestRollouts = Rollouts.TestCase
TestRollouts.settings = settings(max_examples=50, stateful_step_count=15, deadline=None)
