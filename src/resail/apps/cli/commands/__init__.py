"""One file for each command; each has it as ``command``."""
