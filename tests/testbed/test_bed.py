"""The bed itself: its users, its saved states, its processes."""

import contextlib
import os
import time
from pathlib import Path
from typing import Any

import pytest

from resail.errors import ArtifactError, UsageError
from resail.kube import connect
from resail.models.identity import KindRef
from resail.testbed.bed import Bed
from tests.conftest import EMPTY
from tests.testbed.asking import create, create_node, eventually

pytestmark = pytest.mark.bed

NAMESPACES = "/api/v1/namespaces"
CONFIG_MAPS = f"{NAMESPACES}/default/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"


def deployment(name: str, replicas: int = 2) -> dict[str, Any]:
    labels = {"app": name}
    return {
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "example.com/c:1"}]}},
        },
    }


def ready_replicas(bed: Bed, name: str) -> int:
    return int(bed.api("GET", f"{DEPLOYMENTS}/{name}").json()["status"].get("readyReplicas", 0))


def test_everything_runs_and_listens_on_loopback_only(empty_bed: Bed) -> None:
    expected = {"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok", "supervisor"}
    assert empty_bed.programs == dict.fromkeys(expected, True)
    assert empty_bed.up
    assert empty_bed.api("GET", "/version").json()["gitVersion"] == "v1.31.0"
    eventually(lambda: len(listeners(empty_bed)) == len(ports_of(empty_bed)))
    assert {address for address, _ in listeners(empty_bed)} == {"0100007F"}


def listeners(bed: Bed) -> list[tuple[str, str]]:
    """Address and port, as the kernel prints them, of all that listens on a port of the bed, on whatever address."""
    ports = {f"{port:04X}" for port in ports_of(bed)}
    table = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    listening = [tuple(fields[1].split(":")) for fields in table if fields[3] == "0A"]
    return [(address, port) for address, port in listening if port in ports]


def ports_of(bed: Bed) -> tuple[int, ...]:
    ports = bed.layout.ports()
    return (ports.etcd, ports.etcd_peer, ports.api, ports.controller_manager, ports.scheduler)


async def test_the_audit_log_tells_who_wrote(empty_bed: Bed) -> None:
    before = len(empty_bed.audit())
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mine", "namespace": "default"}, "data": {"a": "b"}}
    async with connect(empty_bed.kubeconfig) as cluster:
        await cluster.create(manifest, dry_run=True)
        await cluster.create(manifest)
        await cluster.list_objects(KindRef("v1", "ConfigMap"))
    async with connect(empty_bed.kubeconfig_of("deployer")) as cluster:
        await cluster.apply({**manifest, "data": {"a": "b", "c": "d"}}, manager="deployer")
    events = [event for event in empty_bed.audit()[before:] if event.object_ref.name == "mine"]
    assert [(event.user.username, event.verb, event.dry_run, event.succeeded) for event in events] == [
        ("resail", "create", True, True),
        ("resail", "create", False, True),
        ("deployer", "patch", False, True),
    ]
    assert events[1].request_object["data"] == {"a": "b"}


def test_a_secret_does_not_reach_the_audit_log(empty_bed: Bed) -> None:
    create(empty_bed, f"{NAMESPACES}/default/secrets", {"metadata": {"name": "s"}, "stringData": {"password": "xyzzy-plugh"}})
    assert [event.verb for event in empty_bed.audit() if event.object_ref.name == "s"] == ["create"]
    assert b"xyzzy" not in empty_bed.layout.audit_log.read_bytes()


