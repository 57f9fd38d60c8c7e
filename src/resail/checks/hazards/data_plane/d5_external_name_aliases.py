"""D5: Services of type ExternalName become aliases."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.hazards.mesh import holds_back
from resail.models.field_path import Field, find, first
from resail.models.identity import Manifest

__all__ = ["RULE"]

_FLAG = "ENABLE_EXTERNAL_NAME_ALIAS"

_HAZARD = Hazard(
    id="D5",
    title="Services of type ExternalName become aliases",
    proof="provable",
    severity="blocker",
    installed="<1.21.0",
    target=">=1.21.0",
    modes=("sidecar",),
    detection="A VirtualService routes to an ExternalName Service whose name is of no Service and no ServiceEntry, or that does "
    "not declare the port; or (a warning) a DestinationRule is for one.",
    effect="The route leads to a cluster that is never built, and requests fail (503); the DestinationRule has no effect.",
    fix="add a ServiceEntry for the external name and route to that; declare each port that is routed to",
    gates=("G10", "G4"),
    undo=("U3", "U4"),
    sources=(
        "https://github.com/istio/istio/blob/master/releasenotes/notes/external-name-on.yaml",
        "https://github.com/istio/istio/pull/50566",
        "https://github.com/istio/istio/issues/61519",
    ),
)

_ROUTES = tuple(f"spec.{kind}[*].route[*].destination" for kind in ("http", "tcp", "tls"))


def _find(case: Case) -> Iterator[Sign]:
    if holds_back(case, "1.20", _FLAG):
        return
    services = {f"{_name(one)}.{_namespace(one)}": one for one in case.all("Service")}
    aliases = {key: one for key, one in services.items() if first(one, "spec.type") == "ExternalName"}
    if not aliases:
        return
    entries = {
        field.value
        for entry in case.all("ServiceEntry.networking.istio.io")
        for field in find(entry, "spec.hosts[*]")
        if isinstance(field.value, str)
    }
    for route in case.all("VirtualService.networking.istio.io"):
        for pattern in _ROUTES:
            for goal in find(route, pattern):
                alias = aliases.get(_key(first(goal.value, "host"), route))
                why = _unbuilt(alias, goal, services, entries) if alias else ""
                if alias and why:
                    yield Sign((Seen(route, f"{goal.path}.host"), Seen(alias, "spec.externalName")), why)
    for rule in case.all("DestinationRule.networking.istio.io"):
        alias = aliases.get(_key(first(rule, "spec.host"), rule))
        if alias:
            seen = (Seen(rule, "spec.host"), Seen(alias, "spec.type"))
            yield Sign(seen, f"it has no effect, since {_name(alias)} becomes an alias", severity="warning")


def _unbuilt(alias: Manifest, goal: Field, services: dict[str, Manifest], entries: set[str]) -> str:
    """Why no cluster is built for it; empty where one is."""
    name = first(alias, "spec.externalName")
    if not isinstance(name, str):
        return ""
    inside = name.removesuffix(".").split(".svc")[0] in services and ".svc" in name
    if not inside and name not in entries:
        return f"it routes to an alias of {name}, for which there is neither a Service nor a ServiceEntry"
    port = first(goal.value, "port.number")
    declared = [field.value for field in find(alias, "spec.ports[*].port")]
    if port and port not in declared:
        return f"it routes to port {port} of an alias that does not declare it"
    return ""


def _key(host: object, of: Manifest) -> str:
    """``name.namespace`` that a host stands for; empty for one that is no Service's."""
    if not isinstance(host, str):
        return ""
    name, _, rest = host.partition(".")
    namespace, _, tail = rest.partition(".")
    return f"{name}.{namespace or _namespace(of)}" if not tail or tail.split(".")[0] == "svc" else ""


def _name(manifest: Manifest) -> str:
    return str(manifest["metadata"].get("name", ""))


def _namespace(manifest: Manifest) -> str:
    return str(manifest["metadata"].get("namespace", ""))


RULE = Rule(_HAZARD, _find)
