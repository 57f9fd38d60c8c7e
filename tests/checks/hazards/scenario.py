"""Scenarios of hazards: meshes as data, one file for each hazard, and the case that rules are given for one.

Each entry of a file has

- ``installed``, ``target``, ``strategy`` (in place where none is said), ``today``, ``kubernetes``;
- ``objects``: of the cluster, beside ``BASE`` (an istiod of the installed version, its namespace, a node);
- ``helm``: chart → ``name``, ``namespace``, ``values``, ``running`` (objects of its manifest), and what the target makes of it
  (``rendered``, ``refusal``, ``idle``, ``running_defaults``, ``target_defaults``); chart istiod is there without being named;
- ``operator``: an IstioOperator; ``facts``: ``running`` and ``target``, as ``ReleaseFacts``; ``steps`` and ``refusals`` as JSON;
- ``found``: what the rule must find, with severity, ``kind/namespace/name`` and path of the field;
- ``near_misses``: one field of the entry each, given another ``value`` or ``absent``: then nothing of this hazard is found.
"""

import copy
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec

from resail.checks.hazards.case import Case, Part, Refusal
from resail.checks.hazards.parts import parts_of
from resail.cluster import ClusterReader
from resail.installers.helm_records import encode_release
from resail.installers.helm_storage import StoredRelease
from resail.models.field_path import find
from resail.models.identity import IstioVersion, Manifest
from resail.models.plain_yaml import read_yaml
from resail.models.plan import Step
from resail.models.release_facts import ReleaseFacts
from resail.snapshot.mesh_objects import capture_all
from resail.snapshot.stand_in.model import custom_definition
from tests.snapshot.object_reader import ObjectReader

FOLDER = Path(__file__).with_name("scenarios")
UID = "0c4e7d21-0000-4000-8000-000000000001"
"""Of the cluster."""

SINCE = datetime(2026, 11, 1, tzinfo=UTC)
_CUSTOM = ("istio.io", "gateway.networking.", "inference.networking.", "sailoperator.io", "toolkit.fluxcd.io")
_CLUSTER_SCOPED = ("GatewayClass", "Istio", "IstioRevision", "IstioCNI", "ZTunnel", "IstioRevisionTag")


class Expected(msgspec.Struct):
    severity: str
    object: str
    field: str = ""


class NearMiss(msgspec.Struct):
    at: str
    value: Any = None
    absent: bool = False


class Chart(msgspec.Struct):
    name: str = ""
    namespace: str = "istio-system"
    values: dict[str, Any] = {}
    running: list[Manifest] = []
    apply_method: str = ""
    rendered: list[Manifest] | None = None
    refusal: str = ""
    idle: list[str] | None = None
    running_defaults: dict[str, Any] | None = None
    target_defaults: dict[str, Any] | None = None


class Facts(msgspec.Struct):
    running: dict[str, Any] | None = None
    target: dict[str, Any] | None = None


class Scenario(msgspec.Struct):
    installed: str
    target: str
    found: list[Expected]
    near_misses: list[NearMiss]
    strategy: str = "in-place"
    today: date = date(2026, 11, 25)
    kubernetes: str = "1.31.0"
    revision: str = "default"
    """Of the istiod that runs."""
    new_revision: str = ""
    objects: list[Manifest] = []
    helm: dict[str, Chart] = {}
    operator: Manifest | None = None
    facts: Facts = msgspec.field(default_factory=Facts)
    steps: list[Step] | None = None
    refusals: list[Refusal] | None = None
    helm_client: str = ""
    base: bool = True
    """With an istiod and a node of its own; False where ``objects`` has them."""


