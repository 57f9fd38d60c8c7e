"""Measurements beside peers, taken in the same run on the same machine: ratios hold on another one, seconds do not."""
