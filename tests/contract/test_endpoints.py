"""EndpointSlices: whom a Service leads to."""

from resail.models.identity import KindRef
from tests.contract.site import Site
from tests.contract.workloads import deployment, restart_in_vain, rolled_out, rolling, shows

SLICE = KindRef("discovery.k8s.io/v1", "EndpointSlice")


async def test_they_tell_which_pods_are_ready(site: Site) -> None:
    metadata = {"name": "web", "namespace": site.namespace}
    spec = {"selector": {"app": "web"}, "ports": [{"port": 80}]}
    await site.cluster.create({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})
    await site.cluster.create(deployment(site, "web", 2, strategy=rolling(1, 0)))
    await rolled_out(site, "Deployment", "web")
    await restart_in_vain(site, "Deployment", "web")
    await shows(site, "Deployment", "web", replicas=3, readyReplicas=2)

    async def told() -> bool:
        slices = await site.cluster.list_objects(SLICE, namespace=site.namespace, labels="kubernetes.io/service-name=web")
        ready = [endpoint["conditions"]["ready"] for one in slices for endpoint in one.get("endpoints") or ()]
        return sorted(ready) == [False, True, True]

    await site.until(told)
