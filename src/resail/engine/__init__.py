"""Runs the steps of a plan, forwards and backwards; knows installers, verifiers and clusters by their interfaces."""
