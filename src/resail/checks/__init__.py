"""Pure rules: facts in, findings out."""
