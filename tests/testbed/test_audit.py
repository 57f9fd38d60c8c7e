"""What is judged from the API server's audit log."""

import json
from pathlib import Path
from typing import Any

from resail.testbed.audit import Event, evictions, read, restarts, rollouts, writes


def _line(
    verb: str,
    resource: str,
    name: str,
    *,
    user: str = "resail",
    subresource: str = "",
    code: int = 200,
    query: str = "",
    body: Any = None,
) -> str:
    event = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Request",
        "auditID": "0b1c",
        "stage": "ResponseComplete",
        "requestURI": f"/api/v1/namespaces/shop/{resource}/{name}{query}",
        "verb": verb,
        "user": {"username": user, "groups": ["system:masters"]},
        "objectRef": {"resource": resource, "namespace": "shop", "name": name, "subresource": subresource},
        "responseStatus": {"metadata": {}, "code": code},
        "requestObject": body,
        "requestReceivedTimestamp": "2026-01-02T03:04:05.000006Z",
    }
    return json.dumps({key: value for key, value in event.items() if value is not None})


def _events(tmp_path: Path, *lines: str) -> list[Event]:
    (tmp_path / "audit.log").write_text("".join(f"{line}\n" for line in lines))
    return read(tmp_path / "audit.log")


def _mark(value: str | None) -> dict[str, Any]:
    return {"spec": {"template": {"metadata": {"annotations": {"resail.dev/restart": value}}}}}


def test_no_log_has_no_events(tmp_path: Path) -> None:
    assert read(tmp_path / "audit.log") == []


def test_a_line_that_is_being_written_is_left_out(tmp_path: Path) -> None:
    whole = _line("create", "pods", "a")
    (tmp_path / "audit.log").write_text(f"{whole}\n{whole[:40]}")
    assert [event.object_ref.name for event in read(tmp_path / "audit.log")] == ["a"]


def test_dry_runs_refusals_reads_and_others_are_no_writes(tmp_path: Path) -> None:
    events = _events(
        tmp_path,
        _line("create", "pods", "a"),
        _line("create", "pods", "dry", query="?dryRun=All&fieldManager=resail"),
        _line("patch", "pods", "refused", code=409),
        _line("get", "pods", "read"),
        _line("delete", "pods", "another's", user="deployer"),
        _line("deletecollection", "pods", ""),
    )
    assert [(event.verb, event.object_ref.name) for event in writes(events, "resail")] == [
        ("create", "a"),
        ("deletecollection", ""),
    ]


def test_the_same_mark_twice_is_one_restart(tmp_path: Path) -> None:
    events = _events(
        tmp_path,
        _line("patch", "deployments", "web", body=_mark("r-1/7")),
        _line("patch", "deployments", "web", body=_mark("r-1/7")),
        _line("patch", "deployments", "cart", body=_mark("r-1/8")),
        _line("patch", "deployments", "cart", body=_mark(None)),
        _line("patch", "deployments", "cart", body=_mark(None)),
        _line("patch", "deployments", "dry", body=_mark("r-1/9"), query="?dryRun=All"),
        _line("patch", "deployments", "scaled", body={"spec": {"replicas": 3}}),
        _line("patch", "deployments", "by-json-patch", body=[{"op": "remove", "path": "/spec/paused"}]),
    )
    assert restarts(events, "resail") == ["shop/deployments/web", "shop/deployments/cart", "shop/deployments/cart"]


def test_an_eviction_that_was_refused_evicted_nobody(tmp_path: Path) -> None:
    events = _events(
        tmp_path,
        _line("create", "pods", "a", subresource="eviction", code=201),
        _line("create", "pods", "b", subresource="eviction", code=429),
        _line("create", "pods", "c", subresource="eviction", code=201, query="?dryRun=All"),
        _line("create", "pods", "d", subresource="binding", code=201),
    )
    assert evictions(events, "resail") == ["shop/a"]


def test_a_rollout_is_a_template_that_is_new(tmp_path: Path) -> None:
    events = _events(
        tmp_path,
        _line("create", "replicasets", "web-6d4", user="controllers", code=201),
        _line("update", "replicasets", "web-6d4", user="controllers"),
        _line("create", "replicasets", "web-6d4", user="controllers", code=409),
        _line("create", "controllerrevisions", "orders-7f", user="controllers", code=201),
    )
    assert rollouts(events) == ["shop/web-6d4", "shop/orders-7f"]
