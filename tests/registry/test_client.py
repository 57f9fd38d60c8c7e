"""What a registry says of an image, in every dialect and with every failure, against a stand-in on loopback."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import pytest

from resail.models.images import ImageAnswer
from resail.registry.auth import AuthError, authorization
from resail.registry.client import Registries, open_registries
from resail.registry.credentials import Credential
from resail.registry.reference import parse_reference
from tests.registry.stand_in import DOCKER_IMAGE, DOCKER_LIST, DOCKER_OLD, OCI_IMAGE, OCI_INDEX, Image, RegistryStandIn, registry

T = TypeVar("T")
PILOT = "istio/pilot:1.27.9"
LOGIN = Credential("user", "hush")


def asking(work: Callable[[Registries], Awaitable[T]]) -> T:
    async def ask() -> T:
        async with open_registries(connect=2.0, silence=0.5) as registries:
            return await work(registries)

    return asyncio.run(ask())


def look_up(server: RegistryStandIn, image: str = PILOT, credential: Credential | None = None) -> ImageAnswer:
    return asking(lambda registries: registries.look_up(parse_reference(f"{server.host}/{image}"), credential))


@pytest.mark.parametrize("scheme", ["none", "bearer", "oauth"])
@pytest.mark.parametrize(
    ("form", "architectures"),
    [
        (OCI_INDEX, ("amd64", "arm64")),
        (DOCKER_LIST, ("amd64", "arm64")),
        (OCI_IMAGE, ("arm64",)),
        (DOCKER_IMAGE, ("arm64",)),
        (DOCKER_OLD, ("arm64",)),
    ],
)
def test_an_image_of_any_form_is_found(scheme: str, form: str, architectures: tuple[str, ...]) -> None:
    with registry({PILOT: Image(architectures, form)}, scheme) as server:
        assert look_up(server) == ImageAnswer("found", architectures)


def test_an_image_is_found_by_its_digest() -> None:
    with registry({PILOT: Image(("amd64",))}) as server:
        digest = Image(("amd64",)).digest
        assert look_up(server, f"istio/pilot@{digest}").outcome == "found"
        assert look_up(server, f"istio/pilot:other@{digest}").outcome == "found"
        assert look_up(server, f"istio/pilot@sha256:{'0' * 64}").outcome == "missing"


@pytest.mark.parametrize("scheme", ["bearer", "oauth", "basic"])
def test_a_private_image_takes_the_right_login(scheme: str) -> None:
    with registry({PILOT: Image(login="user:hush")}, scheme) as server:
        assert look_up(server).outcome == "denied"
        assert look_up(server, credential=Credential("user", "wrong")).outcome == "denied"
        assert look_up(server, credential=LOGIN).outcome == "found"


def test_an_identity_token_is_changed_for_an_access_token() -> None:
    with registry({PILOT: Image(login="identity:t0k3n")}, "oauth") as server:
        assert look_up(server, credential=Credential(identity_token="t0k3n")).outcome == "found"
        assert look_up(server, credential=Credential(identity_token="other")).outcome == "denied"


@pytest.mark.parametrize("scheme", ["none", "bearer"])
@pytest.mark.parametrize("image", ["istio/pilot:1.27.8", "istio/pilott:1.27.9"])
def test_an_image_that_is_not_there(scheme: str, image: str) -> None:
    with registry({PILOT: Image()}, scheme) as server:
        answer = look_up(server, image)
        assert answer.outcome == "missing"
        assert server.host in answer.detail


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(403, "denied"), (404, "missing"), (429, "limited"), (500, "failed"), (503, "failed")],
)
def test_failures_are_told_apart(status: int, outcome: str) -> None:
    with registry({PILOT: Image(status=status)}) as server:
        assert look_up(server).outcome == outcome


@pytest.mark.parametrize(("status", "outcome"), [(401, "denied"), (403, "denied"), (429, "limited"), (502, "failed")])
def test_so_are_those_of_the_token_service(status: int, outcome: str) -> None:
    with registry({PILOT: Image()}, "bearer") as server:
        server.token_status = status
        answer = look_up(server)
        assert (answer.outcome, str(status) in answer.detail) == (outcome, True)


def test_what_is_no_registry_is_not_believed() -> None:
    with registry({PILOT: Image(form="text/html")}) as server:
        assert look_up(server).outcome == "failed"
    with registry({PILOT: Image(form=OCI_INDEX, architectures=())}) as server:
        assert look_up(server) == ImageAnswer("found", ()), "an index of other systems alone"
    with registry({PILOT: Image()}, "garbage") as server:
        assert look_up(server).outcome == "denied"


def test_a_login_is_not_sent_to_a_token_service_without_tls() -> None:
    async def ask(registries: Registries) -> str:
        header = 'Bearer realm="http://tokens.example.com/token"'
        return await authorization(registries._client, header, "s", LOGIN, local=False)

    with pytest.raises(AuthError, match="no TLS"):
        asking(ask)


def test_a_host_that_is_not_there_is_asked_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{taken.getsockname()[1]}"  # Bound, and nobody listens.

        async def ask(registries: Registries) -> list[ImageAnswer]:
            images = [parse_reference(f"{host}/{name}") for name in ("a", "b", "c")]
            return list(await asyncio.gather(*map(registries.look_up, images)))

        answers = asking(ask)
    assert {answer.outcome for answer in answers} == {"unreached"}
    assert {answer.detail for answer in answers} == {f"{host}: it cannot be reached from here"}


@contextmanager
def silent() -> Iterator[tuple[str, list[int]]]:
    """Takes connections, and says nothing."""
    connections: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def take() -> None:
            while True:
                try:
                    connections.append(server.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        counted: list[int] = []
        yield f"127.0.0.1:{server.getsockname()[1]}", counted
        counted.append(len(connections))
        server.shutdown(socket.SHUT_RDWR)
    thread.join()
    for one in connections:
        one.close()


def test_a_host_that_says_nothing_holds_up_only_once() -> None:
    with silent() as (host, connections):

        async def ask(registries: Registries) -> list[ImageAnswer]:
            return [await registries.look_up(parse_reference(f"{host}/{name}")) for name in ("a", "b", "c")]

        answers = asking(ask)
    assert {answer.detail for answer in answers} == {f"{host}: it does not answer in time"}
    assert connections == [1]
