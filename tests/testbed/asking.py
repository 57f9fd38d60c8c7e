"""Plain requests to a bed's API, and waiting for what controllers make of them."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

from resail.testbed.bed import Bed

T = TypeVar("T")

_PATIENCE = 30.0


def create(bed: Bed, path: str, manifest: dict[str, Any]) -> None:
    """Create an object, which the API must take."""
    answer = bed.api("POST", path, json=manifest)
    assert answer.status_code == 201, answer.text


def merge(bed: Bed, path: str, patch: dict[str, Any]) -> None:
    """Merge a patch into an object, which the API must take."""
    answer = bed.api("PATCH", path, json=patch, headers={"Content-Type": "application/merge-patch+json"})
    assert answer.is_success, answer.text


def eventually(condition: Callable[[], T]) -> T:
    """What the condition gives as soon as that is true; fails after half a minute."""
    deadline = time.monotonic() + _PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.05)
    return found


def create_node(bed: Bed, name: str = "worker") -> None:
    """Create a node with room for everything."""
    capacity = {"cpu": "64", "memory": "256Gi", "pods": "500"}
    create(bed, "/api/v1/nodes", {"metadata": {"name": name}, "status": {"capacity": capacity}})
