"""Which injector a new pod meets: the precedence of Istio's labels, by the selectors of its charts."""

from uuid import uuid4

import pytest

from resail.checks.injection import pointer_of
from resail.errors import ClusterApiError, NotFoundError
from resail.models.identity import KindRef, Manifest, ObjectRef
from resail.models.snapshot import Namespace
from tests.contract.injectors import Asked, asked, injector, injectors, namespace, reference, tag
from tests.contract.site import CONFIG_MAP, DEPLOYMENT, POD, Site, config_map
from tests.contract.workloads import deployment, meanwhile, pod, pods, rolled_out

VALIDATOR = KindRef("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration")

ENABLED = {"istio-injection": "enabled"}
DISABLED = {"istio-injection": "disabled"}
CANARY = {"istio.io/rev": "canary"}
PROD = {"istio.io/rev": "prod"}
YES = {"sidecar.istio.io/inject": "true"}
NO = {"sidecar.istio.io/inject": "false"}

DEFAULT_ONE = Asked("namespace", "istiod")

Labels = dict[str, str]


async def choices(site: Site, cases: list[tuple[Labels, Labels, Asked | None]]) -> None:
    """See of each pod, by labels of its namespace and its own, whom it meets where a mesh has all three pointers."""
    three = (injector(site, "default"), injector(site, "canary"), tag(site, "prod", "1-27-9"))
    pointers = {"istiod": "default", "istiod-canary": "canary", "istiod-1-27-9": "prod"}
    async with injectors(site, *three):
        for number, (of_namespace, of_pod, wanted) in enumerate(cases):
            async with namespace(site, f"case-{number}", of_namespace) as there:
                assert await asked(there, of_pod) == wanted, (of_namespace, of_pod)
                pointer, _ = pointer_of(Namespace(there.namespace, of_namespace), of_pod)
                assert pointer == (pointers[wanted.service] if wanted else "")


async def test_a_namespace_enabled_for_injection_leads_to_the_default_whatever_revisions_it_or_the_pod_name(site: Site) -> None:
    await choices(
        site,
        [
            (ENABLED, {}, DEFAULT_ONE),
            (ENABLED, CANARY, DEFAULT_ONE),
            (ENABLED | CANARY, {}, DEFAULT_ONE),
            (ENABLED | CANARY, PROD | YES, DEFAULT_ONE),
        ],
    )


async def test_a_namespace_s_revision_comes_before_the_pod_s(site: Site) -> None:
    to_canary = Asked("rev.namespace", "istiod-canary")
    await choices(site, [(CANARY, {}, to_canary), (CANARY, PROD, to_canary), (CANARY, YES, to_canary)])


async def test_a_pod_s_revision_counts_where_its_namespace_says_nothing(site: Site) -> None:
    to_canary = Asked("rev.object", "istiod-canary")
    await choices(site, [({}, CANARY, to_canary), ({}, CANARY | YES, to_canary)])


async def test_a_pod_that_asks_for_injection_alone_gets_the_default(site: Site) -> None:
    await choices(site, [({}, YES, Asked("object", "istiod"))])


async def test_the_revision_default_is_the_one_without_a_name(site: Site) -> None:
    default = {"istio.io/rev": "default"}
    await choices(site, [(default, {}, Asked("rev.namespace", "istiod")), ({}, default, Asked("rev.object", "istiod"))])


async def test_a_pod_that_opts_out_meets_none(site: Site) -> None:
    await choices(site, [(ENABLED, NO, None), (CANARY, NO, None), ({}, NO | CANARY, None), ({}, NO, None)])


async def test_a_namespace_that_is_disabled_meets_none_whatever_it_or_the_pod_names(site: Site) -> None:
    await choices(site, [(DISABLED, {}, None), (DISABLED, YES, None), (DISABLED, CANARY, None), (DISABLED | CANARY, {}, None)])


async def test_who_asks_for_nothing_meets_none(site: Site) -> None:
    await choices(site, [({}, {}, None), ({}, {"app": "web"}, None)])


async def test_a_pointer_that_nobody_has_meets_none(site: Site) -> None:
    gone = {"istio.io/rev": "gone"}
    async with injectors(site, injector(site, "canary")), namespace(site, "case", gone) as there:
        assert await asked(there) is None
        assert await asked(there, CANARY) is None


async def test_a_tag_leads_to_its_revision_and_elsewhere_once_it_is_moved(site: Site) -> None:
    async with namespace(site, "case", PROD) as there, injectors(site, tag(site, "prod", "1-26-0")):
        assert await asked(there) == Asked("rev.namespace", "istiod-1-26-0")
        moved = tag(site, "prod", "1-27-9")
        await site.cluster.patch(reference(moved), {"webhooks": moved["webhooks"]})

        async def follows() -> bool:
            return await asked(there) == Asked("rev.namespace", "istiod-1-27-9")

        await site.until(follows)


async def test_a_namespace_that_is_labelled_anew_leads_elsewhere(site: Site) -> None:
    async with (
        namespace(site, "case", ENABLED) as there,
        injectors(site, injector(site, "default"), injector(site, "canary")),
    ):
        assert await asked(there) == DEFAULT_ONE
        labels = {"istio-injection": None, **CANARY}
        await site.cluster.patch(ObjectRef("v1", "Namespace", "", there.namespace), {"metadata": {"labels": labels}})

        async def follows() -> bool:
            return await asked(there) == Asked("rev.namespace", "istiod-canary")

        await site.until(follows)


