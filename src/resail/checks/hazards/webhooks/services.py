"""Whether something answers behind a Service."""

from resail.checks.hazards.case import Case, Unknown
from resail.models.field_path import find, first

__all__ = ["answers", "exists"]

_NAME = "metadata.labels.kubernetes.io/service-name"


def exists(case: Case, namespace: str, name: str) -> bool:
    """Is there such a Service?

    Raises:
        Unknown: Services could not be read.
    """
    wanted = (namespace, name)
    return any((first(one, "metadata.namespace"), first(one, "metadata.name")) == wanted for one in case.all("Service"))


def answers(case: Case, namespace: str, name: str) -> bool:
    """Has it a ready endpoint?

    Raises:
        Unknown: EndpointSlices could not be read; or there are none at all, as in no cluster that works.
    """
    slices = case.all("EndpointSlice.discovery.k8s.io")
    if not slices:
        raise Unknown("no EndpointSlice was read, so that it is not known which Services have endpoints")
    own = [one for one in slices if (first(one, "metadata.namespace"), first(one, _NAME)) == (namespace, name)]
    # No condition is ready: https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/#conditions
    return any(first(one.value, "conditions.ready") is not False for each in own for one in find(each, "endpoints[*]"))
