"""Asking what one may do. Who owns a cluster may do anything; of others ``tests/acceptance/test_rights.py`` tells."""

import pytest

from resail.models.access import EVERYTHING, Permission
from tests.contract.site import Site


@pytest.mark.parametrize(
    "permission",
    [
        EVERYTHING,
        Permission("", "pods", "list"),
        Permission("", "pods/eviction", "create", "shop"),
        Permission("rbac.authorization.k8s.io", "clusterroles", "escalate", "", "istiod"),
        Permission("networking.istio.io", "*", "get", "shop"),
    ],
    ids=["everything", "a list", "a subresource", "a name", "all of a group"],
)
async def test_the_owner_may_do_anything(site: Site, permission: Permission) -> None:
    assert await site.cluster.allows(permission)