def test_reset_brings_back_what_was_saved_and_the_controllers_go_on(empty_bed: Bed) -> None:
    bed = empty_bed
    create_node(bed)
    create(bed, DEPLOYMENTS, deployment("kept"))
    create(bed, DEPLOYMENTS, deployment("deleted"))
    create(bed, CONFIG_MAPS, {"metadata": {"name": "changed"}, "data": {"state": "old"}})
    eventually(lambda: ready_replicas(bed, "kept") == 2 and ready_replicas(bed, "deleted") == 2)
    bed.save("three")
    pods = {item["metadata"]["uid"] for item in bed.api("GET", "/api/v1/pods").json()["items"]}

    assert bed.api("DELETE", f"{DEPLOYMENTS}/deleted").is_success
    assert bed.api("PUT", f"{CONFIG_MAPS}/changed", json={"metadata": {"name": "changed"}, "data": {"state": "new"}}).is_success
    create(bed, NAMESPACES, {"metadata": {"name": "stray"}})
    eventually(lambda: len(bed.api("GET", "/api/v1/pods").json()["items"]) == 2)
    written = len(bed.audit())
    bed.reset("three")

    assert bed.api("GET", f"{CONFIG_MAPS}/changed").json()["data"] == {"state": "old"}
    assert bed.api("GET", f"{NAMESPACES}/stray").status_code == 404
    assert {item["metadata"]["uid"] for item in bed.api("GET", "/api/v1/pods").json()["items"]} == pods
    assert len(bed.audit()) >= written, "the audit log goes on"
    # Each controller works: deployments, the garbage collector, the scheduler, KWOK, namespaces.
    create(bed, DEPLOYMENTS, deployment("new", replicas=3))
    eventually(lambda: ready_replicas(bed, "new") == 3)
    assert bed.api("DELETE", f"{DEPLOYMENTS}/deleted").is_success
    eventually(lambda: len(bed.api("GET", "/api/v1/pods").json()["items"]) == 5)
    create(bed, NAMESPACES, {"metadata": {"name": "stray"}})
    eventually(lambda: bed.api("GET", f"{NAMESPACES}/stray/configmaps/kube-root-ca.crt").is_success)
    assert bed.api("DELETE", f"{NAMESPACES}/stray").is_success
    eventually(lambda: bed.api("GET", f"{NAMESPACES}/stray").status_code == 404)


def test_reset_to_what_was_never_saved_is_refused_and_the_bed_stays_up(empty_bed: Bed) -> None:
    with pytest.raises(ArtifactError, match="no such saved state"):
        empty_bed.reset("never")
    assert empty_bed.api("GET", "/readyz").status_code == 200


def test_a_second_bed_beside_it_ends_without_a_trace(session_bed: Bed, tmp_path: Path) -> None:
    begun = time.monotonic()
    second = Bed.start(tmp_path / "second", istio=())
    took = time.monotonic() - begun
    try:
        assert took < 10
        assert not set(ports_of(second)) & set(ports_of(session_bed))
        create(second, CONFIG_MAPS, {"metadata": {"name": "here"}})
        assert session_bed.api("GET", f"{CONFIG_MAPS}/here").status_code == 404
        pids = [pid for pid, command in _processes() if str(second.layout.root) in command]
        assert len(pids) >= 5
    finally:
        second.stop()
    assert not second.up
    assert not [command for _, command in _processes() if str(second.layout.root) in command]
    assert not second.layout.egress_socket.exists()
    assert session_bed.up
    # What it left can be replaced by a new one, other directories cannot.
    assert second.layout.ports_file.exists()


def test_a_directory_that_is_no_bed_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("ten years of work")
    with pytest.raises(UsageError, match="no test bed"):
        Bed.start(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_bed_that_cannot_start_leaves_nothing_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "assets" / "kube-apiserver"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\n[ \"$1\" = --version ] && echo Kubernetes v1.31.0 && exit\necho 'no luck today'; exit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(broken.parent))
    with pytest.raises(Exception, match="no luck today") as caught:
        Bed.start(tmp_path / "bed")
    assert "Traceback" not in str(caught.value)
    assert not [command for _, command in _processes() if str(tmp_path / "bed") in command]


def test_an_empty_bed_has_the_namespaces_of_a_new_cluster(session_bed: Bed) -> None:
    session_bed.reset(EMPTY)
    names = {item["metadata"]["name"] for item in session_bed.api("GET", NAMESPACES).json()["items"]}
    assert names == {"default", "kube-system", "kube-public", "kube-node-lease"}


def _processes() -> list[tuple[int, str]]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                found.append((int(entry.name), (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()))
    return [(pid, command) for pid, command in found if pid != os.getpid()]
