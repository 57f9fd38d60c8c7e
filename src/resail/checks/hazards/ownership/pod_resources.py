"""What a pod asks for, as quotas count it."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from resail.models.field_path import find, first
from resail.models.identity import Manifest
from resail.models.quantities import parse_quantity

__all__ = ["AMOUNTS", "amount", "asked", "has_own_resources"]

AMOUNTS = ("requests.cpu", "requests.memory", "limits.cpu", "limits.memory")
"""Below ``resources`` of a container; keys of a quota, too."""

_PROXY = "istio-proxy"
_OWN = tuple(f"metadata.annotations.sidecar.istio.io/proxy{what}" for what in ("CPU", "Memory", "CPULimit", "MemoryLimit"))


def has_own_resources(pod: Manifest) -> bool:
    """Do annotations of its own set what its sidecar asks for? Then the injector's values do not count."""
    return any(first(pod, path) is not None for path in _OWN)


def amount(resources: Any, what: str) -> Decimal:
    """Of one container; a limit without a request is a request, too. 0: nothing is set."""
    value = first(resources, what)
    if value is None:
        value = first(resources, what.replace("requests.", "limits."), "0")
    return parse_quantity(str(value))


def asked(pod: Manifest, proxy: Any) -> dict[str, Decimal]:
    """Of each of ``AMOUNTS`` what the pod will ask for once it is made anew.

    Args:
        pod: as it runs, with a sidecar.
        proxy: resources of the sidecar that the target injects.
    """
    proxies = None if has_own_resources(pod) else proxy
    return {what: _needed(pod, what, proxies) for what in AMOUNTS}


def _needed(pod: Manifest, what: str, proxy: Any) -> Decimal:
    containers = [one.value for one in find(pod, "spec.containers[*]")]
    first_ones = [one.value for one in find(pod, "spec.initContainers[*]")]
    staying = [one for one in first_ones if first(one, "restartPolicy") == "Always"]
    together = sum(_of_each([*containers, *staying], what, proxy), Decimal(0))
    return max([together, *_of_each(first_ones, what, proxy)])


def _of_each(containers: list[Any], what: str, proxy: Any) -> Iterator[Decimal]:
    for one in containers:
        is_proxy = first(one, "name") == _PROXY and proxy is not None
        yield amount(proxy if is_proxy else first(one, "resources"), what)
