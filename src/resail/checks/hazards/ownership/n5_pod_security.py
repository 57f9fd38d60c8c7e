"""N5: the admission of pods by their security refuses what injection adds."""

from collections import defaultdict
from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Sign
from resail.checks.hazards.ownership.injection import injected_values, manifest_of, restarted
from resail.models.field_path import first
from resail.models.snapshot import Workload

__all__ = ["RULE"]

_ENFORCE = "metadata.labels.pod-security.kubernetes.io/enforce"

_HAZARD = Hazard(
    id="N5",
    title="Pod security admission refuses the injected pod",
    proof="provable",
    severity="blocker",
    modes=("sidecar",),
    detection=(
        "A namespace whose workloads restart enforces baseline or restricted, and the target injects istio-init; or it enforces "
        "restricted, and neither pod template nor sidecar has a seccomp profile."
    ),
    effect="Workloads get no pod with the new proxy, and lose one with each eviction.",
    fix="use the CNI; for restricted set a seccomp profile, too, in pod templates or global.proxy.seccompProfile (from 1.28)",
    gates=("G6", "G5"),
    undo=("U9",),
    sources=(
        "https://github.com/istio/istio/issues/35894",
        "https://github.com/istio/istio/issues/54968",
        "https://kubernetes.io/docs/concepts/security/pod-security-standards/",
    ),
)


def _find(case: Case) -> Iterator[Sign]:
    by_namespace: dict[str, list[Workload]] = defaultdict(list)
    for workload in restarted(case):
        by_namespace[workload.ref.namespace].append(workload)
    levels = [(one, first(one, _ENFORCE)) for one in case.all("Namespace") if first(one, "metadata.name") in by_namespace]
    strict = [(one, level) for one, level in levels if level in ("baseline", "restricted")]
    if not strict:
        return
    _, values = injected_values(case)
    has_cni = first(values, "pilot.cni.enabled") is True or first(values, "istio_cni.enabled") is True
    has_profile = bool(first(values, "global.proxy.seccompProfile"))
    for namespace, level in strict:
        name = first(namespace, "metadata.name")
        workloads = by_namespace[name]
        if not has_cni:
            told = f"workloads of {name}, as {workloads[0].ref}, would get istio-init, whose capabilities level {level} refuses"
            yield Sign.at(namespace, _ENFORCE, told)
        elif level == "restricted" and not has_profile:
            bare = [one for one in workloads if _has_no_profile(case, one)]
            if bare:
                told = f"workloads of {name}, as {bare[0].ref}, would get a sidecar without a seccomp profile"
                yield Sign.at(namespace, _ENFORCE, f"{told}, which level {level} refuses")


def _has_no_profile(case: Case, workload: Workload) -> bool:
    """Has its pod template none for all of its containers? Other kinds are not read, and nothing is said of them."""
    manifest = manifest_of(case, workload.ref)
    kind = first(manifest, "spec.template.spec.securityContext.seccompProfile.type")
    return manifest is not None and kind not in ("RuntimeDefault", "Localhost")


RULE = Rule(_HAZARD, _find)
