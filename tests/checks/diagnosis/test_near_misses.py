"""What looks like a cause and is none; and causes that show in another way than the usual one."""

import base64
import gzip
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from resail.checks.diagnosis.examination import examine
from resail.installers.helm_records import encode_release
from resail.installers.helm_storage import decode_release
from resail.journal.copy_format import FORMAT, Head, head_object, log_object, packed
from resail.journal.holder import Holder
from resail.models.diagnosis import Diagnosis
from resail.models.journal import Entry, EntryBody, RunFinished, RunHalted, RunResumed, RunStarted, StepIntent
from tests.checks.diagnosis.breakages import BREAKAGES, RUN
from tests.checks.diagnosis.mesh import NEW, NOW, OLD, Mesh, canary, plain, revision_in, unready
from tests.checks.diagnosis.test_examination import examined, ids, situation_of
from tests.checks.roots import FIRST_ROOT, OTHER_ROOT

SYSTEM = "istio-system"


def found(mesh: Mesh) -> list[str]:
    return ids(examined(mesh))


def only(mesh: Mesh) -> Diagnosis:
    [one] = examined(mesh).diagnoses
    return one


# --- istiod ---


def test_a_pod_that_was_killed_for_its_memory_long_ago_and_is_well_is_no_cause() -> None:
    mesh = canary()
    status = mesh.edit("Pod", f"istiod-{OLD}", SYSTEM)["status"]["containerStatuses"][0]
    status["lastState"] = {"terminated": {"exitCode": 137, "reason": "OOMKilled", "finishedAt": when(days=-2)}}

    assert found(mesh) == []

    status["lastState"]["terminated"]["finishedAt"] = when(hours=-1)

    assert found(mesh) == ["istiod-out-of-memory"]


@pytest.mark.parametrize(("restarts", "expected"), [(2, "istiod-not-ready"), (3, "istiod-crash-loops")])
def test_between_two_ends_a_crash_loop_shows_by_its_restarts(restarts: int, expected: str) -> None:
    mesh = canary()
    pod = mesh.edit("Pod", f"istiod-{NEW}", SYSTEM)
    unready(pod, {"running": {}}, {"terminated": {"exitCode": 1, "reason": "Error"}})
    pod["status"]["containerStatuses"][0]["restartCount"] = restarts
    mesh.edit("Deployment", f"istiod-{NEW}", SYSTEM)["status"]["readyReplicas"] = 0

    assert found(mesh) == [expected]


def test_the_limit_that_was_too_low_is_named() -> None:
    mesh = canary()
    BREAKAGES["istiod_out_of_memory"](mesh)

    assert "limit of 64Mi" in only(mesh).cause


def test_the_end_of_the_log_and_the_exit_code_are_evidence() -> None:
    mesh = canary()
    BREAKAGES["istiod_crash_loops"](mesh)

    evidence = "\n".join(only(mesh).evidence)

    assert "Error: unknown flag: --no-such-flag" in evidence
    assert "exit code 1" in evidence
    assert "event BackOff: Back-off restarting failed container" in evidence


def test_where_there_is_no_log_that_is_told() -> None:
    mesh = canary()
    BREAKAGES["istiod_crash_loops"](mesh)
    mesh.logs.clear()

    assert "was not to be had: the node has no such log" in "\n".join(only(mesh).evidence)


def test_credentials_in_a_log_are_not_told() -> None:
    mesh = canary()
    BREAKAGES["istiod_crash_loops"](mesh)
    [name] = mesh.logs
    mesh.logs[name] = "password=hunter2-hunter2-hunter2"

    evidence = "\n".join(only(mesh).evidence)

    assert "password" in evidence
    assert "hunter2" not in evidence


def test_what_comes_of_it_is_told_with_it() -> None:
    mesh = canary()
    BREAKAGES["istiod_crash_loops"](mesh)

    assert f"istiod {SYSTEM}/Deployment/istiod-{NEW} is not ready: 0 of 1 pods are" in only(mesh).effects


# --- what webhooks call ---


def test_a_service_that_is_missing_is_named() -> None:
    mesh = canary()
    mesh.remove("Service", f"istiod-{NEW}", SYSTEM)

    assert only(mesh).cause.startswith(f"Service {SYSTEM}/istiod-{NEW} is missing")


