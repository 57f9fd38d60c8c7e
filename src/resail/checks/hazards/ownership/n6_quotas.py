"""N6: quotas and LimitRanges against the pods that restarts bring up. Room on the nodes is ``checks/capacity.py``'s."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.hazards.ownership.injection import injected_values, restarted
from resail.checks.hazards.ownership.pod_resources import AMOUNTS, amount, asked, has_own_resources
from resail.models.field_path import find, first
from resail.models.identity import Manifest
from resail.models.quantities import parse_quantity
from resail.models.snapshot import Workload

__all__ = ["RULE"]

_COUNTS = ("pods", "count/pods")
_SHORT = {"cpu": "requests.cpu", "memory": "requests.memory"}
_PROXY = "data.values.global.proxy.resources"

_HAZARD = Hazard(
    id="N6",
    title="A quota or LimitRange refuses the pods of a restart",
    proof="provable",
    severity="warning",
    modes=("sidecar",),
    detection=(
        "A rollout that must not lose a pod brings up one more than a quota has room for; or the sidecar that the target "
        "injects sets no amount that a quota asks for, or one outside of a LimitRange."
    ),
    effect="The rollout stops halfway, with proxies of two versions.",
    fix="raise the quota or LimitRange for the window, or let the workload's strategy take a pod down first",
    gates=("G6", "G5", "G7"),
    undo=("U10",),
    sources=(
        "https://kubernetes.io/docs/concepts/policy/resource-quotas/",
        "https://github.com/istio/istio/issues/9332",
        "https://github.com/istio/istio/issues/14835",
        "https://github.com/deckhouse/deckhouse/issues/8919",
    ),
)


def _find(case: Case) -> Iterator[Sign]:
    by_namespace: dict[str, list[Workload]] = defaultdict(list)
    for workload in restarted(case):
        by_namespace[workload.ref.namespace].append(workload)
    quotas = [one for one in case.all("ResourceQuota") if _namespace(one) in by_namespace and not _is_scoped(one)]
    ranges = [one for one in case.all("LimitRange") if _namespace(one) in by_namespace]
    if not quotas and not ranges:
        return
    injector, values = injected_values(case)
    proxy = first(values, "global.proxy.resources", {})
    pods = _Pods(case)
    for quota in quotas:
        workloads = by_namespace[_namespace(quota)]
        yield from _too_many(quota, workloads, pods, proxy)
        if pods.any_injected(workloads) and not any(_gives_defaults(one, _namespace(quota)) for one in ranges):
            yield from _unset(quota, injector, proxy)
    for each in ranges:
        if pods.any_injected(by_namespace[_namespace(each)]):
            yield from _outside(each, injector, proxy)


class _Pods:
    """Pods of workloads that run with a sidecar."""

    def __init__(self, case: Case) -> None:
        self._by_name = {(_namespace(one), first(one, "metadata.name")): one for one in case.all("Pod")}

    def of(self, workload: Workload) -> Iterator[Manifest]:
        for pod in workload.pods:
            manifest = self._by_name.get((workload.ref.namespace, pod.name))
            if pod.proxy_version and manifest is not None:
                yield manifest

    def any_injected(self, workloads: Sequence[Workload]) -> bool:
        """Does one of them get what the injector's values say?"""
        return any(not has_own_resources(pod) for workload in workloads for pod in self.of(workload))


def _too_many(quota: Manifest, workloads: Sequence[Workload], pods: _Pods, proxy: Any) -> Iterator[Sign]:
    needs = [(one, asked(pod, proxy)) for one in workloads if _must_surge(one) for pod in list(pods.of(one))[:1]]
    for hard in find(quota, "status.hard.*"):
        key = hard.path.removeprefix("status.hard.")
        used = first(quota, f"status.used.{key}")
        if used is None:
            continue
        room = parse_quantity(str(hard.value)) - parse_quantity(str(used))
        stuck = [one for one, need in needs if _counted(key, need) > room]
        if stuck:
            more = f" and {len(stuck) - 1} more" if len(stuck) > 1 else ""
            yield Sign(
                (Seen(quota, hard.path), Seen(quota, f"status.used.{key}")),
                f"the rollout of {stuck[0].ref}{more} needs one pod more, for which the quota has no room",
            )


def _must_surge(workload: Workload) -> bool:
    strategy = workload.strategy
    return strategy.type == "RollingUpdate" and strategy.max_surge > 0 and strategy.max_unavailable == 0


def _counted(key: str, need: dict[str, Decimal]) -> Decimal:
    """What one more pod takes of a quota's key."""
    return Decimal(1) if key in _COUNTS else need.get(_SHORT.get(key, key), Decimal(0))


def _unset(quota: Manifest, injector: Manifest, proxy: Any) -> Iterator[Sign]:
    """A quota of an amount wants it set in each container."""
    for hard in find(quota, "spec.hard.*"):
        key = hard.path.removeprefix("spec.hard.")
        what = _SHORT.get(key, key)
        if what in AMOUNTS and not amount(proxy, what):
            told = f"the target's sidecar sets no {what}, which the quota wants of each container"
            yield Sign((Seen(quota, hard.path), Seen(injector, "data.values.global.proxy")), told)


def _outside(limits: Manifest, injector: Manifest, proxy: Any) -> Iterator[Sign]:
    for one in find(limits, "spec.limits[*]"):
        if first(one.value, "type") != "Container":
            continue
        for bound, what, name in (("max", "limits", "above"), ("min", "requests", "below")):
            for limit in find(one.value, f"{bound}.*"):
                resource = limit.path.removeprefix(f"{bound}.")
                set_to = first(proxy, f"{what}.{resource}")
                if set_to is None:
                    continue
                value, bounded = parse_quantity(str(set_to)), parse_quantity(str(limit.value))
                if value > bounded if bound == "max" else value < bounded:
                    yield Sign(
                        (Seen(limits, f"{one.path}.{limit.path}"), Seen(injector, f"{_PROXY}.{what}.{resource}")),
                        f"the target's sidecar sets {resource} to {set_to}, which is {name} what the LimitRange admits",
                    )


def _gives_defaults(limits: Manifest, namespace: str) -> bool:
    return _namespace(limits) == namespace and any(
        first(one.value, "type") == "Container" and (first(one.value, "default") or first(one.value, "max"))
        for one in find(limits, "spec.limits[*]")
    )


def _is_scoped(quota: Manifest) -> bool:
    return bool(first(quota, "spec.scopes") or first(quota, "spec.scopeSelector"))


def _namespace(manifest: Manifest) -> str:
    return str(first(manifest, "metadata.namespace", ""))


RULE = Rule(_HAZARD, _find)
