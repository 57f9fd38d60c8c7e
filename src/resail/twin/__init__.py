"""The embedded cluster: the same protocols as a real one, simulated controllers, its own clock, faults on order."""