def test_an_istiod_without_replicas_is_named() -> None:
    mesh = canary()
    deployment = mesh.edit("Deployment", f"istiod-{NEW}", SYSTEM)
    deployment["spec"]["replicas"] = 0
    deployment["status"] |= {"readyReplicas": 0}
    mesh.remove("Pod", f"istiod-{NEW}", SYSTEM)
    mesh.edit("EndpointSlice", f"istiod-{NEW}", SYSTEM)["endpoints"] = []

    assert "is scaled to zero" in only(mesh).cause


def test_ready_pods_without_an_endpoint_are_named() -> None:
    mesh = canary()
    mesh.edit("EndpointSlice", f"istiod-{NEW}", SYSTEM)["endpoints"] = []

    assert "has no ready endpoint, though its pods are ready" in only(mesh).cause


def test_pods_that_are_not_ready_for_no_known_reason_are_told_as_one_sign() -> None:
    mesh = canary()
    unready(mesh.edit("Pod", f"istiod-{NEW}", SYSTEM), {"running": {}})
    mesh.edit("Deployment", f"istiod-{NEW}", SYSTEM)["status"]["readyReplicas"] = 0
    for endpoint in mesh.edit("EndpointSlice", f"istiod-{NEW}", SYSTEM)["endpoints"]:
        endpoint["conditions"] = {"ready": False}

    one = only(mesh)

    assert (one.id, one.certainty) == ("istiod-not-ready", "likely")
    assert f"no pod behind Service {SYSTEM}/istiod-{NEW} is ready" in one.effects


# --- certificates ---


def of_webhooks(mesh: Mesh, revision: str, root: str) -> None:
    for hook in mesh.edit_all("MutatingWebhookConfiguration", lambda one: revision_in(one) == revision):
        for entry in hook["webhooks"]:
            entry["clientConfig"]["caBundle"] = base64.b64encode(root.encode()).decode()


def test_a_ca_bundle_of_another_authority_is_named() -> None:
    mesh = canary()
    of_webhooks(mesh, NEW, OTHER_ROOT)

    assert found(mesh) == ["ca-bundle-of-another-authority"]


def test_a_ca_bundle_with_the_root_and_another_one_is_fine() -> None:
    mesh = canary()
    of_webhooks(mesh, NEW, OTHER_ROOT + FIRST_ROOT)

    assert found(mesh) == []


@pytest.mark.parametrize(("days", "expected"), [(8, []), (6, ["ca-bundle-expires-soon"]), (-1, ["ca-bundle-expired"])])
def test_the_end_of_the_root_comes_near(days: int, expected: list[str]) -> None:
    situation = situation_of(canary())
    ends = datetime.fromisoformat(situation.bundles[0].certificates[0].not_after)

    later = msgspec.structs.replace(situation, now=ends - timedelta(days=days))

    # All webhooks, the Secret and the ConfigMap have the same root: it is told once.
    assert [one for one in ids(examine(later)) if one.startswith("ca-bundle")] == expected


# --- tags and injectors ---


def test_two_injectors_that_share_no_namespace_are_fine() -> None:
    mesh = canary()
    BREAKAGES["two_injectors"](mesh)
    for entry in mesh.edit("MutatingWebhookConfiguration", "istio-sidecar-injector-old")["webhooks"]:
        entry["namespaceSelector"] = {"matchExpressions": [{"key": "istio.io/rev", "operator": "In", "values": ["none"]}]}

    assert found(mesh) == []


def test_the_webhook_of_another_mesh_part_is_no_injector() -> None:
    mesh = canary()
    hook = mesh.edit("MutatingWebhookConfiguration", "istio-sidecar-injector")
    other = msgspec.json.decode(msgspec.json.encode(hook))
    other["metadata"] = {"name": "vault-agent-injector"}
    for entry in other["webhooks"]:
        entry["name"] = "vault.hashicorp.com"
        entry["clientConfig"]["service"]["name"] = "vault-agent-injector"
    mesh.add(other)

    assert found(mesh) == []


def test_that_the_service_of_a_dangling_tag_is_missing_is_no_second_cause() -> None:
    mesh = canary()
    BREAKAGES["tag_to_deleted_revision"](mesh)

    one = only(mesh)

    assert one.id == "tag-to-deleted-revision"
    assert one.effects == ("new pods in checkout, ingress, platform are refused, or get no sidecar",)


