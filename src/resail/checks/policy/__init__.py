"""Policy: rules in CEL over what will be written, what was found and what will be done."""
