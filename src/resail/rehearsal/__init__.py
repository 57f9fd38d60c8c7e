"""Run a plan on a copy of its mesh, and measure what it does to it."""