def test_a_tag_of_an_istiod_outside_the_cluster_is_fine() -> None:
    mesh = canary()
    BREAKAGES["tag_to_deleted_revision"](mesh)
    service = msgspec.json.decode(msgspec.json.encode(mesh.edit("Service", f"istiod-{OLD}", SYSTEM)))
    service["metadata"]["name"] = "istiod-1-25-1"
    del service["spec"]["selector"]
    mesh.add(service)

    assert found(mesh) == []


# --- proxies ---


def with_proxy(mesh: Mesh, version: str) -> Mesh:
    for container in mesh.edit("Pod", "picking", "warehouse")["spec"]["containers"]:
        if container["name"] == "istio-proxy":
            container["image"] = f"docker.io/istio/proxyv2:{version}"
    return mesh


@pytest.mark.parametrize(("version", "expected"), [("1.26.9", []), ("1.25.1", ["proxy-skew"]), ("1.28.0", ["proxy-skew"])])
def test_one_minor_behind_is_allowed(version: str, expected: list[str]) -> None:
    assert found(with_proxy(canary(), version)) == expected


def test_a_container_of_the_application_that_cannot_be_pulled_is_not_the_mesh() -> None:
    mesh = canary()
    unready(mesh.edit("Pod", "web", "storefront"), {"waiting": {"reason": "ImagePullBackOff"}}, container="web")
    mesh.edit("Deployment", "web", "storefront")["status"]["readyReplicas"] = 2

    assert found(mesh) == []


def test_the_image_of_an_init_container_counts() -> None:
    mesh = canary()
    pod = mesh.edit("Pod", "web", "storefront")
    unready(pod, {"waiting": {"reason": "PodInitializing"}})
    waiting = {"waiting": {"reason": "ErrImagePull", "message": "manifest unknown"}}
    pod["status"]["initContainerStatuses"] = [{"name": "istio-init", "ready": False, "state": waiting}]
    mesh.edit("Deployment", "web", "storefront")["status"]["readyReplicas"] = 2

    one = only(mesh)

    assert one.id == "image-not-pulled"
    assert "manifest unknown" in "\n".join(one.evidence)


# --- budgets ---


def test_a_budget_that_waits_for_a_pod_is_none_that_blocks() -> None:
    mesh = canary()
    mesh.edit("PodDisruptionBudget", "payment", "checkout")["status"] |= {"currentHealthy": 2, "disruptionsAllowed": 0}

    assert found(mesh) == []


def test_a_budget_over_a_pod_that_is_being_replaced_is_none_that_blocks() -> None:
    """With a number for minAvailable Kubernetes expects those pods that there are."""
    mesh = canary()
    counts = {"currentHealthy": 2, "expectedPods": 2, "disruptionsAllowed": 0}
    mesh.edit("PodDisruptionBudget", "payment", "checkout")["status"] |= counts
    mesh.edit("Deployment", "payment", "checkout")["status"]["readyReplicas"] = 2
    mesh.remove("Pod", "payment", "checkout")

    assert found(mesh) == []


def test_the_budget_that_istio_ships_is_known() -> None:
    mesh = plain()
    budget = mesh.edit("PodDisruptionBudget", f"istiod-{OLD}", SYSTEM)
    assert budget["status"]["disruptionsAllowed"] == 0
    budget["spec"] = {"selector": budget["spec"]["selector"], "maxUnavailable": 0}

    assert found(mesh) == ["budget-blocks-drain"]


def test_a_budget_outside_the_mesh_is_none_of_ours() -> None:
    mesh = canary()
    budget = mesh.edit("PodDisruptionBudget", "payment", "checkout")
    BREAKAGES["budget_blocks_drain"](mesh)
    budget["metadata"] |= {"namespace": "legacy"}
    budget["spec"]["selector"] = {"matchLabels": {"app": "billing"}}
    mesh.add(budget)
    mesh.remove("PodDisruptionBudget", "payment", "checkout")

    assert found(mesh) == []


# --- values and CRDs ---


