"""How many pods a rolling update may add and miss.

``ResolveFenceposts`` of ``pkg/controller/deployment/util``.
"""

from resail.models.identity import Manifest
from resail.models.quantities import absolute

__all__ = ["max_surge", "max_unavailable"]


def max_surge(deployment: Manifest) -> int:
    strategy = deployment["spec"]["strategy"]
    if strategy["type"] != "RollingUpdate":
        return 0
    return absolute(strategy["rollingUpdate"]["maxSurge"], deployment["spec"]["replicas"], round_up=True, default="25%")


def max_unavailable(deployment: Manifest) -> int:
    strategy = deployment["spec"]["strategy"]
    replicas: int = deployment["spec"]["replicas"]
    if strategy["type"] != "RollingUpdate":
        return 0
    found = absolute(strategy["rollingUpdate"]["maxUnavailable"], replicas, round_up=False, default="25%")
    if not found and not max_surge(deployment):
        # Rounding must not leave a rollout no way to go on.
        found = 1
    return min(found, replicas)