async def test_of_two_that_select_a_pod_the_one_whose_configuration_comes_first_by_name_is_asked_first(site: Site) -> None:
    """Overlapping injectors: a tag ``canary`` beside a revision ``canary``."""
    tagged = tag(site, "canary", "1-27-9")
    async with injectors(site, tagged), namespace(site, "case", CANARY) as there:
        assert await asked(there) == Asked("rev.namespace", "istiod-1-27-9")
        named = injector(site, "canary")
        await site.cluster.create(named)
        assert tagged["metadata"]["name"] < named["metadata"]["name"]

        # Once the tag is gone, the other one turns out to be in effect.
        await site.cluster.delete(reference(tagged))

        async def follows() -> bool:
            return await asked(there) == Asked("rev.namespace", "istiod-canary")

        await site.until(follows)
        await site.cluster.create(tagged)

        async def first_again() -> bool:
            return await asked(there) == Asked("rev.namespace", "istiod-1-27-9")

        await site.until(first_again)
        await site.cluster.delete(reference(named))


# --- what comes of it ---


async def test_an_injector_that_may_fail_lets_the_pod_through(site: Site) -> None:
    async with namespace(site, "case", CANARY) as there, injectors(site, injector(site, "canary")):
        assert await asked(there) is not None
        lenient = injector(site, "canary", "Ignore")
        await site.cluster.patch(reference(lenient), {"webhooks": lenient["webhooks"]})

        async def goes_through() -> bool:
            return await asked(there) is None

        await site.until(goes_through)
        created = await site.cluster.create(pod(there, "a"))
        assert [container["name"] for container in created["spec"]["containers"]] == ["app"]


async def test_a_dry_run_meets_the_injector_too(site: Site) -> None:
    """How the engine sees who would inject."""
    async with namespace(site, "case", CANARY) as there, injectors(site, injector(site, "canary")):
        with pytest.raises(ClusterApiError, match=r"rev\.namespace\.sidecar-injector\.istio\.io") as caught:
            await site.cluster.create(pod(there, "a"), dry_run=True)
        assert caught.value.status == 500
        tried = await site.cluster.create(pod(there, "b", NO), dry_run=True)
        assert tried["metadata"]["labels"] == NO
    assert await there.names(POD) == []


async def test_only_new_pods_meet_an_injector(site: Site) -> None:
    async with namespace(site, "case", CANARY) as there:
        await site.cluster.create(pod(there, "old"))
        async with injectors(site, injector(site, "canary")):
            assert await asked(there) is not None
            await site.cluster.patch(there.ref(POD, "old"), {"metadata": {"labels": {"touched": "yes"}}})
            await site.cluster.create(config_map(there, "a"))
            await site.cluster.create(deployment(there, "none", 0))
            await site.cluster.delete(there.ref(POD, "old"))


async def test_a_workload_whose_injector_does_not_answer_gets_no_pods_says_so_and_goes_on_without_it(site: Site) -> None:
    async with namespace(site, "case", CANARY) as there:
        async with injectors(site, injector(site, "canary")):
            await site.cluster.create(deployment(there, "web", 1))

            async def told() -> bool:
                found = await site.cluster.get(there.ref(DEPLOYMENT, "web"))
                conditions = found.get("status", {}).get("conditions", ())
                return ("ReplicaFailure", "FailedCreate") in [(one["type"], one["reason"]) for one in conditions]

            await site.until(told)
            await meanwhile(site)
            assert await pods(there, "web") == {}
        await rolled_out(there, "Deployment", "web")


async def test_a_validator_that_does_not_answer_refuses_what_it_selects_until_it_may_fail(site: Site) -> None:
    """The default validator that is left pointing at a revision that was removed."""
    name = f"istiod-default-validator-{site.namespace}"
    ref = ObjectRef(VALIDATOR.api_version, VALIDATOR.kind, "", name)
    await site.cluster.create(_validator(site, name))

    async def refuses() -> bool:
        try:
            await site.cluster.create(config_map(site, f"probe-{uuid4().hex[:8]}", contract="yes"))
        except ClusterApiError as error:
            return "rev.validation.istio.io" in error.what
        return False

    await site.until(refuses)
    with pytest.raises(ClusterApiError) as caught:
        await site.cluster.create(config_map(site, "a", contract="yes"))
    assert caught.value.status == 500
    with pytest.raises(NotFoundError):
        await site.cluster.get(site.ref(CONFIG_MAP, "a"))
    await site.cluster.create(config_map(site, "b", contract="no"))
    await site.cluster.patch(ref, {"webhooks": _validator(site, name, "Ignore")["webhooks"]})

    async def lets_through() -> bool:
        return not await refuses()

    await site.until(lets_through)
    await site.cluster.create(config_map(site, "a", contract="yes"))
    await site.cluster.delete(ref)


def _validator(site: Site, name: str, policy: str = "Fail") -> Manifest:
    webhook = {
        "name": "rev.validation.istio.io",
        "clientConfig": {"service": {"name": "istiod-gone", "namespace": site.namespace, "path": "/validate"}},
        "rules": [{"operations": ["CREATE", "UPDATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}],
        "sideEffects": "None",
        "failurePolicy": policy,
        "admissionReviewVersions": ["v1"],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": site.namespace}},
        "objectSelector": {"matchLabels": {"contract": "yes"}},
    }
    return {"apiVersion": VALIDATOR.api_version, "kind": VALIDATOR.kind, "metadata": {"name": name}, "webhooks": [webhook]}