def with_values(mesh: Mesh, release: str, values: dict[str, Any], templates: str = "") -> Mesh:
    records = mesh.edit_all("Secret", lambda one: one["metadata"]["name"].startswith(f"sh.helm.release.v1.{release}.v"))
    secret = max(records, key=lambda one: str(one["metadata"]["name"]))
    stored = encode_release(msgspec.structs.replace(decode_release(secret), values=values))
    if templates:
        record = msgspec.json.decode(gzip.decompress(base64.b64decode(base64.b64decode(stored["data"]["release"]))))
        record["chart"]["templates"] = [{"name": "templates/a.yaml", "data": base64.b64encode(templates.encode()).decode()}]
        packed_ = base64.b64encode(base64.b64encode(gzip.compress(msgspec.json.encode(record)))).decode()
        stored["data"] = {"release": packed_}
    secret["data"] = stored["data"]
    return mesh


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"rollingMaxUnavailable": "50%"}, ["removed-value"]),
        ({"cni": {"rollingMaxUnavailable": "50%"}}, ["removed-value"]),
        # As it was by default: nothing has changed.
        ({"rollingMaxUnavailable": 1}, []),
        # No chart ever had it: a slip, which an upgrade did not bring about.
        ({"rolingMaxUnavailable": "50%"}, []),
        ({"updateStrategy": {"rollingUpdate": {"maxUnavailable": "50%"}}, "podAnnotations": {"a": "b"}}, []),
    ],
)
def test_a_value_counts_that_an_older_chart_knew(values: dict[str, Any], expected: list[str]) -> None:
    assert found(with_values(canary(), "istio-cni", values)) == expected


def test_a_value_for_another_chart_in_the_same_file_is_fine() -> None:
    """Chart base had it until 1.23, as istiod has it now."""
    assert found(with_values(canary(), "istio-base", {"global": {"externalIstiod": True}})) == []


@pytest.mark.parametrize("template", ["", "{{ range $key, $value := .Values.env }}{{ $key }}{{ end }}"])
def test_a_variable_that_istiod_no_longer_knows_counts(template: str) -> None:
    values = {"revision": NEW, "pilot": {"env": {"ENABLE_AUTO_SNI": "false", "PILOT_ENABLE_ALPHA_GATEWAY_API": "true"}}}

    one = only(with_values(canary(), f"istiod-{NEW}", values, template))

    assert (one.id, one.hazard, one.objects[0].field) == ("removed-value", "V8", "values.pilot.env.ENABLE_AUTO_SNI")


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ .Values.rollingMaxUnavailable }}", []),
        ("{{ ($.Values).rollingMaxUnavailable }}", []),
        ("{{ .Values.other }}", ["certain"]),
    ],
)
def test_the_templates_that_helm_stored_are_asked(template: str, expected: list[str]) -> None:
    mesh = with_values(canary(), "istio-cni", {"rollingMaxUnavailable": "50%"}, template)

    assert [one.certainty for one in examined(mesh).diagnoses] == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ toYaml .Values.istio_cni | indent 2 }}", []),
        ("{{ with $values.istio_cni }}{{ .chained }}{{ end }}", []),
        ("{{ .Values.istio_cni.provider }}", ["certain"]),
    ],
)
def test_what_is_taken_as_a_whole_is_read(template: str, expected: list[str]) -> None:
    mesh = with_values(canary(), f"istiod-{NEW}", {"revision": NEW, "istio_cni": {"chained": False}}, template)

    assert [one.certainty for one in examined(mesh).diagnoses] == expected


def test_a_crd_that_is_missing_or_serves_too_little_is_older() -> None:
    mesh = canary()
    mesh.remove("CustomResourceDefinition", "telemetries.telemetry.istio.io")
    for version in mesh.edit("CustomResourceDefinition", "sidecars.networking.istio.io")["spec"]["versions"]:
        version["served"] = version["name"] != "v1"

    one = only(mesh)

    assert one.id == "older-crd"
    assert "telemetries.telemetry.istio.io: it is missing" in one.evidence
    assert "sidecars.networking.istio.io: version v1 is not served" in one.evidence


def test_a_crd_that_its_chart_was_told_to_leave_out_is_not_missed() -> None:
    mesh = canary()
    mesh.remove("CustomResourceDefinition", "telemetries.telemetry.istio.io")

    assert found(with_values(mesh, "istio-base", {"base": {"excludedCRDs": ["telemetries.telemetry.istio.io"]}})) == []


# --- runs ---