def raw_scenarios() -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Hazard, number, and the entry as it stands in the file."""
    for file in sorted(FOLDER.glob("*.yaml")):
        for number, raw in enumerate(read_yaml(file.read_text())):
            yield file.stem, number, raw


def near_miss_of(raw: dict[str, Any], miss: NearMiss) -> Scenario:
    """The scenario with one field changed."""
    changed = copy.deepcopy(raw)
    holder, key = _holder(changed, miss.at)
    if miss.absent:
        del holder[key]
    else:
        holder[key] = miss.value
    return read(changed)


def _holder(tree: Any, path: str) -> tuple[Any, Any]:
    """The mapping or list that a path ends in, and the key there; the field itself need not be there."""
    if path.endswith("]"):
        parent, _, index = path[:-1].rpartition("[")
        return next(find(tree, parent)).value, int(index)
    cuts = [at for at, letter in enumerate(path) if letter == "."]
    for cut in reversed(cuts):
        for field in find(tree, path[:cut]):
            if isinstance(field.value, dict):
                return field.value, path[cut + 1 :]
    return tree, path


def read(raw: dict[str, Any]) -> Scenario:
    return msgspec.convert(raw, Scenario, strict=False)


def objects_of(scenario: Scenario) -> list[Manifest]:
    """All objects of the cluster, those they need before them."""
    own = [*(_base(scenario) if scenario.base else []), *scenario.objects]
    charts = {"istiod": Chart(), **scenario.helm} if scenario.base or scenario.helm else {}
    own += [_secret(chart, one, scenario.installed) for chart, one in charts.items() if scenario.operator is None]
    namespaces = {manifest["metadata"].get("namespace", "") for manifest in own} - {""}
    there = {manifest["metadata"]["name"] for manifest in own if manifest["kind"] == "Namespace"}
    needed = [_namespace(name) for name in sorted(namespaces | {"kube-system"}) if name not in there]
    return [*needed, *_definitions(own), *own]


def _namespace(name: str) -> Manifest:
    uid = {"uid": UID} if name == "kube-system" else {}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, **uid}}


def _definitions(objects: list[Manifest]) -> list[Manifest]:
    there = {manifest["metadata"]["name"] for manifest in objects if manifest["kind"] == "CustomResourceDefinition"}
    found: dict[str, Manifest] = {}
    for manifest in objects:
        group, _, version = manifest["apiVersion"].rpartition("/")
        if not group.endswith(_CUSTOM) and not any(part in group for part in _CUSTOM):
            continue
        if group.endswith("authorization.k8s.io"):
            continue
        name = f"{_plural(manifest['kind'])}.{group}"
        if name not in there:
            scoped = manifest["kind"] not in _CLUSTER_SCOPED
            made = custom_definition(name, manifest["kind"], {version: True}, stored=version, namespaced=scoped, since=SINCE)
            found.setdefault(name, made)
    return list(found.values())


def _plural(kind: str) -> str:
    low = kind.lower()
    if low.endswith("y") and not low.endswith("ay"):
        return f"{low[:-1]}ies"
    return f"{low}es" if low.endswith(("s", "x")) else f"{low}s"


def _secret(chart: str, one: Chart, version: str) -> Manifest:
    stored = StoredRelease(
        name=one.name or {"istiod": "istiod", "base": "istio-base", "cni": "istio-cni"}.get(chart, chart),
        namespace=one.namespace,
        revision=1,
        status="deployed",
        chart=chart,
        chart_version=version,
        app_version=version,
        values=one.values,
        objects=tuple(one.running),
        apply_method=one.apply_method,
        run="",
    )
    return encode_release(stored)


def _base(scenario: Scenario) -> list[Manifest]:
    suffix = "" if scenario.revision == "default" else f"-{scenario.revision}"
    labels = {"app": "istiod", "istio.io/rev": scenario.revision}
    image = f"docker.io/istio/pilot:{scenario.installed}"
    return [
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": "node-1"},
            "status": {
                "allocatable": {"cpu": "4", "memory": "16Gi", "pods": "110"},
                "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-01T00:00:00Z"}],
                "nodeInfo": {"kubeletVersion": f"v{scenario.kubernetes}", "architecture": "amd64"},
            },
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": f"istiod{suffix}", "namespace": "istio-system", "labels": labels},
            "spec": {
                "replicas": 2,
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": [{"name": "discovery", "image": image, "env": []}]},
                },
            },
            "status": {"replicas": 2, "readyReplicas": 2},
        },
    ]


async def case_of(scenario: Scenario, reader: ClusterReader | None = None) -> Case:
    """The case, read from a cluster that has ``objects_of``; None: from the objects themselves."""
    reader = reader or ObjectReader(objects_of(scenario), scenario.kubernetes)
    snapshot, objects = await capture_all(reader)
    parts = parts_of(snapshot, [scenario.operator] if scenario.operator else ())
    return Case(
        installed=IstioVersion.parse(scenario.installed),
        target=IstioVersion.parse(scenario.target),
        strategy="canary" if scenario.strategy == "canary" else "in-place",
        snapshot=snapshot,
        objects=objects,
        today=scenario.today,
        parts=tuple(_with_target(part, scenario.helm.get(part.chart)) for part in parts),
        revision=scenario.revision,
        new_revision=scenario.new_revision or scenario.revision,
        steps=None if scenario.steps is None else tuple(scenario.steps),
        running_facts=_facts(scenario.facts.running, scenario.installed),
        target_facts=_facts(scenario.facts.target, scenario.target),
        refusals=None if scenario.refusals is None else tuple(scenario.refusals),
        helm_client=scenario.helm_client,
    )


def _facts(raw: dict[str, Any] | None, version: str) -> ReleaseFacts | None:
    empty: dict[str, Any] = {
        "version": version,
        "values": {},
        "flags": {},
        "crds": {},
        "compatibility_versions": (),
        "profiles": (),
        "operator_fields": (),
    }
    return None if raw is None else msgspec.convert({**empty, **raw}, ReleaseFacts)


def _with_target(part: Part, chart: Chart | None) -> Part:
    if chart is None:
        return part
    return msgspec.structs.replace(
        part,
        rendered=None if chart.rendered is None else tuple(chart.rendered),
        refusal=chart.refusal,
        idle=None if chart.idle is None else tuple(chart.idle),
        running_defaults=chart.running_defaults,
        target_defaults=chart.target_defaults,
    )
