"""The lease of a mesh: one holds it, others see who; a holder that is cut off loses it, and knows before anyone takes it."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from resail.errors import ClusterUnreachableError, LeaseLostError, LockedError, UsageError
from resail.journal.holder import Holder
from resail.journal.lease import Lease, ask_holder, lease_seconds, read_lease
from resail.models.identity import ObjectRef
from resail.tenure.tenure import Tenure
from tests.journal.cluster import NAMESPACE, Faltering, a_cluster, a_tenure, simulated

LEASE = ObjectRef("coordination.k8s.io/v1", "Lease", NAMESPACE, "resail")


def quiet(_: str) -> None: ...


def test_it_is_held_named_renewed_and_given_back() -> None:
    async def story() -> None:
        async with a_cluster() as cluster:
            tenure = a_tenure()
            assert await read_lease(cluster, NAMESPACE) is None
            async with Lease(cluster, NAMESPACE, tenure).held(quiet):
                first = await read_lease(cluster, NAMESPACE)
                assert first is not None
                assert first.holder is not None
                assert f"/{os.getpid()}/" in first.holder.name
                await asyncio.sleep(300)
                tenure.check()
                assert tenure.until - tenure.now() > 20
            free = await read_lease(cluster, NAMESPACE)
            assert free is not None
            assert free.holder is None
            # Who is next need not wait.
            before = asyncio.get_running_loop().time()
            async with Lease(cluster, NAMESPACE, a_tenure()).held(quiet):
                assert asyncio.get_running_loop().time() - before < 1

    simulated(story)


def test_a_second_one_is_told_the_holder_while_that_renews() -> None:
    async def story() -> None:
        async with a_cluster() as cluster, Lease(cluster, NAMESPACE, a_tenure()).held(quiet):
            held = await read_lease(cluster, NAMESPACE)
            assert held is not None
            assert held.holder is not None
            with pytest.raises(LockedError) as caught:
                async with Lease(cluster, NAMESPACE, a_tenure()).held(quiet):
                    raise AssertionError("both hold it")
            assert held.holder.name in caught.value.what
            assert held.since in caught.value.what

    simulated(story)


def test_one_that_is_not_renewed_is_waited_for_by_the_clock_of_who_waits_and_then_taken() -> None:
    async def story() -> None:
        async with a_cluster() as cluster:
            told: list[str] = []
            # Its holder is of another machine, whose clock is years ahead.
            stranger = Holder("eve@elsewhere/1/ff")
            spec = {"holderIdentity": stranger.name, "renewTime": "2099-01-01T00:00:00.000000Z", "leaseDurationSeconds": 20}
            await cluster.create(lease_object(spec))
            began = asyncio.get_running_loop().time()
            async with Lease(cluster, NAMESPACE, a_tenure()).held(told.append):
                assert 20 <= asyncio.get_running_loop().time() - began < 25
                taken = await read_lease(cluster, NAMESPACE)
                assert taken is not None
                assert taken.transitions == 1
            assert any(stranger.name in text for text in told)

    simulated(story)


def test_the_lease_of_a_process_of_this_machine_that_is_dead_is_taken_at_once() -> None:
    program = "import msgspec; from resail.journal.holder import Holder; print(msgspec.json.encode(Holder.this()).decode())"
    dead = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()

    async def story() -> None:
        async with a_cluster() as cluster:
            name = msgspec.json.decode(dead, type=Holder).name
            await cluster.create(lease_object({"holderIdentity": name, "leaseDurationSeconds": 20}, dead))
            began = asyncio.get_running_loop().time()
            async with Lease(cluster, NAMESPACE, a_tenure()).held(quiet):
                assert asyncio.get_running_loop().time() - began < 1

    simulated(story)


def test_only_what_is_surely_dead_is_called_so() -> None:
    this = Holder.this()
    assert not this.is_dead
    assert not Holder("someone").is_dead
    child = subprocess.Popen(
        [sys.executable, "-c", "import signal; print('up', flush=True); signal.pause()"], stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    child.stdout.readline()
    alive = Holder("child", this.machine, child.pid, began_of(child.pid))
    assert not alive.is_dead
    child.send_signal(signal.SIGSTOP)
    assert not alive.is_dead
    assert Holder("child", this.machine, child.pid, "1").is_dead, "its number is another's now"
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert alive.is_dead, "nobody has looked after its end yet"
    child.wait()
    assert alive.is_dead
    assert not Holder("child", "another", child.pid, "1").is_dead


def began_of(process: int) -> str:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]


@pytest.mark.parametrize("fates", ["l", "n", "nl", "ll"])
def test_an_answer_that_is_lost_when_it_is_taken_loses_nothing(fates: str) -> None:
    async def story() -> None:
        async with a_cluster() as twin:
            async with Lease(Faltering(twin, fates), NAMESPACE, a_tenure()).held(quiet):
                assert (await read_lease(twin, NAMESPACE)) is not None
                await asyncio.sleep(100)
            free = await read_lease(twin, NAMESPACE)
            assert free is not None
            assert free.holder is None

    simulated(story)


@pytest.mark.parametrize("fates", [".n.l.nn.ll.nlnl", ".nnnlll"])
def test_renewals_that_fail_now_and_then_lose_nothing(fates: str) -> None:
    async def story() -> None:
        async with a_cluster() as twin:
            tenure = a_tenure()
            async with Lease(Faltering(twin, fates), NAMESPACE, tenure).held(quiet):
                await asyncio.sleep(200)
                tenure.check()

    simulated(story)


def test_who_is_cut_off_is_over_well_before_another_can_take_it() -> None:
    async def story() -> None:
        async with a_cluster() as twin:
            loop, tenure = asyncio.get_running_loop(), a_tenure()
            lease = Lease(Faltering(twin, "..x"), NAMESPACE, tenure)
            async with lease.held(quiet):
                error = await lease.lost
                lost = loop.time()
                assert isinstance(error, LeaseLostError)
                with pytest.raises(LeaseLostError):
                    tenure.check()
                # The other one looks since long ago, and still has to wait.
                async with Lease(twin, NAMESPACE, a_tenure()).held(quiet):
                    assert loop.time() - lost >= 10
                    with pytest.raises(LeaseLostError):
                        await lease.requested("r-1")

    simulated(story)


def test_who_was_stopped_knows_before_it_writes() -> None:
    async def story() -> None:
        async with a_cluster() as twin:
            gone, loop = 0.0, asyncio.get_running_loop()
            tenure = Tenure(lambda: loop.time() + gone)
            async with Lease(twin, NAMESPACE, tenure).held(quiet):
                # As with SIGSTOP or a sleeping machine, nothing ran meanwhile, this loop's timers either.
                gone = 31.0
                with pytest.raises(LeaseLostError):
                    tenure.check()

    simulated(story)


@pytest.mark.parametrize("change", [{"holderIdentity": "eve@elsewhere/1/ff"}, {"holderIdentity": None}])
def test_who_finds_another_name_in_it_gives_up(change: dict[str, Any]) -> None:
    async def story() -> None:
        async with a_cluster() as cluster:
            lease = Lease(cluster, NAMESPACE, a_tenure())
            async with lease.held(quiet):
                await cluster.patch(LEASE, {"spec": change})
                assert "has it now" in (await lease.lost).what
            seen = await read_lease(cluster, NAMESPACE)
            assert seen is not None
            assert (seen.holder.name if seen.holder else None) == change["holderIdentity"], "what is not ours is not given back"

    simulated(story)


def test_a_request_reaches_the_holder_and_is_gone_with_it() -> None:
    async def story() -> None:
        async with a_cluster() as cluster:
            lease = Lease(cluster, NAMESPACE, a_tenure())
            async with lease.held(quiet):
                assert await lease.requested("r-1") is None
                await ask_holder(cluster, NAMESPACE, "r-1", "pause")
                assert await lease.requested("r-2") is None
                assert await lease.requested("r-1") == "pause"
                await asyncio.sleep(60)
                await lease.clear_request()
                assert await lease.requested("r-1") is None
                await ask_holder(cluster, NAMESPACE, "r-1", "abort")
            async with (again := Lease(cluster, NAMESPACE, a_tenure())).held(quiet):
                assert await again.requested("r-1") is None

    simulated(story)


def test_of_many_at_once_one_gets_it() -> None:
    async def story() -> None:
        async with a_cluster() as cluster:
            done = asyncio.Event()

            async def contend() -> str:
                try:
                    async with Lease(cluster, NAMESPACE, a_tenure()).held(quiet):
                        await done.wait()
                        return "held"
                except LockedError:
                    return "locked"

            contenders = [asyncio.ensure_future(contend()) for _ in range(5)]
            await asyncio.sleep(200)
            done.set()
            assert sorted(await asyncio.gather(*contenders)) == ["held", *["locked"] * 4]

    simulated(story)


def test_a_cluster_that_is_not_there_is_told() -> None:
    async def story() -> None:
        async with a_cluster() as twin:
            with pytest.raises(ClusterUnreachableError):
                async with Lease(Faltering(twin, "x"), NAMESPACE, a_tenure()).held(quiet):
                    raise AssertionError("nobody gave it")

    simulated(story)


@pytest.mark.parametrize("told", ["2", "-5", "soon", "4.5"])
def test_a_duration_that_is_none(told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESAIL_LEASE_SECONDS", told)
    with pytest.raises(UsageError, match=told):
        lease_seconds()


def lease_object(spec: dict[str, Any], facts: str = "") -> dict[str, Any]:
    metadata = {"name": LEASE.name, "namespace": NAMESPACE, "annotations": {"resail.dev/holder": facts}}
    return {"apiVersion": LEASE.api_version, "kind": LEASE.kind, "metadata": metadata, "spec": spec}
