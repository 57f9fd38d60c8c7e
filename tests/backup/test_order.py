"""What must be there before what."""

from hypothesis import given
from hypothesis import strategies as st

from resail.backup.order import STAGES, place_of
from resail.backup.restoration import make_restoration
from resail.models.backup import Marks
from resail.models.identity import KindRef, ObjectRef
from tests.backup.small_backups import ISTIOD, SYSTEM, backup_of, thing

_ADMISSION = "admissionregistration.k8s.io/v1"
_RBAC = "rbac.authorization.k8s.io/v1"

NAMESPACE = KindRef("v1", "Namespace")
DEFINITION = KindRef("apiextensions.k8s.io/v1", "CustomResourceDefinition")
ACCOUNT = KindRef("v1", "ServiceAccount")
ROLE = KindRef(_RBAC, "ClusterRole")
BINDING = KindRef(_RBAC, "ClusterRoleBinding")
CONFIG_MAP, SECRET, QUOTA = KindRef("v1", "ConfigMap"), KindRef("v1", "Secret"), KindRef("v1", "ResourceQuota")
NETWORK_POLICY = KindRef("networking.k8s.io/v1", "NetworkPolicy")
ROUTE = KindRef("networking.istio.io/v1", "VirtualService")
GATEWAY = KindRef("gateway.networking.k8s.io/v1", "Gateway")
SERVICE = KindRef("v1", "Service")
DEPLOYMENT, DAEMON_SET = KindRef("apps/v1", "Deployment"), KindRef("apps/v1", "DaemonSet")
INJECTOR, VALIDATOR = KindRef(_ADMISSION, "MutatingWebhookConfiguration"), KindRef(_ADMISSION, "ValidatingWebhookConfiguration")
POLICY = KindRef(_ADMISSION, "ValidatingAdmissionPolicy")
AUTOSCALER, BUDGET = KindRef("autoscaling/v2", "HorizontalPodAutoscaler"), KindRef("policy/v1", "PodDisruptionBudget")
KINDS = (
    *(NAMESPACE, DEFINITION, ACCOUNT, ROLE, BINDING, CONFIG_MAP, SECRET, QUOTA, NETWORK_POLICY, ROUTE, GATEWAY, SERVICE),
    *(DEPLOYMENT, DAEMON_SET, INJECTOR, VALIDATOR, POLICY, AUTOSCALER, BUDGET, KindRef("networking.k8s.io/v1", "Ingress")),
)

BEFORE = {
    NAMESPACE: set(KINDS) - {NAMESPACE},
    DEFINITION: {ROUTE, GATEWAY},
    ROLE: {BINDING},
    ACCOUNT: {BINDING, DEPLOYMENT, DAEMON_SET},
    CONFIG_MAP: {DEPLOYMENT, DAEMON_SET},
    SECRET: {DEPLOYMENT, DAEMON_SET},
    QUOTA: {DEPLOYMENT},
    NETWORK_POLICY: {DEPLOYMENT},
    ROUTE: {DEPLOYMENT, INJECTOR, VALIDATOR, POLICY},
    SERVICE: {INJECTOR, VALIDATOR},
    DAEMON_SET: {INJECTOR, DEPLOYMENT},
    INJECTOR: {DEPLOYMENT, VALIDATOR},
    DEPLOYMENT: {AUTOSCALER, BUDGET, VALIDATOR, POLICY},
}
"""Said apart from the table of the program; Deployments other than istiod's."""


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 2)), unique=True))
def test_what_is_needed_comes_first(chosen: list[tuple[KindRef, int]]) -> None:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "other"}
    objects = [
        thing(kind.api_version, kind.kind, f"{kind.kind.lower()}-{number}", SYSTEM, spec={"scaleTargetRef": target})
        for kind, number in chosen
    ]
    istiod = thing("apps/v1", "Deployment", "istiod", SYSTEM)
    written = [action.ref for action in make_restoration(backup_of([*objects, istiod]), {}).actions]
    places = {ref: place for place, ref in enumerate(written)}
    others = [ref for ref in written if ref != ISTIOD]
    for first in others:
        for then in others:
            if then.kind_ref in BEFORE.get(first.kind_ref, ()):
                assert places[first] < places[then], (first, then)
    for ref in others:
        if ref.kind_ref in (ROUTE, GATEWAY, SERVICE, SECRET, CONFIG_MAP):
            assert places[ref] < places[ISTIOD]
        if ref.kind_ref in (DEPLOYMENT, INJECTOR, VALIDATOR, POLICY):
            assert places[ISTIOD] < places[ref]


def test_marks_come_after_the_injectors_and_before_the_gateways() -> None:
    label = Marks(ObjectRef("v1", "Namespace", "", "shop"), labels={"istio-injection": "enabled"})
    shop = thing("v1", "Namespace", "shop")
    objects = [thing(_ADMISSION, INJECTOR.kind, "injector"), thing("apps/v1", "Deployment", "gateway", "edge")]
    actions = make_restoration(backup_of(objects, [label]), {label.ref: shop}).actions
    order = [action.part if action.part == "marks" else action.ref.name for action in actions]
    assert order.index("injector") < order.index("marks") < order.index("gateway")


def test_a_kind_that_nobody_thought_of_comes_after_the_workloads_and_before_the_guards() -> None:
    stage = STAGES[place_of(ObjectRef("example.org/v1", "Unknown", "shop", "one"), ())]
    names = [each.name for each in STAGES]
    assert names.index("workloads") < names.index(stage.name) < names.index("guards")


def test_each_stage_has_its_reason_and_no_kind_is_in_two() -> None:
    kinds = [kind for stage in STAGES for kind in stage.kinds]
    assert len(kinds) == len(set(kinds))
    assert all(stage.why for stage in STAGES)