def with_run(mesh: Mesh, *bodies: EntryBody, holder: Holder | None = None) -> Mesh:
    began = NOW - timedelta(hours=1)
    entries = [
        Entry(number, RUN, began, body)
        for number, body in enumerate((RunStarted("sha256:1", "/p.zip", "c"), StepIntent("crds-1", "do"), *bodies), start=1)
    ]
    log = log_object(SYSTEM, RUN, 0, packed(entries))
    log["metadata"]["resourceVersion"] = "1"
    mesh.add(head_object(SYSTEM, Head(FORMAT, RUN, 1, "sha256:1", "sha256:2", 1)), log)
    if holder is not None:
        mesh.add(
            {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {
                    "name": "resail",
                    "namespace": SYSTEM,
                    "resourceVersion": "1",
                    "annotations": {"resail.dev/holder": msgspec.json.encode(holder).decode()},
                },
                "spec": {"holderIdentity": holder.name, "renewTime": when(), "leaseDurationSeconds": 3},
            }
        )
    return mesh


@pytest.mark.parametrize(
    ("bodies", "expected"),
    [
        ((RunFinished("done"),), []),
        ((RunFinished("rolled-back"),), []),
        ((RunHalted("paused", "crds-1", ""),), []),
        ((RunHalted("approval", "crds-1", ""),), []),
        ((RunHalted("gate", "crds-1", "it does not get ready"),), ["run-halted-half-way"]),
        ((RunHalted("interrupted", "crds-1", ""),), ["run-halted-half-way"]),
        ((RunHalted("gate", "crds-1", ""), RunResumed("undo")), ["run-died-half-way"]),
        ((RunFinished("rollback-failed", "no"),), ["run-rollback-failed"]),
    ],
)
def test_how_a_run_stands(bodies: tuple[EntryBody, ...], expected: list[str]) -> None:
    assert found(with_run(canary(), *bodies)) == expected


def test_a_dead_holder_of_the_lease_is_named_with_what_to_do() -> None:
    holder = msgspec.structs.replace(Holder.this(), name="ann@laptop/1/a", began="0")

    one = only(with_run(canary(), holder=holder))

    assert "ann@laptop/1/a does not renew its lease" in one.cause
    assert one.undo[0].startswith(f"`resail resume --run {RUN}` looks whether crds-1 had its effect")
    assert one.undo[1].startswith("or `resail rollback")


def test_copies_that_cannot_be_read_are_not_examined() -> None:
    mesh = with_run(canary())
    mesh.remove("ConfigMap", f"resail-{RUN}-log-0", SYSTEM)

    found = examined(mesh)

    assert found.verdict == "healthy"
    assert [one.id for one in found.not_examined] == ["runs"]


# --- parts that are not ready ---


@pytest.mark.parametrize(("age", "expected"), [(timedelta(minutes=4), []), (timedelta(minutes=6), ["gateway-not-ready"])])
def test_a_pod_that_just_starts_has_its_time(age: timedelta, expected: list[str]) -> None:
    mesh = canary()
    pod = mesh.edit("Pod", "gateway", "ingress")
    unready(pod, {"running": {}})
    pod["metadata"]["creationTimestamp"] = f"{NOW - age:%Y-%m-%dT%H:%M:%SZ}"
    mesh.edit("Deployment", "gateway", "ingress")["status"]["readyReplicas"] = 0

    assert found(mesh) == expected


def test_pods_that_a_webhook_refuses_are_told() -> None:
    mesh = canary()
    mesh.edit("Deployment", "cart", "checkout")["status"]["readyReplicas"] = 1
    mesh.remove("Pod", "cart", "checkout")
    replica_set = mesh.edit("ReplicaSet", "cart", "checkout")["metadata"]["name"]
    mesh.add(
        {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": "cart.1", "namespace": "checkout"},
            "type": "Warning",
            "reason": "FailedCreate",
            "message": "failed calling webhook: x509: certificate has expired",
            "involvedObject": {"kind": "ReplicaSet", "namespace": "checkout", "name": replica_set},
        }
    )

    assert "failed calling webhook" in "\n".join(only(mesh).evidence)

    BREAKAGES["expired_ca_bundle"](mesh)

    assert found(mesh) == ["ca-bundle-expired"]


def when(**ago: int) -> str:
    return f"{NOW + timedelta(**ago):%Y-%m-%dT%H:%M:%SZ}"
