"""Hazards of the data plane: what proxies do with requests and connections."""

from resail.checks.hazards.data_plane import n10_target_port

__all__ = ["RULES"]

RULES = (n10_target_port.RULE,)
