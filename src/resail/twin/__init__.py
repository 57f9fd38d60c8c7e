"""The embedded cluster: the same protocols as a real one, simulated controllers, its own clock, faults on order."""

from resail.twin.cluster import TwinCluster, open_twin
from resail.twin.loop import SimulatedLoop, run

__all__ = ["SimulatedLoop", "TwinCluster", "open_twin", "run"]
