"""Nothing that writes is sent once the tenure is over: not at once, not after a wait for a connection, not as a repetition."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from resail.errors import LeaseLostError
from resail.kube import KubeCluster
from resail.tenure.tenure import boot_time
from tests.kube.peer import Answer, Peer, Request, serve, status
from tests.kube.test_retries import ALL, OBJECT, ONE, POD, POD_PATH, SETTINGS

WRITES: dict[str, Callable[[KubeCluster], Awaitable[object]]] = {
    "create": lambda cluster: cluster.create(OBJECT),
    "apply": lambda cluster: cluster.apply(OBJECT),
    "patch": lambda cluster: cluster.patch(SETTINGS, {"data": {"a": "1"}}),
    "delete": lambda cluster: cluster.delete(SETTINGS),
    "evict": lambda cluster: cluster.evict(POD),
}


def look(request: Request) -> Answer | None:
    """What is read before something is written."""
    return Answer(body=OBJECT) if request.method == "GET" and request.path in (ONE, POD_PATH) else None


def sent(peer: Peer) -> list[str]:
    return [request.method for request in peer.requests if request.method != "GET"]


@pytest.mark.parametrize("write", WRITES)
async def test_no_write_is_sent_and_what_only_looks_is(cluster: KubeCluster, peer: Peer, write: str) -> None:
    peer.script = look
    await cluster.get(SETTINGS)
    cluster.tenure.end("someone else has it")
    with pytest.raises(LeaseLostError, match="someone else has it"):
        await WRITES[write](cluster)
    assert sent(peer) == []
    assert await cluster.get(SETTINGS) == OBJECT
    peer.play("POST", ALL, Answer(body=OBJECT))
    await cluster.create(OBJECT, dry_run=True)
    assert sent(peer) == ["POST"]


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize("write", WRITES)
async def test_a_repetition_is_not_sent(cluster: KubeCluster, peer: Peer, write: str) -> None:
    def script(request: Request) -> Answer | None:
        if request.method == "GET":
            return look(request)
        cluster.tenure.end("it went while the API was busy")
        return status(429)

    peer.script = script
    with pytest.raises(LeaseLostError):
        await WRITES[write](cluster)
    assert len(sent(peer)) == 1


async def test_what_waits_for_a_connection_is_not_sent_when_it_gets_one(cluster: KubeCluster, peer: Peer) -> None:
    """As where the process is stopped between its own look and the network."""
    full = asyncio.Event()

    def script(request: Request) -> Answer | None:
        if len(peer.seen("GET", ONE)) == 32:
            full.set()
        return Answer(fault="hang") if request.path == ONE else None

    peer.script = script
    reading = [asyncio.ensure_future(cluster.get(SETTINGS)) for _ in range(32)]
    await full.wait()
    writing = asyncio.ensure_future(cluster.apply(OBJECT))
    await asyncio.sleep(0)
    cluster.tenure.end("it went meanwhile")
    for read in reading:
        read.cancel()
    await asyncio.gather(*reading, return_exceptions=True)
    with pytest.raises(LeaseLostError):
        await writing
    assert sent(peer) == []


STOPPED = """
import asyncio, sys
from pathlib import Path
from resail.errors import LeaseLostError
from resail.kube import connect
from resail.models.identity import ObjectRef
from resail.tenure.tenure import boot_time

async def main():
    async with connect(Path(sys.argv[1])) as cluster:
        until = boot_time() + 5
        cluster.tenure.limit(until)
        print(until, flush=True)
        number = 0
        try:
            while True:
                number += 1
                await cluster.patch(ObjectRef("v1", "ConfigMap", "shop", "settings"), {"data": {"a": str(number)}})
        except LeaseLostError:
            print("lost", flush=True)

asyncio.run(main())
"""


async def test_a_process_that_was_stopped_in_the_midst_of_writing_writes_nothing_when_it_goes_on(tmp_path: Path) -> None:
    async with serve() as peer:
        writing = asyncio.Event()

        def script(request: Request) -> Answer | None:
            if request.method == "GET":
                return None
            writing.set()
            return Answer(body=OBJECT)

        peer.script = script
        writer = await asyncio.create_subprocess_exec(
            sys.executable, "-c", STOPPED, str(peer.kubeconfig(tmp_path)), stdout=subprocess.PIPE
        )
        assert writer.stdout is not None
        until = float(await writer.stdout.readline())
        await writing.wait()
        writer.send_signal(signal.SIGSTOP)
        await asyncio.sleep(max(0.0, until - boot_time()))
        before = len(sent(peer))
        writer.send_signal(signal.SIGCONT)
        assert await writer.stdout.read() == b"lost\n"
        await writer.wait()
        assert len(sent(peer)) == before
