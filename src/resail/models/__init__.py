"""Frozen structs: what the parts of resail hand to each other. Nothing here does I/O."""
